"""Script files a person names, and the shelf they join (METHOD 3.4, RULINGS C6, C7, E13)."""

from __future__ import annotations

from pathlib import Path

import pytest

from biofeedback.errors import ScriptError, UsageError
from biofeedback.session.scripts import read_script_file, shelf_with

OWN = """format = "brt-script/1"
id = "mine"
version = 1
title = "Mine"
control = "{control}"
[[cue]]
at = 0
say = "Look."
"""


def own(folder: Path, control: str, prefix: bytes = b"") -> str:
    path = folder / "mine.toml"
    path.write_bytes(prefix + OWN.replace("{control}", control).encode())
    return str(path)


@pytest.mark.parametrize("control", ["mine", "safe_place", "grounding"])
def test_e13_a_control_is_a_script_of_kind_control(tmp_path: Path, control: str) -> None:
    shelf, ids = shelf_with([own(tmp_path, control)])
    with pytest.raises(ScriptError, match=f"'mine' names '{control}' as its control, which is no control") as caught:
        shelf.hash_of(shelf.find(ids[0]))
    assert 'kind = "control"' in caught.value.advice


def test_a_control_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    shelf, ids = shelf_with([own(tmp_path, "nowhere")])
    with pytest.raises(UsageError, match="There is no script 'nowhere'") as caught:
        shelf.needed(ids)
    assert "breath_only" in caught.value.advice


def test_a_script_saved_by_notepad_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert read_script_file(Path(own(tmp_path, "breath_only", b"\xef\xbb\xbf"))).id == "mine"


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"\xff\xfe\x00", "is not UTF-8 text"), (b"a" * (256 * 1024 + 1), "is too large"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_a_script_is_told_so(tmp_path: Path, content: bytes | None, what: str) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ScriptError, match=what):
        read_script_file(path)


def test_c7_a_shipped_id_is_not_taken_by_another_text(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(OWN.replace("{control}", "breath_only").replace('"mine"', '"safe_place"'))
    with pytest.raises(ScriptError, match="is the id of a script that comes with the program"):
        shelf_with([str(path)])


def test_an_unknown_id_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="There is no script 'safe_plaec'") as caught:
        shelf_with(["safe_plaec"])
    assert "breath_only, grounding, safe_place" in caught.value.advice
