"""A session whose program died: gone on with from any byte of its file, or finished (RECORDING 1.4.5, RULINGS E12)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from biofeedback.events import Command, Commit, End, Epoch, Event, Gap, Input, Notice, Packet, Phase, Reveal
from biofeedback.errors import RecordingError
from biofeedback.evidence.trial import commitment
from biofeedback.recording.codec import kind_of, to_body
from biofeedback.recording.log import SessionLog
from biofeedback.recording.naming import PART
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.recording.sealing import Keys
from biofeedback.session import resuming
from biofeedback.session.clock import JumpingClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.loop import Past, SessionLoop, heard_of
from biofeedback.session.opening import ALGORITHMS
from biofeedback.session.plan import Plan, demo_plan, free_plan, practice_plan
from biofeedback.session.replay import refold, verify
from biofeedback.session.resuming import Late, away_us, can_go_on, finish_interrupted, rebuilt, reopen, resume_line
from biofeedback.session.wall import Reading, WallWatch
from devices.events import HeardPacer
from devices.events import Packet as StrapPacket
from tests.recording.logs import KEYS
from tests.session.sessions import SAFE_PLACE, Ran, at, heart, replayed, run_session, simulated, steady

S = 1_000_000
NOW = Reading(wall_ns=1_800_000_000 * 10**9, mono_ns=10**12, awake_ns=10**12, utc_off_s=0)
SIM = "sim:calm?seed=5"
PLAN = replace(
    demo_plan(SAFE_PLACE), pairs=(SAFE_PLACE,) * 2, washout_breaths=1, epoch_breaths=3, outcome_breaths=2,
    least_good_beats=10,
)  # fmt: skip
"""A trial of two pairs in 4 min 20 s."""


def cut(ran: Ran, folder: Path, kept: float) -> Path:
    """The session's file as a crash leaves it that happens when so many of its bytes, or such a share, are there."""
    folder.mkdir(exist_ok=True)
    part = folder / (ran.path.name + PART)
    data = ran.path.read_bytes()
    part.write_bytes(data[: round(kept * len(data)) if 0 < kept < 1 else int(kept)])
    return part


def go_on(part: Path, away_s: float, keys: Keys | None = None) -> Ran:
    """Go on with a session of a simulated person `away_s` after its last line, to its end."""
    log, session = reopen(part, keys)
    assert session is not None
    at_us = session.time_us + round(away_s * S)
    outputs = (heard_of(event) for event in session.events if not isinstance(event, Input))
    source = Late(simulated(SIM), [heard for heard in outputs if heard is not None], at_us)
    past = Past(session.engine, session.missing, resume_line(log, NOW, "boot"))
    told: list[Event] = []
    loop = SessionLoop(source, JumpingClock(at_us), session.opening, session.coins(5), log, told.extend, past=past)
    with log:
        asyncio.run(loop.run())
    return Ran([*session.events, *told], log.close())


def check_to_the_bit(ran: Ran) -> StoredRecording:
    """It verifies, and plays again event for event as it was shown."""
    found = verify(ran.path)
    assert (found.exact, found.differences, found.intact, found.finished, found.damage) == (
        True,
        0,
        True,
        True,
        None,
    ), found.first_difference
    stored = read_recording(ran.path)
    shown = [(event.at, kind_of(event), to_body(event)) for event in ran.events]
    assert [(event.at, kind_of(event), to_body(event)) for event in refold(stored)] == shown
    assert [(line.t, line.kind) for line in stored.event_lines] == [(at_us, kind) for at_us, kind, _ in shown]
    return stored


