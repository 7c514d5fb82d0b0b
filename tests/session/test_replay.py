"""Live = replay = batch, to the bit (RULINGS A6), over real files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from asyncio import Future
from hashlib import sha256
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any

import pytest

from biofeedback.events import Answer, Command, Commit, Event, Open, Reveal
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.window import Estimate
from biofeedback.recording.chain import Line, seal_line
from biofeedback.recording.codec import to_object
from biofeedback.recording.reader import read_recording
from biofeedback.session.analysis import analyse_file, recorded_beats
from biofeedback.session.clock import JumpingClock
from biofeedback.session.loop import Posted, SessionLoop
from biofeedback.session.plan import Plan, demo_plan, free_plan, practice_plan, trial_plan
from biofeedback.session.replay import refold, verify
from devices.events import Battery, LinkState, Packet, SourceEvent
from devices.heart_rate_measurement import encode
from tests.session.sessions import SAFE_PLACE, Ran, at, replayed, replayed_at_once, run_session, simulated

SCHEDULES = 200


class RaggedClock(JumpingClock):
    """Wakes the session at random moments when nothing is due, as a busy machine would."""

    def __init__(self, chance: Random) -> None:
        super().__init__()
        self._chance = chance

    async def wait(self, futures: Collection[Future[Any]], until_us: int) -> None:
        early = self.now() + self._chance.randrange(1, 3_000_000)
        await super().wait(futures, min(until_us, early) if self._chance.random() < 0.5 else until_us)


def random_strap(chance: Random, seconds: int) -> Iterator[SourceEvent]:
    """Packets of every kind at ragged times: clean, torn, empty, late in bunches, with link and contact losses."""
    stamp = 0
    while stamp < seconds * 1_000_000:
        stamp += chance.choice((0, 300_000, 900_000, 1_000_000, 1_050_000, 4_500_000))
        kind = chance.random()
        if kind < 0.03:
            yield LinkState(stamp, chance.choice(("waiting", "connecting", "streaming")), "made up")
        elif kind < 0.05:
            yield Battery(stamp, chance.choice((None, 0, 55, 100)))
        elif kind < 0.09:
            yield Packet(stamp, "test", chance.randbytes(chance.randrange(0, 8)))
        else:
            rr = tuple(chance.choice((chance.randrange(600, 1300), 0, 65535)) if chance.random() < 0.05
                       else chance.randrange(800, 1000) for _ in range(chance.randrange(0, 4)))  # fmt: skip
            yield Packet(
                stamp, "test", encode(chance.choice((0, 64, 64, 64)), contact=chance.choice((None, True)), rr_1024=rr)
            )


def random_commands(chance: Random, seconds: int) -> list[tuple[float, Posted]]:
    """Keys pressed at random times, answers to questions that may not be open among them."""
    script: list[tuple[float, Posted]] = []
    for when in sorted(chance.uniform(0, seconds) for _ in range(chance.randrange(0, 12))):
        what = chance.choice(("pause", "resume", "mark", "note", "pause", "resume", "strong", "end", "answer"))
        if what == "answer":
            value, question = chance.randrange(-1, 12), f"suds-{chance.randrange(1, 4)}"
            script.append((when, lambda now, q=question, v=value: Answer(now, q, "suds", v)))  # type: ignore[misc]
        elif chance.random() < 0.7 or what not in ("strong", "end"):
            script.append(at(when, what, "made up"))  # type: ignore[arg-type]
    return script


def first_difference(some: Iterable[Event], others: Iterable[Event]) -> tuple[object, object] | None:
    """The first pair of events that are not equal as JSON; short, where a diff of all would take minutes."""
    for one, other in zip_longest(some, others):
        if one is None or other is None or to_object(one) != to_object(other):
            return one, other
    return None


def random_plan(chance: Random) -> Plan:
    """Any of the plans, short ones preferred."""
    return chance.choice(
        (demo_plan(SAFE_PLACE), free_plan(3), practice_plan("grounding", 1), trial_plan((SAFE_PLACE,), 7.0))
    )


@pytest.mark.parametrize("block", range(20))
def test_200_random_schedules_replay_bit_for_bit(tmp_path: Path, block: int) -> None:
    for seed in range(block, SCHEDULES, 20):
        chance = Random(seed)
        source = replayed(random_strap(chance, 400))
        ran = run_session(
            tmp_path, source, random_plan(chance), random_commands(chance, 300), clock=RaggedClock(chance)
        )
        assert first_difference(refold(read_recording(ran.path)), ran.events) is None, seed
        found = verify(ran.path)
        assert (found.exact, found.intact, found.differences, found.finished) == (True, True, 0, True), seed
        assert found.compared == found.outputs > 0


def test_a6_how_often_advance_is_called_changes_nothing(tmp_path: Path) -> None:
    def run(clock: JumpingClock) -> list[Event]:
        script = [at(150, "pause"), at(171, "resume"), at(250, "mark")]
        ran = run_session(tmp_path, simulated("sim:tense?seed=5"), demo_plan(SAFE_PLACE), script, clock=clock)
        return [event for event in ran.events if not isinstance(event, (Open, Commit, Reveal))]

    steady = run(JumpingClock())
    assert first_difference(steady, run(RaggedClock(Random(1)))) is None
    assert first_difference(steady, run(RaggedClock(Random(2)))) is None


@pytest.mark.parametrize("as_recorded", [False, True])
def test_a_replay_shows_what_was_live(tmp_path: Path, as_recorded: bool) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE))
    shown = replayed_at_once(read_recording(ran.path), as_recorded=as_recorded)
    assert first_difference(shown, ran.events) is None


def test_analyze_of_a_recording_is_the_batch_of_its_beats(tmp_path: Path) -> None:
    from biofeedback.events import Beat

    ran = run_session(tmp_path, simulated("sim:faulty?seed=3"), free_plan(5))
    live = [(beat.t_us, beat.ticks, beat.ok, beat.gap_before) for beat in ran.of(Beat)]
    batch = [(b.t_us, b.ticks, b.ok, b.gap_before) for b in recorded_beats(read_recording(ran.path))]
    assert batch == live
    found = analyse_file(ran.path).summary
    assert found.beats == len(live)
    assert set(found.metrics) == set(METRICS)
    assert isinstance(found.metrics["rmssd_ms"], Estimate)


def test_a_strap_that_went_quiet_and_came_back_is_no_gap_live_or_in_an_analysis(tmp_path: Path) -> None:
    from biofeedback.events import Gap

    def events() -> Iterator[SourceEvent]:
        for second in range(1, 40):
            if second == 20:
                yield LinkState(second * 1_000_000 - 1, "stale", "made up")
            yield Packet(second * 1_000_000, "test", encode(70, rr_1024=(1024,)))

    ran = run_session(tmp_path, replayed(events()), free_plan(None))
    assert ran.of(Gap) == []
    assert [beat.gap_before for beat in recorded_beats(read_recording(ran.path))] == [True] + [False] * 38


def recorded(folder: Path) -> Ran:
    """A short session on file."""
    return run_session(folder, simulated("sim:calm?seed=9"), free_plan(0.5))


def test_a_flipped_byte_anywhere_is_found_by_verify(tmp_path: Path) -> None:
    ran = recorded(tmp_path)
    data = ran.path.read_bytes()
    chance = Random(11)
    copy = tmp_path / "copy.session.jsonl"
    for position in sorted(chance.sample(range(data.index(b"\n") + 1, len(data)), 150)):
        bad = bytearray(data)
        bad[position] ^= 1 << chance.randrange(8)
        copy.write_bytes(bad)
        assert not verify(copy).intact, position


def test_a_changed_number_with_a_mended_chain_is_found_by_recomputing(tmp_path: Path) -> None:
    seen = list[int]()

    def one_number(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "hrv" and body["coverage"] is not None and not seen:
            seen.append(line.n)
            body["coverage"] += 0.01

    found = verify(rewritten(recorded(tmp_path).path, one_number))
    assert (found.intact, found.differences) == (True, 1)
    assert "hrv" in (found.first_difference or "")
    assert ", coverage was 1." in (found.first_difference or "")


def test_a_recording_of_another_version_is_listed_as_rescored_not_as_different(tmp_path: Path) -> None:
    def older_engine(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "alg" and str(body["a"]).startswith("engine/"):
            body["a"] = "engine/0"

    found = verify(rewritten(recorded(tmp_path).path, older_engine))
    assert (found.rescored, found.differences, found.exact) == (("engine/0",), 0, False)


def test_write_ahead_an_input_is_on_file_before_it_is_fed_and_outputs_before_they_are_shown(tmp_path: Path) -> None:
    from biofeedback.recording.log import SessionLog
    from biofeedback.session.opening import open_session
    from biofeedback.session.scripts import shipped

    source = simulated("sim:calm")
    opening = open_session(free_plan(0.2), source.info, shipped(), seeded=True)
    log = SessionLog(tmp_path / opening.file_name, opening.head)
    part = next(tmp_path.glob("*.part"))
    seen = 0

    def publish(events: object) -> None:
        nonlocal seen
        seen += len(list(events))  # type: ignore[call-overload]
        assert part.read_bytes().count(b"\n") >= seen + 1

    asyncio.run(SessionLoop(source, JumpingClock(), opening, (), log, publish).run())
    log.close()
    assert seen > 20


def test_a_session_whose_source_fails_is_finished_on_file(tmp_path: Path) -> None:
    def failing() -> Iterator[SourceEvent]:
        yield Packet(1_000_000, "test", encode(60, rr_1024=(1000,)))
        yield Packet(500_000, "test", encode(60, rr_1024=(1000,)))

    path = run_session(tmp_path, replayed(failing()), free_plan(1)).path
    found = verify(path)
    assert (found.intact, found.finished, found.differences) == (True, True, 0)
    recording = read_recording(path)
    assert Command(1_000_000, "stop", "program", "the source failed") in list(recording.events())
    (said,) = [line.body for line in recording.lines if line.kind == "err"]
    assert said["code"] == "source_failed"
    assert "Event 2 of made up is stamped 500000 µs, after 1000000 µs" in said["error"]


def rewritten(path: Path, change: Callable[[Line, dict[str, Any]], None]) -> Path:
    """A copy whose lines were changed and whose chain was made anew, as one who can write the file could."""
    crc, lines = 0, list[bytes]()
    for line in read_recording(path).lines:
        body = dict(line.body)
        change(line, body)
        if line.kind == "seal":
            body["sha256"] = sha256(b"".join(lines)).hexdigest()
        raw, crc = seal_line(len(lines), line.t, line.kind, body, crc)
        lines.append(raw)
    copy = path.with_name("copy.session.jsonl")
    copy.write_bytes(b"".join(lines))
    return copy


def test_e12_verify_finds_a_coin_that_was_not_the_sealed_one(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE))

    def other_nonce(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "reveal":
            body["nonce"] = "00" * 32

    found = verify(rewritten(ran.path, other_nonce))
    assert (found.intact, found.differences) == (True, 1)
    assert "coin of pair 0" in (found.first_difference or "")


def test_a6_a_metric_of_another_version_leaves_out_only_itself(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), free_plan(2))

    def older_rmssd(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "alg" and body["a"] == "rmssd_ms/1":
            body["a"] = "rmssd_ms/0"
        if line.kind == "hrv" and body["values"]["rmssd_ms"] is not None:
            body["values"] = {**body["values"], "rmssd_ms": 1.0}

    found = verify(rewritten(ran.path, older_rmssd))
    assert (found.rescored, found.differences) == (("rmssd_ms/0",), 0)
    assert found.compared == found.outputs

    def and_a_beat(line: Line, body: dict[str, Any]) -> None:
        older_rmssd(line, body)
        if line.kind == "beat" and line.t > 60_000_000:
            body["rr_ms"] = 1.0

    assert verify(rewritten(ran.path, and_a_beat)).differences > 0


def test_1_3_keys_of_a_newer_version_are_left_aside(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE))

    def newer(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "open":
            body["plan"] = {**body["plan"], "colour": "blue"}
            body["scripts"] = {id_: {**script, "smell": "pine"} for id_, script in body["scripts"].items()}
            body["weather"] = "rain"

    assert verify(rewritten(ran.path, newer)).differences == 0
