"""House rules that no linter knows: words that may not be claimed, sizes, marks of unfinished work."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.cli.programs import ROOT

INTENDED_USE = (
    "For adults who want to practise paced breathing and self-chosen imagery and see their own heart-rate response. "
    "Not a medical device. Not for diagnosis, treatment or emergencies."
)
CLAIMS = re.compile(
    r"\b(treats?|treatments?|therap\w+|heals?|cures?|PTSD|anxiety disorder|diagnos\w+|clinical|rewire|"
    r"reset your nervous system)\b",
    re.IGNORECASE,
)
CODE = [path for folder in ("biofeedback", "devices") for path in sorted((ROOT / folder).rglob("*.py"))]
SPOKEN = [
    ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "biofeedback").rglob("*.toml")), *sorted((ROOT / "biofeedback").rglob("*.html")), *CODE,
    *sorted(path for path in (ROOT / "examples").rglob("*") if path.suffix in (".py", ".toml")),
]  # fmt: skip


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", SPOKEN, ids=names(SPOKEN))
def test_c8_nothing_is_claimed_that_may_not_be(path: Path) -> None:
    text = re.sub(r'["\s\\]+', " ", path.read_text("utf-8"))
    assert CLAIMS.findall(text.replace(INTENDED_USE, "")) == []


def test_c8_readme_states_the_intended_use() -> None:
    assert INTENDED_USE in re.sub(r"\s+", " ", (ROOT / "README.md").read_text("utf-8"))


@pytest.mark.parametrize("path", CODE, ids=names(CODE))
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 600
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 40, node.name


def test_nothing_is_left_for_later_in_the_code() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|raise NotImplementedError")
    assert [path.name for path in CODE if marks.search(path.read_text("utf-8"))] == []


def test_one_spelling_of_artefact() -> None:
    assert [path.name for path in SPOKEN if re.search(r"\bartifact", path.read_text("utf-8"), re.IGNORECASE)] == []
