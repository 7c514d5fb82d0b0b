"""Damaged files of every format, and what reading each of them cost: the fuzz of benchmarks/ and of the tests.

A mutant is read in this process as the door reads it, under the limits of RECORDING R7: 256 MiB more memory than
before, and one second of processor time.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats import limits, wire
from biofeedback.formats.containers import unpacked
from biofeedback.formats.detect import BARE, DAMAGED, SURE, class_of, content_of, reader_of
from biofeedback.formats.foreign import Foreign, in_memory, on_disk
from biofeedback.formats.reading import Choices
from tests.real import FORMATS

MOST_S: Final = 1.0
MOST_BYTES: Final = 256 * 1024**2
LARGEST_SEED: Final = 40_000
"""What is longer is cut: a mutant of a long file says no more than one of a short file, and takes longer."""
WHOLE: Final = ("edf", "fit", "mat", "db", "emdb")
"""Endings of files of which a part is none at all: they are seeds as they are."""

HOSTILE_TEXT: Final = (
    b"0", b"-1", b"nan", b"inf", b"1e400", b"1_000", b"9" * 15, b"9" * 400, b"0." + b"0" * 300, "٣".encode(),
    "１２３".encode(), b"\0", b"\x1b[2J", b"\xff\xfe", b"\r", b"\n\n\n", b'"', b",", b";" * 300, b"\t", b"<", b"]]>",
    b"{", b"[" * 2000, b"}", b"&lol;", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"2026-13-45 25:61:61", b"0001-01-01",
    b"9999-12-31T23:59:59.999999", b"../../etc/passwd", b"=HYPERLINK(1)", b"n/a", b"x" * 70_000,
)  # fmt: skip
HOSTILE_BYTES: Final = (
    b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\0\0\0\x80", b"\x80\0\0\0",
    b"\xff\xff", b"\xff" * 8, b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\0\0\xf0\x7f", b"\0\0\xc0\xff\xff\xff\xff\xff",
    b"\x01", b"\0" * 64, b"99999999", b"-9999999", b"0       ", b"        ",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seed:
    """A sound file: its name, its bytes and the files beside it."""

    name: str
    data: bytes
    beside: Callable[[str], Foreign | None] = lambda _: None

    def foreign(self, data: bytes) -> Foreign:
        """A file of this name that holds these bytes."""
        return in_memory(self.name, data, self.beside)


@dataclass(slots=True)
class Tally:
    """What became of the mutants of one reader's files. `wrong`: what must not be, by what it was."""

    reader: str
    seeds: int = 0
    mutants: int = 0
    read: int = 0
    refused: int = 0
    at_the_door: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])
    examples: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, tuple[str, bytes]])
    slowest_s: float = 0.0

    def blame(self, what: str, seed: Seed, data: bytes) -> None:
        """Count something wrong, and keep the first file that did it."""
        self.wrong[what] += 1
        self.examples.setdefault(what, (seed.name, data))


class Late(BaseException):
    """Raised in the middle of reading when the time is up; no reader may catch it."""


SDF: Final = b"[HEADER]\nFILETYPE=78\nSTARTTIME=01.03.2025 10:00.00\n[CUSTOM1]\n"
AMBIT: Final = b"<?xml version='1.0'?><header><DateTime>2014-03-01T10:00:00</DateTime></header><IBI>"
TRAINING: Final = (
    b'{"exportVersion": "1.7", "startTime": "2025-03-01T10:00:00", "exercises": [{"samples": {"rr": '
    b'[{"duration": "PT0.800S", "offline": false}, {"duration": "PT0.812S", "offline": false}]}}]}'
)
VNS: Final = (
    b"VNS Analyse\nRR-Intervalle - Rohwerte (Nicht aktiv)\n0,812\tNotiz: Anfang\n0,800\n0,790\n"
    b"RR-Intervalle - Korrigierte Werte (Aktiv)\n0,812\n0,800\n0,790\n"
)
EVENTS: Final = b"".join(b"%.4f\t0\tbeat\t800\n" % (0.8 * number) for number in range(1, 40))
OUR_BEATS: Final = b"beat,t_s,utc,rr_ms,rr_raw_1024,artefact,corrected_ms,gap_before,opening_s\n" + b"".join(
    b"%d,%.1f,,800.0,,,800.0,%d,%.1f\n" % (number, 0.8 * number, number == 1, 0.8 * number - 0.8)
    for number in range(1, 40)
)
APPLE_ECG: Final = b"Name,A\nSample Rate,512 hertz\nUnit,\xc2\xb5V\n\n12.5\n13.1\n"
REC: Final = in_memory("rec.hea", b"rec 1 250 400\nrec.dat 16 200 12 0 0 0 0 ECG\n")


