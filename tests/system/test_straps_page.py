"""docs/straps.md says what the program says."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Final

import pytest

from biofeedback.events import Sensor
from biofeedback.session.sensor import SensorWatch
from devices.events import BodyLocation
from tests.cli.programs import ROOT

PAGE: Final = (ROOT / "docs" / "straps.md").read_text("utf-8")
ROWS: Final = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith('| "')]
QUOTED: Final = [said for row in ROWS for said in re.findall(r'"([^"]+)"', row)]
SPEAKERS: Final = (
    "devices.bluetooth",
    "devices.finding",
    "devices.strap",
    "biofeedback.presenter.straps",
    "biofeedback.presenter.words",
    "biofeedback.session.engine",
    "biofeedback.session.sensor",
    "biofeedback.session.signal",
)


def spoken() -> str:
    """The source of whatever speaks of a strap, each literal sentence on one line."""
    sources = [(ROOT / f"{name.replace('.', '/')}.py").read_text("utf-8") for name in SPEAKERS]
    assert all(import_module(name) for name in SPEAKERS)
    return re.sub(r'"\s+f?"', "", "\n".join(sources))


def worn_on(place: BodyLocation) -> str:
    (notice,) = SensorWatch().sensor(Sensor(0, "s1", place))
    return notice.text.split(".")[0]


def test_the_page_quotes_many_sentences() -> None:
    assert len(QUOTED) >= 18


@pytest.mark.parametrize("sentence", QUOTED)
def test_what_the_page_quotes_is_what_is_said(sentence: str) -> None:
    words = sentence.removeprefix("Signal lost: ").rstrip(".")
    assert words in spoken() or words == worn_on("wrist")
