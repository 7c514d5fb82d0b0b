"""Every sample file of users' formats, by the door, against what is expected of it (RULINGS A9)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

import pytest

from biofeedback.formats.checking import content_fault
from biofeedback.formats.door import Door, Found
from biofeedback.formats.reading import Choices
from tests.formats.samples import check
from tests.real import FORMATS, needs_formats

pytestmark = needs_formats
WANTED: dict[str, Any] = (
    cast("dict[str, Any]", json.loads((FORMATS / "expected.json").read_text("utf-8"))) if FORMATS.is_dir() else {}
)

LOOK = Choices(look=True)
"""What is expected is what `import --inspect` says."""


@cache
def found() -> dict[str, Found]:
    """All of the samples, looked at by one process."""
    with Door() as door:
        return {name: next(iter(door.contents(FORMATS / name, LOOK))) for name in WANTED}


def test_every_sample_is_expected_to_be_something() -> None:
    there = {str(path.relative_to(FORMATS)) for path in FORMATS.rglob("*") if path.is_file()}
    assert there - {"expected.json", "PROVENANCE.md"} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_a_sample_is_equal_to_what_is_expected(name: str) -> None:
    check(found()[name].content, WANTED[name])


@pytest.mark.parametrize("name", WANTED)
def test_what_is_read_of_a_sample_is_sound(name: str) -> None:
    assert content_fault(found()[name].content) is None


@pytest.mark.parametrize("name", [name for name, wanted in WANTED.items() if wanted["verdict"] in ("refuse", "ask")])
def test_what_is_not_read_says_why_and_what_to_do(name: str) -> None:
    refused, content = found()[name].refused, found()[name].content
    said = [content.why or ""] if refused is None else [refused.what, refused.advice]
    assert all(words.strip() for words in said)
    assert refused is None or all(words.endswith(".") for words in said)
    assert name.rpartition("/")[2] not in " ".join(said)


def test_samples_in_another_unit_are_read_when_somebody_says_it() -> None:
    name = "rr_in_samples_256hz.csv"
    with Door() as door:
        (read,) = door.contents(FORMATS / name, Choices(unit="samples@256"))
    check(read.content, WANTED[name]["if_256_hz"])
    assert read.content.unit == "samples@256"


def test_the_folder_as_a_whole_gives_the_same() -> None:
    with Door() as door:
        whole = {each.file: each for each in door.contents(FORMATS, LOOK)}
    for name, wanted in WANTED.items():
        (each,) = [read for file, read in whole.items() if file.replace("\\", "/").endswith("/" + name)]
        check(each.content, wanted)
