"""A short recording, every way in which it can be damaged, and what may be read of it then."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import Beat, End, Event, Mark, Packet
from biofeedback.recording.chain import Line
from biofeedback.recording.naming import final_of
from biofeedback.recording.reader import StoredRecording
from tests.recording.logs import Logs

SECTOR: Final = 512
MOST_LOST: Final = 2
GOLDEN: Final[Sequence[Event]] = (
    Packet(100_000, "s1", 99_000, 63, True, None, (962,), "163fc203"),
    Beat(100_000, 99_000, 962_000, True, None, False),
    Mark(200_000, 'Tür "<b>" \u202e', "trainee"),
    Packet(61_100_000, "s1", 61_099_000, 64, True, None, (950, 940), "1640b603ac03"),
    Beat(61_100_000, 61_099_000, 950_000, True, None, False),
    Beat(61_100_001, 61_099_500, 940_000, False, "ectopic", False),
    End(61_200_000, "planned end", 61.2, 3),
)


@dataclass(frozen=True, slots=True)
class Golden:
    """The bytes of a recording and the lines they hold."""

    logs: Logs
    path: Path
    data: bytes
    lines: Sequence[Line]

    @classmethod
    def written(cls, logs: Logs, folder: Path, events: Sequence[Event] = GOLDEN) -> Golden:
        """Write it, close it, read it."""
        path = logs.written(folder, tuple(events))
        return cls(logs, path, path.read_bytes(), logs.read(path).lines)

    def complaints(self, data: bytes, most_lost: int | None = None, *, part: bool = False) -> list[str]:
        """What is wrong in how these bytes are read, which are not those that were written.

        `most_lost`: so many lines may be lost, if the head is whole; None for any number.
        """
        path = self.path.with_name("damaged.session.jsonl.part" if part else "damaged.session.jsonl")
        path.unlink(missing_ok=True)  # ext4 brings a file that is cut and written anew to the disk at once
        path.write_bytes(data)
        try:
            stored = self.logs.read(path)
        except UnreadableError:
            head = self.data.splitlines(keepends=True)[0]
            return ["it is not read"] if data.startswith(head) else []
        return self._about(stored, data, most_lost)

    def _about(self, stored: StoredRecording, data: bytes, most_lost: int | None) -> list[str]:
        written = {line.n: line for line in self.lines}
        got = [*stored.lines, *stored.beyond]
        wrong = [f"line {line.n} was never written" for line in got if written.get(line.n) != line]
        if len({line.n for line in got}) < len(got):
            wrong.append("a line is there twice")
        if [line.n for line in got] != sorted(line.n for line in got):
            wrong.append("lines are out of order")
        whole = data == self.data or (data == self.data[: len(data)] and data.endswith(b"\n"))
        if stored.damage is None and not (whole and len(data) <= len(self.data)):
            wrong.append("a change is not found")
        if most_lost is not None and len(got) < len(self.lines) - most_lost:
            wrong.append(f"{len(self.lines) - len(got)} lines are lost")
        return wrong


def flips(data: bytes, bits: Iterable[int] = range(8)) -> Iterator[bytes]:
    """Each with one bit the other way."""
    for bit in bits:
        for place in range(len(data)):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def zeroed(data: bytes) -> Iterator[bytes]:
    """Each with a sector of zeros, at sector bounds and elsewhere, and each with a tail of zeros."""
    for start in range(0, len(data), 64):
        yield data[:start] + bytes(min(SECTOR, len(data) - start)) + data[start + SECTOR :]
        yield data[:start] + bytes(len(data) - start)


def random_tails(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Each cut somewhere and followed by noise, as where a power cut has left what lay there before."""
    chance = Random(seed)
    for _ in range(count):
        cut = chance.randrange(len(data))
        yield data[:cut] + chance.randbytes(chance.randint(1, 600))


def shuffled(data: bytes) -> Iterator[bytes]:
    """Each with a line removed, swapped with the next, repeated, or moved to the end."""
    lines = data.splitlines(keepends=True)
    for k in range(1, len(lines) - 1):
        yield b"".join(lines[:k] + lines[k + 1 :])
        yield b"".join([*lines[:k], lines[k + 1], lines[k], *lines[k + 2 :]])
        yield b"".join([*lines[: k + 1], *lines[k:]])
        yield b"".join([*lines[:k], *lines[k + 1 :], lines[k]])


def mutated(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Each with some pieces removed, doubled, or overwritten with noise."""
    chance = Random(seed)
    for _ in range(count):
        now = bytearray(data)
        for _ in range(chance.randint(1, 4)):
            at, size = chance.randrange(len(now) or 1), chance.randint(1, 40)
            now[at : at + size] = chance.choice((b"", bytes(now[at : at + size]) * 2, chance.randbytes(size)))
        yield bytes(now)


def gone_on_with(logs: Logs, part: Path, data: bytes) -> list[str]:
    """What is wrong when these bytes are to be gone on with: nothing of them may disappear."""
    final = final_of(part)
    for path in part.parent.glob(f"{final.name}*"):
        path.unlink()
    part.write_bytes(data)
    try:
        log = logs.resume(part)
    except RecordingError as error:
        kept = part.read_bytes() == data and len(list(part.parent.glob(f"{part.name}*"))) == 1
        return [] if kept and error.advice else ["it is refused, and changed"]
    stored = log.stored
    path = log.close()
    after = path.read_bytes()
    asides = [path.read_bytes() for path in part.parent.glob(f"{part.name}.torn*")]
    size = len(data) - sum(map(len, asides))
    if not after.startswith(data[:size]) or b"".join(asides) != data[size:]:
        return ["bytes have disappeared"]
    again = logs.read(path)
    if again.damage is not None or stored is None or again.lines[: len(stored.lines)] != stored.lines:
        return [f"it is damaged after it was gone on with: {again.damage}"]
    return []
