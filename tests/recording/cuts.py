"""Power cuts: recordings on an ext4 of their own, whose file system is shut down without its log being written.

`python -m tests.recording.cuts FOLDER --cuts 10` prints what became of the events, as JSON. It needs root, a loop
device and ext4, and runs in a mount namespace of its own, so that nothing stays mounted. What the disk had not been
given is gone, as after a power cut; what was handed to it with fsync must be there.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import mmap
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import End, Event, Packet
from biofeedback.recording.log import SessionLog
from biofeedback.recording.naming import SUFFIX, part_of
from biofeedback.recording.reader import read_recording
from tests.recording.killed import STEP_US, number_of, numbered

SHUT_DOWN: Final = 0x8004587D
"""EXT4_IOC_SHUTDOWN, `_IOR('X', 125, __u32)`; other file systems know it under the same number."""
NO_LOG_FLUSH: Final = 2
IMAGE_BYTES: Final = 96 * 1024 * 1024
EVENT_EVERY_S: Final = 0.002
RECORDS: Final = 20_000
_ENTRY: Final = struct.Struct("<dq")
_COUNTS: Final = struct.Struct("<qqqd")
UNDURABLE_S: Final = 1.0
REFUSED: Final = -1
"""Step of a program that found no disk any more when it began."""


@dataclass(slots=True)
class Tally:
    """What became of the events."""

    seed: int = 0
    cuts: int = 0
    recordings: int = 0
    resumed: int = 0
    cut_closing: int = 0
    without_a_head: int = 0
    written: int = 0
    durable: int = 0
    durable_lost: int = 0
    synced_amid_the_cut: int = 0
    of_these_lost: int = 0
    undurable_lost: int = 0
    oldest_lost_s: float = 0.0
    older_than_a_second: int = 0
    lost_s: list[float] = field(default_factory=list[float])
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list[str])

    def said(self) -> str:
        """As one line of JSON."""
        shown = asdict(self)
        ages = sorted(shown.pop("lost_s"))
        shown["median_lost_s"] = ages[len(ages) // 2] if ages else 0.0
        return json.dumps(shown)


def missing() -> str | None:
    """Why there can be no power cuts here, in a sentence; None when there can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "power cuts need Linux and root"
    programs = [name for name in ("losetup", "mkfs.ext4", "mount", "unshare") if shutil.which(name) is None]
    if programs:
        return f"power cuts need {', '.join(programs)}"
    if not Path("/dev/loop-control").exists():
        return "power cuts need loop devices"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "power cuts need a mount namespace" if tried.returncode else None


