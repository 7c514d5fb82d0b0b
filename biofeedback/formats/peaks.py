"""Two ways to the beats of an ECG or a pulse wave that look at different things, and whether they tell the same story.

The first is heartpy 1.2.7 (van Gent et al. 2019, DOI 10.5334/jors.241), of which only the list of peaks is taken: it
raises the moving mean of 0.75 s by so much that the intervals between what sticks out scatter least. It is given the
energy of an ECG's 5-15 Hz band (Pan & Tompkins 1985, DOI 10.1109/TBME.1985.325532), or the positive half of a pulse
wave's 0.5-8 Hz band, squared, a minute at a time. The second takes the highest places of an ECG's 12-30 Hz envelope, or
of the upstrokes of a pulse wave; it needs no regularity. Noise seldom looks like a beat to both.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import sqrt
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np

from biofeedback.errors import BiofeedbackError
from biofeedback.formats.sampled import Signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float64]
    Places: TypeAlias = NDArray[np.int64]

WaveformKind: TypeAlias = Literal["ecg", "ppg"]

CHUNK_S: Final = 60.0
"""heartpy's threshold is one for all it is given: a minute."""
MARGIN_S: Final = 5.0
"""Neighbouring minutes see so much of each other, in which filters settle."""
STEADY_MS: Final = 0.1
"""heartpy believes no intervals that scatter by less."""
STEADY_PERCENT: Final = (20, 50, 100, 200, 300)
"""By so much the moving mean is raised in turn, of the steps heartpy takes itself."""
EDGE_S: Final = 0.1
"""A beat so close to a hole may be half of one, and is not taken."""
MEAN_S: Final = 0.75
SLOWEST_BPM: Final = 30
FASTEST_BPM: Final = 220
QRS_S: Final = 0.1
"""About the length of a QRS complex: energy is taken over this, so that each is one hill."""
REFRACTORY_S: Final = 0.25
AROUND_S: Final = 0.08
"""The peak itself lies this close to the place of most energy."""
UPSTROKE_S: Final = 0.3
"""The steepest rise lies at most so long before a pulse's peak."""
AGAIN_S: Final = 0.03
"""Another reading of an ECG's peak is looked for so close to the first."""
BLOCK_S: Final = 2.0
BLOCKS: Final = 4
LOW: Final = 0.5
"""The second way leaves out what is lower than this share of the usual height in the 9 blocks around."""
HIDDEN: Final = 0.25
ALONE: Final = 2.0
"""Between two beats of an ECG a hill of a quarter of their height, and so much higher than all others there, may be a
beat. In the 12-30 Hz band a T wave is none: in real ECGs 0 to 1 % of the intervals hold such a hill, in made ones where
each second beat has 0.3 or 0.4 of the first's height 88 % and more."""
BESIDE_S: Final = 0.3
"""Nearer to a beat than this no other is looked for: a pacemaker's spike, the end of a QRS complex."""
NOTHING: Final = 1e-60
"""No power, where something is divided by it: a signal is at most 1."""
SAME_S: Final = 0.075
"""Both mean the same beat when, but for a steady shift, they put it within this of each other."""


@dataclass(frozen=True, slots=True)
class Found:
    """Beats that both ways found, and those that only one did, all in seconds since the first sample.

    `again`: another reading of each beat's place. `off`: how far from it, less the usual, the second way put the beat.
    `middles`: of an ECG's intervals, by the first way; `lower`: whether
    in each something lower but as sharp stands alone, as when each second beat is missed.
    """

    beats: Samples
    again: Samples
    off: Samples
    lone: Samples
    middles: Samples
    lower: NDArray[np.bool_]

    @property
    def either(self) -> int:
        """How many beats either way found."""
        return self.beats.size + self.lone.size

    @property
    def agreement(self) -> float:
        """Beats that both found over beats that either found."""
        return self.beats.size / self.either if self.either else 0.0

    @property
    def scatter_s(self) -> float:
        """By how much the places of beats scatter, as far as the other reading of each tells."""
        return _scatter(self.again - self.beats)

    @property
    def hidden(self) -> float:
        """The share of an ECG's intervals in which something lower stands alone."""
        return float(self.lower.mean()) if self.lower.size else 0.0

    def within(self, stretches: Sequence[tuple[float, float]]) -> Found:
        """What lies in these stretches, each (from, to) in seconds, in order."""
        beats, lone, middles = (_inside(places, stretches) for places in (self.beats, self.lone, self.middles))
        return Found(
            self.beats[beats],
            self.again[beats],
            self.off[beats],
            self.lone[lone],
            self.middles[middles],
            self.lower[middles],
        )


