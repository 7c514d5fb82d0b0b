"""Programs that are killed while they finish the recording of one that was: the next start must still have all of it.

`python -m tests.recording.killed_finishing FOLDER` prints what became of the events, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from biofeedback.events import Event
from biofeedback.recording.naming import part_of
from biofeedback.recording.reader import read_recording
from biofeedback.recording.recovery import parts_in
from biofeedback.session.plan import free_plan
from biofeedback.session.resuming import finish_interrupted
from tests.recording.failing import DIE, DIE_HALFWAY, system_calls
from tests.recording.killed import Suicide
from tests.session.sessions import heart, replayed, run_session, steady

SECONDS: Final = 8


@dataclass(slots=True)
class Tally:
    """What became of the recordings."""

    files: int = 0
    kills: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list[str])


def cut_short(folder: Path, keep: float) -> tuple[Path, list[Event]]:
    """The part of a session that was killed in the middle of a line, and the events before that."""
    whole = run_session(folder, replayed(heart(steady(70), SECONDS)), free_plan(None)).path
    data = whole.read_bytes()
    whole.unlink()
    part = part_of(whole)
    part.write_bytes(data[: int(len(data) * keep)])
    return part, list(read_recording(part).events())


def finish_until(part: Path, call: int, how: int) -> bool:
    """Finish it in another program that is killed before its `call`-th call; whether it was."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    status = 3
    try:
        with system_calls(part.parent, Suicide(call, how)):
            finish_interrupted(part)
        status = 0
    except BaseException:  # noqa: BLE001 - this is where the child ends
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


def check(part: Path, final: Path, events: list[Event], tally: Tally) -> None:
    """What the next start makes of it."""
    for found in parts_in(part.parent):
        finish_interrupted(found)
    stored = read_recording(final) if final.exists() else None
    if stored is None or stored.damage is not None or not stored.finished or part.exists():
        tally.faults.append(f"{tally.files}: not finished")
    elif (kept := list(stored.events()))[: len(events)] != events:
        tally.lost += sum(event not in kept for event in events)
        tally.faults.append(f"{tally.files}: other events than those that were recorded")


def at_every_call(folder: Path, keep: float) -> Tally:
    """Kill it before each call of finishing in turn, and amid each write."""
    tally = Tally()
    for how in (DIE, DIE_HALFWAY):
        killed, call = True, 0
        while killed and not tally.faults:
            call += 1
            part, events = cut_short(folder, keep)
            final = part.with_name(part.name.removesuffix(".part"))
            killed = finish_until(part, call, how)
            tally.files += 1
            tally.kills += killed
            check(part, final, events, tally)
            for path in folder.glob(f"{final.name}*") if not tally.faults else ():
                path.unlink()
    return tally


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--keep", type=float, default=0.7, help="share of the recording that there is")
    asked = parser.parse_args(argv)
    tally = at_every_call(asked.folder, asked.keep)
    sys.stdout.write(json.dumps(asdict(tally)) + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
