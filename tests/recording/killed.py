"""Programs that are killed while they record: children append numbered events to the real log until SIGKILL.

`python -m tests.recording.killed FOLDER --kills 100` prints what became of the events, as JSON. One byte in a pipe says
that `append` has returned: that event is committed, and has to be in the file whatever happens afterwards.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import stat
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import End, Event, Mark, Packet
from biofeedback.recording.naming import SUFFIX, part_of
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.recovery import clear_finished_parts, in_use, parts_in
from tests.recording.failing import DIE, DIE_HALFWAY, Decision, system_calls
from tests.recording.logs import KEYS, Logs

NOBODY: Final = 65534
MARK_EVERY: Final = 97
"""One event in so many is brought to the disk at once."""
STEP_US: Final = 40_000
"""Session time from event to event: a seal stands every 1500 events."""
MOST_LIVES: Final = 8
BROKEN_WRITE: Final = 3
CLOSING: Final = b"c"
COMMITTED: Final = b"."


@dataclass(slots=True)
class Tally:
    """What became of the events. All of `faults` must be absent."""

    seed: int = 0
    kills: int = 0
    resumed: int = 0
    killed_closing: int = 0
    killed_before_the_head: int = 0
    files: int = 0
    committed: int = 0
    lost: int = 0
    torn: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list[str])

    def said(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))


def numbered(number: int) -> Event:
    """The event with this number; 200 bytes or so."""
    at = number * STEP_US
    if number % MARK_EVERY == 0:
        return Mark(at, f"{number} ä–\u202e", "trainee")
    return Packet(at, "s1", number, 63, True, None, (962, 970), f"{number:08x}" * 4)


def number_of(event: Event) -> int:
    """Which one it is."""
    match event:
        case Packet():
            return event.rx
        case Mark():
            return int(event.text.split()[0])
        case End():
            return event.beats
        case _:
            return -1


def live(logs: Logs, final: Path, pipe: int, whole: int | None) -> None:
    """A program's life: begin or go on with a recording, append, and after `whole` events finish it."""
    part = part_of(final)
    if part.exists():
        log = logs.resume(part)
        stored = log.stored
        number = len([*stored.events()]) if stored is not None else 0
        log.append_line(number * STEP_US, "resume", {"torn_bytes": log.torn_bytes})
    else:
        log, number = logs.new(final, {"session": final.name}), 0
    until = None if whole is None else number + whole
    while number != until:
        log.append(numbered(number))
        os.write(pipe, COMMITTED)
        number += 1
    os.write(pipe, CLOSING)
    log.append(End(number * STEP_US, "planned end", 0.0, number))
    os.write(pipe, COMMITTED)
    log.close()


def in_child(logs: Logs, final: Path, pipe: int, whole: int | None, decide: Decision | None = None) -> None:
    """Live, and say what went wrong if it was not the kill."""
    status = 3
    try:
        with nullcontext() if decide is None else system_calls(final.parent, decide):
            live(logs, final, pipe, whole)
        status = 0
    except BaseException:  # noqa: BLE001 - this is where the child ends
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)


class Suicide:
    """Ends the program before or amid one of its system calls, counted over all names."""

    def __init__(self, at: int, how: int, broken_write: int = 0) -> None:
        """`how`: DIE or DIE_HALFWAY. `broken_write`: which write the disk fails in before."""
        self._left = at
        self._how = how
        self._broken_write = broken_write

    def __call__(self, name: str, number: int) -> int | None:
        """Count down."""
        self._left -= 1
        if not self._left:
            return self._how
        return errno.EIO if name == "write" and number == self._broken_write else None