@dataclass(frozen=True, slots=True)
class _Chunk:
    """One minute, in seconds: beats of either way; the first way's, read in four ways, and the height of the first two.

    `up`, `down`: where the wave is highest and lowest; `up_again`, `down_again`: the same of another wave.
    `middles`: of the intervals of an ECG; `lower`: whether something lower but as sharp stands alone in each.
    """

    first: Samples
    second: Samples
    up: Samples
    down: Samples
    up_again: Samples
    down_again: Samples
    heights: tuple[float, float]
    middles: Samples = field(default_factory=lambda: np.empty(0))
    lower: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    def cut(self, from_s: float, to_s: float, later_s: float) -> _Chunk:
        """What lies in [from, to), not in the margins, moved to the signal's time."""
        mine = (self.first >= from_s) & (self.first < to_s)
        theirs = (self.second >= from_s) & (self.second < to_s)
        between = (self.middles >= from_s) & (self.middles < to_s)
        return _Chunk(
            self.first[mine] + later_s,
            self.second[theirs] + later_s,
            self.up[mine] + later_s,
            self.down[mine] + later_s,
            self.up_again[mine] + later_s,
            self.down_again[mine] + later_s,
            self.heights,
            self.middles[between] + later_s,
            self.lower[between],
        )


def find_beats(signal: Signal, kind: WaveformKind) -> Found:
    """Look for beats in both ways. Raises BiofeedbackError when heartpy is not installed."""
    heartpy = load_heartpy()
    turn = -1.0 if kind == "ppg" and _hangs_down(signal) else 1.0
    chunks = [
        chunk for piece in signal.pieces for chunk in _chunks(turn * piece.values, piece.at_s, signal.hz, kind, heartpy)
    ]
    first = np.concatenate([chunk.first for chunk in chunks])
    second = np.concatenate([chunk.second for chunk in chunks])
    up, down = np.median(np.array([chunk.heights for chunk in chunks]), axis=0)
    places = np.concatenate([chunk.up if up >= down else chunk.down for chunk in chunks])
    again = np.concatenate([chunk.up_again if up >= down else chunk.down_again for chunk in chunks])
    both, off, alone = _matched(first, second)
    both[1:] &= places[1:] > np.maximum.accumulate(places)[:-1] + REFRACTORY_S / 2
    lone = np.sort(np.concatenate((first[~both], alone)))
    middles = np.concatenate([chunk.middles for chunk in chunks])
    lower = np.concatenate([chunk.lower for chunk in chunks])
    return Found(places[both], again[both], off[both], lone, middles, lower)


def _inside(places: Samples, stretches: Sequence[tuple[float, float]]) -> NDArray[np.bool_]:
    inside = np.zeros(places.size, bool)
    for begin, end in stretches:
        inside[np.searchsorted(places, begin) : np.searchsorted(places, end)] = True
    return inside


