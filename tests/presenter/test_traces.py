"""The traces fold events into what the plots draw: closed forms, and any schedule against the beats themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from math import isnan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.events import (
    Arousal,
    Beat,
    Command,
    Cue,
    End,
    Event,
    Gap,
    Hrv,
    Input,
    Link,
    Mark,
    Note,
    Open,
    Packet,
    Phase,
    PhaseName,
    Rr,
    Safety,
    Suds,
)
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.ticks import TICKS_OF_STRAP, ticks_to_us
from biofeedback.presenter.traces import KINDS, MOST_WAITING, Line, Reasons, Scale, Traces
from biofeedback.session.engine import Engine
from biofeedback.session.plan import free_plan
from tests.strategies import MS, hearts, packet
from tests.terminal.showing import DEMO, events_of

S = 1_000_000
OVERTAKEN = (Beat, Hrv, Arousal)
PLACING_S = 1e-6
"""Times are whole microseconds."""


def seen(events: Iterable[Event]) -> Traces:
    traces = Traces()
    for event in events:
        traces.see(event)
    return traces


def beat(t_us: int, rr_ms: float, why: str | None = None, *, gap: bool = False) -> Beat:
    return Beat(t_us, t_us, round(rr_ms * MS), why is None, next((kind for kind in KINDS if kind == why), None), gap)


def beats(*rr_ms: float, start_us: int = 0) -> list[Event]:
    made, t_us = list[Event](), start_us
    for number, value in enumerate(rr_ms):
        t_us += round(value * 1000)
        made.append(beat(t_us, value, gap=number == 0))
    return made


def hrv(t_s: float, rmssd: float | None, coverage: float = 1.0, why: str = "", quality: str | None = None) -> Hrv:
    reasons = {"rmssd_ms": why} if why else {}
    return Hrv(round(t_s * S), round(t_s * S), 60, 60, 0, coverage, {"rmssd_ms": rmssd}, reasons, quality)


def level(t_s: float, bpm: float | None, delta: float | None = None, why: str | None = None) -> Arousal:
    at = round(t_s * S)
    return Arousal(at, at, bpm, None, delta, None, None, None, "unknown", None, why)


def phase(name: PhaseName, t_s: float, *, on: bool = True) -> Phase:
    return Phase(round(t_s * S), name, on, 0, None, "safe_place", "breath_only", None)


def points(line: Line) -> list[tuple[float, float]]:
    return list(zip(line.t_s, line.values, strict=True))


def solid(line: Line) -> list[tuple[float, float]]:
    return [(t_s, value) for t_s, value in points(line) if not isnan(value)]


def breaks(line: Line) -> int:
    return sum(map(isnan, line.values))


def judged(traces: Traces) -> list[tuple[float, float]]:
    return sorted([*solid(traces.tachogram), *points(traces.flagged)])


def check_places(traces: Traces, stream: Sequence[TimedBeat]) -> None:
    """Every beat once, where it stands in the end."""
    assert [rr_ms for _, rr_ms in judged(traces)] == [beat.ticks / MS for beat in stream]
    assert [t_s for t_s, _ in judged(traces)] == pytest.approx([beat.t_us / 1e6 for beat in stream], abs=PLACING_S)


def session(inputs: Sequence[Input]) -> list[list[Event]]:
    """What a free session publishes: each input with what comes of it, and its end."""
    engine = Engine()
    opened = Open(0, free_plan(None).to_json(), {}, {}, {"kind": "strap"})
    last = inputs[-1].at if inputs else 0
    published: list[list[Event]] = []
    for event in (opened, *inputs, Command(last + 5 * S, "stop")):
        published += [[*engine.advance(event.at), event, *engine.feed(event)]]
    return published


def truth(inputs: Sequence[Input]) -> list[TimedBeat]:
    """The same beats as the stream itself keeps them, each where it stands in the end."""
    stream = Reception()
    for event in inputs:
        stream.advance(event.at)
        match event:
            case Packet():
                stream.add_packet(event)
            case Rr():
                stream.add_intervals(event)
            case Link():
                stream.link(event)
            case _:
                pass
    stream.advance(inputs[-1].at + 5 * S if inputs else 0)
    stream.finish()
    return list(stream.beats)


@st.composite
def strap_sessions(draw: st.DrawFn) -> list[Input]:
    """A heart over a strap that falls silent, loses contact or link, holds packets back and says odd values."""
    heart = [round(ticks / TICKS_OF_STRAP) for ticks in draw(hearts(least=10, most=120))]
    chance = Random(draw(st.integers(0, 2**32)))
    trouble = draw(st.sampled_from((0.0, 0.05, 0.2)))
    at, inputs = 0, list[Input]()
    while heart:
        many = chance.choice((1, 1, 1, 2, 3))
        values, heart = heart[:many], heart[many:]
        at += sum(values) * S // 1024 + chance.randint(0, 40_000)
        if chance.random() < trouble:
            match chance.randrange(5):
                case 0:
                    at += chance.choice((2, 4, 10, 30)) * S
                case 1:
                    values.insert(chance.randrange(len(values) + 1), chance.choice((0, 2561, 0xFFFF)))
                case 2:
                    inputs += [Link(at, "waiting"), Link(at + S, "streaming")]
                    at += S
                case 3:
                    continue
                case _:
                    inputs.append(packet(at, values, contact=False))
                    continue
        inputs.append(packet(at, values))
    return inputs


class TestBeats:
    def test_known_intervals_give_known_points(self) -> None:
        traces = seen(beats(800, 900, 1000))
        assert points(traces.tachogram) == [(0.8, 800), (1.7, 900), (2.7, 1000)]
        assert traces.changes == 3

    def test_a_gap_breaks_the_line(self) -> None:
        traces = seen([*beats(800, 900), Gap(5 * S, 1_700_000, 4 * S, "link"), *beats(700, start_us=4 * S)])
        assert solid(traces.tachogram) == [(0.8, 800), (1.7, 900), (4.7, 700)]
        assert isnan(traces.tachogram.values[2])
        hole = traces.hole_at(2 * S)
        assert hole is not None
        assert (hole.from_us, hole.to_us, hole.why) == (1_700_000, 4 * S, "link")
        assert traces.hole_at(4 * S) is None
        assert traces.holes_between(2, 3) == [hole]
        assert traces.holes_between(4.1, 9) == []

    def test_a_flagged_interval_stands_beside_the_line_with_its_kind(self) -> None:
        traces = seen([*beats(800, 900), beat(3_500_000, 1800, "missed"), beat(4_300_000, 800)])
        assert points(traces.flagged) == [(3.5, 1800)]
        assert KINDS[traces.flagged.kinds[0]] == "missed"
        assert breaks(traces.tachogram) == 0

    def test_over_more_than_three_seconds_without_a_usable_one_there_is_no_line(self) -> None:
        bad = [beat(1_700_000 + n * 400_000, 400, "extra") for n in range(1, 9)]
        traces = seen([*beats(800, 900), *bad, beat(5_700_000, 800)])
        assert breaks(traces.tachogram) == 1

    def test_a_file_is_laid_out_by_its_sum_from_its_first_value_on(self) -> None:
        traces = seen([Rr(S, (3000 * MS, 800 * MS)), Rr(2 * S, (900 * MS,))])
        assert list(traces.tail()) == [(3.8, 800), (4.7, 900)]

    def test_a_straps_first_beats_end_at_their_packet(self) -> None:
        traces = seen([packet(10 * S, (1024, 512))])
        assert list(traces.tail()) == [(9.5, 1000), (10.0, 500)]

    def test_without_contact_or_pulse_nothing_counts(self) -> None:
        assert list(seen([packet(S, (900,), contact=False), packet(2 * S, (900,), hr=0)]).tail()) == []

    def test_the_tail_goes_on_from_the_last_settled_beat_and_behind_a_gap_from_its_end(self) -> None:
        sent: list[Event] = [packet(10 * S, (1024,) * 3), beat(8 * S, 1000), Gap(10 * S, 8 * S, 20 * S, "lost")]
        assert list(seen(sent[:2]).tail()) == [(9.0, 1000), (10.0, 1000)]
        assert seen(sent[:2]).last_settled() == (8.0, 1000)
        assert list(seen(sent).tail()) == [(21.0, 1000), (22.0, 1000)]
        assert seen(sent).last_settled() is None

    @given(strap_sessions())
    def test_every_schedule_ends_as_the_beats_themselves(self, inputs: list[Input]) -> None:
        """Each interval is seen at once, as not judged yet, and at last stands exactly where its beat stands."""
        traces, came, stream = Traces(), 0, truth(inputs)
        for step in session(inputs):
            for event in step:
                traces.see(event)
                if isinstance(event, Packet) and event.contact is not False:
                    came += sum(0 < value < 2561 for value in event.ticks)
            assert (
                len(traces.tachogram) - breaks(traces.tachogram) + len(traces.flagged) + len(list(traces.tail()))
                == came
            )
            assert len(list(traces.tail())) <= MOST_WAITING
        assert len(traces.unjudged) == 0
        check_places(traces, stream)
        assert sum(beat.gap_before for beat in stream[1:]) == len(traces.holes)

    @given(strap_sessions())
    def test_the_tail_lies_where_the_beats_will(self, inputs: list[Input]) -> None:
        """Within an interval, as long as no hole is found meanwhile: the first packets tell no more than that."""
        traces, waiting = Traces(), list[tuple[float, float]]()
        for step in session(inputs):
            for event in step:
                traces.see(event)
            settled = [event for event in step if isinstance(event, Beat)]
            if not any(isinstance(event, Gap) for event in step):
                for event, (t_s, rr_ms) in zip(settled, waiting, strict=False):
                    assert rr_ms == event.rr_ms
                    assert t_s == pytest.approx(event.t_us / 1e6, abs=2.5)
            waiting = list(traces.tail())

    def test_a_hole_that_is_found_late_moves_the_beats_behind_it(self) -> None:
        """A strap that loses packets without a silence, as a whole simulated session sends it."""
        events = events_of(DEMO, spec="sim:faulty?seed=3")
        inputs = [event for event in events if isinstance(event, Packet | Link)]
        traces, stream = seen(events), truth(inputs)
        settled = [when for when in traces.tachogram.t_s if when > traces.holes[0].to_us / 1e6]
        assert any(hole.why == "lost" for hole in traces.holes)
        assert settled
        check_places(traces, stream)
        for hole in traces.holes:
            for line in (traces.tachogram, traces.level, traces.rmssd, traces.coverage):
                assert not [t for t, _ in solid(line) if hole.from_us / 1e6 + 1e-3 < t < hole.to_us / 1e6 - 1e-3]


class TestOvertaken:
    @given(strap_sessions(), st.integers(0, 2**32))
    def test_no_interval_is_lost_when_beats_are(self, inputs: list[Input], seed: int) -> None:
        chance, traces, came, dropping = Random(seed), Traces(), 0, False
        for step in session(inputs):
            dropping = chance.random() < (0.9 if dropping else 0.1)
            for event in step:
                if isinstance(event, Packet) and event.contact is not False:
                    came += sum(0 < value < 2561 for value in event.ticks)
                if not (dropping and isinstance(event, OVERTAKEN)):
                    traces.see(event)
        held = len(judged(traces)) + len(solid(traces.unjudged)) + len(list(traces.tail()))
        assert held == came
        lines = (traces.tachogram, traces.flagged, traces.unjudged, traces.level, traces.rmssd, traces.coverage)
        assert [list(line.t_s) == sorted(line.t_s) for line in lines] == [True] * len(lines)

    def test_they_lie_evenly_between_the_beats_that_are_known(self) -> None:
        """Eight intervals of 1000 ms by a clock that says 8.4 s for them."""
        sent: list[Event] = [packet(10 * S, (1024,)), beat(10 * S, 1000)]
        sent += [packet((11 + n) * S, (1024,)) for n in range(8)]
        sent += [packet(20 * S, (900,)), beat(10 * S + 8_400_000 + ticks_to_us(900 * TICKS_OF_STRAP), 900 / 1.024)]
        traces = seen(sent)
        assert [t for t, _ in solid(traces.unjudged)] == pytest.approx([10 + 1.05 * n for n in range(1, 9)])
        assert list(traces.tail()) == []

    def test_a_view_that_comes_late_begins_with_what_it_gets(self) -> None:
        events = [event for step in session([packet(n * S, (1000,)) for n in range(1, 60)]) for event in step]
        for first in range(0, len(events), 7):
            traces = seen(events[first:])
            got = sum(isinstance(event, Beat) for event in events[first:])
            assert len(judged(traces)) == got


class TestNumbers:
    def test_the_level_breaks_where_it_is_withheld_and_the_reason_is_known(self) -> None:
        traces = seen([level(1, 60), level(2, None, why="too many"), level(3, None, why="too many"), level(4, 62)])
        assert points(traces.level)[0] == (1, 60)
        assert breaks(traces.level) == 1
        assert [traces.no_level.at(t) for t in (0.5, 1.5, 2.5, 3.9, 4.5)] == ["", "", "too many", "too many", ""]

    def test_and_where_none_came_for_five_seconds(self) -> None:
        assert breaks(seen([level(1, 60), level(5.9, 61), level(11, 62)]).level) == 1
        assert breaks(seen([hrv(1, 30), hrv(5.9, 31), hrv(11, 32)]).rmssd) == 1

    def test_the_baseline_is_kept_once_for_as_long_as_it_holds(self) -> None:
        traces = seen([level(1, 60), level(2, 62, 2.0), level(3, 61.5, 1.5), level(4, 64, 2.0)])
        assert traces.baselines == [(2, 60), (4, 62)]

    def test_rmssd_that_many_artefacts_make_unsure_is_a_line_of_its_own(self) -> None:
        sent = [hrv(1, None, 0.2, "needs 60 s"), hrv(2, 30), hrv(3, 31, 0.9), hrv(4, 33, quality="poor"), hrv(5, 34)]
        traces = seen(sent)
        assert solid(traces.rmssd) == [(2, 30), (3, 31), (4, 33), (5, 34)]
        assert solid(traces.rmssd_poor) == [(3, 31), (4, 33)]
        assert breaks(traces.rmssd) == 1
        assert traces.no_rmssd.at(1.5) == "needs 60 s"
        assert traces.no_rmssd.at(2.5) == ""
        assert list(traces.coverage.values) == [20, 100, 90, 100, 100]


class TestPartsAndMoments:
    def test_a_part_lasts_until_it_is_off_or_the_next_begins(self) -> None:
        traces = seen([phase("settle", 0), phase("settle", 10, on=False), phase("image", 12), phase("control", 20)])
        told = [(part.name, part.script, part.from_us, part.to_us) for part in traces.parts]
        assert told == [
            ("settle", None, 0, 10 * S),
            ("image", "safe_place", 12 * S, 20 * S),
            ("control", "breath_only", 20 * S, None),
        ]
        names = [part.name if (part := traces.part_at(at * S)) else None for at in (5, 11, 15, 99)]
        assert names == ["settle", None, "image", "control"]
        traces.see(End(30 * S, "planned end", 30, 0))
        assert (traces.parts[-1].to_us, traces.end_us) == (30 * S, 30 * S)

    def test_what_happened_is_kept_in_words(self) -> None:
        traces = seen(
            [
                Cue(S, "safe_place", "", 0, "Look\naround.", 0),
                Mark(2 * S, "", "trainee"),
                Mark(3 * S, "a cough", "trainee"),
                Suds(4 * S, 3, "before", "trainee"),
                Suds(5 * S, None, "after", "trainee"),
                Safety(6 * S, "amber", True, "the level is high", 9.0, None),
                Note(7 * S, "calm\u202e voice", "practitioner"),
            ]
        )
        said = [(moment.kind, moment.words) for moment in traces.moments_between(0, 10 * S)]
        assert said == [
            ("cue", "Look around."),
            ("mark", "mark"),
            ("mark", "a cough"),
            ("suds", "felt: 3 of 10"),
            ("suds", "felt: no answer"),
            ("safety", "the level is high"),
            ("note", "calm  voice"),
        ]
        assert [moment.at_us for moment in traces.moments_between(3 * S, 4 * S)] == [3 * S, 4 * S]


class TestScales:
    @given(st.lists(st.floats(0, 3000)), st.sampled_from(((600.0, 1100.0, 100.0), (0.0, 80.0, 20.0))))
    def test_they_widen_in_whole_steps_to_hold_every_value_and_never_shrink(
        self, values: list[float], limits: tuple[float, float, float]
    ) -> None:
        scale = Scale(*limits)
        for value in values:
            before = (scale.low, scale.high)
            scale.take(value)
            assert scale.low <= min(before[0], value)
            assert scale.high >= max(before[1], value)
            assert (scale.low % scale.step, scale.high % scale.step) == (0, 0)
            if before[0] <= value <= before[1]:
                assert (scale.low, scale.high) == before
        assert scale.low > min([*values, limits[0]]) - scale.step
        assert scale.high < max([*values, limits[1]]) + scale.step

    def test_only_usable_intervals_and_their_rates_widen_them(self) -> None:
        traces = seen([*beats(700, 750), beat(4 * S, 1900, "missed"), packet(5 * S, (1900,))])
        assert (traces.rr_scale.low, traces.rr_scale.high) == (600, 1100)
        traces.see(beat(6 * S, 500))
        assert (traces.rr_scale.low, traces.rate_scale.high) == (500, 120)


class TestALine:
    @given(st.lists(st.floats(0, 100), max_size=60), st.floats(-10, 110), st.floats(0, 50))
    def test_a_stretch_holds_its_points_and_one_more_on_each_side(
        self, times: list[float], from_s: float, wide: float
    ) -> None:
        line = Line()
        for t_s in sorted(times):
            line.add(t_s, t_s)
        got = list(line.between(from_s, from_s + wide)[0])
        inside = [t_s for t_s in line.t_s if from_s <= t_s <= from_s + wide]
        before = [t_s for t_s in line.t_s if t_s < from_s][-1:]
        after = [t_s for t_s in line.t_s if t_s > from_s + wide][:1]
        assert got == [*before, *inside, *after]

    def test_is_broken_once(self) -> None:
        line = Line()
        line.end(1)
        line.add(2, 5, broken=True)
        line.end(3)
        line.end(4)
        line.add(1, 6)
        assert list(line.t_s) == [2, 3, 3]
        assert list(map(isnan, line.values)) == [False, True, False]

    def test_a_point_that_was_moved_is_found_at_its_new_time(self) -> None:
        line = Line()
        line.add(42.400686, 700)
        line.move(42, 43, 4_350_973)
        line.move(46.751659, 50, 1_000_000)
        assert list(line.t_s) == [46.751659]

    def test_what_lies_behind_the_moved_stays(self) -> None:
        line = Line()
        for t_s in (27.5, 28.2):
            line.add(t_s, 700)
        line.move(21, 26, 600_000)
        assert list(line.t_s) == [27.5, 28.2]

    def test_reasons_change_only_when_they_do(self) -> None:
        reasons = Reasons()
        for t_s, words in enumerate(["", "a", "a", "b", ""]):
            reasons.note(t_s, words)
        assert reasons.words == ["a", "b", ""]
        assert list(reasons.t_s) == [1, 3, 4]


def test_a_beat_costs_about_a_hundred_bytes() -> None:
    traces = Traces()
    many = 5000
    for number in range(1, many + 1):
        t_s = 0.9 * number
        for event in (Rr(round(t_s * S), (900 * MS,)), beat(round(t_s * S), 900), hrv(t_s, 30), level(t_s, 60, 1.0)):
            traces.see(event)
    lines = (traces.tachogram, traces.flagged, traces.unjudged, traces.level, traces.rmssd, traces.coverage)
    size = sum(sys.getsizeof(line.t_s) + sys.getsizeof(line.values) for line in lines)
    assert size / many < 110
    assert len(list(traces.tail())) == 0
    assert len(traces.no_rmssd.words) == 0
    assert breaks(traces.tachogram) == 0