class Board:
    """Memory shared with the program that writes: what it wrote when, and what it knows to be on the disk."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _COUNTS.size + RECORDS * _ENTRY.size)

    def wrote(self, count: int, size: int) -> None:
        """The event before number `count` was written at this moment and ends at this size."""
        _ENTRY.pack_into(self._memory, _COUNTS.size + (count - 1) * _ENTRY.size, time.monotonic(), size)
        struct.pack_into("<q", self._memory, 0, count)

    def synced(self, size: int) -> None:
        """So many bytes are on the disk."""
        struct.pack_into("<q", self._memory, 8, size)

    def closing(self, step: int) -> None:
        """The last event was written (1), the file has its final name (2), or REFUSED."""
        struct.pack_into("<qd", self._memory, 16, step, time.monotonic())

    @property
    def counts(self) -> tuple[int, int, int, float]:
        """Events written, bytes durable, step of closing and when it was reached."""
        written, durable, closing, at_s = _COUNTS.unpack_from(self._memory, 0)
        return written, durable, closing, at_s

    def entry(self, number: int) -> tuple[float, int]:
        """When the event with this number was written, and the size of the file after it."""
        return _ENTRY.unpack_from(self._memory, _COUNTS.size + number * _ENTRY.size)


def calm(number: int) -> Event:
    """An event that is not brought to the disk at once."""
    at = number * STEP_US
    return Packet(at, "s1", number, 63, True, None, (962, 970), f"{number:08x}")


def write(final: Path, board: Board, whole: int | None, event: Callable[[int], Event]) -> None:
    """Begin or go on with a recording at a steady pace; finish it after `whole` events."""
    part = part_of(final)
    log = SessionLog.resume(part) if part.exists() else SessionLog(final, {"session": final.name})
    number = len(list(log.stored.events())) if log.stored is not None else 0
    until = None if whole is None else number + whole
    while number != until and number < RECORDS - 1:
        log.append(event(number))
        number += 1
        board.wrote(number, log.part.stat().st_size)
        board.synced(log.durable)
        time.sleep(EVENT_EVERY_S)
        board.synced(log.durable)
    log.append(End(number * STEP_US, "planned end", 0.0, number))
    board.wrote(number + 1, log.part.stat().st_size)
    board.closing(1)
    log.close()
    board.closing(2)


def in_child(final: Path, board: Board, whole: int | None, event: Callable[[int], Event]) -> None:
    """Write, and say what went wrong if anything did."""
    status = 3
    try:
        write(final, board, whole, event)
        status = 0
    except RecordingError as error:
        sys.stderr.write(f"{error.what}\n")
        board.closing(REFUSED)
    except BaseException:  # noqa: BLE001 - this is where the child ends
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


@dataclass(slots=True)
class Writer:
    """A program that writes one recording, and what is known of it from before."""

    final: Path
    event: Callable[[int], Event]
    known: int = 0
    durable: int = 0
    board: Board = field(default_factory=Board)
    child: int = 0

    def start(self, whole: int | None) -> None:
        """Begin a life."""
        self.board = Board()
        self.child = os.fork()
        if not self.child:
            in_child(self.final, self.board, whole, self.event)

    def kill(self) -> int:
        """End it; its wait status."""
        os.kill(self.child, signal.SIGKILL)
        return os.waitpid(self.child, 0)[1]


class Cutter:
    """Cuts the power again and again, and looks at what is there when it is back."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally(seed)
        self._random = Random(seed)
        self._image, self._mounted = folder / "disk.img", folder / "disk"
        self._mounted.mkdir()
        with self._image.open("wb") as file:
            file.truncate(IMAGE_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", self._image], check=True)
        self._writers = [self._writer(event) for event in (numbered, calm)]

    def run(self, cuts: int) -> Tally:
        """So many cuts, each under two writers, or until a fault."""
        began = time.monotonic()
        self._mount()
        while self.tally.cuts < cuts and not self.tally.faults:
            self._one_cut()
        self._unmount()
        self.tally.seconds = round(time.monotonic() - began, 1)
        return self.tally

    def _writer(self, event: Callable[[int], Event]) -> Writer:
        self.tally.recordings += 1
        return Writer(self._mounted / f"{self.tally.recordings:05}{SUFFIX}", event)

    def _mount(self) -> None:
        subprocess.run(["mount", "-o", "loop", self._image, self._mounted], check=True)

    def _unmount(self) -> None:
        subprocess.run(["umount", self._mounted], check=True)

    def _one_cut(self) -> None:
        closing = self._random.choice(self._writers) if self._random.random() < 0.4 else None
        for writer in self._writers:
            self.tally.resumed += part_of(writer.final).exists()
            writer.start(self._random.randint(0, 300) if writer is closing else None)
        if closing is None:
            time.sleep(self._random.uniform(0.01, 2.5))
        else:
            self._await_closing(closing)
            time.sleep(self._random.uniform(0, 0.008))
        handle = os.open(self._mounted, os.O_RDONLY)
        for writer in self._writers:
            # A sync that returns while the file system is being shut down is neither before the cut nor after it.
            writer.durable = writer.board.counts[1]
        cut_s = time.monotonic()
        fcntl.ioctl(handle, SHUT_DOWN, struct.pack("<I", NO_LOG_FLUSH))
        os.close(handle)
        for writer in self._writers:
            status = writer.kill()
            *_, step, at_s = writer.board.counts
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) and (step != REFUSED or at_s < cut_s):
                self._fault(writer, "the program failed")
        self._unmount()
        self._mount()
        self.tally.cuts += 1
        for index, writer in enumerate(self._writers):
            self._check(writer, cut_s)
            if writer.final.exists() or writer.known >= RECORDS // 2:
                for path in self._mounted.glob(f"{writer.final.name}*"):
                    path.unlink()
                self._writers[index] = self._writer(writer.event)

    def _await_closing(self, writer: Writer) -> None:
        until_s = time.monotonic() + 10
        while not writer.board.counts[2] and time.monotonic() < until_s:
            time.sleep(0.0005)

    def _check(self, writer: Writer, cut_s: float) -> None:
        written, claimed, closing, at_s = writer.board.counts
        closed = closing == 2 and at_s < cut_s
        self.tally.cut_closing += closing > 0 and not closed
        sure = max([writer.known, *self._durable(writer, written, writer.durable)])
        amid = max([sure, *self._durable(writer, written, claimed)])
        self.tally.durable += sure - writer.known
        self.tally.written += max(0, written - writer.known)
        found = self._stored(writer)
        if found < sure:
            self.tally.durable_lost += sure - found
            told = f"{writer.known} from before, {sure} durable, {written} written, {found} found"
            self._fault(writer, f"{sure - found} durable events are lost: {told}")
        self.tally.synced_amid_the_cut += amid - sure
        self.tally.of_these_lost += max(0, amid - max(sure, found))
        if closed and not writer.final.exists():
            self._fault(writer, "it was closed and has lost its name")
        if found < written:
            age_s = cut_s - writer.board.entry(found)[0]
            self.tally.undurable_lost += sum(writer.board.entry(k)[0] <= cut_s for k in range(found, written))
            self.tally.lost_s.append(round(age_s, 3))
            self.tally.older_than_a_second += age_s > UNDURABLE_S
            self.tally.oldest_lost_s = max(self.tally.oldest_lost_s, round(age_s, 3))
        writer.known = found

    def _durable(self, writer: Writer, written: int, durable: int) -> list[int]:
        return [k + 1 for k in range(writer.known, written) if writer.board.entry(k)[1] <= durable]

    def _stored(self, writer: Writer) -> int:
        """How many events are there, all in their places."""
        part = part_of(writer.final)
        path = writer.final if writer.final.exists() else part
        try:
            stored = read_recording(path)
        except UnreadableError:
            self.tally.without_a_head += 1
            part.unlink(missing_ok=True)  # nothing of it had been synced: the next life begins anew
            return 0
        numbers = [number_of(event) for event in stored.events()]
        if numbers != list(range(len(numbers))):
            self._fault(writer, "an event is out of place, doubled, or none of ours")
        if stored.beyond or (path == writer.final and stored.damage is not None):
            self._fault(writer, f"more than the end is damaged: {stored.damage}")
        return len(numbers)

    def _fault(self, writer: Writer, what: str) -> None:
        self.tally.faults.append(f"{writer.final.name}: {what}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--cuts", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", action="store_true", help="of a mount namespace already")
    asked = parser.parse_args(argv)
    why = missing()
    if why is not None:
        sys.stderr.write(f"{why}\n")
        return 2
    if not asked.inside:
        again = [sys.executable, "-m", "tests.recording.cuts", *(sys.argv[1:] if argv is None else argv), "--inside"]
        return subprocess.run(["unshare", "--mount", *again], check=False).returncode
    tally = Cutter(asked.folder, asked.seed).run(asked.cuts)
    sys.stdout.write(tally.said() + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