def load_heartpy() -> ModuleType:
    """heartpy's peak detection, imported when first needed: it draws in scipy and matplotlib (1 CPU-s).

    It asks for pkg_resources, only to find its example data. Setuptools below 81, a dependency of ours, brings that
    with a warning; where another package has put a later setuptools, a stand-in is lent for the time of the import.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        absent = sys.modules.get("pkg_resources") is None
        lent = absent and importlib.util.find_spec("pkg_resources") is None
        if lent:
            sys.modules["pkg_resources"] = _stand_in()
        try:
            importlib.import_module("heartpy")
            return importlib.import_module("heartpy.peakdetection")
        except ImportError as error:
            raise BiofeedbackError(
                f"Beats cannot be looked for in a waveform: {error}.", "Install it: pip install 'heartpy>=1.2.7,<1.3'."
            ) from error
        finally:
            if lent:
                del sys.modules["pkg_resources"]


def _stand_in() -> ModuleType:
    def resource_filename(_package: str, name: str) -> str:
        return name

    module = ModuleType("pkg_resources")
    module.__dict__["resource_filename"] = resource_filename
    return module


def _scipy_signal() -> Any:  # noqa: ANN401 - a module without types
    return importlib.import_module("scipy.signal")


def _chunks(values: Samples, at_s: float, hz: float, kind: WaveformKind, heartpy: ModuleType) -> list[_Chunk]:
    """Both ways, a minute at a time, each minute with its margins."""
    margin, start = round(MARGIN_S * hz), 0
    look: Callable[[Samples, float, ModuleType], _Chunk] = _ecg_chunk if kind == "ecg" else _pulse_chunk
    chunks: list[_Chunk] = []
    for minute in _minutes(values, hz):
        end = start + minute.size
        low, high = max(0, start - margin), min(values.size, end + margin)
        chunk = look(values[low:high], hz, heartpy)
        from_s = (start - low) / hz + (EDGE_S if start == 0 else 0)
        to_s = (end - low) / hz - (EDGE_S if end == values.size else 0)
        chunks.append(chunk.cut(from_s, to_s, at_s + low / hz))
        start = end
    return chunks


def _ecg_chunk(values: Samples, hz: float, heartpy: ModuleType) -> _Chunk:
    qrs, sharper = _band(values, hz, 5, 15), _band(values, hz, 8, 25)
    energy = _smooth(qrs * qrs, QRS_S * hz)
    first = _first_way(energy, hz, heartpy)
    sharp = _smooth(np.abs(_band(values, hz, 12, 30)), QRS_S * hz)
    second = _second_way(sharp, hz, REFRACTORY_S)
    around, near = round(AROUND_S * hz), round(AGAIN_S * hz)
    up, down = (_refined(wave, first, around, around) for wave in (qrs, -qrs))
    up_again, down_again = _refined(sharper, _whole(up), near, near), _refined(-sharper, _whole(down), near, near)
    heights = (_usual_height(qrs, up), _usual_height(-qrs, down))
    middles, lower = (first[1:] + first[:-1]) / 2, np.array(_hidden(sharp, first, hz), np.bool_)
    both = (up / hz, down / hz, up_again / hz, down_again / hz)
    return _Chunk(first / hz, second / hz, *both, heights, middles / hz, lower)


def _pulse_chunk(values: Samples, hz: float, heartpy: ModuleType) -> _Chunk:
    pulse, smoother = _band(values, hz, 0.5, 8), _band(values, hz, 0.5, 5)
    first = _first_way(np.maximum(pulse, 0) ** 2, hz, heartpy)
    rise = np.gradient(smoother)
    second = _second_way(np.maximum(rise, 0), hz, max(REFRACTORY_S, 0.55 * _period(rise, hz)))
    around = round(AROUND_S * hz)
    steepest, peak = _refined(rise, first, round(UPSTROKE_S * hz), 0), _refined(smoother, first, around, around)
    return _Chunk(first / hz, second / hz, steepest / hz, steepest / hz, peak / hz, peak / hz, (1.0, 0.0))


def _hangs_down(signal: Signal) -> bool:
    """Whether a pulse wave is upside down: its pulses are narrower than what lies between them."""
    minutes = [minute for piece in signal.pieces for minute in _minutes(piece.values, signal.hz)]
    skews = [_skew(_band(minute, signal.hz, 0.5, 8)) for minute in minutes]
    return bool(np.median(np.array(skews)) < 0)


def _skew(wave: Samples) -> float:
    cubes, squares = float(np.mean(wave**3)), float(np.mean(wave**2))
    return cubes / max(squares * sqrt(squares), NOTHING)


def _minutes(values: Samples, hz: float) -> list[Samples]:
    """A piece in minutes; the last takes up to half a minute more, so that none is short."""
    size = round(CHUNK_S * hz)
    starts = range(0, max(1, values.size - size // 2), size)
    return [values[start : values.size if start == starts[-1] else start + size] for start in starts]


def _band(values: Samples, hz: float, low_hz: float, high_hz: float) -> Samples:
    """The signal between two frequencies, without delay (Butterworth, second order, forwards and backwards)."""
    sections = _sections(hz, low_hz, min(high_hz, 0.45 * hz))
    return np.asarray(_scipy_signal().sosfiltfilt(sections, values - np.median(values)), dtype=np.float64)


@lru_cache(maxsize=16)
def _sections(hz: float, low_hz: float, high_hz: float) -> Any:  # noqa: ANN401 - an array of scipy's
    return _scipy_signal().butter(2, (low_hz, high_hz), "bandpass", fs=hz, output="sos")


def _smooth(values: Samples, samples: float) -> Samples:
    count = max(1, round(samples))
    return np.convolve(values, np.full(count, 1 / count), "same")


def _first_way(hills: Samples, hz: float, heartpy: ModuleType) -> Places:
    """heartpy's list of peaks, of two too close to each other the higher; none when it finds nothing fitting.

    Its dictionaries are given anew at each call: as defaults they would be shared between all calls.
    """
    top = float(np.percentile(hills, 99))
    if not top > 0:
        return np.array([], np.int64)
    scaled = hills * (100 / top)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mean = _moving_mean(scaled, round(MEAN_S * hz))
        try:
            found: dict[str, Any] = heartpy.fit_peaks(
                scaled, mean, hz, bpmmin=SLOWEST_BPM, bpmmax=FASTEST_BPM, working_data={}
            )
        except heartpy.BadSignalWarning:
            found = {"peaklist": _steady(scaled, mean, hz, heartpy)}
    return _thinned(np.asarray(found["peaklist"], dtype=np.int64), scaled, REFRACTORY_S * hz)


def _steady(hills: Samples, mean: Samples, hz: float, heartpy: ModuleType) -> Sequence[int]:
    """heartpy's peaks where all intervals are equal, which it takes for none: a pacemaker, a patient simulator."""
    for percent in STEADY_PERCENT:
        found: dict[str, Any] = heartpy.detect_peaks(hills, mean, percent, hz, working_data={})
        peaks: Sequence[int] = found["peaklist"]
        bpm = 60 * len(peaks) / (hills.size / hz)
        if float(found["rrsd"]) <= STEADY_MS and SLOWEST_BPM <= bpm <= FASTEST_BPM:
            return peaks
    return ()


