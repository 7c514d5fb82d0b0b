"""Live = every beat = any chunks, to the bit (RULINGS B1.3, A6): the table of a file is what a session had said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeedback.events import Hrv, Packet, Rr
from biofeedback.hrv import every_beat as module
from biofeedback.hrv.every_beat import every_beat, ready_of
from biofeedback.hrv.live import Trailing, known_at, live_hrv
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.stream import BeatStream, Ready, StreamEvent
from biofeedback.hrv.summary import uncorrected
from tests.hrv.straps import beat_times_us, lost_packets, strap, stream_of
from tests.real import holter, needs_data, real_series
from tests.strategies import MS, hearts

Row = tuple[int, int, int, tuple[float | None, ...]]
"""Its beat's time, the beats and flagged beats of its minute, and the values by metric."""


def fed(ticks: Sequence[int], sizes: Iterator[int], stream: BeatStream) -> Iterator[StreamEvent]:
    """What the stream says of these intervals, so many at a time."""
    start = 0
    while start < len(ticks):
        size = next(sizes)
        yield from stream.add_intervals(Rr(0, tuple(ticks[start : start + size])))
        start += size
    yield from stream.finish()


def one_by_one() -> Iterator[int]:
    while True:
        yield 1


def said_live(events: Iterable[StreamEvent], stream: BeatStream) -> list[Row]:
    """The rows as a session makes them; the numbers begin with the first beat."""
    rows = list[Row]()
    for event in events:
        if isinstance(event, Ready):
            known = known_at(event, stream.beats)
            rows.append(row_of(live_hrv(0, Trailing(known, stream.beats[0].opening_us), None)))
    return rows


def row_of(hrv: Hrv) -> Row:
    return hrv.t_us, hrv.beats, hrv.flagged, tuple(hrv.values.values())


def tabled(events: Iterable[StreamEvent], from_us: int = -(2**62), to_us: int = 2**62) -> list[Row]:
    """The rows of the table."""
    rows = list[Row]()
    for block in every_beat(events, from_us, to_us):
        assert list(block.rows.values) == list(METRICS)
        columns = [[None if np.isnan(v) else v for v in column.tolist()] for column in block.rows.values.values()]
        counts = block.t_us.tolist(), block.rows.beats.tolist(), block.rows.flagged.tolist()
        rows += [(*each[:3], tuple(each[3:])) for each in zip(*counts, *columns, strict=True)]
    return rows


def table_of(ticks: Sequence[int], sizes: Iterator[int] | None = None) -> list[Row]:
    stream = BeatStream()
    return tabled(fed(ticks, sizes or one_by_one(), stream))


@pytest.mark.slow
@settings(max_examples=12)
@given(hearts(least=100, most=250), st.integers(0, 2**32))
def test_a6_the_table_of_any_chunks_is_what_a_session_says(ticks: list[int], seed: int) -> None:
    chance = Random(seed)
    ticks = [value if chance.random() < 0.995 else 3000 * MS for value in ticks]
    stream = BeatStream()
    live = said_live(fed(ticks, one_by_one(), stream), stream)
    chunks = iter(lambda: chance.choice((1, 1, 2, 3, 50)), 0)
    assert table_of(ticks, chunks) == table_of(ticks) == live
    chunked = BeatStream()
    chunks = iter(lambda: chance.choice((1, 1, 2, 3, 4)), 0)
    assert said_live(fed(ticks, chunks, chunked), chunked) == live


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a6_no_block_can_be_told_from_another(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(size)
    ticks = [round((800 + 60 * chance.gauss(0, 1)) * MS * chance.choice((1,) * 30 + (0.6, 1.5))) for _ in range(400)]
    whole = table_of(ticks)
    monkeypatch.setattr(module, "BLOCK", size)
    assert table_of(ticks) == whole
    assert any(row[3][-2] is not None for row in whole)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["rest", "noisy", "resting_2026-04-25", "orthostatic_2026-05-17"])
def test_a6_real_recordings(name: str) -> None:
    ticks = [round(rr_ms * MS) for rr_ms in real_series()[name]][:1200]
    stream = BeatStream()
    assert table_of(ticks, iter(lambda: 256, 0)) == said_live(fed(ticks, one_by_one(), stream), stream)


@needs_data
@pytest.mark.slow
def test_a6_hours_of_a_day_with_ectopic_beats() -> None:
    ticks = [round(rr_ms * MS) for rr_ms, _, _ in holter("nsr004")[30_000:36_000]]
    table = table_of(ticks, iter(lambda: 256, 0))
    stream = BeatStream(360_000_000)
    events = list[tuple[int, Row]]()
    for number, event in enumerate(fed(ticks, one_by_one(), stream)):
        if isinstance(event, Ready) and number % 11 == 0 and event.beat.index > 300:
            known = known_at(event, stream.beats)
            events.append((event.beat.index, row_of(live_hrv(0, Trailing(known, 0), None))))
    assert len(events) > 100
    assert [table[index] for index, _ in events] == [row for _, row in events]


def packets_of(seed: int) -> list[Packet]:
    """Minutes of a strap that loses one packet in fifty."""
    return strap(beat_times_us(400, seed), seed, lost=lost_packets(400, seed, 0.02)).packets


@pytest.mark.parametrize("seed", range(4))
def test_a6_packets_with_losses_found_late(seed: int) -> None:
    stream, again = BeatStream(), BeatStream()
    packets = packets_of(seed)
    live = said_live((event for _, events in stream_of(packets, stream) for event in events), stream)
    assert tabled(event for _, events in stream_of(packets, again) for event in events) == live
    assert any(beat.gap_before for beat in list(stream.beats)[1:])


@pytest.mark.parametrize("bad_ms", [2100, 1900, 250])
def test_a6_a_minute_without_one_good_beat(bad_ms: int) -> None:
    """A strap that dries: the last minute begins behind every good beat that the longer windows hold."""
    chance = Random(7)
    good = [round((800 + chance.uniform(-50, 50)) * MS) for _ in range(200)]
    ticks = [*good, *[bad_ms * MS] * (80_000 // bad_ms), *good]
    stream = BeatStream()
    live = said_live(fed(ticks, one_by_one(), stream), stream)
    assert len(live) == len(ticks) - 2
    assert table_of(ticks) == live
    if bad_ms == 2100:
        assert any(beats == flagged > 20 for _, beats, flagged, _ in live)


def test_rows_of_a_cut_know_nothing_before_it() -> None:
    chance = Random(5)
    ticks = [round((800 + chance.uniform(-30, 30)) * MS) for _ in range(400)]
    opening_us = [row[0] for row in table_of(ticks)]
    stream = BeatStream()
    cut = tabled(fed(ticks, one_by_one(), stream), opening_us[99], opening_us[300])
    assert [row[0] for row in cut] == opening_us[100:301]
    assert all(value is None for value in cut[0][3])
    alone = table_of(ticks[100:303])
    assert [row[1:3] for row in alone] == [row[1:3] for row in cut]
    assert {row[2] for row in cut} == {0}


def test_what_is_taken_as_it_is_has_rows_without_flags() -> None:
    beats = uncorrected([(800 if number % 10 else 1500) * MS for number in range(200)])
    rows = tabled(ready_of(beats))
    assert len(rows) == 198
    assert {row[2] for row in rows} == {0}
    by_name = dict(zip(METRICS, rows[-1][3], strict=True))
    assert by_name["pnn50_pct"] == pytest.approx(100 * 2 / 10, abs=2)
