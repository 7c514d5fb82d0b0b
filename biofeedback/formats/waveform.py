"""Beats out of an ECG or a pulse wave: heartpy behind one lazy adapter, and a gate that refuses in words.

`peaks` looks for beats in two ways; beats are given only where the two agree (`stretches`). Then the artefact rule
(RULINGS B1) judges the intervals as it does those of a strap. Importing this module loads numpy, not heartpy or scipy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from biofeedback.errors import UnreadableError, UsageError
from biofeedback.formats.peaks import FASTEST_BPM, SLOWEST_BPM, Found, WaveformKind, find_beats, sharpness
from biofeedback.formats.sampled import Signal, holes_between, read_samples
from biofeedback.formats.stretches import AGREEMENT, Stretch, trusted
from biofeedback.hrv.summary import IRREGULAR, beats_of_intervals
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import POOR, window_of

if TYPE_CHECKING:
    from biofeedback.formats.sampled import Numbers

__all__ = ["WaveformBeats", "WaveformKind", "rr_from_waveform"]

VERSION: Final = 3

SLOWEST_HZ: Final[dict[WaveformKind, float]] = {"ecg": 100.0, "ppg": 25.0}
SHORTEST_S: Final = 10.0
LEAST_BEATS: Final = 6
AGREEMENT_IF_IRREGULAR: Final = 0.98
"""Where more than a fifth of the intervals is flagged, beats are believed only if the two ways hardly ever differ."""
MOST_SCATTER_S: Final = 0.010
"""A scatter of s ms adds 6 s² to the square of an RMSSD: from here on more than a usual one has."""
POOR_SCATTER_S: Final = 0.005
MOST_HIDDEN: Final = 0.20
LEAST_USED: Final = 0.5
LEAST_USED_S: Final = 60.0
"""So much of a signal, as a share or in seconds, must be without holes, and be trusted."""
PEAKED: Final = 3.5
"""The kurtosis of an ECG's 5-15 Hz band is at least so large (noise 3, a sine wave 1.5; ECGs here 9 to 13)."""
STRONG: Final = 0.01
"""An ECG's power at 5-15 Hz is at least so large beside that at 0.7-4 Hz (ECGs here 0.4 to 2.4, a sine wave 0)."""
ECG_FROM: Final = 0.25
PPG_TO: Final = 0.10
WORDS: Final[dict[WaveformKind, str]] = {"ecg": "ECG", "ppg": "pulse wave"}


@dataclass(frozen=True, slots=True)
class WaveformBeats:
    """What was found in a waveform.

    `beats`: times since its first sample in ticks of 1/1 024 000 s, each rounded by itself (RULINGS A7). Of an ECG they
    are R peaks; of a pulse wave the steepest points of the upstrokes, whose intervals are pulse intervals, not RR.
    `holes`: (from, to) in seconds, where there was no usable signal, or the two ways disagreed.
    `agreement`: beats that both ways found over beats that either found, outside the holes.
    `scatter_ms`: by how much the places of beats scatter; it adds about 6 scatter_ms² to the square of an RMSSD in ms.
    `flagged`: share of intervals that the artefact rule flags.
    `found`: how the beats were found, in words.
    `quality`: "irregular" with more than 20 % of these, "poor" with more than 5 % or a scatter over 5 ms, else None.
    """

    kind: WaveformKind
    hz: float
    seconds: float
    beats: tuple[int, ...]
    holes: tuple[tuple[float, float], ...]
    agreement: float
    scatter_ms: float
    flagged: float
    quality: str | None
    found: str

    @property
    def rr_ticks(self) -> tuple[int, ...]:
        """Intervals between beats, ticks of 1/1 024 000 s. One over 2500 ms is a gap to all that reads it."""
        return tuple(late - early for early, late in pairwise(self.beats))

    @property
    def rr_ms(self) -> tuple[float, ...]:
        """The same in milliseconds, as `biofeedback.analyze` takes them."""
        return tuple(ticks * 1000 / TICKS_PER_S for ticks in self.rr_ticks)


def rr_from_waveform(
    signal: Numbers,
    hz: float | None = None,
    kind: WaveformKind | None = None,
    *,
    times_s: Numbers | None = None,
) -> WaveformBeats:
    """Find the heartbeats in one channel of an ECG (from 100 Hz on) or of a pulse wave (from 25 Hz on).

    `signal`: samples in any unit, NaN where there is none; `hz`: samples a second, or `times_s`: the time of each
    sample in seconds. A wrong rate scales all intervals, and only one far off is noticed. `kind` is told by the signal
    when it is clear. How and by whose papers: `biofeedback.formats.peaks`.

    Raises UnreadableError, saying what was seen and what to do, when the signal is damaged or its beats cannot be
    trusted; UsageError when an argument is missing or wrong; BiofeedbackError when heartpy is not installed.
    """
    if kind not in (None, "ecg", "ppg"):
        raise UsageError(f"There is no kind of waveform '{kind}'.", "Choose 'ecg' or 'ppg'.")
    read = read_samples(signal, hz, times_s)
    if read.seconds < SHORTEST_S:
        raise UnreadableError(
            f"The signal is only {read.seconds:.1f} s long.", f"Beats are looked for from {SHORTEST_S:.0f} s on."
        )
    used_s = sum(piece.values.size for piece in read.pieces) / read.hz
    if used_s < min(LEAST_USED_S, LEAST_USED * read.seconds):
        raise UnreadableError(
            f"Only {used_s / read.seconds:.0%} of the signal is without holes.",
            "Record again, or cut out the good stretch.",
        )
    kind = _checked_kind(read, kind)
    found = find_beats(read, kind)
    stretches = trusted(read, found)
    # An ECG that is called a pulse wave may look right for a while, where only its T waves are found.
    if found.agreement < AGREEMENT and kind == "ppg" and sharpness(read)[0] >= ECG_FROM:
        raise _not_told(read, kind, found)
    if sum(end - begin for begin, end in stretches) < min(LEAST_USED_S, LEAST_USED * used_s):
        raise _not_told(read, kind, found)
    return _judged(read, kind, found.within(stretches), stretches)