def _moving_mean(values: Samples, count: int) -> Samples:
    """Centred, with the first and last full mean kept to the ends."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    means = (sums[count:] - sums[:-count]) / count
    before = (values.size - means.size) // 2
    return np.pad(means, (before, values.size - means.size - before), mode="edge")


def _thinned(places: Places, heights: Samples, apart: float) -> Places:
    kept: list[int] = []
    for place in places.tolist():
        if not kept or place - kept[-1] >= apart:
            kept.append(place)
        elif heights[place] > heights[kept[-1]]:
            kept[-1] = place
    return np.array(kept, np.int64)


def _second_way(hills: Samples, hz: float, apart_s: float) -> Places:
    """The highest places that are so far apart, and not low among the highest of the blocks around."""
    size = round(BLOCK_S * hz)
    tops = np.array([hills[start : start + size].max() for start in range(0, hills.size, size)])
    around = np.lib.stride_tricks.sliding_window_view(np.pad(tops, BLOCKS, constant_values=np.nan), 2 * BLOCKS + 1)
    usual: Samples = np.nanmedian(around, axis=1)
    places = np.asarray(_scipy_signal().find_peaks(hills, distance=max(1, round(apart_s * hz)))[0], dtype=np.int64)
    high: Places = places[hills[places] > LOW * usual[places // size]]
    return high


def _hidden(hills: Samples, beats: Places, hz: float) -> tuple[bool, ...]:
    """For each interval: whether it has room for a beat and its highest hill is far above its next, and no tiny one."""
    if beats.size < 2:
        return ()
    usual, beside, apart = float(np.median(hills[beats])), round(BESIDE_S * hz), round(QRS_S * hz)
    lone: list[bool] = []
    for early, late in pairwise(beats.tolist()):
        between = hills[early + beside : late - beside].copy()
        if between.size < beside:
            lone.append(False)
            continue
        top = int(np.argmax(between))
        height = float(between[top])
        between[max(0, top - apart) : top + apart] = 0
        lone.append(height > HIDDEN * usual and height > ALONE * float(between.max()))
    return tuple(lone)


def _period(rise: Samples, hz: float) -> float:
    """The pulse's usual interval in seconds: the highest peak of the autocorrelation between 0.27 and 2 s."""
    spectrum = np.fft.rfft(rise - rise.mean(), 2 * rise.size)
    likeness = np.fft.irfft(np.abs(spectrum) ** 2)[: min(rise.size, round(2 * hz) + 2)]
    lags = np.asarray(_scipy_signal().find_peaks(likeness)[0], dtype=np.int64)
    lags = lags[lags >= 60 / FASTEST_BPM * hz]
    if not lags.size:
        return 0.0
    return float(lags[np.argmax(likeness[lags])]) / hz


