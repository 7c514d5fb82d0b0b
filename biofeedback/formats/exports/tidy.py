"""Tidy tables of a recording: beats, events, metrics, a data dictionary, and what the session was (FORMATS 2.1)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from biofeedback.formats.exports.cells import json_text, number_cell, seconds_cell, text_cell, truth_cell
from biofeedback.formats.exports.dictionary import BEATS, EVENTS, METRICS, Column, dictionary_csv, dictionary_words
from biofeedback.formats.exports.gathered import ExportedBeat, Gathered, MetricValue, Moment
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS
from biofeedback.recording.private import private_file


def write_csv(gathered: Gathered, folder: Path) -> None:
    """Write the tables into an empty folder. Raises OSError."""
    beats = (_beat_row(number, beat, gathered) for number, beat in enumerate(gathered.beats))
    _write(folder / "beats.csv", _table(BEATS, beats))
    _write(folder / "events.csv", _table(EVENTS, map(_event_row, gathered.moments)))
    _write(folder / "metrics.csv", _table(METRICS, map(_metric_row, gathered.metrics())))
    _write(folder / "session.json", [json_text(dict(gathered.about))])
    _write(folder / "data_dictionary.csv", [dictionary_csv()])
    _write(folder / "data_dictionary.md", [dictionary_words(gathered.program)])


def _write(path: Path, parts: Iterable[str]) -> None:
    with os.fdopen(private_file(path), "w", encoding="utf-8", newline="") as file:
        file.writelines(parts)


def _table(columns: Iterable[Column], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield ",".join(column.name for column in columns) + "\n"
    for row in rows:
        yield ",".join(row) + "\n"


def _beat_row(number: int, beat: ExportedBeat, gathered: Gathered) -> tuple[str, ...]:
    counted = gathered.strap_unit and beat.ticks % TICKS_OF_STRAP == 0
    return (
        str(number),
        seconds_cell(beat.t_us),
        gathered.utc(beat.t_us),
        number_cell(beat.rr_ms),
        str(beat.ticks // TICKS_OF_STRAP) if counted else "",
        beat.why,
        number_cell(None if beat.corrected is None else beat.corrected / TICKS_PER_MS),
        truth_cell(beat.gap_before),
        seconds_cell(beat.opening_us),
    )


def _event_row(moment: Moment) -> tuple[str, ...]:
    return (
        seconds_cell(moment.at_us),
        moment.kind,
        text_cell(moment.label),
        number_cell(moment.value),
        seconds_cell(moment.duration_us),
        number_cell(moment.pair),
        text_cell(moment.script or ""),
    )


def _metric_row(metric: MetricValue) -> tuple[str, ...]:
    return (
        seconds_cell(metric.t_us),
        text_cell(metric.metric),
        number_cell(metric.value),
        text_cell(metric.unit),
        number_cell(metric.window_s),
        text_cell(metric.algorithm),
        metric.quality,
        metric.scope,
        text_cell(metric.reason),
    )
