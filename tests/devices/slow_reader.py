"""A second reader of the Heart Rate Measurement, written bit by bit from the table of the service, as an oracle.

It shares nothing with `devices/heart_rate_measurement.py` but the type of its answer: it takes one byte after the other
off a list, and stops where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

from devices.heart_rate_measurement import HeartRateMeasurement, decode


class Exhausted(Exception):  # noqa: N818 - not an error: the packet ends here
    """Raised when a field is torn."""


def _number(left: list[int], octets: int) -> int:
    if len(left) < octets:
        raise Exhausted
    return sum(left.pop(0) << (8 * place) for place in range(octets))


def slowly(raw: bytes) -> HeartRateMeasurement:
    """What the bytes say, field by field, up to the first that is torn."""
    left = list(raw)
    if not left:
        return HeartRateMeasurement(problems=("empty",))
    bits = f"{left.pop(0):08b}"[::-1]
    problems = ["reserved flags"] if "1" in bits[5:] else []
    contact = None if bits[2] == "0" else bits[1] == "1"
    hr: int | None = None
    energy_kj: int | None = None
    rr_1024: list[int] = []
    field = "no heart rate"
    try:
        hr = _number(left, 2 if bits[0] == "1" else 1)
        field = "torn energy"
        energy_kj = _number(left, 2) if bits[3] == "1" else None
        field = "torn interval"
        if bits[4] == "1" and not left:
            problems.append("rr flag without intervals")
        while bits[4] == "1" and left:
            rr_1024.append(_number(left, 2))
    except Exhausted:
        problems.append(field)
    else:
        problems += ["bytes without rr flag"] if left else []
    return HeartRateMeasurement(hr, contact, energy_kj, tuple(rr_1024), tuple(problems))


def check(raw: bytes) -> None:
    """Both readers say the same; raises AssertionError with the bytes when they do not."""
    said = decode(raw)
    if said != slowly(raw):
        raise AssertionError(f"{raw.hex()}: {said}, but slowly {slowly(raw)}")


def every_string(longest: int) -> Iterator[bytes]:
    """All strings of up to so many bytes."""
    for length in range(longest + 1):
        for string in product(range(256), repeat=length):
            yield bytes(string)


def random_strings(count: int, longest: int = 40, seed: int = 0x2A37) -> Iterator[bytes]:
    """So many random strings of up to `longest` bytes."""
    rng = Random(seed)
    for _ in range(count):
        yield rng.randbytes(rng.randrange(longest + 1))
