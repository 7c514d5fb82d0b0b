"""What every importer keeps to, as tests to inherit: a plug-in's author subclasses `ImporterContract` and runs pytest.

    from biofeedback.formats.contract import ImporterContract, Sample

    class TestMyImporter(ImporterContract):
        def reader(self) -> Reader:
            return MY_READER

        def samples(self) -> Mapping[str, Sample]:
            return {"rest.acme": Sample(b"...", ticks=(819_200, 829_440))}

pytest is not imported here; a test fails with a sentence on what the importer did.
"""

from __future__ import annotations

import hashlib
import io
import time
import tracemalloc
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.checking import content_fault
from biofeedback.formats.content import Content
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices, Reader

CLAIM_S: Final = 0.1
READ_S: Final = 1.0
MOST_BYTES: Final = 256 * 1024 * 1024
WATCHED: Final = 20
"""Mutants whose memory is watched, which makes reading slow."""

_NUMBERS: Final = b"\n".join(b"%d" % (800 + 7 * (beat % 11)) for beat in range(60)) + b"\n"
OTHERS: Final[Mapping[str, bytes]] = {
    "empty": b"",
    "zeros": bytes(512),
    "numbers": _NUMBERS,
    "numbers.csv": b"RR;x\n" + _NUMBERS.replace(b"\n", b";1\n"),
    "words.txt": b"Dear diary, my heart beats.\n",
    "polar.hrm": b"[Params]\r\nVersion=106\r\nInterval=238\r\n\r\n[HRData]\r\n" + _NUMBERS,
    "apple.xml": b'<?xml version="1.0"?>\n<!DOCTYPE HealthData [\n]>\n<HealthData locale="en_GB"></HealthData>',
    "suunto.sml": b'<?xml version="1.0"?><sml><DeviceLog><R-R><Data>800 810</Data></R-R></DeviceLog></sml>',
    "suunto.json": b'{"DeviceLog": {"R-R": {"Data": [800, 810, 805]}}}',
    "polar.json": b'[{"devicePpiSamplesList": [{"ppiSamples": []}]}]',
    "ours.session.jsonl": b'{"n":0,"t":0,"k":"head","format":"x","v":1,"x":"00000000"}\n',
    "activity.fit": b"\x0e\x10\xd9\x07\x00\x00\x00\x00.FIT\x00\x00",
    "night.xdf": b"XDF:\x02\x03\x00\x00",
    "night.edf": b"0       X X X X" + b" " * 241,
    "data.db": b"SQLite format 3\0" + bytes(84),
    "data.mat": b"MATLAB 5.0 MAT-file" + b" " * 105,
    "data.zip": b"PK\x03\x04" + bytes(26),
    "data.gz": b"\x1f\x8b\x08" + bytes(15),
    "record.hea": b"record 1 360 1000\nrecord.dat 212 200 11 1024 995 0 0 MLII\n",
}
"""A file of each kind that the program reads or refuses itself: nobody else's importer may claim one."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A file of the format: its bytes, the intervals in it in ticks of 1/1 024 000 s, and the files beside it.

    `ticks` empty: a file that holds none, so that it is a summary, a question or refused.
    """

    data: bytes
    ticks: Sequence[int] = ()
    beside: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


def file_of(name: str, sample: Sample) -> Foreign:
    """A sample as a reader sees it, in memory."""

    def neighbours(other: str) -> Foreign | None:
        data = sample.beside.get(other)
        return None if data is None else in_memory(other, data, neighbours)

    return in_memory(name, sample.data, neighbours)


def mutants(data: bytes, seed: str = "") -> Iterator[bytes]:
    """Damaged copies, without end and the same every time: bits turned, bytes cut out, doubled, swapped, cut off."""
    number = 0
    while True:
        draw = int.from_bytes(hashlib.sha256(f"{seed}{number}".encode()).digest())
        found = bytearray(data)
        for _ in range(1 + draw % 3):
            draw //= 3
            draw = _damage(found, draw)
        yield bytes(found)
        number += 1


def _damage(data: bytearray, draw: int) -> int:
    """One fault at a place by `draw`, of which what is not used up is given back."""
    draw, kind = divmod(draw, 7)
    draw, place = divmod(draw, len(data) + 1)
    draw, value = divmod(draw, 256)
    length = 1 + value % 40
    if kind == 0:
        del data[place:]
    elif kind == 1:
        del data[place : place + length]
    elif kind == 2:
        data[place:place] = data[place : place + length]
    elif kind == 3:
        data[place:place] = bytes([value])
    elif kind == 4:
        data[place : place + 1] = bytes([value])
    elif kind == 5:
        data[place : place + length] = bytes(reversed(data[place : place + length]))
    else:
        data[place : place + 4] = b"\xff" * 4
    return draw


