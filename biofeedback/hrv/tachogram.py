"""Intervals on an even grid: a cubic spline of which every piece depends on a few beats only (HRV 2, RULINGS B2).

An interval stands at its closing beat; flagged ones are left out and bridged by the curve, long runs of them by a
straight line. The second derivative at a beat is that of the natural cubic spline through the `REACH` accepted beats
on either side of it, fewer at the ends of a stretch or window. What lies farther away would weigh 0.268 a beat: the
curve is the whole record's spline within 0.2 %, and yet it is a function of the beats at hand alone, so that live and
replay have the same bits.

Values are rounded to whole ticks (a microsecond), so that sums over the grid are exact in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import BeatWindow, Bools, Floats, Ints, stretches

REACH: Final = 5
"""Beats on either side that shape the curve at a beat."""
LEAST_KNOTS: Final = 2 * REACH + 2
LEAST_US: Final = 3_000_000
"""So long do as many beats last whatever the artefact rule lets pass; without it they may be of no length."""
LONGEST_BENT_S: Final = 3.0
"""Over a longer run of flagged beats the curve is a straight line: a spline would carry on for seconds as it rose."""
LEFT_OUT_S: Final = 0.1
"""A step that is longer than its beat by more than this leaves beats out; one as long as its beat is never a run."""
GRID_US: Final = 250_000
"""The grid: multiples of a quarter of a second on session time (4 Hz)."""
EVEN: Final = 2
"""Of the grid's points each one is taken, or each second."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """Cubic pieces, (n,) each: where they begin (microseconds), and ticks there, per s, per s^2, per s^3."""

    t_us: Ints
    ticks: Ints
    slope: Floats
    bend: Floats
    twist: Floats

    def at(self, grid_us: Ints, piece: Ints) -> Floats:
        """Values at `grid_us`, each on the piece with that number, in whole ticks."""
        along = (grid_us - self.t_us[piece]) / 1e6
        rise = along * (self.slope[piece] + along * (self.bend[piece] + along * self.twist[piece]))
        return np.add(self.ticks[piece], np.rint(rise), dtype=float)


