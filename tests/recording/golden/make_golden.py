"""Makes the golden recordings of the engine as it is: `python -m tests.recording.golden.make_golden`.

The same bytes each time on one machine with one lock, but for the keys of the encrypted one. They are made once for a
version of the engine; a folder that is there already is only replaced when told to with `--again`, which may be done
until that version is released.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final

from biofeedback.events import (
    Acc, Ask, Clock, Cue, Event, Json, Link, Mark, Motion, Note, Notice, Open, Phase, Rr, Safety, Sensor, Suds, Verdict,
)  # fmt: skip
from biofeedback.events import Battery as BatteryInput
from biofeedback.recording.codec import EVENT_KINDS, from_body, kind_classes
from biofeedback.recording.chain import Line
from biofeedback.recording.keys import HomeKeys, lock_of, new_home, unlock
from biofeedback.recording.log import SessionLog
from biofeedback.recording.person import PersonLog
from biofeedback.recording.reader import read_recording
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.clock import JumpingClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.engine import VERSION
from biofeedback.session.loop import Past, SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, Plan, free_plan
from biofeedback.session.resuming import Late, reopen, resume_line
from biofeedback.session.scripts import shipped
from biofeedback.session.wall import Reading
from devices.events import Intervals, StrapInfo
from devices.replayed import Replayed
from devices.source import Source
from tests.session.sessions import simulated

HERE: Final = Path(__file__).parent
EXPECTED: Final = "expected.json"
PERSON_LOG: Final = "person.jsonl"
SESSION: Final = "0f5c7f0e-2f4f-4d2c-9a3c-8f1d3c0f5a11"
HEAD: Final[Mapping[str, Json]] = {
    "session": SESSION,
    "wall_ns": 1_795_526_355_000_000_000,
    "tz": "Europe/Vienna",
    "utc_off_s": 3600,
    "mono_ns": 4_711_000_000_000,
    "clock": "CLOCK_BOOTTIME",
    "boot": "5c9f64f0-6d1d-4d5e-8f0a-2c1f6c1f4b11",
    "host": {"os": "Linux", "python": "3.11.2", "machine": "x86_64"},
    "subject": "P-001",
}
PASSPHRASE: Final = "vier Stühle am Fenster"
"""Of the encrypted one: nothing in it is secret."""
PERSON: Final = "sim:calm?seed=12"
PART: Final = ".session.jsonl.part"
FINAL: Final = ".session.jsonl"

SMALL_TRIAL: Final = Plan(
    "trial",
    pace=7.0,
    settle_s=5.0,
    ramp=False,
    baseline_s=17.0,
    baseline_most_s=17.0,
    pairs=(Pair("safe_place", "breath_only"),),
    washout_breaths=1,
    epoch_breaths=4,
    outcome_breaths=3,
    least_good_beats=15,
    close_s=8.0,
)


def make(folder: Path) -> None:
    """All golden files, and what is to be read from them."""
    strap = simulated("sim:faulty?seed=11&hr=56&ectopic_pct=1&loss_pct=2&drop_s=5")
    record(folder / f"trial{FINAL}", strap, SMALL_TRIAL)
    record(folder / f"imported{FINAL}", imported(112), free_plan(None))
    record(folder / f"whole{FINAL}", simulated(PERSON), free_plan(0.9))
    whole = folder / f"whole{FINAL}"
    cut(whole, folder / f"torn{PART}", 0.6)
    flip(whole, folder / f"damaged{FINAL}")
    go_on(folder / f"torn{PART}", folder / f"resumed{FINAL}", PERSON)
    encrypt(whole, folder / f"encrypted{FINAL}")
    whole.unlink()
    every_kind(folder / f"every_kind{FINAL}")
    person_log(folder / PERSON_LOG)
    for path in folder.iterdir():
        path.chmod(0o644)
    told = {path.name: expected(path) for path in recordings(folder)}
    told[PERSON_LOG] = {"sha256": sha256((folder / PERSON_LOG).read_bytes()).hexdigest()}
    (folder / EXPECTED).write_text(json.dumps(told, indent=1) + "\n", "utf-8")


def recordings(folder: Path) -> list[Path]:
    """The recordings in a folder, finished or not."""
    return sorted([*folder.glob(f"*{FINAL}"), *folder.glob(f"*{PART}")])


def record(path: Path, source: Source, plan: Plan) -> None:
    """A whole session with nothing in it that is not fixed."""
    opening = open_session(plan, source.info, shipped(), person="P-001", seeded=True)
    opening = replace(opening, session=SESSION, head={**opening.head, **HEAD})
    with SessionLog(path, opening.head) as log:
        for rule in opening.algorithms:
            log.append_line(0, "alg", rule)
        coins = draw_coins(len(plan.pairs), 1)
        asyncio.run(SessionLoop(source, JumpingClock(), opening, coins, log, lambda _: None).run())


def imported(count: int) -> Source:
    """Intervals of a file in ms, with a hole and a beat too early among them."""
    chance, rr_ms = Random(5), list[float]()
    for _ in range(count):
        drift = 0.9 * (rr_ms[-1] - 870) if rr_ms else 0.0
        rr_ms.append(round(870 + drift + chance.gauss(0, 18), 3))
    rr_ms[40], rr_ms[41], rr_ms[90] = 560.25, 1180.5, 7400.0
    clock, events = 0, list[Intervals]()
    for value in rr_ms:
        ticks = round(value * 1024)
        clock += ticks
        events.append(Intervals((clock * 125 + 64) // 128, (ticks,)))
    return Replayed(StrapInfo("morning.txt", "file", "file:morning.txt"), iter(events))


def cut(whole: Path, part: Path, share: float) -> None:
    """A recording as a power cut leaves it: the last line torn."""
    data = whole.read_bytes()
    line = data.rindex(b"\n", 0, int(len(data) * share)) + 1
    part.write_bytes(data[: line + 37])


def flip(whole: Path, copy: Path) -> None:
    """A recording with one bit of its middle changed."""
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 4
    copy.write_bytes(data)


def go_on(torn: Path, copy: Path, person: str) -> None:
    """The torn recording gone on with ten minutes later."""
    part = copy.with_name(copy.name + ".part")
    shutil.copyfile(torn, part)
    log, session = reopen(part)
    if session is None:
        raise AssertionError("it can be gone on with")
    at_us = session.time_us + 600_000_000
    clocks = Reading(1_795_526_990_000_000_000, 5_346_000_000_000, 5_346_000_000_000, 3600)
    past = Past(session.engine, session.missing, resume_line(log, clocks, str(HEAD["boot"])))
    source, coins = Late(simulated(person), (), at_us), session.coins(1)
    with log:
        loop = SessionLoop(source, JumpingClock(at_us), session.opening, coins, log, lambda _: None, past=past)
        asyncio.run(loop.run())
    for beside in copy.parent.glob(f"{part.name}.torn*"):
        beside.unlink()


def encrypt(whole: Path, copy: Path) -> None:
    """The same session encrypted, written in two goes as after a crash, so with two keys."""
    recording, (keys, _) = read_recording(whole), new_home(PASSPHRASE)
    lines = [line for line in recording.lines if line.kind not in ("head", "seal")]
    half = len(lines) // 2
    log = SessionLog(copy, recording.head, keys)
    write(log, lines[:half])
    log.close()
    log = SessionLog.resume(log.part, keys)
    log.append_line(lines[half].t, "resume", {"torn_bytes": 0, "wall_ns": 1_795_526_400_000_000_000, "mono_ns": 1})
    write(log, lines[half:])
    log.close()


def write(log: SessionLog, lines: Sequence[Line]) -> None:
    """These lines through a log."""
    for line in lines:
        if line.kind in EVENT_KINDS:
            log.append(from_body(line.kind, line.t, line.body))
        else:
            log.append_line(line.t, line.kind, line.body)


def keys_of(path: Path) -> HomeKeys | None:
    """What opens a golden file; None when it is plain."""
    lock = lock_of(json.loads(path.read_bytes().partition(b"\n")[0]))
    return None if lock is None else unlock(lock, PASSPHRASE)


def every_kind(path: Path) -> None:
    """One line of each kind that the other files lack, which no session says in this order."""
    with SessionLog(path, HEAD) as log:
        log.append(Open(0, {"name": "free", "pairs": []}, {}, {"name": "P-001"}, {"kind": "strap"}))
        log.append_line(0, "err", {"code": "metric_failed", "error": "example 1.0 failed: ValueError"})
        for event in RARE:
            log.append(event)
        log.append_line(RARE[-1].at, "drop", {"count": 3})
        resumed: dict[str, Json] = {"torn_bytes": 37, "wall_ns": 1_795_526_955_000_000_000, "mono_ns": 1, "boot": None}
        log.append_line(RARE[-1].at, "resume", resumed)
        log.append_line(RARE[-1].at, "aura", {"of": "a later version", "colours": [1, 2.5, None]})
        log.append(kind_classes()["end"](RARE[-1].at, "recovered", 12.0, 0))


def person_log(copy: Path) -> None:
    """A line of each kind in the log of a person, written on three days."""
    with TemporaryDirectory() as home:
        days = [BEGAN]
        log = PersonLog(Path(home), "P-001", now=lambda: days[-1])
        for lines in PERSON_LINES:
            log.write(*lines)
            days.append(days[-1] + timedelta(days=1))
        shutil.copyfile(log.path, copy)


BEGAN: Final = datetime(2026, 11, 24, 14, 19, 15, tzinfo=timezone(timedelta(hours=1)))
PERSON_LINES: Final[Sequence[Sequence[tuple[str, Mapping[str, Json]]]]] = (
    (
        ("profile", {"name": "Anna", "words": {"place": "the lake"}, "flags": ["beta_blocker"], "pace": 5.5}),
        ("consent", {"id": "heart_data", "v": 1, "given": True}),
        ("consent", {"id": "words", "v": 1, "given": True}),
        ("screen", {"passed": True}),
    ),
    (
        ("journal", {"entry": 1, "text": "Quiet morning.", "practice": "grounding", "before": 6, "after": 3}),
        ("trigger", {"entry": 2, "trigger": "a full train", "text": "", "before": 8}),
        ("text", {"what": "place", "value": "the lake at dawn"}),
        ("tag", {"session": SESSION, "what": "add", "value": "morning"}),
        ("tag", {"session": SESSION, "what": "add", "value": "tired"}),
    ),
    (
        ("tag", {"session": SESSION, "what": "remove", "value": "tired"}),
        ("edit", {"session": SESSION, "what": "person", "value": "P-002"}),
        ("consent", {"id": "words", "v": 1, "given": False}),
        ("profile", {"pace": None}),
        ("delete", {"session": "8b5d4a52-2c57-4e37-9d0e-5a4f6d1c7e21"}),
        ("aura", {"of": "a later version"}),
    ),
)


RARE: Final[tuple[Event, ...]] = (
    Link(1_000_000, "waiting", "The strap was not found.", "Wet the electrodes."),
    Clock(1_200_000, 1_795_529_956_200_000_000, 4_712_200_000_000, 3_600_000_000_000, "step", 3600),
    Sensor(1_500_000, "s1", "chest"),
    BatteryInput(2_000_000, 85),
    BatteryInput(2_000_001, None),
    Acc(3_000_000, "s1", 2_990_000, 599_616_000_000_000_000, 200, (10, -20, 1000, 1, 0, -1)),
    Acc(3_000_001, "s1", 2_990_001, None, None, (), ("cut short",)),
    Rr(4_000_000, (900_000, 910_000)),
    Motion(4_500_000, 4_400_000, 12.5, moving=True, breaths_per_min=6.25, breath_quality=0.75),
    Phase(5_000_000, "practice", on=True, index=0, pair=None, visualization="grounding", control=None, plan_s=60.0),
    Cue(5_500_000, "grounding", "00" * 32, 0, "Spür den Boden. 床を感じる。", 0.5),
    Ask(6_000_000, "suds-1", "suds", 36_000_000),
    Suds(7_000_000, 7, "before", "trainee"),
    Suds(7_000_001, None, "after", "nobody"),
    Mark(8_000_000, "a \"quoted\" mark\n", "practitioner"),
    Note(9_000_000, "", "practitioner"),
    Safety(10_000_000, "red", on=True, why="something strong", delta_bpm=None, z=None),
    Notice(11_000_000, "signal_lost", "Signal lost: the strap is not connected."),
    Verdict(12_000_000, "safe_place", "breath_only", 7, "lowers", "words", (None, -0.1), -0.1, sessions_needed=(9, 17)),
)  # fmt: skip


def expected(path: Path) -> dict[str, Any]:
    """What is to be read from a file for ever, and `of_rules` while the versions of its rules live."""
    recording = read_recording(path, keys_of(path))
    beats = recorded_beats(recording)
    return {
        "sha256": sha256(path.read_bytes()).hexdigest(),
        "lines": len(recording.lines),
        "beyond": len(recording.beyond),
        "damage": recording.damage,
        "finished": recording.finished,
        "kinds": dict(sorted(Counter(line.kind for line in recording.lines).items())),
        "of_rules": {
            "beats": len(beats),
            "ticks": sum(beat.ticks for beat in beats),
            "flagged": sum(not beat.ok for beat in beats),
            "gaps": sum(beat.gap_before for beat in beats),
            "last_us": beats[-1].t_us if beats else None,
        },
    }


def main() -> None:
    """Make the folder of this engine's version."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--again", action="store_true", help="replace the folder; never after the release")
    folder = HERE / f"engine_{VERSION}"
    if parser.parse_args().again:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        parser.error(f"{folder} is there already")
    with TemporaryDirectory() as made:
        make(Path(made))
        shutil.copytree(made, folder)


if __name__ == "__main__":
    main()
