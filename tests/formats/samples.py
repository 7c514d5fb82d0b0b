"""The sample files of users' formats beside the checkout, and what a reader must answer for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from biofeedback.formats.containers import unpacked
from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.detect import content_of
from biofeedback.formats.foreign import Foreign, in_memory, on_disk
from biofeedback.formats.reading import Choices
from tests.real import FORMATS


def sample(name: str) -> Path:
    """A sample file; the test is skipped where the folder is absent."""
    if not FORMATS.is_dir():
        pytest.skip("the sample files are not beside this checkout")
    return FORMATS / name


def expected(name: str) -> dict[str, Any]:
    """What `expected.json` says of it."""
    return cast("dict[str, Any]", json.loads(sample("expected.json").read_text())[name])


def read(file: Path | Foreign, choices: Choices | None = None) -> Content:
    """What a file holds, read in this process. Raises ImportRefused."""
    found = on_disk(file) if isinstance(file, Path) else file
    return content_of(unpacked(found), choices or Choices(), lambda _: None)


def read_bytes(name: str, data: bytes, choices: Choices | None = None) -> Content:
    """The same of bytes under a name, without neighbours. Raises ImportRefused."""
    return read(in_memory(name, data), choices)


def refusal(name: str, data: bytes, choices: Choices | None = None) -> ImportRefused:
    """Why bytes under a name are refused; that they are is asserted."""
    with pytest.raises(ImportRefused) as caught:
        read_bytes(name, data, choices)
    return caught.value


def check(content: Content, wanted: dict[str, Any]) -> None:
    """Equal in the sense of RULINGS A9: the verdict; of rr n, first, last and the sum; of beats n."""
    found = content.to_json()
    assert found["verdict"] == wanted["verdict"]
    if wanted["verdict"] == "rr":
        assert found["n"] == wanted["n"]
        assert found["sum_ms"] == pytest.approx(wanted["sum_ms"], abs=2.0, rel=1e-4)
        for key in ("first", "last"):
            if key in wanted:
                assert found[key] == pytest.approx(wanted[key], abs=0.06)
    if wanted["verdict"] == "beats":
        assert found["n"] == wanted.get("n", sum(wanted.get("beats", [])))