class Curve:
    """The spline through the accepted beats of one or more stretches.

    `t_us`, `ticks`: (k,) where the beats are and how long; `first`: (k,) where stretches begin. `grid` holds the
    values at 4 Hz, (n,) whole ticks, of one stretch after another.
    """

    def __init__(self, t_us: Ints, ticks: Ints, first: Bools) -> None:
        self.t_us, self.ticks, self.first = t_us, ticks, first
        self._begun = np.empty(0, np.int64)
        self._begins: Edges | None = None
        self._ends: Edges | None = None
        self._most: int | None = None
        self.last = last = np.ones(len(first), bool)
        last[:-1] = first[1:]
        self.steps = np.maximum(t_us[1:] - t_us[:-1], 1) / 1e6
        self.steps[last[:-1]] = 1.0
        self.slopes = (ticks[1:] - ticks[:-1]) / self.steps
        self.factor, self.right = np.ones(len(ticks)), np.zeros(len(ticks))
        self.factor[1:-1] = 2 * (self.steps[:-1] + self.steps[1:])
        self.right[1:-1] = 6 * (self.slopes[1:] - self.slopes[:-1])
        self.straight = first | last
        left_out = self.steps - ticks[1:] / TICKS_PER_S > LEFT_OUT_S
        far = left_out & (self.steps > LONGEST_BENT_S)
        self.straight[:-1] |= far
        self.straight[1:] |= far
        self.bound = np.where(self.straight[1:] | self.straight[:-1], 0.0, self.steps)
        self.left, self.behind = self._eliminate()
        bends = solved(self.factor, self.right, self.left, self.behind)
        bends[self.straight] = 0.0
        self.bends = bends
        self.pieces = pieces(t_us[:-1], ticks[:-1], self.steps, self.slopes, bends[:-1], bends[1:])
        self.grid, self._shift = self._lay_grid()

    def _lay_grid(self) -> tuple[Floats, Ints]:
        """The points of all stretches behind one another, and by how much those of each beat's stretch are moved.

        A pause takes no place, however long it is. Stretches lie where an even point would, for whoever takes each
        second one.
        """
        starts, ends = self.t_us[self.first], self.t_us[self.last]
        begin = -(-starts // GRID_US) // EVEN * EVEN
        counts = -(-np.maximum(ends // GRID_US + 1 - begin, 0) // EVEN) * EVEN
        moved = begin - (counts.cumsum() - counts)
        points: Ints = (np.arange(int(counts.sum())) + moved.repeat(counts)) * GRID_US
        nearest = np.minimum(self.t_us.searchsorted(points), len(self.t_us) - 1)
        begins = self.first[nearest] & (self.t_us[nearest] == points)
        piece = np.minimum(np.maximum(nearest - ~begins, 0), len(self.steps) - 1)
        grid = self.pieces.at(points, piece) if len(self.steps) else np.zeros(len(points))
        return grid, moved[self.first.cumsum() - 1]

    def _eliminate(self) -> tuple[Floats, Floats]:
        """What the `REACH` beats on the left of each add to its equation, and those on its right.

        (2, k) each: to the factor, to the right-hand side. A beat where the curve is straight adds nothing. Both
        sides at once: the right one is the left one of the beats in reverse.
        """
        count = len(self.steps)
        steps, factor, right, kept = (np.empty((2, count)) for _ in range(4))
        for both, one in ((factor, self.factor), (right, self.right)):
            both[0], both[1] = one[:-1], one[:0:-1]
        steps[0], steps[1] = self.steps, self.steps[::-1]
        kept[0], kept[1] = self.bound, self.bound[::-1]
        added = np.zeros((2, 2, count + 1))
        share, rest = kept / factor, np.empty((2, count))
        for reach in range(2, REACH + 1):
            np.subtract(right, added[1, :, :-1], out=rest)
            np.multiply(share, rest, out=added[1, :, 1:])
            np.multiply(share, steps, out=added[0, :, 1:])
            if reach < REACH:
                np.subtract(factor, added[0, :, :-1], out=share)
                np.divide(kept, share, out=share)
        return added[:, 0], added[:, 1, ::-1]

    def begin_at(self, knots: Ints) -> None:
        """Work out at once what the curve is where windows begin with these beats, (n,) in order."""
        self._begun, self._begins = knots, self._beginning(knots)

    def tabulate(self, most: int) -> None:
        """Work out once for each beat what the curve is where a window begins or ends there: for many windows.

        None of them may hold more than `most` points of the grid; where a gap is so long, nothing is worked out.
        """
        self._most = most
        every_beat = np.arange(len(self.t_us))
        self.begin_at(every_beat)
        self._ends = self._ending(every_beat)

    def rows(self, first: Ints, last: Ints, every: int = 1) -> tuple[Floats, Ints]:
        """The tachograms of windows from the beats `first` to the beats `last`, (rows,) each, without gaps between.

        Returns (rows, width) ticks, zero behind the end of each, and how many points each has. `every`: of the
        grid's points only each second, say. A window's curve knows nothing of the beats outside it.
        """
        grid_us = every * GRID_US
        start, end = -(-self.t_us[first] // grid_us), self.t_us[last] // grid_us
        counts = end - start + 1
        width, shortest = int(counts.max()), int(counts.min())
        begin = start * every - self._shift[first]
        low, stop = int(begin.min()), int(begin.max()) + width * every
        held = self.grid[low:stop:every]
        points = np.concatenate([held, np.zeros((stop - low) // every - len(held))])
        rows = stretches(points, width)[(begin - low) // every]
        rows[:, shortest:][np.arange(shortest, width) >= counts[:, None]] = 0.0
        if not self.first[first].all():
            self._begins_of(first).lay(rows, start, every)
        if not self.last[last].all():
            ends = self._ending(last) if self._ends is None else self._ends.of(last)
            ends.lay(rows, start, every)
        return rows, counts

    def _begins_of(self, first: Ints) -> Edges:
        if self._begins is not None:
            place = np.minimum(np.searchsorted(self._begun, first), len(self._begun) - 1)
            if (self._begun[place] == first).all():
                return self._begins.of(place)
        return self._beginning(first)

    def _beginning(self, first: Ints) -> Edges:
        """The curve behind these beats where windows begin with them."""
        knots = np.minimum(first[:, None] + np.arange(REACH + 1), len(self.t_us) - 1)
        return self._edges(knots, self._bends_from(knots, self.behind), -(-self.t_us[first] // GRID_US))

    def _ending(self, last: Ints) -> Edges:
        """The curve before these beats where windows end with them."""
        knots = np.maximum(last[:, None] - np.arange(REACH + 1), 0)
        bends = self._bends_from(knots, self.left)
        return self._edges(knots[:, ::-1], bends[:, ::-1], self.t_us[knots[:, -1]] // GRID_US + 1)

    def _bends_from(self, knots: Ints, far: Floats) -> Floats:
        """Second derivatives at these beats (rows, REACH + 1), the first of them the end of a window.

        `far`: what the beats of the window add to each equation, from the other side.
        """
        between = np.minimum(np.minimum(knots[:, :-1], knots[:, 1:]), len(self.steps) - 1)
        steps, bound = self.steps[between], self.bound[between]
        factor, right, beyond = self.factor[knots], self.right[knots], far[:, knots]
        bends = np.zeros(knots.shape)
        added = np.zeros((2, len(knots)))
        for place in range(1, REACH):
            bends[:, place] = solved(factor[:, place], right[:, place], added, beyond[:, :, place])
            share = bound[:, place] / (factor[:, place] - added[0])
            added = np.array([share * steps[:, place], share * (right[:, place] - added[1])])
        bends[:, REACH] = self.bends[knots[:, REACH]]
        bends[self.straight[knots]] = 0.0
        return bends

    def _edges(self, knots: Ints, bends: Floats, from_point: Ints) -> Edges:
        """The curve between these beats (rows, REACH + 1), from those points of the grid on."""
        t_us, inner = self.t_us[knots], np.minimum(knots[:, :-1], len(self.steps) - 1)
        laid = pieces(
            t_us[:, :-1].ravel(),
            self.ticks[inner].ravel(),
            self.steps[inner].ravel(),
            self.slopes[inner].ravel(),
            bends[:, :-1].ravel(),
            bends[:, 1:].ravel(),
        )
        until = t_us // GRID_US
        until[:, 0] = from_point - 1
        held = np.maximum(until[:, 1:] - until[:, :-1], 0)
        if self._most is not None:
            held[held.sum(axis=1) > self._most] = 0
        piece = np.repeat(np.arange(held.size), held.ravel())
        counts = held.sum(axis=1)
        row = piece // REACH
        place = np.arange(len(piece)) - (np.cumsum(counts) - counts)[row]
        values = np.zeros((len(knots), int(counts.max())))
        values[row, place] = laid.at((place + from_point[row]) * GRID_US, piece)
        return Edges(from_point, counts, values)


@dataclass(frozen=True, slots=True)
class Edges:
    """The curve at one end of windows, (rows,) each: from which point of the grid on, how many, and (rows, most)."""

    from_point: Ints
    counts: Ints
    values: Floats

    def of(self, rows: Ints) -> Edges:
        """Those of these rows."""
        counts = self.counts[rows]
        return Edges(self.from_point[rows], counts, self.values[rows, : int(counts.max())])

    def lay(self, rows: Floats, start: Ints, every: int) -> None:
        """Write them into tachograms (rows, width) that begin with the point `start` of each `every`-th."""
        place: Ints = np.arange(int(self.values.shape[1]))
        point = self.from_point[:, None] + place
        there = place < self.counts[:, None]
        if every > 1:
            there &= point % every == 0
        column = point // every - start[:, None]
        rows[there.nonzero()[0], column[there]] = self.values[there]


def pieces(t_us: Ints, ticks: Ints, steps: Floats, slopes: Floats, bend: Floats, next_bend: Floats) -> Pieces:
    """Cubic pieces from the second derivatives at their ends."""
    return Pieces(t_us, ticks, slopes - steps * (2 * bend + next_bend) / 6, bend / 2, (next_bend - bend) / (6 * steps))


def solved(factor: Floats, right: Floats, left: Floats, behind: Floats) -> Floats:
    """The second derivative where both sides have been eliminated, ticks per second squared."""
    bends: Floats = (right - left[1] - behind[1]) / (factor - left[0] - behind[0])
    return bends


def enough(t_us: Ints, first: Ints, last: Ints) -> Bools:
    """Whether the accepted beats `first` to `last`, (rows,) each, of those at `t_us` make a tachogram.

    There must be `LEAST_KNOTS` of them, over `LEAST_US`; those there are not at all do not.
    """
    held = last - first + 1 >= LEAST_KNOTS
    held[held] = t_us[last[held]] - t_us[first[held]] >= LEAST_US
    return held


def tachogram(window: BeatWindow, every: int = 1) -> Floats:
    """Intervals of a gap-free window on the grid, (n,) whole ticks, from its first to its last accepted beat.

    Empty when there are not `enough`. `every`: of the grid's points only each second, say.
    """
    count = len(window.nn)
    if count < LEAST_KNOTS:
        return np.empty(0)
    curve, number = curve_of(window)
    first, last = np.array([number]), np.array([number + count - 1])
    if not enough(curve.t_us, first, last)[0]:
        return np.empty(0)
    rows, _ = curve.rows(first, last, every)
    row: Floats = rows[0]
    return row


def curve_of(window: BeatWindow) -> tuple[Curve, int]:
    """A curve that holds the window's accepted beats, and which of its beats is their first.

    A part of a longer window shares its curve: only what lies at the part's ends is another there.
    """
    if window.whole is not None:
        whole, start = window.whole
        curve, first = curve_of(whole)
        return curve, first + int(np.count_nonzero(whole.arrays.ok[:start]))
    return window.remember("curve", _new_curve), 0


def _nowhere(_: BeatWindow) -> tuple[int, ...]:
    return ()


def begins(joined: Bools, ok: Bools) -> Bools:
    """Which of the accepted beats begin a stretch, of beats (n,) that follow the one before them or not."""
    stretch = np.cumsum(~joined)[ok]
    first = np.ones(len(stretch), bool)
    np.not_equal(stretch[1:], stretch[:-1], out=first[1:])
    return first


def _new_curve(window: BeatWindow) -> Curve:
    held = window.arrays
    curve = Curve(held.t_us[held.ok], held.ticks[held.ok], begins(held.joined, held.ok))
    starts = window.remember("parts begin", _nowhere)
    if starts and len(held.accepted) >= LEAST_KNOTS:
        ranks: Ints = np.searchsorted(held.accepted, np.array(starts))
        there = sorted({rank for rank in ranks.tolist() if rank < len(held.accepted)})
        if there:
            curve.begin_at(np.array(there))
    return curve