def made() -> list[Seed]:
    """Small files written here, so that there are some without the samples."""
    ms = b"\n".join(b"%d" % (800 + 7 * (number % 13)) for number in range(60)) + b"\n"
    header = b"[Params]\nVersion=106\nMonitor=1\nInterval=238\nDate=20250301\nStartTime=10:00:00.0\nLength=00:00:48.9\n"
    sml = b"<sml><DeviceLog><R-R><Data>" + b" ".join(ms.split()) + b"</Data></R-R></DeviceLog></sml>"
    logger = b"timestamp, rr, since_start \n\n" + b"".join(
        b"%d, 800, %d\n" % (1_500_000_000_000 + t, t) for t in range(0, 40_000, 800)
    )
    return [
        Seed("made.txt", ms),
        Seed("made_s.csv", b"RR\n0,812\n0,799\n0,805\n0,820\n0,811\n0,790\n"),
        Seed("made.hrm", header + b"\n[HRData]\n" + ms),
        Seed("made.sml", sml),
        Seed("x_RRIntervals.csv", logger),
        Seed("IBI.csv", b"1500000000.0, IBI\n" + b"".join(b"%.6f,0.8\n" % (0.8 * n) for n in range(1, 60))),
        Seed("made.json", b'{"DeviceLog": {"R-R": {"Data": [800, 810, 790, 805]}}}'),
        Seed("openhrv.csv", b"event,value,timestamp\nIBI,800,2025-01-01T10:00:00.5\nIBI,810,2025-01-01T10:00:01.3\n"),
        Seed("x_RR.txt", b"Phone timestamp;RR-interval [ms]\n2025-05-03T10:15:00.100;800\n2025-05-03T10:15:00.9;801\n"),
        Seed("made_ambit.xml", AMBIT + b" ".join(ms.split()) + b"</IBI>"),
        Seed("made.sdf", SDF + ms),
        Seed("export_cda.xml", b"<?xml version='1.0'?><ClinicalDocument/>"),
        Seed("training-session.json", TRAINING),
        Seed("vns.txt", VNS),
        Seed("sub-1_task-rest_events.tsv", b"onset\tduration\ttrial_type\tvalue\n" + EVENTS),
        Seed("participants.tsv", b"participant_id\tage\nsub-1\t40\n"),
        Seed("made.h5", b"\x89HDF\r\n\x1a\n" + b"\0" * 100),
        Seed("rec.dat", bytes(range(200)) * 4, lambda name: REC if name == "rec.hea" else None),
        Seed("beats.csv", OUR_BEATS),
        Seed("data_dictionary.csv", b"file,column,unit,meaning\n"),
        Seed("ecg_2025-05-01.csv", APPLE_ECG),
        Seed(".DS_Store", b"\0\0\0\1Bud1"),
        Seed("empty.txt", b""),
        Seed("._x.txt", b"\0\5\26\7\0\2\0\0Mac OS X        "),
        Seed("a.7z", b"7z\xbc\xaf\x27\x1c\0\4" + b"\0" * 40),
    ]  # fmt: skip


