"""The door's check of what a source says: sound values pass, everything else is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.checking import (
    AHEAD_US,
    LARGEST_INT,
    LONGEST_RAW,
    LONGEST_TEXT,
    MOST_VALUES,
    event_fault,
    info_fault,
    value_fault,
)
from devices.events import (
    Answered,
    Battery,
    BodyLocation,
    Dropped,
    Intervals,
    LinkName,
    LinkState,
    Packet,
    Plugin,
    Sensor,
    SourceEvent,
    StrapInfo,
)
from devices.opening import open_source
from devices.source import parse_spec
from tests.devices.listening import collect

NOW_US = 5_000_000
PLUGIN = Plugin("a", "1")


@pytest.mark.parametrize(
    "event",
    [
        Packet(NOW_US, "s1", bytes(LONGEST_RAW)),
        Packet(NOW_US + AHEAD_US, "", b""),
        Intervals(0, (1, 0, -5, LARGEST_INT)),
        Intervals(0, (1000,) * MOST_VALUES),
        LinkState(0, "streaming", "\x1b[31m\n" + "é" * (LONGEST_TEXT - 6)),
        Battery(0, None),
        Battery(0, 0),
        Battery(0, 100),
        Sensor(0, "s1", None),
        Sensor(0, "s1", "ear lobe"),
        Answered(0, "q1", None),
        Dropped(0, 1),
    ],
)
def test_what_may_be_said_passes(event: SourceEvent) -> None:
    assert event_fault(event, NOW_US) is None


def test_a_field_of_any_kind_is_held_against_its_annotation() -> None:
    assert value_fault(Everything()) is None
    assert value_fault(Everything(whole=1)) is None, "a whole number is a number"
    for name, wrong in [("whole", "1"), ("whole", float("nan")), ("both", (1,)), ("both", (1, 2, 3)), ("inner", 5)]:
        assert name in (value_fault(replace(Everything(), **cast("dict[str, Any]", {name: wrong}))) or ""), name


@dataclass(frozen=True, slots=True)
class Everything:
    """Kinds of fields that events may have one day."""

    whole: float | None = 0.5
    both: tuple[int, int] = (1, 2)
    rows: tuple[tuple[int, int], ...] = ((1, 2), (3, 4))
    inner: Plugin = PLUGIN
    flag: bool = True


class Sneaky(Packet):
    """Not one of the vocabulary, though it looks like it."""


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (None, "it yields None"),
        ({"rr": 812}, "{'rr': 812}, which is no event"),
        (Sneaky(0, "s1", b""), "no event of devices.events"),
        (StrapInfo("x", "strap"), "no event of devices.events"),
        (Packet(-1, "s1", b""), "stamp_us is -1, before the session began"),
        (Packet(NOW_US + AHEAD_US + 1, "s1", b""), "1 s ahead of the clock"),
        (Packet(cast("int", 1.0), "s1", b""), "Packet.stamp_us is 1.0, not int"),
        (Packet(cast("int", True), "s1", b""), "Packet.stamp_us is True, not int"),
        (Packet(0, cast("str", None), b""), "Packet.device is None, not str"),
        (Packet(0, "s1", cast("bytes", bytearray(2))), "Packet.raw is bytearray"),
        (Packet(0, "s1", cast("bytes", "0048")), "Packet.raw is '0048', not bytes"),
        (Packet(0, "s1", bytes(LONGEST_RAW + 1)), "not bytes, up to 512"),
        (Packet(0, "\ud800", b""), r"Packet.device is '\ud800', not str"),
        (LinkState(0, "off", "x" * (LONGEST_TEXT + 1)), "not str of up to 1000 characters"),
        (LinkState(0, cast("LinkName", "gone")), "LinkState.state is 'gone', not one of 'off', 'scanning'"),
        (Intervals(0, cast("tuple[int, ...]", [812])), "Intervals.ticks is [812], not a tuple of int"),
        (Intervals(0, cast("tuple[int, ...]", (812.5,))), "Intervals.ticks is (812.5,), not a tuple of int"),
        (Intervals(0, (LARGEST_INT + 1,)), "not a tuple of int"),
        (Intervals(0, (1,) * (MOST_VALUES + 1)), "not a tuple of int"),
        (Battery(0, 101), "Battery.percent is 101, not from 0 to 100"),
        (Battery(0, cast("int", "80")), "Battery.percent is '80', not int or None"),
        (Dropped(0, 0), "Dropped.packets is 0, not from 1"),
        (Sensor(0, "s1", cast("BodyLocation", "knee")), "Sensor.location is 'knee', not one of"),
    ],
)
def test_what_may_not_be_said_is_named(event: object, words: str) -> None:
    assert words in (event_fault(event, NOW_US) or "")


class Rude:
    def __repr__(self) -> str:
        raise ValueError


def test_a_value_that_cannot_be_shown_is_still_named() -> None:
    assert event_fault(Rude(), 0) == "it yields a Rude, which is no event of devices.events"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.tuples(inner),
    )
)
def test_nothing_that_is_no_event_passes_and_nothing_raises(value: object) -> None:
    assert event_fault(value, 0)
    assert (event_fault(Packet(0, "s1", cast("bytes", value)), 0) is None) == (type(value) is bytes)


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ("strap", "its info is 'strap', not a StrapInfo"),
        (StrapInfo("x", cast("str", "watch")), "StrapInfo.kind is 'watch', not one of"),  # type: ignore[arg-type]
        (StrapInfo("x", "strap", plugin=Plugin("x", cast("str", 1))), "StrapInfo.plugin"),
    ],
)
def test_an_info_that_a_recording_cannot_hold_is_named(info: object, words: str) -> None:
    assert words in (info_fault(info) or "")


@pytest.mark.parametrize("name", ["calm", "faulty"])
def test_a_simulated_strap_keeps_to_the_vocabulary(name: str) -> None:
    source = open_source(parse_spec(f"sim:{name}"))
    assert info_fault(source.info) is None
    assert [event_fault(event, event.stamp_us) for event in collect(source, 300) if event_fault(event, 2**52)] == []