def check_coins(ran: Ran) -> None:
    """Each coin that was opened is the one that was sealed last before."""
    session = str(read_recording(ran.path).head["session"])
    sealed: dict[int, str] = {}
    for event in ran.events:
        if isinstance(event, Commit):
            sealed[event.pair] = event.sha256
        elif isinstance(event, Reveal):
            assert sealed[event.pair] == commitment(session, event.pair, event.coin, event.nonce)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A whole trial of a simulated person, to be cut off anywhere."""
    return run_session(tmp_path_factory.mktemp("trial"), simulated(SIM), PLAN, seed=5)


@pytest.fixture(scope="module")
def first_event(trial: Ran) -> int:
    """The bytes up to and with `open`."""
    data = trial.path.read_bytes()
    return data.index(b"\n", data.index(b'"k":"open"')) + 1


def ends_of_lines(ran: Ran) -> list[int]:
    data = ran.path.read_bytes()
    return [place + 1 for place, byte in enumerate(data) if byte == ord("\n")]


def test_1_4_a_session_cut_off_at_any_byte_is_worked_out_again(trial: Ran, first_event: int, tmp_path: Path) -> None:
    """Every output it had said is said again, and what was lost with a torn line comes out as it was."""
    chance = Random(1)
    whole = [(event.at, kind_of(event), to_body(event)) for event in trial.events]
    end = ends_of_lines(trial)[-3]
    for turn in range(8):
        part = cut(trial, tmp_path / str(turn), chance.randrange(first_event, end))
        with SessionLog.resume(part) as log:
            assert log.stored is not None
            session = rebuilt(log.stored)
        assert session is not None
        again = [(event.at, kind_of(event), to_body(event)) for event in session.events]
        kept = sum(1 for _ in session.stored.event_lines)
        assert whole[: len(again)] == again
        assert len(again) == kept + len(session.missing)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(12))
def test_1_4_one_that_is_gone_on_with_from_any_byte_verifies_to_the_bit(
    trial: Ran, first_event: int, tmp_path: Path, turn: int
) -> None:
    chance = Random(f"cut {turn}")
    part = cut(trial, tmp_path, chance.randrange(first_event, ends_of_lines(trial)[-3]))
    stored = read_recording(part)
    ran = go_on(part, away_s=chance.choice((0.0, 0.4, 7.0, 100.0, 1700.0)))
    check_to_the_bit(ran)
    check_coins(ran)
    again = read_recording(ran.path)
    kept = [line for line in stored.lines if line.kind != "seal"]
    assert [line for line in again.lines if line.kind != "seal"][: len(kept)] == kept, "not a line is lost"
    assert [line.kind for line in again.lines].count("resume") == 1
    assert ran.of(End)[-1].why == "planned end"


@pytest.fixture(scope="module")
def gone_on(trial: Ran, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The trial, broken off once and gone on with."""
    return go_on(cut(trial, tmp_path_factory.mktemp("gone_on"), 0.6), away_s=20)


@pytest.mark.slow
@pytest.mark.parametrize("more", range(1, 7))
def test_1_4_it_may_break_off_again_even_within_its_going_on(gone_on: Ran, tmp_path: Path, more: int) -> None:
    """The second time in the middle of the lines that going on writes: resume, sleep, commit, wake."""
    lines = gone_on.path.read_bytes().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if b'"k":"resume"' in line)
    part = tmp_path / (gone_on.path.name + PART)
    part.write_bytes(b"".join(lines[: place + more]) + lines[place + more][:17])
    again = go_on(part, away_s=5)
    stored = check_to_the_bit(again)
    check_coins(again)
    assert [line.kind for line in stored.lines].count("resume") == 2
    assert not any(notice.text.endswith("still paused.") for notice in again.of(Notice))
    assert again.of(End)[-1].why == "planned end"


def test_e12_the_pair_in_progress_is_lost_and_the_others_get_new_coins(trial: Ran, tmp_path: Path) -> None:
    begun = next(event for event in trial.events if isinstance(event, Phase) and event.pair == 0 and event.index > 3)
    lines = trial.path.read_bytes().splitlines(keepends=True)
    upto = next(number for number, line in enumerate(lines) if f'"t":{begun.at},"k":"phase"'.encode() in line) + 9
    ran = go_on(cut(trial, tmp_path, len(b"".join(lines[:upto]))), away_s=30)
    check_coins(ran)
    kept = [(epoch.pair, epoch.kept, epoch.why) for epoch in ran.of(Epoch)]
    assert all(why == "the program was away" for pair, _, why in kept if pair == 0)
    assert [(pair, ok) for pair, ok, _ in kept if pair == 1] == [(1, True), (1, True)]
    commits = [(event.pair, event.sha256) for event in ran.of(Commit)]
    assert [pair for pair, _ in commits] == [0, 1, 1]
    assert commits[1] != commits[2], "another coin than the one that was forgotten"


