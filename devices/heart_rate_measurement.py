"""The Heart Rate Measurement notification, characteristic 0x2A37 of the Bluetooth Heart Rate Service 1.0.

`flags u8 | heart rate u8 or u16 | [energy u16] | RR interval u16 * n`, little endian. Straps send torn and
odd packets, so reading never raises: whole fields are kept, a torn rest is dropped and named in `problems`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

WIDE_HEART_RATE = 0x01
CONTACT_DETECTED = 0x02
CONTACT_SUPPORTED = 0x04
ENERGY_PRESENT = 0x08
RR_PRESENT = 0x10
RESERVED = 0xE0

LARGEST_U16 = 0xFFFF

_CONTACT_FLAGS = {None: 0, False: CONTACT_SUPPORTED, True: CONTACT_SUPPORTED | CONTACT_DETECTED}


@dataclass(frozen=True, slots=True)
class HeartRateMeasurement:
    """One notification, decoded."""

    hr: int | None = None
    """Beats a minute; None when the packet ends before it. Straps send 0 when they see no beats."""
    contact: bool | None = None
    """Whether the electrodes touch the skin; None when the strap does not say."""
    energy_kj: int | None = None
    """Energy since the last reset in kJ; it stays at 65535 when full."""
    rr_1024: tuple[int, ...] = ()
    """RR intervals in 1/1024 s, oldest first."""
    problems: tuple[str, ...] = ()
    """What was wrong with the bytes, in short stable words; empty when nothing was."""


def decode(raw: bytes) -> HeartRateMeasurement:
    """Read any bytes; the number of intervals is whatever is there up to the end."""
    if not raw:
        return HeartRateMeasurement(problems=("empty",))
    flags = raw[0]
    contact = bool(flags & CONTACT_DETECTED) if flags & CONTACT_SUPPORTED else None
    problems = ["reserved flags"] if flags & RESERVED else []
    hr_end = 3 if flags & WIDE_HEART_RATE else 2
    if len(raw) < hr_end:
        return HeartRateMeasurement(contact=contact, problems=(*problems, "no heart rate"))
    hr = int.from_bytes(raw[1:hr_end], "little")
    energy_kj: int | None = None
    rest = raw[hr_end:]
    if flags & ENERGY_PRESENT:
        if len(rest) < 2:
            return HeartRateMeasurement(hr, contact, problems=(*problems, "torn energy"))
        energy_kj = int.from_bytes(rest[:2], "little")
        rest = rest[2:]
    rr_1024, trouble = _decode_intervals(rest, expected=bool(flags & RR_PRESENT))
    return HeartRateMeasurement(hr, contact, energy_kj, rr_1024, (*problems, *trouble))


def _decode_intervals(rest: bytes, *, expected: bool) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if not expected:
        return (), ("bytes without rr flag",) if rest else ()
    if not rest:
        return (), ("rr flag without intervals",)
    whole = len(rest) // 2
    rr_1024: tuple[int, ...] = struct.unpack_from(f"<{whole}H", rest)
    return rr_1024, ("torn interval",) if len(rest) % 2 else ()


def encode(hr: int, *, contact: bool | None = None, energy_kj: int | None = None, rr_1024: Sequence[int] = ()) -> bytes:
    """The shortest packet that says this; `decode` gives the same fields back.

    Raises ValueError when a field does not fit into 16 bits.
    """
    for field, value in (("hr", hr), ("energy_kj", energy_kj or 0), *(("rr_1024", rr) for rr in rr_1024)):
        if not 0 <= value <= LARGEST_U16:
            raise ValueError(f"{field} must be 0 to {LARGEST_U16}, not {value}")
    flags = _CONTACT_FLAGS[contact]
    flags |= WIDE_HEART_RATE if hr > 0xFF else 0
    flags |= ENERGY_PRESENT if energy_kj is not None else 0
    flags |= RR_PRESENT if rr_1024 else 0
    head = struct.pack("<BH" if hr > 0xFF else "<BB", flags, hr)
    energy = b"" if energy_kj is None else struct.pack("<H", energy_kj)
    return head + energy + struct.pack(f"<{len(rr_1024)}H", *rr_1024)
