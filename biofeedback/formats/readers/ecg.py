"""The one bridge from samples to beats, for every format that holds an ECG or a pulse wave. No reader by itself."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from biofeedback.errors import BiofeedbackError, ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content, Hole, Marker, Start, Waveform
from biofeedback.formats.dates import later
from biofeedback.formats.lines import printable
from biofeedback.formats.reading import Choices
from biofeedback.hrv.ticks import TICKS_PER_S

if TYPE_CHECKING:
    from biofeedback.formats.peaks import WaveformKind
    from biofeedback.formats.sampled import Numbers
    from biofeedback.formats.waveform import WaveformBeats

PULSE_WORDS: Final = "a pulse wave, not an ECG: its intervals are pulse intervals, not RR"
MISSING: Final = "to read it, the package {} is needed, which is not installed."
LONGEST_MARKER: Final = 200
"""Signs of a marker's text that are kept."""
MOST_MARKERS: Final = 100_000
_ADVICE: Final = "Choose another channel (--signal)."
_RATE: Final = re.compile(r"rate|bpm|\bhr\b", re.IGNORECASE)
_ECG: Final = re.compile(r"ecg|ekg|electrocardio", re.IGNORECASE)
_LEAD: Final = re.compile(r"(lead[ _]?)?(i{1,3}|av[rlf]|v[1-9]|mli{1,3}|mcl[1-6])", re.IGNORECASE)
_PULSE: Final = re.compile(r"ppg|pleth|\bbvp\b|pulse[ _]?wave", re.IGNORECASE)


def kind_of(label: str) -> WaveformKind | None:
    """Whether a channel's label names an ECG (also by its lead) or a pulse wave; None when it names neither."""
    if _RATE.search(label):
        return None
    if _ECG.search(label) or _LEAD.fullmatch(label.strip()):
        return "ecg"
    return "ppg" if _PULSE.search(label) else None


def chosen_of(channels: Sequence[tuple[str, float]], choices: Choices) -> int | None:
    """Which of the channels, given by label and rate in Hz, is to be read; None when none is named a waveform.

    The one that was chosen; else the first ECG, one of at least 100 Hz before slower ones; else the first pulse wave.
    Raises ImportRefused when the one that was chosen is not there.
    """
    if choices.signal is not None:
        return label_place([label for label, _ in channels], choices.signal)
    ranks = [
        ({"ecg": 0, "ppg": 2}[kind] + (hz < 100 and kind == "ecg"), place)
        for place, (label, hz) in enumerate(channels)
        if (kind := kind_of(label))
    ]
    return min(ranks)[1] if ranks else None


def label_place(labels: Sequence[str], wanted: str) -> int:
    """The place of the label that was chosen, capital or small. Raises ImportRefused, with all labels, when none is."""
    for alike in (str, str.casefold):
        for place, label in enumerate(labels):
            if alike(label) == alike(wanted.strip()):
                return place
    known = ", ".join(f"'{label}'" for label in labels[:20]) or "none"
    raise ImportRefused(f"it has no channel '{printable(wanted)}'.", f"Choose one of its channels: {known}.")


def ecg_content(
    format_name: str,
    label: str,
    samples: Numbers,
    hz: float | None,
    unit: str,
    choices: Choices,
    *,
    kind: WaveformKind | None = None,
    start: Start | None = None,
    markers: Sequence[Marker] = (),
    decisions: Sequence[str] = (),
    times_s: Numbers | None = None,
    waveforms: Sequence[Waveform] = (),
    about: Mapping[str, Json] | None = None,
) -> Content:
    """What a channel of an ECG or a pulse wave holds: with `choices.look` only that, else its beats, too.

    `samples`: of the channel `label`, in any unit, NaN where there is none; `hz`: samples a second, or `times_s`: the
    time of each in seconds. `start` and `markers`: of the first sample; they come back counted from the first beat.
    `waveforms`: all channels, if there are others than this one. The verdict is ecg, with intervals or without.

    Raises ImportRefused with the sentence of the gate (`biofeedback.formats.waveform`) when no beats can be trusted.
    """
    told = tuple(waveforms) or (_waveform(label, len(samples), hz, unit, times_s),)
    content = Content(
        format_name,
        "ecg",
        unit=unit,
        rule=f"channel '{label}' at {told[0].hz:g} Hz",
        start=start,
        markers=tuple(markers),
        waveforms=told,
        decisions=(*decisions, *([PULSE_WORDS] if kind == "ppg" else [])),
        about=dict(about or {}),
    )
    return content if choices.look else _with_beats(content, samples, hz, kind, times_s)