class Killer:
    """Starts lives and ends them at random moments, and looks at the file each time."""

    def __init__(self, folder: Path, seed: int, logs: Logs) -> None:
        self.tally = Tally(seed)
        self._logs = logs
        self._folder = folder
        self._random = Random(seed)
        self._torn: dict[Path, bytes] = {}

    def run(self, kills: int, events: int = 0) -> Tally:
        """Until there were so many kills and so many events, or a fault."""
        began = time.monotonic()
        while (self.tally.kills < kills or self.tally.committed < events) and not self.tally.faults:
            self._one_file(self._folder / f"{self.tally.files:06}{SUFFIX}")
        self.tally.seconds = round(time.monotonic() - began, 1)
        return self.tally

    def _one_file(self, final: Path) -> None:
        self.tally.files += 1
        known = 0
        for _ in range(self._random.randint(1, MOST_LIVES)):
            if final.exists() or self.tally.faults:
                break
            self.tally.resumed += part_of(final).exists()
            known = self._check(final, known + self._life(final))
        self._finish(final, known)

    def at_every_call(self, stride: int) -> Tally:
        """Two lives, each killed before each of its system calls in turn; then a third must finish the file.

        `stride`: at every so-many-th call of the second life only, another one each time.
        """
        began = time.monotonic()
        for how in (DIE, DIE_HALFWAY):
            self._at_every_call(how, stride)
        self.tally.seconds = round(time.monotonic() - began, 1)
        return self.tally

    def _at_every_call(self, how: int, stride: int) -> None:
        first, second = 1, 1
        while not self.tally.faults:
            final = self._folder / f"{self.tally.files:06}{SUFFIX}"
            self.tally.files += 1
            before = self.tally.kills
            known = self._check(final, self._life_until(final, first, how))
            if self.tally.kills == before:  # it came to its end: no more calls
                self._finish(final, known)
                break
            before = self.tally.kills
            if not final.exists():
                self.tally.resumed += part_of(final).exists()
                known = self._check(final, known + self._life_until(final, second, how))
            on = self.tally.kills > before
            first, second = (first, second + stride) if on else (first + 1, 1 + first % stride)
            self._finish(final, known)

    def while_moving(self) -> Tally:
        """A disk fails, the recording moves to a second part, and the program is killed before each of its calls."""
        began, call, before = time.monotonic(), 0, -1
        while not self.tally.faults and self.tally.kills > before:
            before, call = self.tally.kills, call + 1
            for how in (DIE, DIE_HALFWAY):
                final = self._folder / f"{self.tally.files:06}{SUFFIX}"
                self.tally.files += 1
                self._check_moved(final, self._life_until(final, call, how, broken_write=BROKEN_WRITE))
        self.tally.seconds = round(time.monotonic() - began, 1)
        return self.tally

    def _check_moved(self, final: Path, committed: int) -> None:
        """The next start finds one part, with all; it finishes that and needs the other no more."""
        parts = parts_in(self._folder)
        if len(parts) > 1 or (committed and not parts and not final.exists()):
            self._fault(final, f"{len(parts)} parts are offered")
        for part in parts:
            self.tally.resumed += 1
            with self._logs.resume(part) as log:
                stored = log.stored
                if stored is not None and not stored.finished:
                    number = len(list(stored.events()))
                    log.append(End(number * STEP_US, "recovered", 0.0, number))
        if final.exists():
            self._check_stored(final, final, self._logs.read(final), committed)
            if clear_finished_parts(final):
                self._fault(final, "a part holds what the finished recording does not")
        self.tally.committed += committed
        for path in () if self.tally.faults else tuple(self._folder.glob(f"{final.name}*")):
            path.unlink()

    def _life_until(self, final: Path, call: int, how: int, broken_write: int = 0) -> int:
        """One life of three events and an end, killed before its `call`-th call; how many events it committed."""
        ours, its = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            in_child(self._logs, final, its, 3, Suicide(call, how, broken_write))
        os.close(its)
        said = b""
        while piece := os.read(ours, 65536):
            said += piece
        os.close(ours)
        self._count(final, os.waitpid(child, 0)[1], closing=CLOSING in said)
        return said.count(COMMITTED)

    def _life(self, final: Path) -> int:
        """One life; how many events it committed."""
        closing = self._random.random() < 0.25
        whole = self._random.randint(0, 1500) if closing else None
        ours, its = os.pipe()
        child = os.fork()
        if not child:
            os.close(ours)
            in_child(self._logs, final, its, whole)
        os.close(its)
        said = b""
        while closing and CLOSING not in said:
            said += (piece := os.read(ours, 65536))
            if not piece:
                break
        time.sleep(self._random.choice((0.001, 0.005, 0.02, 0.1)) * self._random.random() * (0.1 if closing else 1))
        os.kill(child, signal.SIGKILL)
        while piece := os.read(ours, 65536):
            said += piece
        os.close(ours)
        self._count(final, os.waitpid(child, 0)[1], closing=closing)
        return said.count(COMMITTED)

    def _count(self, final: Path, status: int, *, closing: bool) -> None:
        if os.WIFSIGNALED(status):
            self.tally.kills += 1
            self.tally.killed_closing += closing
        elif os.WEXITSTATUS(status):
            self._fault(final, "the program failed")

    def _check(self, final: Path, committed: int) -> int:
        """Look at what is there; how many events are in the file."""
        self._check_torn(final)
        part = part_of(final)
        path = final if final.exists() else part
        if not path.exists():
            return self._nothing(final, committed)
        if path == part and in_use(part):
            self._fault(final, "a dead program still holds its lock")
        stored = self._begun(path)
        if stored is None:
            path.unlink()  # not even a head: the next life begins anew
            return self._nothing(final, committed)
        self._check_stored(final, path, stored, committed)
        return len([*stored.events()])

    def _begun(self, path: Path) -> StoredRecording | None:
        """What is in the file; None when it has not all of its head, which is two lines of an encrypted one."""
        try:
            stored = self._logs.read(path)
        except UnreadableError:
            return None
        return stored if len(stored.lines) >= (1 if self._logs.keys is None else 2) else None

    def _check_stored(self, final: Path, path: Path, stored: StoredRecording, committed: int) -> None:
        numbers = [number_of(event) for event in stored.events()]
        if numbers != list(range(len(numbers))):
            self._fault(final, "an event is out of place, doubled, or none of ours")
        if len(numbers) < committed:
            self.tally.lost += committed - len(numbers)
            self._fault(final, f"{committed - len(numbers)} committed events are lost")
        data = path.read_bytes()
        size = self._logs.scan(data).size
        if stored.beyond or (stored.damage is None) != (size == len(data)):
            self._fault(final, f"more than the end is damaged: {stored.damage}")
        if size < len(data):
            self.tally.torn += 1
            self._torn[final] = data[size:]
        if path == final and stored.damage is not None:
            self._fault(final, "a half recording has a whole one's name")

    def _check_torn(self, final: Path) -> None:
        """A torn end is beside the file as soon as the file was gone on with."""
        torn = self._torn.get(final)
        part = part_of(final)
        if torn is None or (part.exists() and part.read_bytes().endswith(torn)):
            return
        asides = [path.read_bytes() for path in final.parent.glob(f"{part.name}.torn*")]
        if torn not in asides:
            self._fault(final, "a torn end is gone")

    def _nothing(self, final: Path, committed: int) -> int:
        self.tally.killed_before_the_head += 1
        if committed:
            self.tally.lost += committed
            self._fault(final, "all is lost")
        return 0

    def _finish(self, final: Path, known: int) -> None:
        """What the next start does with it: end it, name it; all must be there under the final name."""
        part = part_of(final)
        if part in parts_in(self._folder):
            try:
                with self._logs.resume(part) as log:
                    stored = log.stored
                    if stored is not None and not stored.finished:
                        log.append(End(known * STEP_US, "recovered", 0.0, known))
                        known += 1
            except RecordingError as error:
                self._fault(final, f"it cannot be gone on with: {error.what}")
                return
        self.tally.committed += self._check(final, known) if known else 0
        if known and not final.exists():
            self._fault(final, "it has no final name")
        elif known and stat.S_IMODE(final.stat().st_mode) != 0o400:
            self._fault(final, "a finished recording can be written")
        if part.exists():
            self._fault(final, "its part is still there")
        if not self.tally.faults:
            for path in self._folder.glob(f"{final.name}*"):
                path.unlink()
        self._torn.pop(final, None)

    def _fault(self, final: Path, what: str) -> None:
        self.tally.faults.append(f"{final.name}: {what}")


def become_nobody(folder: Path) -> None:
    """Go on without the rights of root, to whom no mode says no; the folder stays ours by standing in it."""
    os.chown(folder, NOBODY, NOBODY)
    os.chdir(folder)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--at-every-call", type=int, metavar="STRIDE", default=0)
    parser.add_argument("--while-moving", action="store_true")
    parser.add_argument("--encrypted", action="store_true")
    asked = parser.parse_args(argv)
    folder: Path = asked.folder
    if os.geteuid() == 0:
        become_nobody(folder)
        folder = Path()
    killer = Killer(folder, asked.seed, Logs(KEYS if asked.encrypted else None))
    if asked.while_moving:
        tally = killer.while_moving()
    elif asked.at_every_call:
        tally = killer.at_every_call(asked.at_every_call)
    else:
        tally = killer.run(asked.kills, asked.events)
    sys.stdout.write(tally.said() + "\n")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