def test_1_4_the_time_away_is_one_gap_suspend_and_a_sentence(trial: Ran, tmp_path: Path) -> None:
    part = cut(trial, tmp_path, 0.4)
    last_t = read_recording(part).lines[-1].t
    ran = go_on(part, away_s=120)
    (gap,) = [gap for gap in ran.of(Gap) if gap.why == "suspend"]
    assert gap.from_us <= last_t
    assert gap.to_us - gap.from_us == pytest.approx(120 * S, abs=3 * S)
    (told,) = [notice for notice in ran.of(Notice) if notice.code == "slept"]
    assert told.text == "The program was away for 2 minutes. The session goes on where it stopped."
    commands = [(command.what, command.at) for command in ran.of(Command) if command.what != "stop"]
    assert commands == [("sleep", commands[0][1]), ("wake", commands[0][1] + 120 * S)]


def test_1_4_after_more_than_half_an_hour_it_ends_with_its_gap(trial: Ran, tmp_path: Path) -> None:
    ran = go_on(cut(trial, tmp_path, 0.4), away_s=1801)
    assert ran.of(End)[-1].why == "the program was away"
    assert ran.of(Gap)[-1].why == "suspend"
    check_to_the_bit(ran)


def packets(events: list[Event], from_us: int) -> list[tuple[int, str]]:
    return [(event.rx, event.raw) for event in events if isinstance(event, Packet) and event.rx >= from_us]


def test_a_simulated_person_goes_on_as_if_she_had_never_been_left(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated(SIM), free_plan(3), seed=5)
    part = cut(ran, tmp_path / "cut", 0.5)
    last_t = read_recording(part).lines[-1].t
    lived = packets(ran.events, last_t)
    assert last_t == lived[0][0], "that one is in the file already and comes no second time"
    assert len(lived) > 60
    assert packets(go_on(part, away_s=0).events, last_t) == lived


def test_a_simulated_person_who_is_joined_late_has_heard_the_same_pacer(trial: Ran, tmp_path: Path) -> None:
    """The next beats are those of one who breathed with it; later ones follow what is heard from then on."""
    part = cut(trial, tmp_path, 0.4)
    last_t = read_recording(part).lines[-1].t
    lived = packets(trial.events, last_t + 1)[:1]
    assert packets(go_on(part, away_s=0).events, last_t + 1)[:1] == lived
    deaf = Late(simulated(SIM), [], last_t)
    assert asyncio.run(said(deaf, last_t, 1)) != lived


async def said(source: Late, from_us: int, count: int) -> list[tuple[int, str]]:
    """Its first packets on a clock that stands at `from_us`."""
    told: list[tuple[int, str]] = []
    clock = JumpingClock(from_us)
    async with source:
        events = source.events(clock)
        while len(told) < count:
            pulled = asyncio.ensure_future(anext(events))
            await clock.wait((pulled,), 2**62)
            if isinstance(event := pulled.result(), StrapPacket):
                told.append((event.stamp_us, event.raw.hex()))
    return told


def test_late_tells_nothing_from_before_it_joined() -> None:
    stamps = [stamp for stamp, _ in asyncio.run(said(Late(simulated(SIM), [HeardPacer(0, 6.0)], 600 * S), 600 * S, 5))]
    assert stamps[0] > 600 * S
    assert stamps[-1] - stamps[0] == pytest.approx(4 * S, abs=S)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_2_1_an_encrypted_session_goes_on_under_its_keys_and_not_without(tmp_path: Path, share: float) -> None:
    ran = run_session(tmp_path, simulated(SIM), replace(PLAN, pairs=(SAFE_PLACE,)), seed=5, keys=KEYS)
    part = cut(ran, tmp_path / "cut", share)
    before = part.read_bytes()
    with pytest.raises(RecordingError, match="encrypted"):
        reopen(part)
    with pytest.raises(RecordingError, match="encrypted"):
        finish_interrupted(part)
    assert part.read_bytes() == before
    again = go_on(part, away_s=60, keys=KEYS)
    found = verify(again.path, KEYS)
    assert (found.exact, found.differences, found.intact, found.finished) == (True, 0, True, True)
    assert [line.kind for line in read_recording(again.path, KEYS).lines].count("resume") == 1
    assert b'"resume"' not in again.path.read_bytes()