def _waveform(label: str, count: int, hz: float | None, unit: str, times_s: Numbers | None) -> Waveform:
    seconds = count / hz if hz else 0.0
    if times_s is not None and count > 1 and len(times_s) == count:
        span = float(times_s[-1]) - float(times_s[0])
        seconds = span + (1 / hz if hz else span / (count - 1))
    return Waveform(label, hz or (count / seconds if seconds else 0.0), unit, seconds)


def _small(sentence: str) -> str:
    """A sentence as it goes on behind a file's name and a colon."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def _with_beats(
    content: Content, samples: Numbers, hz: float | None, kind: WaveformKind | None, times_s: Numbers | None
) -> Content:
    from biofeedback.formats.waveform import rr_from_waveform

    try:
        found = rr_from_waveform(samples, hz if times_s is None else None, kind, times_s=times_s)
    except BiofeedbackError as error:
        raise ImportRefused(_small(error.what), _ADVICE if "kind=" in error.advice else error.advice) from error
    ticks, holes, opened = _intervals(found)
    if not ticks:
        raise ImportRefused("between its holes there are no two beats.", "Record again with a steady sensor.")
    words = [] if kind == "ppg" or found.kind == "ecg" else [PULSE_WORDS]
    words.append(
        f"{found.found}; the two ways agree on {int(100 * found.agreement)} of 100, and the places of the beats "
        f"scatter by {found.scatter_ms:.1f} ms"
    )
    return replace(
        content,
        ticks=ticks,
        holes=holes,
        start=later(content.start, opened),
        markers=tuple(Marker(marker.at - opened, marker.text) for marker in content.markers),
        why=_doubt(found),
        decisions=(*content.decisions, *words),
        about={
            **content.about,
            "n": len(ticks),
            "agreement": round(found.agreement, 4),
            "scatter_ms": round(found.scatter_ms, 3),
            "flagged": round(found.flagged, 4),
            "quality": found.quality,
        },
    )


def _doubt(found: WaveformBeats) -> str | None:
    if found.quality is None:
        return None
    return (
        f"its beats are {found.quality}: {found.flagged:.0%} of the intervals do not fit, and the places of the beats "
        f"scatter by {found.scatter_ms:.1f} ms."
    )


def _intervals(found: WaveformBeats) -> tuple[array[int], tuple[Hole, ...], int]:
    """Intervals with no hole of the signal in them, the holes between these, and where the first opens, all in ticks.

    What lies from the last beat before a hole to the first one behind it is no interval, but a hole of known length.
    """
    ticks = array("q")
    holes: list[Hole] = []
    opened, missing = 0, 0
    for early, late, whole in _pairs(found):
        if not whole:
            missing += late - early
            continue
        if not ticks:
            opened = early
        elif missing:
            holes.append(Hole(len(ticks), missing))
        missing = 0
        ticks.append(late - early)
    return ticks, tuple(holes), opened


def _pairs(found: WaveformBeats) -> Iterator[tuple[int, int, bool]]:
    """Neighbouring beats in ticks, and whether there is signal all the way between them."""
    holes = [(begin * TICKS_PER_S, end * TICKS_PER_S) for begin, end in found.holes]
    place = 0
    for early, late in pairwise(found.beats):
        while place < len(holes) and holes[place][1] <= early:
            place += 1
        yield early, late, not (place < len(holes) and holes[place][0] < late)


def refuse_more_markers(count: int) -> None:
    """Raise ImportRefused for more markers than a recording is given."""
    if count > MOST_MARKERS:
        raise ImportRefused(f"it has {count} markers, more than {MOST_MARKERS}.", "Cut it into parts.")
