"""A strap's numbers are believed only when a person wears it: whole sessions of straps that lie (STRAP 3.4.5, 4)."""

from __future__ import annotations

from collections.abc import Iterator
from math import sin
from pathlib import Path
from random import Random

import pytest

from biofeedback.arousal.quality import DISAGREES, ERRATIC, REPEATED, TOO_MANY
from biofeedback.events import Arousal, Beat, Epoch, Gap, Hrv, Notice, Verdict
from biofeedback.recording.reader import read_recording
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.engine import IMPOSSIBLE
from biofeedback.session.plan import Plan, free_plan, trial_plan
from biofeedback.session.replay import verify
from biofeedback.session.sensor import NO_RR
from devices.events import Battery, Packet, Sensor, SourceEvent
from devices.heart_rate_measurement import encode
from tests.session.sessions import SAFE_PLACE, Ran, heart, replayed, run_session, steady

S = 1_000_000
TRIAL = trial_plan((SAFE_PLACE,))
WHOLE = 560
"""Seconds of a trial of one pair."""


def ran(folder: Path, events: Iterator[SourceEvent], plan: Plan | None = None) -> Ran:
    """A session whose recording comes out again to the bit."""
    done = run_session(folder, replayed(events), plan or free_plan(None))
    found = verify(done.path)
    assert (found.intact, found.exact, found.differences) == (True, True, 0)
    return done


def codes(session: Ran) -> list[str]:
    return [notice.code for notice in session.of(Notice) if notice.code not in ("cues_wait", "cues_go_on")]


def sends(intervals: Iterator[int], seconds: int, hr: int = 75) -> Iterator[SourceEvent]:
    """A strap that sends these intervals (1/1024 s) as they end, once a second."""
    clock, ahead = 0.0, next(intervals)
    for second in range(1, seconds + 1):
        due = list[int]()
        while clock + ahead / 1024 < second:
            clock += ahead / 1024
            due.append(ahead)
            ahead = next(intervals)
        yield Packet(second * S, "table", encode(hr, rr_1024=due))


def noise(seed: int, shortest: int = 300, longest: int = 2000) -> Iterator[int]:
    """Beats that an amplifier invents: nothing in one interval tells of the next."""
    chance = Random(seed)
    while True:
        yield chance.randint(shortest, longest)


def bursts(seed: int) -> Iterator[int]:
    """Noise that triggers at any time, with the dead time of a detector."""
    chance = Random(seed)
    while True:
        yield min(2500, 280 + round(chance.expovariate(1 / 450)))


def one_value(value: int) -> Iterator[int]:
    while True:
        yield value


def doubled(seconds: int, begins: int, ends: int) -> Iterator[SourceEvent]:
    for event in heart(steady(66), seconds):
        yield event
        if begins * S < event.stamp_us <= ends * S:
            yield event


TABLES = {
    "noise": lambda: noise(1),
    "fast noise": lambda: noise(2, 300, 900),
    "bursts": lambda: bursts(3),
    "one value": lambda: one_value(1024),
    "a slow value": lambda: one_value(1900),
    "a fast value": lambda: one_value(400),
}


@pytest.mark.slow
@pytest.mark.parametrize("strap", TABLES)
def test_a_strap_on_a_table_never_yields_a_number(tmp_path: Path, strap: str) -> None:
    session = ran(tmp_path, sends(TABLES[strap](), WHOLE), TRIAL)
    assert [level for level in session.of(Arousal) if level.bpm is not None] == []
    assert [hrv for hrv in session.of(Hrv) if any(value is not None for value in hrv.values.values())] == []
    assert len(session.of(Hrv)) > 100
    assert [epoch.kept for epoch in session.of(Epoch)] == [False, False]
    (verdict,) = session.of(Verdict)
    assert (verdict.sessions, verdict.mean, verdict.this_session) == (0, None, (None,))
    sent = [event.raw.hex() for event in sends(TABLES[strap](), WHOLE) if isinstance(event, Packet)]
    kept = [line.body["raw"] for line in read_recording(session.path).lines if line.kind == "packet"]
    assert kept == sent[: len(kept)]
    assert len(kept) > 480
    assert codes(session).count("signal_lost") < 20


@pytest.mark.parametrize(
    ("strap", "why"), [("noise", ERRATIC), ("bursts", ERRATIC), ("one value", REPEATED), ("a slow value", REPEATED)]
)
def test_why_is_told_in_one_sentence(tmp_path: Path, strap: str, why: str) -> None:
    session = ran(tmp_path, sends(TABLES[strap](), 150))
    assert why in {hrv.reasons.get("rmssd_ms") for hrv in session.of(Hrv)}
    assert "signal_lost" in codes(session)
    if why == REPEATED:
        assert f"Signal lost: {why}." in {notice.text for notice in session.of(Notice)}


