"""The accelerometer of Polar straps as bytes: Polar Measurement Data (PMD), what is asked, answered and sent.

From Polar's "Polar Measurement Data Specification for 3rd party" and the questions answered by its makers in
polar-ble-sdk (issues 124, 187, 331, 443, 700). All little endian:

    features      0F | bits: 0 ECG, 1 PPG, 2 acceleration, 3 PP intervals
    question      op | 02, op: 1 which settings are there, 2 start (with one value of each setting), 3 stop
    answer        F0 | op | 02 | status | more | settings
    setting       what | how many | values, what: 0 rate in Hz, 1 resolution in bits, 2 range in g (u16 each),
                  3 range in mg (u32), 4 axes (u8), 5 factor (f32, in answers to a start only)
    data          02 | stamp u64, ns since 2000-01-01, of the last sample | frame type | samples

Frame types 0, 1, 2: x, y, z in mg, as s8, s16 or s24. With bit 7 the samples are differences: a first sample of
three s16, then blocks of `bits u8 | count u8 | count * 3 signed numbers of so many bits`, lowest bit first. Type 0x80
counts in units of factor g, type 0x81 of factor mg. A strap sends what it wants, so reading never raises: whole samples
are kept, a torn rest is dropped and named in `problems`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

SERVICE: Final = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL: Final = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA: Final = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

ACCELERATION: Final = 0x02
FEATURES: Final = 0x0F
ANSWER: Final = 0xF0
GET_SETTINGS: Final = 0x01
START: Final = 0x02
STOP: Final = 0x03

OK: Final = 0
NOT_SUPPORTED: Final = 3
ALREADY_ON: Final = 6
BAD_MTU: Final = 10
IN_CHARGER: Final = 13

RATE: Final = 0
RESOLUTION: Final = 1
RANGE: Final = 2
RANGE_MG: Final = 3
AXES: Final = 4
FACTOR: Final = 5

LEAST_RATE_HZ: Final = 25
"""Movement is looked for up to 10 Hz, breath below 1 Hz."""
RANGE_G: Final = 8
RESOLUTION_BITS: Final = 16
MOST_SAMPLES: Final = 512
"""So many fit into no frame that is sent; differences of no bits could else make millions."""
LARGEST_FACTOR: Final = 10.0
COMPRESSED: Final = 0x80
HEAD_BYTES: Final = 10

_SIZES: Final[Mapping[int, int]] = {RATE: 2, RESOLUTION: 2, RANGE: 2, RANGE_MG: 4, AXES: 1, FACTOR: 4}

Sample: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a strap answered to a question; `status` is None when the bytes are no answer about acceleration."""

    op: int = 0
    status: int | None = None
    more: bool = False
    """Another answer with the rest follows."""
    settings: bytes = b""


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of each setting that a strap offers, or uses."""

    values: Mapping[int, tuple[int, ...]] = field(default_factory=dict[int, tuple[int, ...]])
    factor: float | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Frame:
    """One data notification, decoded."""

    dev_ns: int | None = None
    """When the last sample was taken, on the strap's clock, which starts anew whenever the strap was off."""
    xyz_mg: tuple[Sample, ...] = ()
    problems: tuple[str, ...] = ()
    """What was wrong with the bytes, in short stable words; empty when nothing was."""


def offers_acceleration(features: bytes) -> bool:
    """Whether a read of the control point says that acceleration can be had."""
    return len(features) >= 2 and features[0] == FEATURES and bool(features[1] & 1 << ACCELERATION)


def question(op: int) -> bytes:
    """The bytes of a question without settings."""
    return bytes((op, ACCELERATION))


def read_answer(raw: bytes) -> Answer:
    """Read any bytes that came from the control point."""
    if len(raw) < 4 or raw[0] != ANSWER or raw[2] != ACCELERATION:
        return Answer()
    return Answer(raw[1], raw[3], len(raw) > 4 and raw[4] != 0, raw[5:])


def read_settings(raw: bytes) -> Settings:
    """Read the settings of an answer up to the first that is unknown or torn."""
    values: dict[int, tuple[int, ...]] = {}
    factor: float | None = None
    problems: tuple[str, ...] = ()
    while raw:
        size = _SIZES.get(raw[0], 0)
        end = 2 + size * raw[1] if len(raw) > 1 else 0
        if not size or not end or len(raw) < end:
            problems = ("torn setting" if size else "unknown setting",)
            break
        what, body, raw = raw[0], raw[2:end], raw[end:]
        if what == FACTOR and body:
            factor = struct.unpack_from("<f", body)[0]
        elif what != FACTOR:
            values[what] = tuple(
                int.from_bytes(body[place : place + size], "little") for place in range(0, len(body), size)
            )
    return Settings(values, factor, problems)


def choose(offered: Settings) -> Mapping[int, int] | None:
    """One value of each setting that is offered; None when no rate is fast enough.

    A strap wants all of its settings named. The least rate that serves keeps recordings small; 8 g is never exceeded
    by a person who sits; 16 bits and three axes are what frames are made of.
    """
    rates = [rate for rate in offered.values.get(RATE, ()) if rate >= LEAST_RATE_HZ]
    if not rates:
        return None
    liked = {RESOLUTION: RESOLUTION_BITS, RANGE: RANGE_G, RANGE_MG: RANGE_G * 1000, AXES: 3}
    chosen = {RATE: min(rates)}
    for what, values in sorted(offered.values.items()):
        if what in liked and values:
            chosen[what] = _nearest(values, liked[what])
    return chosen