def _refined(wave: Samples, places: Places, before: int, after: int) -> Samples:
    """Where the wave is highest around each place, by a parabola through three samples."""
    if not places.size:
        return np.empty(0)
    around = np.clip(places[:, None] + np.arange(-before, after + 1), 0, wave.size - 1)
    tops: Places = around[np.arange(places.size), np.argmax(wave[around], axis=1)]
    refined: Samples = tops + _vertices(wave, tops)
    return refined


def _whole(places: Samples) -> Places:
    return np.round(places).astype(np.int64)


def _usual_height(wave: Samples, places: Samples) -> float:
    return float(np.median(wave[_whole(places)])) if places.size else 0.0


def _scatter(apart: Samples) -> float:
    """The standard deviation of the difference between two readings, from its 90th percentile."""
    return float(np.percentile(np.abs(apart - np.median(apart)), 90)) / 1.645 if apart.size else 0.0


def _vertices(wave: Samples, tops: Places) -> Samples:
    """How far from each of these samples the parabola through it and its neighbours is highest; 0 where none is."""
    inner = np.clip(tops, 1, wave.size - 2)
    left, middle, right = wave[inner - 1], wave[inner], wave[inner + 1]
    bend = left - 2 * middle + right
    is_top = (inner == tops) & (middle >= np.maximum(left, right)) & (bend < 0)
    return np.where(is_top, 0.5 * (left - right) / np.where(is_top, bend, 1.0), 0.0)


def _matched(first: Samples, second: Samples) -> tuple[NDArray[np.bool_], Samples, Samples]:
    """Which beats of the first way the second found too, each once, after the usual shift between them is taken off.

    Then how far off each was put, and where the beats of the second way are that the first did not find.
    """
    both, off, taken = np.zeros(first.size, bool), np.zeros(first.size), np.zeros(second.size, bool)
    if not first.size or not second.size:
        return both, off, second
    near = np.clip(np.searchsorted(second, first), 1, max(1, second.size - 1))
    before, after = second[near - 1] - first, second[np.minimum(near, second.size - 1)] - first
    nearest: Samples = np.where(np.abs(before) <= np.abs(after), before, after)
    shift = float(np.median(nearest))
    place = 0
    for index, at in enumerate((first + shift).tolist()):
        while place < second.size and second[place] < at - SAME_S:
            place += 1
        if place < second.size and second[place] <= at + SAME_S:
            both[index] = taken[place] = True
            off[index] = second[place] - at
            place += 1
    return both, off, second[~taken] - shift


def sharpness(signal: Signal) -> tuple[float, float]:
    """Power of the 5-15 Hz band over that of 0.7-4 Hz, and the kurtosis of the former (noise: 3), as medians of chunks.

    An ECG's QRS complexes give at least some tenths and about 10, a smooth pulse wave a hundredth or so.
    """
    ratios: list[float] = []
    peaked: list[float] = []
    for piece in signal.pieces:
        for minute in _minutes(piece.values, signal.hz):
            fast, slow = _band(minute, signal.hz, 5, 15), _band(minute, signal.hz, 0.7, 4)
            power = max(float(np.mean(fast**2)), NOTHING)
            ratios.append(power / max(float(np.mean(slow**2)), NOTHING))
            peaked.append(float(np.mean(fast**4)) / power**2)
    return float(np.median(ratios)), float(np.median(peaked))