@pytest.mark.fault(30, "unit")
def test_case_30_three_hundred_equal_packets_are_all_kept_and_no_number_is_made_of_them(tmp_path: Path) -> None:
    packets = (Packet(second * S, "s", encode(60, rr_1024=(1024,))) for second in range(1, 301))
    session = ran(tmp_path, packets)
    kept = [line.body["ticks"] for line in read_recording(session.path).lines if line.kind == "packet"]
    assert kept == [[1024]] * 300
    assert len(session.of(Beat)) == 300
    assert session.of(Gap) == []
    assert session.of(Hrv)[-1].values["rmssd_ms"] is None


def test_a_metronome_that_is_not_quite_one_is_believed(tmp_path: Path) -> None:
    """35 bpm, and every interval within a thousandth of a second of the next: slow and steady, but a heart may be."""
    session = ran(tmp_path, heart(steady(35), 200))
    assert session.of(Hrv)[-1].values["rmssd_ms"] is not None
    assert session.of(Arousal)[-1].bpm == pytest.approx(35, abs=0.1)


@pytest.mark.fault(31, "unit")
def test_case_31_a_doubled_stream_is_told_once_and_stops_the_verdict(tmp_path: Path) -> None:
    session = ran(tmp_path, doubled(WHOLE, 200, 260), TRIAL)
    told = [notice for notice in session.of(Notice) if notice.code == "impossible"]
    assert [notice.text for notice in told] == [IMPOSSIBLE]
    assert 200 * S < told[0].at < 208 * S
    (verdict,) = session.of(Verdict)
    assert (verdict.state, verdict.sessions, verdict.mean, verdict.this_session) == ("withheld", 0, None, (None,))
    assert verdict.words == f"This session: no result, because {TOO_MANY}."
    assert [epoch.kept for epoch in session.of(Epoch)] == [False, False]


def test_case_31_while_it_lasts_no_beat_is_laid_on_the_time_line_and_no_number_is_shown(tmp_path: Path) -> None:
    session = ran(tmp_path, doubled(360, 100, 160))
    told = next(notice.at for notice in session.of(Notice) if notice.code == "impossible")
    gaps = [gap for gap in session.of(Gap) if gap.why == "doubled"]
    assert len(gaps) == 1
    assert gaps[0].to_us - gaps[0].from_us > 60 * S
    back = gaps[0].to_us
    assert [hrv for hrv in session.of(Hrv) if told < hrv.at < back] == []
    assert 175 * S < back < 190 * S
    assert max(beat.t_us - beat.at for beat in session.of(Beat) if beat.t_us < 130 * S) < 5 * S
    assert all(beat.t_us <= beat.at for beat in session.of(Beat) if beat.t_us > back)
    first = next(hrv for hrv in session.of(Hrv) if hrv.at > back and hrv.values["rmssd_ms"] is not None)
    assert first.t_us - back >= 0.98 * 60 * S
    assert [beat.t_us for beat in recorded_beats(read_recording(session.path))] == [
        beat.t_us for beat in session.of(Beat)
    ]


def test_case_31_twice_in_a_session_is_still_told_once(tmp_path: Path) -> None:
    def twice() -> Iterator[SourceEvent]:
        for event in heart(steady(66), 400):
            yield event
            if 100 * S < event.stamp_us < 130 * S or 250 * S < event.stamp_us < 280 * S:
                yield event

    session = ran(tmp_path, twice())
    assert codes(session).count("impossible") == 1
    assert [notice.text for notice in session.of(Notice) if notice.code == "signal_lost"] == [
        f"Signal lost: {TOO_MANY}."
    ] * 2


def missing(share: float, seconds: int, begins: int = 0) -> Iterator[SourceEvent]:
    chance = Random(5)
    for event in heart(steady(66), seconds):
        if event.stamp_us < begins * S or chance.random() > share:
            yield event


def test_under_nine_tenths_live_numbers_are_withheld_and_say_how_much_arrived(tmp_path: Path) -> None:
    session = ran(tmp_path, missing(0.3, 200))
    late = [hrv for hrv in session.of(Hrv) if hrv.at > 80 * S]
    assert {value for hrv in late for value in hrv.values.values()} == {None}
    assert all(hrv.coverage is not None and hrv.coverage < 0.9 for hrv in late)
    assert f"only {100 * (late[-1].coverage or 0):.0f} % of the heartbeats arrived" == late[-1].reasons["rmssd_ms"]


def test_a_trial_of_which_too_little_arrived_has_no_result_and_says_so(tmp_path: Path) -> None:
    session = ran(tmp_path, missing(0.25, WHOLE, 200), TRIAL)
    assert not any(epoch.kept for epoch in session.of(Epoch))
    assert all(epoch.coverage is not None and epoch.coverage < 0.9 for epoch in session.of(Epoch))
    (verdict,) = session.of(Verdict)
    assert verdict.state == "withheld"
    assert verdict.words.startswith("This session: no result, because only 7")