def _nearest(values: Sequence[int], liked: int) -> int:
    return min(values, key=lambda value: (abs(value - liked), value))


def start_command(chosen: Mapping[int, int]) -> bytes:
    """The bytes that start acceleration with these settings."""
    return question(START) + write_settings({what: (value,) for what, value in chosen.items()})


def write_settings(values: Mapping[int, Sequence[int]]) -> bytes:
    """The bytes of settings; `read_settings` gives the same back."""
    return b"".join(
        bytes((what, len(held))) + b"".join(value.to_bytes(_SIZES[what], "little") for value in held)
        for what, held in values.items()
    )


def decode(raw: bytes, factor: float | None = None) -> Frame:
    """Read any bytes of a data notification; `factor` is what the answer to the start said."""
    if len(raw) < HEAD_BYTES or raw[0] != ACCELERATION:
        return Frame(problems=("empty",) if not raw else ("no acceleration",))
    dev_ns = int.from_bytes(raw[1:9], "little")
    kind, body = raw[9], raw[HEAD_BYTES:]
    if not kind & COMPRESSED:
        size = kind + 1
        if size > 3:
            return Frame(dev_ns, problems=("unknown frame type",))
        return Frame(dev_ns, *_whole_samples(body, size))
    if kind & ~COMPRESSED > 1:
        return Frame(dev_ns, problems=("unknown frame type",))
    unit_mg = _unit_mg(kind, factor)
    if unit_mg is None:
        return Frame(dev_ns, problems=("no factor",))
    counts, problems = _undo_differences(body)
    return Frame(
        dev_ns, tuple((round(x * unit_mg), round(y * unit_mg), round(z * unit_mg)) for x, y, z in counts), problems
    )


def is_cut_off(raw: bytes) -> bool:
    """Whether an uncompressed frame ends within a sample, as on a link whose MTU is too small for it."""
    return len(raw) > HEAD_BYTES and raw[9] <= 2 and (len(raw) - HEAD_BYTES) % (3 * (raw[9] + 1)) != 0


def encode(dev_ns: int, xyz_mg: Sequence[Sample]) -> bytes:
    """A frame of type 1, as an H10 sends it, or of type 2 where a value needs 24 bits; `decode` gives the same back.

    Raises OverflowError when a value does not fit into 24 bits.
    """
    wide = any(not -0x8000 <= value <= 0x7FFF for sample in xyz_mg for value in sample)
    size = 3 if wide else 2
    body = b"".join(value.to_bytes(size, "little", signed=True) for sample in xyz_mg for value in sample)
    return bytes((ACCELERATION,)) + dev_ns.to_bytes(8, "little") + bytes((size - 1,)) + body


def _unit_mg(kind: int, factor: float | None) -> float | None:
    """What one count of differences means; a factor that no strap has is none."""
    usable = factor if factor is not None and 0 < factor <= LARGEST_FACTOR else None
    if kind == COMPRESSED:
        return None if usable is None else usable * 1000
    return usable or 1.0


def _whole_samples(body: bytes, size: int) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    whole = min(len(body) // (3 * size), MOST_SAMPLES)
    numbers = [int.from_bytes(body[at : at + size], "little", signed=True) for at in range(0, 3 * size * whole, size)]
    samples = tuple(zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True))
    return samples, ("torn sample",) if len(body) > 3 * size * whole else ()


def _undo_differences(body: bytes) -> tuple[list[Sample], tuple[str, ...]]:
    if len(body) < 6:
        return [], ("torn sample",)
    samples: list[Sample] = [struct.unpack_from("<hhh", body)]
    rest = body[6:]
    while rest:
        if len(rest) < 2 or rest[0] > 32:
            return samples, ("torn block",)
        bits, count = rest[0], rest[1]
        if len(samples) + count > MOST_SAMPLES:
            return samples, ("too many samples",)
        block, rest = rest[2 : 2 + (bits * count * 3 + 7) // 8], rest[2 + (bits * count * 3 + 7) // 8 :]
        whole = count if not bits else min(count, len(block) * 8 // (bits * 3))
        samples += _added_up(samples[-1], block, bits, whole)
        if whole < count:
            return samples, ("torn block",)
    return samples, ()


def _added_up(last: Sample, block: bytes, bits: int, count: int) -> list[Sample]:
    """The samples behind `last` whose differences these are."""
    packed, mask, sign = int.from_bytes(block, "little"), (1 << bits) - 1, 1 << bits >> 1
    found: list[Sample] = []
    for place in range(count):
        shift = 3 * bits * place
        dx, dy, dz = (((packed >> (shift + bits * axis) & mask) ^ sign) - sign for axis in range(3))
        last = (last[0] + dx, last[1] + dy, last[2] + dz)
        found.append(last)
    return found