def seeds() -> dict[str, list[Seed]]:
    """Sound files by the name of the reader that takes them."""
    found: dict[str, list[Seed]] = {reader.name: [] for reader in (*SURE, *BARE)}
    paths = sorted(path for path in FORMATS.rglob("*") if path.is_file()) if FORMATS.is_dir() else []
    for seed in [*made(), *map(_sample, paths)]:
        try:
            found[reader_of(seed.foreign(seed.data)).name].append(seed)
        except ImportRefused:
            continue
    return found


def _sample(path: Path) -> Seed:
    file = unpacked(on_disk(path))
    data = file.data
    if len(data) > LARGEST_SEED and path.suffix[1:] not in WHOLE:
        data = data[: data.rfind(b"\n", 0, LARGEST_SEED) + 1 or LARGEST_SEED]
    return Seed(file.name, data, file.neighbours)


def mutant(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """The bytes with one to four changes. `other`: a sound file that a piece may be taken from."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(data, other, rng)
    return data


def _flipped(data: bytes, _: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _each in range(rng.randint(1, 8) if data else 0):
        changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(data: bytes, _: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _inserted(data: bytes, _: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice(HOSTILE_TEXT) + data[at + rng.choice((0, 0, 1, 3)) :]


def _overwritten(data: bytes, _: bytes, rng: random.Random) -> bytes:
    at, piece = rng.randint(0, len(data)), rng.choice(HOSTILE_BYTES)
    return data[:at] + piece + data[at + len(piece) :]


def _of_the_head(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A change among the first 300 bytes, where headers have what they promise."""
    return rng.choice((_flipped, _inserted, _overwritten))(data[:300], other, rng) + data[300:]


def _a_number(data: bytes, _: bytes, rng: random.Random) -> bytes:
    """A number that is written in digits replaced by a hostile one of the same place."""
    digits = [
        at for at in (rng.randrange(len(data)) for _each in range(30 if data else 0)) if data[at : at + 1].isdigit()
    ]
    if not digits:
        return data
    end = start = digits[0]
    while data[end : end + 1].isdigit():
        end += 1
    while start and data[start - 1 : start].isdigit():
        start -= 1
    return data[:start] + rng.choice(HOSTILE_TEXT[:12]) + data[end:]


def _spliced(data: bytes, other: bytes, rng: random.Random) -> bytes:
    """A piece of this file or another one, put in or in place of another piece."""
    source = rng.choice((data, other))
    start, at = rng.randint(0, len(source)), rng.randint(0, len(data))
    piece = source[start : start + rng.choice((1, 8, 64, 1000, 10_000))]
    return data[:at] + piece + data[at + rng.choice((0, len(piece), 100)) :]


def _left_out(data: bytes, _: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.choice((1, 2, 8, 64, 1000)) :]


def _a_line(data: bytes, _: bytes, rng: random.Random) -> bytes:
    """A line left out, doubled, replaced, or in the place of another; or all lines with other ends."""
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(5):
        case 0:
            del lines[at]
        case 1:
            lines[at], lines[other] = lines[other], lines[at]
        case 2:
            lines.insert(at, lines[other])
        case 3:
            lines[at] = rng.choice(HOSTILE_TEXT)
        case _:
            return data.replace(b"\n", rng.choice((b"\r\n", b"\r", b"\n\n", b" \n")))
    return b"\n".join(lines)


def _a_cell(data: bytes, _: bytes, rng: random.Random) -> bytes:
    """What stands between two signs that part cells, replaced."""
    signs = [at for at, byte in enumerate(data) if byte in b",;:=[]{}\t \n"] or [0]
    first = rng.randrange(len(signs))
    start, end = signs[first] + 1, signs[min(first + 1, len(signs) - 1)]
    return data[:start] + rng.choice(HOSTILE_TEXT) + data[max(start, end) :]


CHANGES: Final = (
    _flipped, _cut, _inserted, _overwritten, _of_the_head, _a_number, _spliced, _left_out, _a_line, _a_cell,
)  # fmt: skip


def _fit_entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (0xA001 if byte & 1 else 0)
    return byte


FIT_TABLE: Final = tuple(map(_fit_entry, range(256)))


def fit_crc(data: bytes) -> int:
    """The checksum at the end of a FIT file, CRC-16/ARC (FIT protocol, section CRC)."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ FIT_TABLE[(crc ^ byte) & 255]
    return crc


def _mended(data: bytes, rng: random.Random) -> bytes:
    """Half of the damaged FIT files have a right length and checksum, so that more than the checksum is tried."""
    if data[8:12] != b".FIT" or len(data) < 16 or rng.random() < 0.5:
        return data
    body = data[:4] + (len(data) - data[0] - 2).to_bytes(4, "little", signed=True) + data[8:-2]
    return body + fit_crc(body).to_bytes(2, "little")


def mutants(found: list[Seed], count: int, start: int = 1) -> Iterator[tuple[Seed, bytes]]:
    """So many damaged files, the same ones whenever this is asked."""
    rng = random.Random(start)
    for number in range(count):
        seed = found[number % len(found)]
        yield seed, _mended(mutant(seed.data, rng.choice(found).data, rng), rng)


def fuzzed(reader: str, found: list[Seed], count: int, told: Callable[[], None] = lambda: None) -> Tally:
    """Read so many mutants of one reader's seeds."""
    tally = Tally(reader, seeds=len(found))
    _warm(found)
    for number, (seed, data) in enumerate(mutants(found, count)):
        # Looking for the beats of a waveform is another matter than reading its file, and takes longer.
        _read(seed, data, Choices(look=number % 20 != 0, partial=number % 3 == 0), tally)
        told()
    return tally


def _warm(found: list[Seed]) -> None:
    """Read every seed without limits: what is imported is imported before anything is measured."""
    for seed in {id(seed): seed for seed in found}.values():
        for look in (True, False):
            with suppress(ImportRefused):
                content_of(seed.foreign(seed.data), Choices(look=look), lambda _: None)


def _read(seed: Seed, data: bytes, choices: Choices, tally: Tally) -> None:
    tally.mutants += 1
    outcome = _outcome(seed, data, choices, tally)
    if outcome in {LATE, LARGE}:  # once more, in case it was something that is done only once, such as an import
        outcome = _outcome(seed, data, choices, tally)
    if outcome == READ:
        tally.read += 1
    elif outcome == REFUSED:
        tally.refused += 1
    else:
        tally.blame(outcome, seed, data)


def _outcome(seed: Seed, data: bytes, choices: Choices, tally: Tally) -> str:
    """One word or two for what came of a mutant."""
    began = time.process_time()
    try:
        with bounded():
            content = content_of(seed.foreign(data), choices, lambda _: None)
            line = wire.line_of(content, {})
        wire.content_from(wire.parsed(line)["content"], wire.numbers_of(content))
    except ImportRefused as error:
        if error.what == limits.TOO_MUCH_MEMORY[0]:
            return LARGE
        if error.__cause__ is not None and error.what in {DAMAGED, wire.NONSENSE}:
            tally.at_the_door[class_of(error.__cause__).removeprefix("builtins.")] += 1
        return REFUSED if error.what and error.advice else "a refusal without words"
    except Late:
        return LATE
    except wire.Senseless:
        return "an answer that cannot be"
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return class_of(error)
    finally:
        tally.slowest_s = max(tally.slowest_s, time.process_time() - began)
    return READ


READ: Final = "read"
REFUSED: Final = "refused"
LATE: Final = "over 1 s"
LARGE: Final = "over 256 MiB"


def _late(_number: int, _frame: FrameType | None) -> None:
    raise Late


@contextmanager
def bounded() -> Generator[None]:
    """One second of processor time, and 256 MiB more of memory than there is; on Windows neither."""
    if sys.platform == "win32":
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = Path("/proc/self/statm")
    if pages.exists():
        has = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (has + MOST_BYTES, before[1]))
    handler = signal.signal(signal.SIGPROF, _late)
    signal.setitimer(signal.ITIMER_PROF, MOST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, handler)
        resource.setrlimit(resource.RLIMIT_AS, before)