def test_a_stall_in_an_epoch_costs_nothing(tmp_path: Path) -> None:
    def stalls() -> Iterator[SourceEvent]:
        for event in heart(steady(66), WHOLE):
            assert isinstance(event, Packet)
            late = 304 * S + event.stamp_us // 1000
            yield Packet(late, event.device, event.raw) if 285 * S < event.stamp_us < 304.5 * S else event

    session = ran(tmp_path, stalls(), TRIAL)
    assert [epoch.kept for epoch in session.of(Epoch)] == [True, True]
    assert [epoch.coverage for epoch in session.of(Epoch)] == pytest.approx([1, 1], abs=0.02)


@pytest.mark.fault(21, "unit")
def test_case_21_a_sensor_without_intervals_is_told_once_after_ten_seconds(tmp_path: Path) -> None:
    session = ran(tmp_path, (Packet(second * S, "s", encode(71)) for second in range(1, 60)))
    assert [(notice.at, notice.code, notice.text) for notice in session.of(Notice)] == [(11 * S, "no_rr", NO_RR)]
    assert (session.of(Hrv), session.of(Beat)) == ([], [])


@pytest.mark.fault(22, "unit")
def test_case_22_contact_off_and_on_is_a_sentence_a_gap_and_no_number_from_it(tmp_path: Path) -> None:
    def loose() -> Iterator[SourceEvent]:
        chance = Random(1)
        for event in heart(steady(66), 150):
            assert isinstance(event, Packet)
            off = 80 * S < event.stamp_us < 95 * S
            invented = encode(90, rr_1024=(chance.randint(400, 900),), contact=False)
            yield Packet(event.stamp_us, "s", invented) if off else event

    session = ran(tmp_path, loose())
    assert [(gap.why, round((gap.to_us - gap.from_us) / S)) for gap in session.of(Gap)] == [("contact", 14)]
    assert codes(session) == ["signal_lost", "signal_back"]
    assert "no contact with the skin" in session.of(Notice)[0].text
    assert [hrv for hrv in session.of(Hrv) if 82 * S < hrv.at < 95 * S] == []


@pytest.mark.fault(23, "unit")
@pytest.mark.parametrize("rr", [(), (900,)])
def test_case_23_a_heart_rate_of_nought_is_no_data_and_no_disconnect(tmp_path: Path, rr: tuple[int, ...]) -> None:
    def nought() -> Iterator[SourceEvent]:
        for event in heart(steady(66), 150):
            yield Packet(event.stamp_us, "s", encode(0, rr_1024=rr)) if 80 * S < event.stamp_us < 90 * S else event

    session = ran(tmp_path, nought())
    assert [gap.why for gap in session.of(Gap)] == ["sensor"]
    assert codes(session) == ["signal_lost", "signal_back"]
    assert {hrv.values["rmssd_ms"] for hrv in session.of(Hrv) if 92 * S < hrv.at < 135 * S} == {None}
    assert session.of(Arousal)[-1].bpm == pytest.approx(66, abs=0.2)


@pytest.mark.fault(24, "unit")
@pytest.mark.slow
@pytest.mark.parametrize("value", [0, 1, 0xFFFF, 28, 200, 2500])
def test_case_24_values_that_no_heart_makes_are_kept_flagged_and_out_of_hrv(tmp_path: Path, value: int) -> None:
    def odd() -> Iterator[SourceEvent]:
        for number, event in enumerate(heart(steady(66), 200)):
            assert isinstance(event, Packet)
            yield event
            if number == 100:
                yield Packet(event.stamp_us + 1000, "s", encode(66, rr_1024=(value,)))

    clean, session = ran(tmp_path / "clean", heart(steady(66), 200)), ran(tmp_path / "odd", odd())
    kept = [
        ticks for line in read_recording(session.path).lines if line.kind == "packet" for ticks in line.body["ticks"]
    ]
    assert kept.count(value) == 1
    flagged = [beat for beat in session.of(Beat) if beat.ticks == value * 1000]
    if flagged:
        assert [beat.why is None for beat in flagged] == [False]
    else:
        assert [gap.why for gap in session.of(Gap)] == ["sensor"]
    rmssd = session.of(Hrv)[-1].values["rmssd_ms"]
    assert rmssd is None or rmssd == pytest.approx(clean.of(Hrv)[-1].values["rmssd_ms"], rel=0.05)


