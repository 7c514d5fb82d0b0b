"""The picture folds each event into what is to be shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from biofeedback.events import (
    Arousal,
    Ask,
    Battery,
    Beat,
    Cue,
    End,
    Epoch,
    Event,
    Gap,
    Hrv,
    Link,
    Mark,
    Motion,
    Notice,
    NoticeCode,
    Open,
    Pacer,
    Packet,
    Phase,
    PhaseName,
    Rr,
    Safety,
    Suds,
    Verdict,
)
from biofeedback.session.plan import Plan, free_plan
from biofeedback.session.trials import MOVED
from biofeedback.presenter import words
from biofeedback.presenter.picture import FEEL_YOUR_FEET, Picture
from tests.terminal.showing import DEMO, SHORT, TITLES, events_of

S = 1_000_000


def picture(*events: Event, hide_numbers: bool = False) -> Picture:
    made = Picture(TITLES, hide_numbers=hide_numbers)
    for event in events:
        made.see(event)
    return made


def opened(plan: Plan = DEMO, kind: str = "simulated") -> Open:
    scripts = {"safe_place": {"amber": "Feel the chair."}}
    return Open(0, plan.to_json(), scripts, {}, {"kind": kind}, demo=True)


def phase(name: PhaseName, at: int = 0, plan_s: float | None = 60, on: bool = True) -> Phase:
    return Phase(at, name, on, 0, None, "safe_place", "breath_only", plan_s)


def packet(hr: int | None = 62, ticks: tuple[int, ...] = (1000,)) -> Packet:
    return Packet(S, "strap", S, hr, None, None, ticks, "")


def notice(code: NoticeCode, at: int = 10 * S, text: str = "Words.") -> Notice:
    return Notice(at, code, text)


def arousal(delta: float | None = None, bpm: float | None = 64.2, withheld: str | None = None) -> Arousal:
    return Arousal(S, S, bpm, None, delta, None, None, None, "unknown", None, withheld)


def hrv(rmssd: float | None, why: str = "", quality: str | None = None) -> Hrv:
    return Hrv(S, S, 60, 60, 0, 1.0, {"rmssd_ms": rmssd}, {"rmssd_ms": why} if why else {}, quality)


def beat(t_s: int) -> Beat:
    return Beat(t_s * S, t_s * S, 1_024_000, True, None, False)


def end() -> End:
    return End(300 * S, "planned end", 300.0, 2)


class TestTheSignal:
    def test_is_waited_for_until_the_first_beat(self) -> None:
        assert words.signal_words(picture(opened())) == "Waiting for the strap"
        connecting = picture(opened(), Link(0, "connecting"))
        assert words.signal_words(connecting) == "Connecting to the strap"
        for state in ("off", "waiting"):  # the sentence beside it says which of their reasons it is
            said = words.signal_words(picture(opened(), Link(0, state, "The strap wants to be paired first.")))
            assert said in ("No Bluetooth", "Not connected yet")
        assert picture(packet(ticks=())).signal == "waiting"
        assert words.signal_words(picture(packet())) == "Signal good"
        assert words.signal_words(picture(opened(kind="file"))) == "Opening the file"

    def test_a_weak_battery_is_said(self) -> None:
        assert words.signal_words(picture(packet(), Battery(S, 9))) == "Signal good, battery 9 %"
        assert words.signal_words(picture(packet(), Battery(S, 90))) == "Signal good"

    @pytest.mark.parametrize(
        ("coverage", "said"),
        [(None, "Signal good"), (0.95, "Signal good"), (0.93, "Signal fair"), (0.82, "Signal weak")],
    )
    def test_how_much_arrives_is_said_in_words(self, coverage: float | None, said: str) -> None:
        seen = picture(packet(), replace(hrv(30.0), coverage=coverage))
        assert words.signal_words(seen) == said
        assert words.signal_words(picture(packet(), replace(hrv(3.0), coverage=0.82), Battery(S, 9))) == (
            "Signal weak, battery 9 %"
        )

    @pytest.mark.fault(21, "unit")
    def test_of_a_sensor_without_intervals_is_a_rate_and_the_reason_until_one_comes(self) -> None:
        seen = picture(packet(71, ticks=()), notice("no_rr", text="This sensor sends no RR intervals."))
        seen.see(packet(72, ticks=()))
        assert (seen.signal, seen.heart_bpm) == ("rate only", 72)
        assert words.signal_words(seen) == "Heart rate only, no HRV"
        assert words.numbers(seen) == (
            "Heart 72 bpm",
            "level: this sensor sends no intervals",
            "beat-to-beat change (RMSSD): this sensor sends no intervals",
        )
        seen.see(packet(73))
        assert (seen.signal, seen.lost_why, seen.heart_bpm) == ("good", "", 73)

    def test_is_lost_for_good_once_the_engine_failed(self) -> None:
        seen = picture(packet(), arousal(), notice("engine_failed", text="The program made a mistake."))
        assert (seen.signal, seen.lost_why, seen.level) == ("lost", "The program made a mistake.", None)

    def test_a_warning_outlives_the_beginning_of_a_part_and_other_words_do_not(self) -> None:
        warned = picture(packet(), notice("not_chest", text="On the wrist."), phase("settle", at=11 * S))
        assert warned.said(12 * S) == "On the wrist."
        told = picture(packet(), notice("signal_back", text="Back."), phase("settle", at=11 * S))
        assert told.said(12 * S) is None

    def test_lost_takes_every_number_with_it_and_back_brings_new_ones(self) -> None:
        lost = picture(packet(), arousal(), hrv(30.0), notice("signal_lost", text="Signal lost: no link."))
        assert (lost.signal, lost.heart_bpm, lost.level, lost.hrv) == ("lost", None, None, None)
        assert words.numbers(lost)[0] == "Heart: no signal"
        lost.see(packet(70))
        assert lost.heart_bpm is None
        lost.see(notice("signal_back"))
        lost.see(packet(70))
        assert lost.heart_bpm == 70

    def test_of_a_file_gives_the_rate_of_its_newest_beats(self) -> None:
        seen = picture(Rr(S, (1_024_000,)), Rr(2 * S, (512_000, 512_000, 512_000)), Rr(3 * S, (512_000, -3)))
        assert seen.heart_bpm == pytest.approx(120)
        assert picture(Rr(S, ())).heart_bpm is None


class TestTheParts:
    def test_have_a_name_and_a_time_left(self) -> None:
        seen = picture(opened(), phase("image", at=100 * S, plan_s=90))
        assert seen.part is not None
        assert words.part_title(seen, seen.part) == "A safe place"
        assert seen.left_s(130 * S) == 60
        assert seen.left_s(500 * S) == 0

    def test_a_control_is_called_by_its_script(self) -> None:
        seen = picture(phase("control"))
        assert seen.part is not None
        assert words.part_title(seen, seen.part) == "Breath only"

    def test_a_free_session_may_have_no_end(self) -> None:
        seen = picture(opened(free_plan(None)), phase("rest", plan_s=None))
        assert seen.part is not None
        assert words.part_title(seen, seen.part) == "Free session"
        assert seen.left_s(S) is None

    def test_a_new_part_takes_the_line_of_the_old_one_away(self) -> None:
        seen = picture(phase("image"), Cue(S, "safe_place", "", 0, "Look around.", 0), notice("settling"))
        assert seen.cue is not None
        seen.see(phase("image", on=False))
        assert seen.cue is not None
        seen.see(phase("washout"))
        assert seen.cue is None
        assert seen.said(11 * S) is None

    def test_an_unsettled_baseline_gets_half_a_minute_of_whole_breaths(self) -> None:
        seen = picture(opened(), phase("baseline", plan_s=60), notice("settling", at=60 * S))
        assert seen.left_s(60 * S) == 30

    def test_a_pause_stops_the_time(self) -> None:
        seen = picture(opened(), phase("settle", plan_s=20), notice("paused", at=5 * S))
        assert seen.paused
        assert seen.left_s(500 * S) == 15
        seen.see(notice("resumed", at=100 * S))
        assert not seen.paused
        assert seen.left_s(101 * S) == 14

    def test_after_a_pause_a_paced_part_goes_on_in_whole_breaths(self) -> None:
        seen = picture(opened(), phase("baseline", plan_s=60), notice("paused", at=5 * S))
        seen.see(notice("resumed", at=100 * S))
        assert seen.left_s(100 * S) == 60
        ramp = picture(opened(), phase("ramp", plan_s=67), notice("paused", at=50 * S))
        ramp.see(notice("resumed", at=100 * S))
        assert ramp.left_s(100 * S) == 67

    @pytest.mark.parametrize("pause_at", [10.0, 30.0])
    def test_the_time_left_is_that_of_the_session(self, pause_at: float) -> None:
        seen = Picture(TITLES, hide_numbers=False)
        plan = replace(SHORT, ramp=True)
        ends: list[float | None] = []
        for event in events_of(plan, [(pause_at, "pause"), (pause_at + 7.3, "resume")]):
            if isinstance(event, Phase) and not event.on:
                ends.append(seen.left_s(event.at))
            seen.see(event)
        assert ends == [pytest.approx(0, abs=1e-5)] * 5


class TestTheBreath:
    def test_is_the_pacers(self) -> None:
        seen = picture(Pacer(10 * S, 6.0, 0.4, 0.0))
        inhale, exhale = seen.breath(12 * S), seen.breath(15 * S)
        assert inhale is not None
        assert exhale is not None
        assert (inhale.inhaling, exhale.inhaling) == (True, False)
        assert inhale.fullness == pytest.approx(0.5)
        assert seen.breath(9 * S) is None

    def test_starts_where_the_pacer_says_it_is(self) -> None:
        seen = picture(Pacer(10 * S, 6.0, 0.4, 0.5)).breath(10 * S)
        assert seen is not None
        assert seen.phase == pytest.approx(0.5)

    def test_stops_with_the_pacer_and_keeps_few_stretches(self) -> None:
        seen = picture(*(Pacer(at * S, 6.0, 0.4, 0.0) for at in range(50)), Pacer(60 * S, None, 0.4, 0.0))
        assert seen.breath(61 * S) is None
        assert seen.breath(59 * S) is not None
        assert len(seen.schedule) <= 5


class TestTheWords:
    def test_a_question_is_open_until_its_answer_or_its_time(self) -> None:
        asked = picture(Ask(0, "suds-1", "suds", 25 * S))
        assert asked.asked(S) is not None
        assert asked.asked(25 * S) is None
        asked.see(Suds(2 * S, 3, "before", "trainee"))
        assert asked.asked(3 * S) is None

    def test_a_sentence_passes(self) -> None:
        seen = picture(Mark(S, "", "trainee"))
        assert seen.said(2 * S) == "Marked."
        assert seen.said(20 * S) is None

    def test_a_heart_far_above_its_baseline_brings_the_scripts_own_line(self) -> None:
        high = Safety(S, "amber", True, "", 9.0, None)
        assert picture(opened(), phase("image"), high).amber_words == "Feel the chair."
        seen = picture(high)
        assert seen.amber
        assert seen.amber_words == FEEL_YOUR_FEET
        seen.see(replace(high, on=False))
        assert not seen.amber

    def test_grounding_takes_the_place_of_that_line(self) -> None:
        seen = picture(Safety(S, "amber", True, "", 9.0, None), Safety(S, "red", True, "", None, None))
        seen.see(phase("recovery"))
        assert not seen.amber

    def test_the_end_says_what_happened(self) -> None:
        beats = [Beat(S, 299 * S, 1024 * 900, ok, None if ok else "extra", False) for ok in (True, False)]
        verdict = Verdict(S, "a", "b", 1, "not_enough", "The verdict.", (), None)
        seen = picture(*beats, Gap(S, S, 3 * S, "link"), verdict, end())
        over, said, tally = words.closing(seen)
        assert (over, said) == ("The session is over.", "The verdict.")
        assert tally == (
            "5 min, 2 heartbeats. 1 interval between them was flagged as an artefact: not to be trusted, "
            "and left out. 1 gap in the signal."
        )
        assert seen.breath(S) is None

    def test_a_view_that_missed_beats_does_not_claim_to_have_counted_them(self) -> None:
        assert words.closing(picture(end()))[-1] == "5 min, 2 heartbeats."

    def test_an_end_without_heartbeats_is_no_gap_and_is_told(self) -> None:
        told = words.closing(picture(beat(100), beat(280), end()))[-1]
        assert told.endswith("The last 20 s hold none.")
        assert "hold none" not in words.closing(picture(beat(280), beat(299), end()))[-1]

    def test_a_sensor_without_intervals_had_a_heart_rate(self) -> None:
        silent = replace(end(), beats=0)
        assert words.closing(picture(packet(), silent))[-1] == "5 min, not one heartbeat."
        rate_only = words.closing(picture(packet(ticks=()), notice("no_rr", text="None."), silent))
        assert rate_only[-1] == "5 min, a heart rate without intervals."

    def test_before_the_end_there_is_nothing_to_say_of_it(self) -> None:
        assert list(words.closing(picture())) == []


class TestTheNumbers:
    def test_are_heart_level_and_variability(self) -> None:
        seen = picture(packet(62), arousal(-2.14), hrv(33.6))
        assert words.numbers(seen) == (
            "Heart 62 bpm",
            "level −2.1 bpm vs your paced baseline",
            "beat-to-beat change (RMSSD) 34 ms",
        )

    def test_say_why_they_are_not_there(self) -> None:
        seen = picture(packet(62), arousal(None), hrv(None, "needs 60 s of beats, has 12"))
        assert words.level_words(seen) == "level 64.2 bpm, no baseline yet"
        assert words.rmssd_words(seen) == "beat-to-beat change (RMSSD): needs 60 s of beats, has 12"
        seen.see(arousal(None, None, "12% of the last beats cannot be trusted"))
        assert words.level_words(seen) == "level: 12% of the last beats cannot be trusted"

    def test_a_baseline_that_could_not_be_taken_is_not_waited_for(self) -> None:
        seen = picture(opened(), phase("baseline"), phase("washout"), arousal(None))
        assert words.level_words(seen) == "level 64.2 bpm, no steady baseline this time"

    def test_a_free_session_has_no_baseline_to_wait_for(self) -> None:
        assert words.level_words(picture(opened(free_plan(5)), arousal(None))) == "level 64.2 bpm"

    def test_are_unsure_among_many_artefacts(self) -> None:
        assert words.rmssd_words(picture(hrv(80.0, quality="poor"))).endswith("80 ms, unsure: many artefacts")

    def test_a_difference_that_rounds_to_nothing_has_no_sign(self) -> None:
        assert [words.signed(x) for x in (-0.04, 0.04, -0.06, 2.0)] == ["0.0", "0.0", "−0.1", "+2.0"]


class TestATest:
    """RULINGS E2: from ramp to close the trainee sees no number, and no result before the end."""

    @pytest.mark.parametrize("name", ["ramp", "baseline", "washout", "image", "control", "close", "recovery"])
    def test_hides_its_numbers_from_the_first_paced_part_on(self, name: PhaseName) -> None:
        assert picture(phase("settle"), phase(name), hide_numbers=True).numbers_hidden
        assert not picture(phase("settle"), phase(name)).numbers_hidden

    def test_shows_them_before_and_after(self) -> None:
        assert not picture(phase("settle"), hide_numbers=True).numbers_hidden
        assert not picture(phase("close"), end(), hide_numbers=True).numbers_hidden

    def test_does_not_tell_the_level_in_a_notice(self) -> None:
        waits = notice("cues_wait", text="The next cue waits: the heart is 8 bpm or more above its baseline.")
        high = Safety(S, "amber", True, "", 9.0, None)
        assert picture(phase("image"), high, waits, hide_numbers=True).said(11 * S) == "The next cue waits."
        assert picture(phase("image"), high, waits).said(11 * S) == waits.text

    def test_tells_a_lost_signal(self) -> None:
        waits = notice("cues_wait", text="The next cue waits: the strap is not connected.")
        assert picture(phase("image"), waits, hide_numbers=True).said(11 * S) == waits.text


def motion(rate: float | None, quality: float, *, moving: bool = False, at_us: int = 10 * S) -> Motion:
    return Motion(at_us, at_us, 4.0, moving, rate, quality)


class TestTheAccelerometer:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            (motion(14.23, 0.78), "breathing 14.2 a minute, quality 78 %"),
            (motion(14.23, 0.59), "breath not clear"),
            (motion(None, 0.0), "breath not clear"),
            (motion(None, 0.0, moving=True), "moving"),
        ],
    )
    def test_says_breath_or_movement(self, said: Motion, shown: str) -> None:
        assert words.motion_words(picture(phase("image"), said), 11 * S) == shown

    def test_says_nothing_without_one_and_when_it_has_gone_quiet(self) -> None:
        assert words.motion_words(picture(phase("image")), 11 * S) == ""
        assert words.motion_words(picture(motion(14.0, 0.9)), 17 * S) == ""
        assert words.motion_words(picture(motion(14.0, 0.9), end()), 11 * S) == ""

    def test_says_nothing_in_a_test_that_hides_its_numbers(self) -> None:
        assert words.motion_words(picture(phase("image"), motion(14.0, 0.9), hide_numbers=True), 11 * S) == ""

    @pytest.mark.parametrize(
        ("pairs", "said"), [((), None), ((0, 0), "1 pair is left out"), ((0, 2), "2 pairs are left out")]
    )
    def test_tells_at_the_end_what_movement_cost(self, pairs: tuple[int, ...], said: str | None) -> None:
        epochs = [
            Epoch(S, number, pair, "image", None, None, 7, 70, 0, None, None, False, MOVED, interrupted=True)
            for number, pair in enumerate(pairs)
        ]
        told = [line for line in words.closing(picture(*epochs, end())) if "moved" in line]
        assert [line.split(" because")[0] for line in told] == ([said] if said else [])
