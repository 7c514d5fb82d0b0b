"""The accelerometer of a simulated strap: frames like an H10's, of a chest that breathes and moves."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from statistics import fmean, pstdev

import pytest

from devices.events import Acceleration, HeardPacer, SourceEvent
from devices.notifications import Truth
from devices.opening import open_source
from devices.people import person_named
from devices.polar_accelerometer import Sample, decode
from devices.simulated import SimulatedStrap
from devices.source import parse_spec
from tests.devices.listening import collect


def frames(events: list[SourceEvent]) -> list[Acceleration]:
    return [event for event in events if isinstance(event, Acceleration)]


def samples(events: list[SourceEvent]) -> list[Sample]:
    return [sample for frame in frames(events) for sample in decode(frame.raw).xyz_mg]


@pytest.mark.parametrize("name", ["calm", "tense", "nonfollower", "ectopic", "faulty"])
def test_the_heart_is_the_same_with_an_accelerometer_and_with_movement(name: str) -> None:
    plain = collect(open_source(parse_spec(f"sim:{name}?seed=3")), 300)
    for keys in ("acc=1", "move_pct=80"):
        other = collect(open_source(parse_spec(f"sim:{name}?seed=3&{keys}")), 300)
        device = {event.device for event in frames(other)}
        assert device == {f"sim:{name}"}
        assert [event for event in other if not isinstance(event, Acceleration)] == plain


def test_an_accelerometer_is_asked_for() -> None:
    assert not frames(collect(open_source(parse_spec("sim:calm")), 60))


def test_frames_are_those_of_an_h10_at_25_hz() -> None:
    found = frames(collect(open_source(parse_spec("sim:calm?acc=1")), 60))
    stamps = [decode(frame.raw).dev_ns or 0 for frame in found]
    assert {len(frame.raw) for frame in found} == {226}
    assert {after - before for before, after in pairwise(stamps)} == {1_440_000_000}
    assert {frame.fs_hz for frame in found} == {25}
    assert all(
        0 < frame.stamp_us - (stamp - 599_616_000_000_000_000) // 1000 < 1_100_000
        for frame, stamp in zip(found, stamps, strict=True)
    )


def test_a_still_chest_weighs_1_g_and_swings_with_the_breath() -> None:
    source = open_source(parse_spec("sim:calm?acc=1&seed=2"))
    script = [HeardPacer(0, 6.0)]
    found = samples(collect(source, 150, script))[1500:3000]  # 60 s from the second minute on: six breaths
    weight = fmean(sqrt(x * x + y * y + z * z) for x, y, z in found)
    assert weight == pytest.approx(1000, abs=20)
    each_second = [fmean(z for *_, z in found[at : at + 25]) for at in range(0, 1500, 25)]
    middle = fmean(each_second)
    rises = sum(before < middle <= after for before, after in pairwise(each_second))
    assert rises == 6
    assert 8 < pstdev(each_second) < 25


def test_movement_comes_at_its_rate_and_is_told_in_the_truth() -> None:
    truth = Truth()
    person, seed = person_named("calm", {"move_pct": "60"})
    strap = SimulatedStrap(person, seed=seed, truth=truth)
    events = collect(strap, 1200)
    assert len(truth.movements) == pytest.approx(12, abs=7), "one in 100 s, three standard deviations"
    assert all(5e6 <= until - since <= 12e6 for since, until in truth.movements)
    since, until = truth.movements[0]
    found = samples(events)
    moved = [z for *_, z in found[since // 40_000 : until // 40_000]]
    before = [z for *_, z in found[since // 40_000 - 100 : since // 40_000 - 1]]
    assert pstdev(moved) > 50 > pstdev(before)


def test_nothing_is_sent_while_the_link_is_gone() -> None:
    found = frames(collect(open_source(parse_spec("sim:calm?acc=1&drop_s=20")), 400))
    stamps = [decode(frame.raw).dev_ns or 0 for frame in found]
    assert max(after - before for before, after in pairwise(stamps)) > 18e9