@pytest.mark.fault(32, "unit")
def test_case_32_a_rate_that_does_not_fit_is_told_and_intervals_are_believed_while_all_arrive(tmp_path: Path) -> None:
    def wrong(events: Iterator[SourceEvent], hr: int) -> Iterator[SourceEvent]:
        for event in events:
            assert isinstance(event, Packet)
            yield Packet(event.stamp_us, "s", bytes([event.raw[0], hr, *event.raw[2:]]))

    covered = ran(tmp_path / "covered", wrong(heart(steady(66), 120), 110))
    assert [(notice.code, notice.at) for notice in covered.of(Notice)] == [
        ("hr_differs", 11 * S), ("signal_lost", 11 * S), ("signal_back", 26 * S),
    ]  # fmt: skip
    assert covered.of(Arousal)[-1].bpm == pytest.approx(66, abs=0.2)
    early = [level for level in covered.of(Arousal) if 12 * S < level.at < 20 * S]
    assert {level.withheld for level in early} == {DISAGREES}
    torn = ran(tmp_path / "torn", wrong(missing(0.07, 200), 110))
    believed = [level.bpm for level in torn.of(Arousal) if level.at > 60 * S and level.bpm is not None]
    assert len(believed) < len(torn.of(Arousal)) / 3


@pytest.mark.fault(19, "unit")
def test_case_19_a_low_battery_is_told_once_however_it_flickers(tmp_path: Path) -> None:
    def charges() -> Iterator[SourceEvent]:
        for second, event in enumerate(heart(steady(66), 60)):
            yield event
            if second in {10: 0, 20: 0, 30: 0, 40: 0, 50: 0}:
                percent = {10: None, 20: 40, 30: 15, 40: 16, 50: 14}[second]
                yield Battery(event.stamp_us + 1, percent)

    session = ran(tmp_path, charges())
    told = [notice.text for notice in session.of(Notice)]
    assert told == ["The battery of the strap is low, 15 %. Change it before the next session."]


def test_a_sensor_on_the_wrist_is_warned_of_once_and_one_on_the_chest_is_not(tmp_path: Path) -> None:
    def placed(*where: Sensor) -> Iterator[SourceEvent]:
        yield from where
        yield from heart(steady(66), 20)

    chest = ran(tmp_path / "chest", placed(Sensor(0, "s", "chest"), Sensor(0, "s", None), Sensor(0, "s", "other")))
    assert chest.of(Notice) == []
    wrist = ran(tmp_path / "wrist", placed(Sensor(0, "s", "wrist"), Sensor(0, "s", "wrist")))
    assert [notice.code for notice in wrist.of(Notice)] == ["not_chest"]
    assert "on the wrist" in wrist.of(Notice)[0].text


def swung(number: int) -> int:
    """The heart of one who breathes six times a minute, in 1/1024 s, never twice the same."""
    return 930 + round(50 * sin(number / 1.45)) + Random(number).randrange(-6, 7)


def at_their_ends(intervals: list[int]) -> Iterator[SourceEvent]:
    """Each interval in a packet of its own, when it ends."""
    clock = 0
    for value in intervals:
        clock += value * 1_000_000 // 1024
        yield Packet(clock, "s", encode(66, rr_1024=(value,)))


@pytest.mark.fault(25, "unit")
@pytest.mark.parametrize("fault", ["missed", "extra", "ectopic pair"])
def test_case_25_one_beat_missed_split_or_out_of_turn_leaves_rmssd_within_five_per_cent(
    tmp_path: Path, fault: str
) -> None:
    clean, broken = [swung(number) for number in range(110)], [swung(number) for number in range(110)]
    match fault:
        case "missed":
            broken[80:82] = [broken[80] + broken[81]]
        case "extra":
            broken[80:81] = [broken[80] * 2 // 5, broken[80] - broken[80] * 2 // 5]
        case _:
            early = broken[80] * 3 // 10
            broken[80:82] = [broken[80] - early, broken[81] + early]
    whole = ran(tmp_path / "whole", at_their_ends(clean))
    session = ran(tmp_path / "broken", at_their_ends(broken))
    assert 1 <= sum(not beat.ok for beat in session.of(Beat)) <= 3
    end_us = whole.of(Hrv)[-1].t_us
    last = min(session.of(Hrv), key=lambda hrv: abs(hrv.t_us - end_us))
    assert last.values["rmssd_ms"] == pytest.approx(whole.of(Hrv)[-1].values["rmssd_ms"], rel=0.05)


@pytest.mark.fault(26, "unit")
def test_case_26_nine_and_twenty_intervals_in_a_packet_become_beats_in_order(tmp_path: Path) -> None:
    many = [tuple(range(901, 910)), tuple(range(921, 941))]
    packets = (
        Packet(
            time_s * S, "s", encode(66 if len(rr) == 9 else 300, rr_1024=rr, energy_kj=1000 if len(rr) > 9 else None)
        )
        for time_s, rr in zip((10, 29), many, strict=True)
    )
    session = ran(tmp_path, packets)
    assert [beat.ticks // 1000 for beat in session.of(Beat)] == [*many[0], *many[1]]
    assert session.of(Gap) == []
