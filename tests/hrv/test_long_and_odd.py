"""Long files and odd ones: what they cost does not depend on pauses, and nothing overflows unseen."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from biofeedback.cli.main import main
from biofeedback.hrv.every_beat import every_beat
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.stream import BeatStream
from biofeedback.hrv.summary import Summary, beats_of_intervals, events_of_intervals, summarise, uncorrected
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import NotYet
from tests.strategies import MS

YEAR: int = 365 * 86_400 * TICKS_PER_S


def heart(count: int, seed: int = 2) -> list[int]:
    chance = Random(seed)
    return [round((800 + chance.gauss(0, 25)) * MS) for _ in range(count)]


def parted(pause: int) -> list[int]:
    return [*heart(500), pause, *heart(500, 3)]


def peak_bytes(do: Callable[[], object]) -> int:
    """The most memory that is held while this is done."""
    tracemalloc.start()
    try:
        do()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_pause_of_years_costs_nothing_and_changes_no_value() -> None:
    short, long = (beats_of_intervals(parted(pause)) for pause in (60 * TICKS_PER_S, 30 * YEAR))
    said = list[Summary]()
    assert peak_bytes(lambda: said.append(summarise(long))) < 20e6
    assert said[0].numbers() == summarise(short).numbers()
    assert None not in said[0].numbers().values()


def test_rows_on_both_sides_of_a_pause_of_years_are_those_of_a_short_one() -> None:
    tables = list[list[list[str]]]()
    for pause in (600 * TICKS_PER_S, 30 * YEAR):
        rows = list[list[str]]()
        for block in every_beat(events_of_intervals(parted(pause), BeatStream()), -(2**62), 2**62):
            rows += [list(map(str, each)) for each in zip(*block.rows.values.values(), strict=True)]
        tables.append(rows)
    assert len(tables[0]) == 998
    assert tables[0] == tables[1]


def test_an_hour_more_costs_little_more_memory() -> None:
    """Windows of coherence and boxes of DFA are made some at a time: a day of them at once took 200 MB."""
    beats = beats_of_intervals(heart(20_000))
    assert peak_bytes(lambda: summarise(beats)) < 20e6


class TestTakenAsItIs:
    """Without correction every positive interval counts, and says so where it cannot."""

    def test_scaling_is_not_said_of_an_interval_longer_than_its_window(self) -> None:
        found = summarise(uncorrected(parted(5 * 3600 * TICKS_PER_S)))["dfa_alpha1"]
        assert found == NotYet("an interval lasts longer than 120 s")
        assert not isinstance(summarise(uncorrected(parted(100 * TICKS_PER_S)))["dfa_alpha1"], NotYet)

    def test_intervals_of_years_are_refused(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = tmp_path / "giant.txt"
        path.write_text("\n".join(str(value / MS) for value in parted(YEAR)))
        assert main(["analyze", str(path), "--no-correction", "--json"]) == 4
        assert "the intervals last 365 days" in capsys.readouterr().err
        assert main(["analyze", str(path), "--json"]) == 0

    def test_a_minute_that_holds_no_interval_has_an_empty_row(self, tmp_path: Path) -> None:
        path, out = tmp_path / "pause.txt", tmp_path / "out.csv"
        path.write_text("\n".join(str(value / MS) for value in parted(130 * TICKS_PER_S)))
        assert main(["analyze", str(path), "--no-correction", "--every-beat", str(out), "-q"]) == 0
        rows = out.read_text().splitlines()
        assert rows[501].count(",") == len(METRICS) + 1
        assert rows[501].strip(",").count(",") == 0
