"""Importers of other people's packages: found, held to their word, told of once and left out (RECORDING 2.3 row 9)."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable
from importlib import invalidate_caches
from pathlib import Path

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.detect import content_of, reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.plugins import Importers, importer_plugins, installed_importers
from biofeedback.formats.reading import Choices
from tests.plugged import install

GOOD = """
from array import array
from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.reading import Reader

def claims(file):
    return file.head.startswith(b"ACME")

def read(file, choices, progress):
    if b"!" in file.data:
        raise ImportRefused("there is a mark in it.", "Rub it out.", "line 1")
    return Content("acme", "rr", array("q", [819200] * 3), unit="ms", rule="always ms", about={"colour": "red"})

READER = Reader("acme", lambda file: claims(file), lambda *args: read(*args))
def make(): return READER
"""
Plugged = Callable[..., Importers]


@pytest.fixture
def plugged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plugged:
    """Installs a package with importers and gives those of this process."""

    def put(code: str = GOOD, **entries: str) -> Importers:
        folder = install(
            tmp_path / "site", code, entries or {"acme": "acme_files:READER"},
            name="acme-files", module="acme_files", group="biofeedback.importers",
        )  # fmt: skip
        monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
        monkeypatch.delitem(sys.modules, "acme_files", raising=False)
        invalidate_caches()
        return importer_plugins()

    return put


def refusal(importers: Importers, data: bytes = b"ACME") -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        content_of(in_memory("x", data), Choices(), lambda _: None, importers.readers)
    return caught.value


@pytest.mark.parametrize("held", ["READER", "make"])
def test_an_importer_is_a_reader_or_what_makes_one(plugged: Plugged, held: str) -> None:
    importers = plugged(acme=f"acme_files:{held}")
    content = content_of(in_memory("x", b"ACME"), Choices(), lambda _: None, importers.readers)
    assert (content.format, content.ticks) == ("acme", array("q", [819200] * 3))
    assert content.about == {"colour": "red", "plugin": {"name": "acme-files", "version": "2.1"}}
    assert content.decisions == ("read by the importer 'acme' of acme-files 2.1",)
    assert content.to_json()["plugin"] == {"name": "acme-files", "version": "2.1"}
    assert importers.drain() == []


def test_it_is_asked_before_bare_numbers_and_after_what_is_sure(plugged: Plugged) -> None:
    readers = plugged(GOOD + "\nclaims = lambda file: True\n").readers
    assert reader_of(in_memory("x", b"800\n810\n805\n"), readers).name == "acme"
    assert reader_of(in_memory("x", b"<HealthData>"), readers).name == "apple-health"


def test_its_refusal_is_passed_on(plugged: Plugged) -> None:
    importers = plugged()
    error = refusal(importers, b"ACME!")
    assert (error.what, error.advice, error.where) == ("there is a mark in it.", "Rub it out.", "line 1")
    assert importers.drain() == []


SAID = "The importer 'acme' of acme-files 2.1 failed: {}. It is left out from here on."


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def read(*_): return 1 / 0", "ZeroDivisionError: division by zero"),
        ("def read(*_): raise SystemExit(3)", "SystemExit: 3"),
        ("def read(*_): raise ValueError('two\\nlines\\x1b[2J')", "ValueError: two lines [2J"),
        ("def read(*_): return [800]", "it answers list, which is no Content"),
        ("def read(*_): return Content('acme', 'rr')",
         "it does not say the unit of its numbers, and by which rule that is known"),
        ("def read(*_): return Content('acme', 'rr', array('q', [-1]), unit='ms', rule='x')",
         "an interval in it is less than nothing, or no time of this world"),
    ],
)  # fmt: skip
def test_one_that_fails_to_read_is_a_refusal_once_and_left_out_from_then_on(
    plugged: Plugged, code: str, why: str
) -> None:
    importers = plugged(GOOD + "\n" + code)
    error = refusal(importers)
    assert error.what == f"the importer 'acme' of acme-files 2.1 failed: {why}."
    assert error.advice == "Tell whoever made acme-files."
    assert importers.drain() == [SAID.format(why)]
    assert refusal(importers).what == "it is no file of heartbeats that this program knows."
    assert importers.drain() == []
    assert importers.failed == {"acme": why}


def test_one_that_fails_to_claim_is_left_out_and_the_others_are_asked(plugged: Plugged) -> None:
    code = GOOD + "\ndef bad(file): return file.data[7] == 7\nBAD = Reader('bad', bad, read)\n"
    importers = plugged(code, aaa="acme_files:BAD", acme="acme_files:READER")
    assert reader_of(in_memory("x", b"ACME"), importers.readers).name == "acme"
    assert importers.drain() == [
        "The importer 'aaa' of acme-files 2.1 failed: IndexError: index out of range. It is left out from here on."
    ]


@pytest.mark.parametrize(
    ("code", "entries", "why"),
    [
        ("1 / 0", {}, "it cannot be imported: ZeroDivisionError: division by zero"),
        ("import not_there", {}, "it cannot be imported: ModuleNotFoundError: No module named 'not_there'"),
        ("READER = 7", {}, "acme_files:READER is no Reader, nor makes one"),
        ("def make(): return 7", {"acme": "acme_files:make"}, "acme_files:make is no Reader, nor makes one"),
        ("READER = Reader('acme', 7, read)", {}, "acme_files:READER is no Reader, nor makes one"),
        ("def make(): raise SystemExit", {"acme": "acme_files:make"}, "it cannot be imported: SystemExit"),
    ],
)
def test_one_that_cannot_be_used_is_told_once_by_its_package(
    plugged: Plugged, code: str, entries: dict[str, str], why: str
) -> None:
    importers = plugged(f"{GOOD}\n{code}\n", **entries)
    assert importers.readers == ()
    assert importers.drain() == [SAID.format(why)]
    assert importer_plugins() is importers
    assert importers.drain() == []


def test_names_that_cannot_be_or_are_taken_twice_are_told(plugged: Plugged, tmp_path: Path) -> None:
    install(
        tmp_path / "site", GOOD, {"acme": "other_files:READER", "No Name": "other_files:READER"},
        name="other-files", module="other_files", group="biofeedback.importers",
    )  # fmt: skip
    told = plugged().drain()
    unnamed = "'No Name' cannot be the name of an importer: it takes small letters, digits, - and _"
    assert sorted(told) == [
        f"The importer 'No Name' of other-files 2.1 failed: {unnamed}. It is left out from here on.",
        "The importer 'acme' of acme-files 2.1 failed: several packages claim 'acme'. It is left out from here on.",
    ]


def test_a_list_of_those_that_are_installed_runs_none_of_their_code(plugged: Plugged) -> None:
    plugged("1 / 0", acme="acme_files:READER")
    sys.modules.pop("acme_files", None)
    assert [each.described for each in installed_importers()] == ["acme: from acme-files 2.1"]
    assert "acme_files" not in sys.modules


def test_what_it_prints_is_not_what_the_program_says(plugged: Plugged, capsys: pytest.CaptureFixture[str]) -> None:
    importers = plugged("print('imported')\n" + GOOD + "\ndef claims(file): print('claims'); return True\n")
    content_of(in_memory("x", b"ACME"), Choices(), lambda _: None, importers.readers)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "imported\nclaims\n")