# When it may be gone on with


def anchored(tmp_path: Path, boot: str | None) -> StoredRecording:
    """A session with anchors: its last line 5 s after the anchor at 90 s, wall clock and steady clock known."""
    clock = JumpingClock()
    watch = WallWatch(lambda: Reading(10**18 + clock.now() * 1000, 10**12 + clock.now() * 1000, None, 0))
    ran = run_session(tmp_path, replayed(heart(steady(66), 95)), free_plan(None), clock=clock, wall=watch)
    stored = read_recording(ran.path)
    return replace(stored, head={**stored.head, "boot": boot})


def after(stored: StoredRecording, wall_s: float, mono_s: float) -> Reading:
    """The clocks so long after its last line."""
    last_us = stored.lines[-1].t
    return Reading(
        10**18 + last_us * 1000 + round(wall_s * 1e9), 10**12 + last_us * 1000 + round(mono_s * 1e9), None, 0
    )


def test_1_4_the_same_start_of_the_machine_counts_on_the_steady_clock_whatever_the_wall_clock_says(
    tmp_path: Path,
) -> None:
    stored = anchored(tmp_path, "a")
    for wall_s in (-86400, 0, 86400):
        assert away_us(stored, 0, after(stored, wall_s, 300), "a") == 300 * S


def test_1_4_after_a_new_start_the_wall_clock_counts_and_never_backwards(tmp_path: Path) -> None:
    stored = anchored(tmp_path, "a")
    assert away_us(stored, 0, after(stored, 240, -5000), "b") == 240 * S
    assert away_us(stored, 0, after(stored, -240, 5000), "b") == 0
    assert away_us(stored, 0, after(stored, 240, 5000), None) == 240 * S, "a machine whose starts have no name"


def test_1_4_where_it_has_gone_on_once_the_anchors_since_count(tmp_path: Path) -> None:
    stored = anchored(tmp_path, "a")
    resumed = replace(next(line for line in stored.lines if line.kind == "clock"), kind="resume", body={"boot": "b"})
    clock = next(line for line in reversed(stored.lines) if line.kind == "clock")
    lines = tuple(each for line in stored.lines for each in ((resumed, line) if line is clock else (line,)))
    again = replace(stored, lines=lines)
    assert away_us(again, 0, after(stored, 9999, 60), "b") == 60 * S
    assert away_us(again, 0, after(stored, 60, 9999), "a") == 60 * S


def test_1_4_without_anchors_the_files_own_time_counts(trial: Ran) -> None:
    stored = read_recording(trial.path)
    assert away_us(stored, NOW.wall_ns - 90 * 10**9, NOW, "a") == 90 * S
    assert away_us(stored, NOW.wall_ns + 90 * 10**9, NOW, "a") == 0


def test_1_4_only_what_is_not_over_not_a_file_and_not_too_long_ago(trial: Ran, tmp_path: Path) -> None:
    part = read_recording(cut(trial, tmp_path, 0.4))
    assert can_go_on(part, 1800 * S)
    assert not can_go_on(part, 1800 * S + 1)
    assert not can_go_on(read_recording(trial.path), 0)
    of_file = run_session(tmp_path, replayed(heart(steady(66), 30)), free_plan(None))
    assert not can_go_on(read_recording(cut(of_file, tmp_path / "file", 5000)), 0)
    assert not can_go_on(read_recording(cut(trial, tmp_path / "head", ends_of_lines(trial)[3])), 0)


