"""A sampled signal, cut into the pieces between its holes: what is not a number, a lead that is off, missing time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import numpy as np

from biofeedback.errors import UnreadableError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float64]
    Numbers: TypeAlias = Sequence[float] | NDArray[np.floating[Any]] | NDArray[np.integer[Any]]
    Marks: TypeAlias = NDArray[np.bool_]

MOST_SAMPLES: Final = 30_000_000
"""A day and more at 250 Hz."""
FASTEST_HZ: Final = 10_000.0
FLAT_S: Final = 1.0
"""A signal that keeps one value for so long comes from no heart: the lead is off."""
RAILED_S: Final = 0.1
"""Runs of this length at a signal's largest or smallest value, with no LEAST_PIECE_S between them, belong together
where one of them is FLAT_S long: the amplifier is at its rail, as while a belt is put on. A top cut off is shorter."""
RAIL_BREAK: Final = 3
"""So many samples beside the rail do not break a run on it."""
LEAST_PIECE_S: Final = 5.0
"""What lies between two holes is looked at from this length on; shorter, filters have no room to settle."""
JUMP: Final = 1.5
"""A step between two stamps this many times the usual one is a hole."""
MOST_JUMPS: Final = 0.01
"""With a larger share of such steps the stamps are not those of the samples."""
CUT_OFF_S: Final = 0.02
CUT_OFF: Final = 0.10
"""Share of the samples that may lie in runs of CUT_OFF_S at the signal's largest or smallest value."""


class Piece(NamedTuple):
    """Samples with no hole between them; `at_s`: the first one's time since the signal's first sample."""

    at_s: float
    values: Samples


class Signal(NamedTuple):
    """The usable pieces of a signal, in parts of its largest value; samples a second, its length, its holes in s."""

    pieces: tuple[Piece, ...]
    hz: float
    seconds: float
    holes: tuple[tuple[float, float], ...]


def read_samples(signal: Numbers, hz: float | None, times_s: Numbers | None) -> Signal:
    """Check a signal and cut it at its holes. Raises UnreadableError, or UsageError when no rate is given."""
    values = _numbers(signal, "The signal")
    stamps = None if times_s is None else _stamps(times_s, values.size)
    rate = _rate(hz, stamps)
    good = np.isfinite(values) & ~_flat(values, round(FLAT_S * rate)) & ~_railed(values, rate)
    breaks = np.zeros(values.size, bool)
    if stamps is not None:
        breaks[1:] = np.diff(stamps) > JUMP / rate
    pieces = tuple(
        Piece(float(start / rate if stamps is None else stamps[start] - stamps[0]), values[start:end])
        for start, end in _runs(good, breaks)
        if end - start >= LEAST_PIECE_S * rate
    )
    seconds = values.size / rate if stamps is None else float(stamps[-1] - stamps[0]) + 1 / rate
    if not pieces:
        raise _nothing_left(values, good, seconds)
    _refuse_cut_off(pieces, rate)
    largest = max(float(np.abs(piece.values).max()) for piece in pieces)
    scaled = tuple(Piece(piece.at_s, piece.values / largest) for piece in pieces)
    stretches = [(piece.at_s, piece.at_s + piece.values.size / rate) for piece in pieces]
    return Signal(scaled, rate, seconds, holes_between(stretches, rate, seconds))


def _numbers(values: Numbers, what: str) -> Samples:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UnreadableError(f"{what} holds something that is not a number.", "Give one list of numbers.") from error
    if numbers.ndim != 1:
        raise UnreadableError(f"{what} has {numbers.ndim} dimensions.", "Give one channel as one list of numbers.")
    if numbers.size == 0:
        raise UnreadableError(f"{what} is empty.", "Export it again from the program it comes from.")
    if numbers.size > MOST_SAMPLES:
        raise UnreadableError(f"{what} holds more than {MOST_SAMPLES // 10**6} million samples.", "Cut it into parts.")
    return numbers


def _stamps(times_s: Numbers, count: int) -> Samples:
    stamps = _numbers(times_s, "The list of times")
    if stamps.size != count:
        raise UnreadableError(f"There are {count} samples and {stamps.size} times.", "Give one time a sample.")
    if count < 2 or not np.isfinite(stamps).all() or (np.diff(stamps) <= 0).any():
        raise UnreadableError("The times do not rise from sample to sample.", "Give the rate in Hz instead of times.")
    return stamps