def _checked_kind(read: Signal, kind: WaveformKind | None) -> WaveformKind:
    if read.hz < SLOWEST_HZ[kind or "ppg"]:
        raise UnreadableError(
            f"{read.hz:g} samples a second are too few for the beats of {_a(kind or 'ppg')}.",
            f"An ECG needs {SLOWEST_HZ['ecg']:.0f} Hz, a pulse wave {SLOWEST_HZ['ppg']:.0f} Hz.",
        )
    if kind == "ppg":
        return kind
    if read.hz < SLOWEST_HZ["ecg"]:
        return "ppg"
    ratio, peaked = sharpness(read)
    if kind == "ecg" or (ratio >= ECG_FROM and peaked >= PEAKED):
        if peaked < PEAKED or ratio < STRONG:
            raise UnreadableError(
                "Nothing in this signal stands out as the beats of an ECG do.",
                "Choose another channel, or say kind='ppg' if it is a pulse wave.",
            )
        return "ecg"
    if ratio <= PPG_TO:
        return "ppg"
    raise UnreadableError(
        "It is not clear whether this is an ECG or a pulse wave.", "Say which: kind='ecg' or kind='ppg'."
    )


def _judged(read: Signal, kind: WaveformKind, found: Found, stretches: Sequence[Stretch]) -> WaveformBeats:
    """The quality gate. Raises UnreadableError when the beats cannot be trusted."""
    if found.either == 0 or found.agreement < AGREEMENT:
        raise _not_told(read, kind, found)
    ticks = tuple(round(at * TICKS_PER_S) for at in found.beats.tolist())
    _refuse_strange_rate(ticks, read)
    _refuse_hidden_or_blurred(found)
    flagged = window_of(beats_of_intervals([late - early for early, late in pairwise(ticks)])).flagged_share
    if flagged > IRREGULAR and found.agreement < AGREEMENT_IF_IRREGULAR:
        raise UnreadableError(
            f"The beats cannot be trusted: {flagged:.0%} of their intervals fit no rhythm, and two ways of finding "
            f"them agree on only {_percent(found)} of 100.",
            "Choose a calmer stretch or another channel.",
        )
    holes = holes_between(stretches, read.hz, read.seconds)
    poor = flagged > POOR or found.scatter_s > POOR_SCATTER_S
    return WaveformBeats(
        kind=kind,
        hz=read.hz,
        seconds=read.seconds,
        beats=ticks,
        holes=holes,
        agreement=found.agreement,
        scatter_ms=found.scatter_s * 1000,
        flagged=flagged,
        quality="irregular" if flagged > IRREGULAR else "poor" if poor else None,
        found=_told(found, holes, read),
    )


def _told(found: Found, holes: Sequence[Stretch], read: Signal) -> str:
    words = f"{found.beats.size} beats found in two ways; {found.lone.size} found in only one are left out"
    if not holes:
        return words
    lost = sum(end - begin for begin, end in holes)
    where = f", in {len(holes)} stretches" if len(holes) > 1 else ""
    return f"{words}; {lost:.{int(lost < 1)}f} of {read.seconds:.0f} s hold no heartbeat that can be trusted{where}"


def _refuse_strange_rate(ticks: Sequence[int], read: Signal) -> None:
    if len(ticks) < LEAST_BEATS:
        raise UnreadableError(
            f"There are only {len(ticks)} beats in {read.seconds:.0f} s.",
            f"Check the rate of {read.hz:g} Hz, or record for longer.",
        )
    bpm = 60 * TICKS_PER_S / float(np.median(np.diff(ticks)))
    if not SLOWEST_BPM <= bpm <= FASTEST_BPM:
        raise UnreadableError(
            f"The heart would beat {bpm:.0f} times a minute in this signal.",
            f"Check the rate of {read.hz:g} Hz; a heart beats {SLOWEST_BPM} to {FASTEST_BPM} times.",
        )


def _refuse_hidden_or_blurred(found: Found) -> None:
    if found.hidden > MOST_HIDDEN:
        raise UnreadableError(
            f"Beats may be missing: in {found.hidden:.0%} of the intervals something lower looks like a beat, too.",
            "Choose another channel, in which all beats are of like height.",
        )
    if found.scatter_s > MOST_SCATTER_S:
        raise UnreadableError(
            f"The beats are there, but their places scatter by {found.scatter_s * 1000:.0f} ms: too blurred for HRV.",
            "Choose a calmer stretch or a signal with less noise.",
        )


def _not_told(read: Signal, kind: WaveformKind, found: Found) -> UnreadableError:
    if found.either == 0:
        return UnreadableError(
            f"No beats are found in this {WORDS[kind]}.", f"Check the rate of {read.hz:g} Hz and the channel."
        )
    return UnreadableError(
        f"The beats cannot be told from this {WORDS[kind]}: two ways of finding them agree on "
        f"{_percent(found)} of 100.",
        f"Choose another channel or a calmer stretch, and check the rate of {read.hz:g} Hz.",
    )


def _percent(found: Found) -> int:
    """Whole beats of 100, rounded down, so that 100 means all."""
    return int(100 * found.agreement)


def _a(kind: WaveformKind) -> str:
    return "an ECG" if kind == "ecg" else "a pulse wave"
