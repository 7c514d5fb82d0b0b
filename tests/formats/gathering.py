"""Recordings as exports see them, made by hand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from biofeedback.formats.exports.correction import corrected_ticks
from biofeedback.formats.exports.gathered import Anchor, ExportedBeat, Gathered, MetricValue, stretches
from biofeedback.hrv.ticks import ticks_to_us
from tests.strategies import MS, hearts

BEGAN = datetime(2026, 3, 1, 9, 30, 15, tzinfo=UTC)


def no_metrics() -> Iterator[MetricValue]:
    yield from ()


EMPTY = Gathered(
    stem="20260301T093015Z_0f5c7f0e",
    session="0f5c7f0e",
    subject="P-014",
    plan="trial",
    anonymised=False,
    start=BEGAN,
    anchors=(Anchor(0, int(BEGAN.timestamp()) * 1_000_000_000),),
    strap_unit=True,
    length_us=0,
    beats=(),
    moments=(),
    pacer=(),
    metrics=no_metrics,
    device="Polar H10",
    program="biofeedback 0.1.0",
    about={},
)


def beats_of(
    ticks: Sequence[int],
    why: Mapping[int, str] | None = None,
    gaps: Collection[int] = (),
    first_us: int = 0,
    hole_us: int = 5_000_000,
) -> tuple[ExportedBeat, ...]:
    """Beats of these lengths from `first_us` on, a hole before each of `gaps`."""
    flags, at = why or {}, first_us
    beats: list[ExportedBeat] = []
    for number, value in enumerate(ticks):
        gap = not number or number in gaps
        at += ticks_to_us(value) + (hole_us if number and gap else 0)
        beats.append(ExportedBeat(at, value, flags.get(number, ""), gap, None))
    corrected = [
        value
        for part in stretches(beats)
        for value in corrected_ticks([beat.ticks for beat in part], [not beat.why for beat in part])
    ]
    return tuple(replace(beat, corrected=value) for beat, value in zip(beats, corrected, strict=True))


def gathered(beats: tuple[ExportedBeat, ...], **changes: Any) -> Gathered:  # noqa: ANN401 - of any field
    """A recording with these beats; `changes`: its other fields."""
    length_us = beats[-1].t_us if beats else 0
    return replace(EMPTY, **{"beats": beats, "length_us": length_us, **changes})


@st.composite
def recordings(draw: st.DrawFn) -> Gathered:
    """Any heart with flagged beats and gaps."""
    ticks = draw(hearts(1, 80))
    ticks = [min(value, 2500 * MS) for value in ticks]
    names = st.sampled_from(["missed", "extra", "ectopic", "misplaced", "range"])
    why = draw(st.dictionaries(st.integers(0, len(ticks) - 1), names, max_size=20))
    gaps = draw(st.sets(st.integers(0, len(ticks) - 1), max_size=5))
    first_us = draw(st.integers(-2_000_000, 2_000_000))
    return gathered(beats_of(ticks, why, gaps, first_us, draw(st.integers(0, 9_000_000))))