def test_1_4_what_another_version_made_is_not_gone_on_with(
    trial: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = cut(trial, tmp_path, 0.4)
    monkeypatch.setattr(resuming, "ALGORITHMS", {**ALGORITHMS, "engine": 99})
    log, session = reopen(part)
    log.close()
    assert session is None
    assert part.exists()


# Finished instead


@pytest.mark.parametrize("bytes_kept", [0.1, 0.41, 0.9, -700, -350])
def test_1_4_a_session_nobody_goes_on_with_ends_as_recovered_and_verifies_to_the_bit(
    trial: Ran, tmp_path: Path, bytes_kept: float
) -> None:
    part = cut(trial, tmp_path, bytes_kept)
    before = read_recording(part)
    path = finish_interrupted(part) or part
    assert path == tmp_path / trial.path.name
    assert not part.exists()
    stored = read_recording(path)
    kept = [line for line in before.lines if line.kind != "seal"]
    assert [line for line in stored.lines if line.kind != "seal"][: len(kept)] == kept
    found = verify(path)
    assert (found.exact, found.differences, found.intact, found.finished) == (True, 0, True, True)
    ended = next(line for line in reversed(stored.lines) if line.kind == "end")
    assert ended.body["why"] == ("recovered" if bytes_kept > 0 else "planned end")
    assert ended.body["beats"] >= sum(1 for line in kept if line.kind == "beat")


def test_1_4_a_session_of_another_version_is_finished_from_its_lines(
    trial: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = cut(trial, tmp_path, 0.4)
    monkeypatch.setattr(resuming, "ALGORITHMS", {**ALGORITHMS, "engine": 99})
    path = finish_interrupted(part)
    assert path is not None
    stored = read_recording(path)
    beats = [line for line in stored.lines if line.kind == "beat"]
    ended = next(line for line in reversed(stored.lines) if line.kind == "end")
    assert (ended.body["why"], ended.body["beats"], ended.body["coverage"]) == ("recovered", len(beats), None)
    assert (stored.finished, stored.damage) == (True, None)


def test_1_4_one_that_had_not_begun_leaves_nothing(trial: Ran, tmp_path: Path) -> None:
    assert finish_interrupted(cut(trial, tmp_path, ends_of_lines(trial)[3] + 5)) is None
    assert [path.name for path in tmp_path.iterdir() if ".torn" not in path.name] == []


def test_1_4_one_that_had_ended_only_gets_its_name(trial: Ran, tmp_path: Path) -> None:
    path = finish_interrupted(cut(trial, tmp_path, ends_of_lines(trial)[-2]))
    assert path is not None
    assert [line.kind for line in read_recording(path).lines].count("end") == 1
    assert not any(line.kind == "resume" for line in read_recording(path).lines)


@pytest.mark.parametrize(
    "plan", [free_plan(3), practice_plan("safe_place", 1)], ids=lambda plan: plan.name if isinstance(plan, Plan) else ""
)
def test_1_4_other_plans_go_on_too(tmp_path: Path, plan: Plan) -> None:
    ran = run_session(tmp_path, simulated(SIM), plan, (at(80, "pause"), at(85, "mark", "x"), at(100, "stop")))
    data = ran.path.read_bytes()
    part = cut(ran, tmp_path / "cut", data.index(b'"k":"mark"'))
    again = go_on_and_unpause(part)
    check_to_the_bit(again)
    assert next(notice for notice in again.of(Notice) if notice.code == "slept").text.endswith("still paused.")


def go_on_and_unpause(part: Path) -> Ran:
    log, session = reopen(part)
    assert session is not None
    at_us = session.time_us + 10 * S
    source = Late(simulated(SIM), [], at_us)
    past = Past(session.engine, session.missing, resume_line(log, NOW, None))
    told: list[Event] = []
    clock = JumpingClock(at_us)
    loop = SessionLoop(source, clock, session.opening, session.coins(5), log, told.extend, past=past)

    async def whole() -> None:
        async def unpause() -> None:
            await clock.sleep_until(at_us + 30 * S)
            loop.post(lambda now: Command(now, "resume"))

        helper = asyncio.ensure_future(unpause())
        await loop.run()
        await helper

    with log:
        asyncio.run(whole())
    return Ran([*session.events, *told], log.close())


def test_the_turn_of_the_draw_brings_other_coins_and_seals() -> None:
    def drawn(turn: int) -> list[str]:
        return [coin.nonce for coin in draw_coins(3, 7, turn)]

    assert drawn(0) == [coin.nonce for coin in draw_coins(3, 7)]
    assert len({*drawn(0), *drawn(1), *drawn(2)}) == 9
