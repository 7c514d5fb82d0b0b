"""JSON of other programs, strictly (RECORDING 2.3 row 7)."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.json_text import json_head, json_of

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(VALUES, st.sampled_from([None, 1]))
def test_what_python_writes_without_nan_is_read_as_it_was(value: object, indent: int | None) -> None:
    assert json_of(json.dumps(value, allow_nan=False, indent=indent)) == value


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":['])
def test_threat_7_a_depth_of_100_000_is_refused(opening: str) -> None:
    with pytest.raises(ImportRefused, match="nested too deeply"):
        json_of(opening * 100_000)


@pytest.mark.parametrize("text", ['{"a": 1, "b": 2, "a": 1}', '[{"x": {"a": [], "a": {}}}]', '{"a": 1, "\\u0061": 2}'])
def test_threat_7_a_key_that_stands_twice_is_refused_by_name(text: str) -> None:
    with pytest.raises(ImportRefused, match="the key 'a' twice in one object"):
        json_of(text)


def test_the_same_key_in_two_objects_is_nothing_special() -> None:
    assert json_of('[{"a": 1}, {"a": {"a": 1}}]') == [{"a": 1}, {"a": {"a": 1}}]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_threat_7_nan_and_infinity_are_refused(word: str) -> None:
    with pytest.raises(ImportRefused, match=f"has {word}, which is no number"):
        json_of(f'{{"rr": [800, {word}]}}')


@pytest.mark.parametrize("number", ["1e400", "-1E+999", "9" * 50 + "e308"])
def test_threat_7_a_number_that_would_be_infinite_is_refused(number: str) -> None:
    with pytest.raises(ImportRefused, match="out of all bounds"):
        json_of(f"[{number}]")


@pytest.mark.parametrize("number", ["9" * 5000, "-" + "1" * 4999, "0." + "3" * 4998, "1" * 4000 + "e-1000"])
def test_threat_7_numbers_of_thousands_of_digits_are_refused(number: str) -> None:
    with pytest.raises(ImportRefused, match=r"a number of [45]0\d\d signs"):
        json_of(f"[{number}]")


@pytest.mark.parametrize(
    ("text", "where"),
    [("", "line 1, column 1"), ("[1,\n 2,\n 3", "line 3, column 3"), ('{"a" 1}', "line 1, column 6"),
     ("[1] 2", "line 1, column 5"), ("[01]", "line 1, column 3"), ("[1,]", "line 1, column 4"),
     ("['a']", "line 1, column 2"), ('["a\nb"]', "line 1, column 4"), ('["\\x"]', "line 1, column 3"),
     ("[1_000]", "line 1, column 3"), ("[.5]", "line 1, column 2"), ("[+1]", "line 1, column 2")],
)  # fmt: skip
def test_broken_json_is_refused_with_its_place(text: str, where: str) -> None:
    with pytest.raises(ImportRefused, match="broken or cut off") as caught:
        json_of(text)
    assert caught.value.where == where


@given(st.text(alphabet='[]{}:,"\\0123456789eE+-.NatrufslInfiy \n\ud800', max_size=40) | st.text(max_size=30))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    with suppress(ImportRefused):
        assert json_of(text) == json.loads(text)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_head_of_json_is_told_in_every_encoding(encoding: str) -> None:
    text = ' \n{"name": "größe"}'
    file = in_memory("x.csv", text.encode(encoding))
    head = json_head(file)
    assert head is not None
    assert head.startswith('{"name"')
    assert json_of(file.text) == {"name": "größe"}


@pytest.mark.parametrize("data", [b"", b"[\0\0", b"800\n", b"<x/>", b"{\\rtf1\0", b"\xef\xbb\xbf", b"  "])
def test_what_is_no_json_has_no_head_of_it(data: bytes) -> None:
    assert json_head(in_memory("x.json", data)) is None


def test_a_head_that_ends_inside_a_letter_is_still_one() -> None:
    data = ('["' + "ü" * 40_000).encode()
    assert (json_head(in_memory("x.json", data)) or "").startswith('["üü')


def test_the_text_of_a_broken_key_steers_no_terminal() -> None:
    with pytest.raises(ImportRefused) as caught:
        json_of('{"\\u001b[2J\\ud800": 1, "\\u001b[2J\\ud800": 1}')
    assert caught.value.what.isprintable()