def _rate(hz: float | None, stamps: Samples | None) -> float:
    """Samples a second: as told, or the mean over all steps of the stamps that are no holes."""
    if hz is not None and not (isfinite(hz) and 0 < hz <= FASTEST_HZ):
        raise UsageError(f"{hz} Hz is no rate of a signal.", f"Give samples a second, up to {FASTEST_HZ:.0f}.")
    if stamps is None:
        if hz is None:
            raise UsageError("The rate of the signal is missing.", "Give samples a second (hz), or the times_s.")
        return float(hz)
    steps = np.diff(stamps)
    usual = float(np.median(steps))
    even = steps[steps <= JUMP * usual]
    odd = (steps.size - even.size + int((even < usual / JUMP).sum())) / steps.size
    if odd > MOST_JUMPS:
        raise UnreadableError(
            f"The times are uneven: {odd:.0%} of the steps are far from the usual {usual * 1000:.3g} ms.",
            "Times of arrival will not do; give the rate in Hz instead of times.",
        )
    rate = float(even.size / even.sum())
    if hz is not None and abs(hz / rate - 1) > 0.01:
        raise UnreadableError(f"The times say {rate:.2f} Hz, not {hz:g} Hz.", "Give only the one that is right.")
    return rate


def _flat(values: Samples, least: int) -> Marks:
    """Marks the samples in runs of one value at least so long."""
    edges = np.flatnonzero(np.diff(values) != 0) + 1  # NaN differs from everything
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.concatenate((starts, [values.size])))
    return np.repeat(lengths >= max(2, least), lengths)


def _railed(values: Samples, hz: float) -> Marks:
    """Marks the stretches in which the signal lies at its largest or smallest value, swings between them included."""
    railed = np.zeros(values.size, bool)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return railed
    at = np.flatnonzero((values == finite.min()) | (values == finite.max()))
    starts = np.concatenate(([0], np.flatnonzero(np.diff(at) > RAIL_BREAK + 1) + 1))
    runs = [(int(at[first]), int(at[last - 1]) + 1) for first, last in pairwise([*starts.tolist(), at.size])]
    runs = [(begin, end) for begin, end in runs if end - begin >= max(3, RAILED_S * hz)]
    apart = [
        number for number, (early, late) in enumerate(pairwise(runs), 1) if late[0] - early[1] >= LEAST_PIECE_S * hz
    ]
    for first, last in pairwise([0, *apart, len(runs)]):
        together = runs[first:last]
        if any(end - begin >= FLAT_S * hz for begin, end in together):
            railed[together[0][0] : together[-1][1]] = True
    return railed


def _runs(good: Marks, breaks: Marks) -> Iterable[tuple[int, int]]:
    """(from, to) of the runs of good samples that no break cuts."""
    changes = np.flatnonzero((good[1:] != good[:-1]) | breaks[1:]) + 1
    bounds = [0, *changes.tolist(), good.size]
    return ((start, end) for start, end in pairwise(bounds) if good[start])


def holes_between(
    stretches: Sequence[tuple[float, float]], hz: float, seconds: float
) -> tuple[tuple[float, float], ...]:
    """What no stretch of a signal of so many seconds covers, by more than half a sample; all are (from, to) in s."""
    ends = [0.0, *(end for _, end in stretches)]
    starts = [*(begin for begin, _ in stretches), seconds]
    return tuple((end, start) for end, start in zip(ends, starts, strict=True) if (start - end) * hz > 0.5)


def _nothing_left(values: Samples, good: Marks, seconds: float) -> UnreadableError:
    missing = 1 - float(np.isfinite(values).mean())
    if seconds < LEAST_PIECE_S:
        return UnreadableError(f"The signal is only {seconds:.1f} s long.", "Beats are looked for from 10 s on.")
    if missing > 0.5:
        return UnreadableError(f"{missing:.0%} of the signal are not numbers.", "Choose another channel or file.")
    if float(good.mean()) < 0.5:
        return UnreadableError(
            f"The signal keeps one value for {1 - float(good.mean()):.0%} of its time, as when a lead is off.",
            "Choose another channel, or record again with all leads on the skin.",
        )
    return UnreadableError(
        f"The signal is torn: no {LEAST_PIECE_S:.0f} s of it are without a hole.", "Record again with a steady sensor."
    )


def _refuse_cut_off(pieces: Sequence[Piece], rate: float) -> None:
    """Raise UnreadableError when the amplifier cut the signal off."""
    total = sum(piece.values.size for piece in pieces)
    for find, word in ((np.max, "largest"), (np.min, "smallest")):
        edge = float(find([find(piece.values) for piece in pieces]))
        least = max(3, round(CUT_OFF_S * rate))
        share = sum(int((_flat(piece.values, least) & (piece.values == edge)).sum()) for piece in pieces) / total
        if share > CUT_OFF:
            raise UnreadableError(
                f"The signal is cut off: {share:.0%} of it lie at its {word} value.", "Record again with a lower gain."
            )
