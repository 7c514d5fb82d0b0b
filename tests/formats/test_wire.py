from __future__ import annotations

import json
from array import array
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import wire
from biofeedback.formats.content import VERDICTS, Content, Hole, Marker, Start, Verdict, Waveform

texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
whole = st.integers(-wire.MOST_TICKS, wire.MOST_TICKS)
plain = st.recursive(
    st.none() | st.booleans() | st.floats(-1e15, 1e15) | whole | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
starts = st.builds(
    Start,
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from([None, "utc", "+05:30", "-03:00"]),
)


@st.composite
def sound(draw: st.DrawFn) -> Content:
    ticks = draw(st.lists(whole, max_size=5))
    return Content(
        format=draw(texts),
        verdict=cast("Verdict", draw(st.sampled_from(VERDICTS))),
        ticks=array("q", ticks),
        unit=draw(st.none() | texts),
        rule=draw(texts),
        start=draw(st.none() | starts),
        holes=tuple(draw(st.lists(st.builds(Hole, st.integers(0, len(ticks)), st.integers(0, 2**53)), max_size=3))),
        markers=tuple(draw(st.lists(st.builds(Marker, whole, texts), max_size=3))),
        waveforms=tuple(
            draw(st.lists(st.builds(Waveform, texts, st.floats(0.1, 1e6), texts, st.floats(0, 1e9)), max_size=3))
        ),
        why=draw(st.none() | texts),
        decisions=tuple(draw(st.lists(texts, max_size=3))),
        about=draw(st.dictionaries(texts, plain, max_size=3)),
    )


def sent(content: Content) -> Content:
    line = wire.line_of(content, {})
    numbers = array("q")
    numbers.frombytes(wire.numbers_of(content).tobytes())
    return wire.content_from(wire.parsed(line)["content"], numbers)


@given(sound())
def test_what_an_honest_reader_says_comes_through_unchanged(content: Content) -> None:
    assert sent(content) == content


KEYS = [
    "format", "verdict", "unit", "rule", "start", "n", "holes", "markers", "waveforms", "why", "decisions", "about"
]  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), anything), st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3))
def test_whatever_is_said_it_is_believed_or_senseless_and_can_be_shown(
    change: dict[str, Any], ticks: list[int]
) -> None:
    answer = wire.told(Content("a", "rr", array("q", [0] * len(ticks)))) | change
    try:
        content = wire.content_from(answer, array("q", ticks))
    except wire.Senseless:
        return
    text = json.dumps(content.to_json(), allow_nan=False)
    text.encode("utf-8")
    shown = [content.format, content.rule, content.why or "", content.unit or "", *content.decisions]
    assert all(each.isprintable() for each in [*shown, *(marker.text for marker in content.markers)])
    assert all(abs(value) <= wire.MOST_TICKS for value in content.ticks)


@given(st.binary(max_size=200))
def test_a_line_that_is_no_object_is_senseless(data: bytes) -> None:
    try:
        found = wire.parsed(data + b"\n")
    except wire.Senseless:
        return
    assert isinstance(found, dict)


def test_a_line_without_an_end_is_senseless() -> None:
    with pytest.raises(wire.Senseless):
        wire.parsed(b"{}")


def test_texts_lose_what_would_steer_a_terminal_and_no_more() -> None:
    assert wire.shown("Ruhe – été 😀 „a“") == "Ruhe – été 😀 „a“"
    assert wire.shown("a\u202fb\u00a0c\td\r\n") == "a b c d  "
    assert wire.shown("\x1b[1m\u202e\u200b\x07\x9b") == "[1m"
    assert wire.shown("\ud800\ue000") == "\ufffd\ufffd"
    assert wire.shown("x" * 20_000) == "x" * 10_000


def test_more_than_the_other_side_takes_is_refused_where_it_is_read() -> None:
    markers = (Marker(0, "a"),) * (wire.MOST_ITEMS + 1)
    with pytest.raises(ImportRefused, match="more than 100000"):
        wire.told(Content("a", "rr", markers=markers))


@pytest.mark.parametrize(
    "content",
    [
        Content("a", "rr", array("q", [1, 2**53 + 1])),
        Content("a", "rr", array("q", [1, -(2**53) - 1])),
        Content("a", "rr", array("q", [1]), holes=(Hole(0, 2**54),)),
        Content("a", "rr", array("q", [1]), markers=(Marker(-(2**54), "a"),)),
    ],
)
def test_times_that_no_clock_measures_are_refused_where_they_are_read(content: Content) -> None:
    with pytest.raises(ImportRefused, match="more than 280 years"):
        wire.told(content)


@pytest.mark.parametrize(
    "content",
    [
        Content("a", "ecg", waveforms=(Waveform("ECG", 130.0, "uV", -9.4e30),)),
        Content("a", "ecg", waveforms=(Waveform("ECG", float("nan"), "uV", 1.0),)),
        Content("a", "rr", start=Start("13 o'clock")),
        Content("a", "rr", holes=(Hole(1),)),
        Content("a", "summary", about={"rows": float("inf")}),
    ],
)
def test_a_reader_that_was_fooled_by_its_file_refuses_it(content: Content) -> None:
    with pytest.raises(ImportRefused, match="times or numbers that cannot be"):
        wire.line_of(content, {})
