"""A recording whose disk is full at each byte in turn: a limit on the size of files, which the kernel keeps.

`python -m tests.recording.full FOLDER` prints what became of the events, as JSON. A write that would pass the limit is
cut short there, and the next one fails, just as on a full disk; a limit can stand at any byte, and be raised. With
`--disk tmpfs` or `--disk ext4` it is a disk of its own that gets full, and then has room again; that needs root.
"""

from __future__ import annotations

import argparse
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from biofeedback.events import End, Event, Mark, Packet
from biofeedback.recording.log import SessionLog
from biofeedback.recording.naming import SUFFIX
from biofeedback.recording.reader import read_recording

EVENTS: Final[Sequence[Event]] = (
    *(Packet(k * 1000, "s1", k, 63, True, None, (962,), f"{k:08x}") for k in range(6)),
    Mark(7000, "ä–\u202e", "trainee"),
    *(Packet(k * 1000, "s1", k, 63, True, None, (962,), f"{k:08x}") for k in range(8, 14)),
)
FULL_FOR: Final = 5
"""So many events come while the disk is full; then there is room again."""
NO_LIMIT: Final = resource.RLIM_INFINITY


@dataclass(slots=True)
class Tally:
    """What became of the recordings."""

    levels: int = 0
    stopped_amid_a_line: int = 0
    waited: int = 0
    lost: int = 0
    faults: list[str] = field(default_factory=list[str])


def limit(size: int) -> None:
    """From now on no file of this program gets larger."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, NO_LIMIT))


def record(final: Path, size: int, tally: Tally) -> None:
    """One recording on a disk that is full at this size; at first, and until some events have had to wait."""
    log = SessionLog(final, {"session": "s"})
    head = log.part.stat().st_size
    limit(head + size)
    waited = 0
    for event in EVENTS:
        log.append(event)
        if log.trouble is None:
            continue
        waited += 1
        stored = read_recording(log.part)
        if stored.damage is not None or log.failed is not None:
            tally.faults.append(f"{size}: {stored.damage or log.failed}")
        if waited == FULL_FOR:
            tally.stopped_amid_a_line += log.part.stat().st_size != head + size
            limit(NO_LIMIT)
    limit(NO_LIMIT)
    tally.waited += waited > 0
    log.append(End(20_000, "planned end", 0.02, 0))
    log.close()
    check(final, size, tally)


def check(final: Path, size: int, tally: Tally) -> None:
    """All events are there, whole, under the final name."""
    tally.levels += 1
    stored = read_recording(final) if final.exists() else None
    events = [] if stored is None else list(stored.events())[:-1]
    if stored is None or stored.damage is not None or events != list(EVENTS):
        tally.lost += len(EVENTS) - len(events)
        tally.faults.append(f"{size}: {'no final name' if stored is None else stored.damage}")


def every_byte(folder: Path, every: int) -> Tally:
    """Every level from the head on to where all fits."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    tally, size = Tally(), 0
    while not tally.faults and tally.waited == tally.levels:
        record(folder / f"{size}{SUFFIX}", size, tally)
        size += every
    return tally


def full_disk(folder: Path, disk: str) -> Tally:
    """The disk of its own is filled up with something else, so that the recording meets its end sooner or later."""
    mounted = folder / "disk"
    mounted.mkdir()
    if disk == "tmpfs":
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", mounted], check=True)
    else:
        with (folder / "image").open("wb") as file:
            file.truncate(8 * 1024 * 1024)
        subprocess.run(["mkfs.ext4", "-q", "-F", folder / "image"], check=True)
        subprocess.run(["mount", "-o", "loop", folder / "image", mounted], check=True)
    tally = Tally()
    for room in range(0, 80_000, 5000):
        record_beside(mounted / f"{room}{SUFFIX}", room, tally)
    subprocess.run(["umount", mounted], check=True)
    return tally


def record_beside(final: Path, room: int, tally: Tally) -> None:
    """One recording on a disk with this much room, which gets more when some events have had to wait."""
    log = SessionLog(final, {"session": "s"})
    filler = final.with_name("filler")
    fill(filler, room)
    events: list[Event] = []
    waited = 0
    while waited < FULL_FOR:
        number = len(events)
        events.append(Packet(number * 1000, "s1", number, 63, True, None, (962,), f"{number:08x}" * 8))
        log.append(events[-1])
        waited += log.trouble is not None
    filler.unlink()
    log.append(End(len(events) * 1000, "planned end", 0.0, 0))
    log.close()
    stored = read_recording(final) if final.exists() else None
    tally.levels += 1
    tally.waited += 1
    if stored is None or stored.damage is not None or list(stored.events())[:-1] != events:
        tally.lost += len(events) - (0 if stored is None else len(list(stored.events())))
        tally.faults.append(f"{room}: {'no final name' if stored is None else stored.damage}")
    final.unlink(missing_ok=True)


def fill(filler: Path, room: int) -> None:
    """Fill the disk until there is no room but this."""
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - room))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="try one level in so many")
    parser.add_argument("--disk", choices=["tmpfs", "ext4"])
    parser.add_argument("--inside", action="store_true", help="of a mount namespace already")
    asked = parser.parse_args(argv)
    if asked.disk and not asked.inside:
        again = [sys.executable, "-m", "tests.recording.full", *(sys.argv[1:] if argv is None else argv), "--inside"]
        return subprocess.run(["unshare", "--mount", *again], check=False).returncode
    tally = full_disk(asked.folder, asked.disk) if asked.disk else every_byte(asked.folder, asked.every)
    sys.stdout.write(json.dumps(asdict(tally)) + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