class ImporterContract(ABC):
    """Inherit, say in `reader` and `samples` what is tested, and adapt the rest where the defaults do not fit."""

    damaged: int = 300
    """So many mutants of each sample are read."""
    by_content: bool = True
    """Whether a file of the format is known under any name."""
    akin: frozenset[str] = frozenset()
    """Files of OTHERS that may be claimed: those of the program's own reader that is tested."""

    @abstractmethod
    def reader(self) -> Reader:
        """The reader."""

    @abstractmethod
    def samples(self) -> Mapping[str, Sample]:
        """Files of the format by name: at least one, small, with the intervals that are in it."""

    def test_it_reads_its_samples_to_the_tick(self) -> None:
        """Whole ticks of 1/1 024 000 s, in the order of the file, nothing dropped or repaired."""
        samples = self.samples()
        _demand(any(sample.ticks for sample in samples.values()), "there is no sample with intervals")
        for name, sample in samples.items():
            answer = _read(self.reader(), file_of(name, sample))
            ticks = answer.ticks if isinstance(answer, Content) and answer.has_beats else array("q")
            _demand(list(ticks) == list(sample.ticks), f"{name}: it reads {list(ticks)[:8]} ... ({answer})")

    def test_what_it_answers_is_what_the_program_can_use(self) -> None:
        """A verdict with its reason, a unit with its rule, a start in ISO 8601, holes in order, lines of text."""
        for name, sample in self.samples().items():
            answer = _read(self.reader(), file_of(name, sample))
            _demand_sound(answer, name)

    def test_it_claims_its_samples_by_what_is_in_them(self) -> None:
        """And no reader of the program claims them before it is asked."""
        reader = self.reader()
        for name, sample in self.samples().items():
            for called in (name, "data") if self.by_content else (name,):
                file = file_of(called, sample)
                _demand(_claimed(reader, file, called) is True, f"{called}: it does not claim {name}")
                asked = reader_of(file, (reader,)).name
                _demand(asked == reader.name, f"{called}: the program's reader '{asked}' claims it")

    def test_it_claims_no_file_of_another_format(self) -> None:
        """Neither bare numbers nor words, nor anything that the program reads itself."""
        for name, data in OTHERS.items():
            if name not in self.akin:
                claimed = _claimed(self.reader(), in_memory(name, data), name)
                _demand(claimed is False, f"it claims {name}: {data[:40]!r}")

    def test_to_claim_is_quick_and_never_fails(self) -> None:
        """Whatever the file is: yes or no, within a tenth of a second."""
        reader = self.reader()
        for name, data in self._damaged():
            file = in_memory(name, data)
            began = time.process_time()
            answer = _claimed(reader, file, f"a damaged {name}")
            took = time.process_time() - began
            _demand(isinstance(answer, bool), f"to claim a damaged {name} answers {answer!r}")
            _demand(took < CLAIM_S, f"to claim a damaged {name} takes {took:.2f} s")

    def test_a_damaged_file_is_read_or_refused_and_nothing_else(self) -> None:
        """Within a second; ImportRefused is the only error, and what is read is sound."""
        for name, data in self._damaged():
            began = time.process_time()
            answer = _read(self.reader(), in_memory(name, data))
            took = time.process_time() - began
            _demand_sound(answer, f"a damaged {name}")
            _demand(took < READ_S, f"a damaged {name} takes {took:.2f} s")

    def test_a_damaged_file_takes_no_memory_that_it_does_not_fill(self) -> None:
        """A count in a header is checked against the size of the file before anything is allocated."""
        for name, data in islice(self._damaged(), WATCHED):
            tracemalloc.start()
            try:
                _read(self.reader(), in_memory(name, data))
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            _demand(peak < MOST_BYTES, f"a damaged {name} takes {peak // 2**20} MiB")

    def test_one_file_has_one_answer(self) -> None:
        """Read twice it answers the same, whatever was read in between."""
        for name, sample in self.samples().items():
            once = _read(self.reader(), file_of(name, sample))
            for _, data in islice(self._damaged(), 3):
                _read(self.reader(), in_memory(name, data))
            again = _read(self.reader(), file_of(name, sample))
            _demand(_told(once) == _told(again), f"{name}: it answers {again} the second time")

    def test_it_prints_nothing_and_tells_its_progress_from_0_to_1(self) -> None:
        """What is to be said goes into `why` and `decisions`."""
        for name, sample in self.samples().items():
            shares: list[float] = []
            printed = io.StringIO()
            with redirect_stdout(printed):
                _read(self.reader(), file_of(name, sample), shares.append)
            _demand(not printed.getvalue(), f"{name}: it prints {printed.getvalue()[:80]!r}")
            told = [float(share) for share in shares]
            _demand(told == sorted(told) and all(0 <= share <= 1 for share in told), f"{name}: it tells {told[:8]}")

    def _damaged(self) -> Iterator[tuple[str, bytes]]:
        for name, data in OTHERS.items():
            yield name, data
        for name, sample in self.samples().items():
            for data in islice(mutants(sample.data, name), self.damaged):
                yield name, data


def _claimed(reader: Reader, file: Foreign, name: str) -> object:
    try:
        return reader.claims(file)
    except ImportRefused:
        return False
    except Exception as error:
        raise AssertionError(f"to claim {name} raises {type(error).__name__}: {error}") from error


def _read(reader: Reader, file: Foreign, progress: Callable[[float], None] = lambda _: None) -> Content | ImportRefused:
    try:
        return reader.read(file, Choices(), progress)
    except ImportRefused as error:
        return error
    except Exception as error:
        raise AssertionError(f"to read {file.name} raises {type(error).__name__}: {error}") from error


def _told(answer: Content | ImportRefused) -> object:
    return (answer.what, answer.advice, answer.where) if isinstance(answer, ImportRefused) else answer


def _demand_sound(answer: Content | ImportRefused, name: str) -> None:
    if not isinstance(answer, ImportRefused):
        fault = content_fault(answer)
        _demand(fault is None, f"{name}: {fault}")
        return
    _demand(answer.what.endswith(".") and answer.what.isprintable(), f"{name}: no sentence: {answer.what!r}")
    _demand(answer.advice.endswith(".") and answer.advice.isprintable(), f"{name}: no sentence: {answer.advice!r}")


def _demand(kept: bool, said: str) -> None:
    if not kept:
        raise AssertionError(said)
