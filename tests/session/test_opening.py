"""What may be started, and what the `open` event holds (RULINGS A1, C6, C7)."""

from __future__ import annotations

from dataclasses import replace
from json import dumps

import pytest

from biofeedback.errors import ScriptError
from biofeedback.imagery.script import from_json
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, practice_plan, trial_plan
from biofeedback.session.scripts import Shelf, shipped
from devices.events import StrapInfo

INFO = StrapInfo("made up", "file")


def shelf_with_changed(**changes: object) -> Shelf:
    """The shipped scripts with a changed safe place."""
    shelf = shipped()
    changed = replace(shelf.find("safe_place"), **changes)  # type: ignore[arg-type]
    return Shelf({**shelf.scripts, "safe_place": changed})


def test_a1_open_holds_the_scripts_in_full_with_their_hashes_and_the_rescue() -> None:
    opening = open_session(trial_plan((Pair("safe_place", "breath_only"),)), INFO, shipped())
    assert set(opening.event.scripts) == {"safe_place", "breath_only", "grounding"}
    for id_, table in opening.event.scripts.items():
        assert from_json(table) == shipped().find(id_)
        assert table["hash"] == shipped().hash_of(shipped().find(id_))
    dumps(opening.event.scripts, allow_nan=False)


def test_c7_a_practitioner_s_script_cannot_be_started_alone() -> None:
    with pytest.raises(ScriptError, match="practitioners"):
        open_session(practice_plan("safe_place", 3), INFO, shelf_with_changed(mode="practitioner"))


def test_a_word_that_is_not_filled_in_is_asked_for() -> None:
    with pytest.raises(ScriptError, match="for place"):
        open_session(practice_plan("safe_place", 3), INFO, shelf_with_changed(words={"place": " "}))


def test_e10_a_script_that_works_afterwards_is_not_tested_with_the_wrong_window() -> None:
    shelf = shelf_with_changed(outcome="after")
    with pytest.raises(ScriptError, match="afterwards"):
        open_session(trial_plan((Pair("safe_place", "breath_only"),)), INFO, shelf)
    assert open_session(practice_plan("safe_place", 3), INFO, shelf).event.plan["script"] == "safe_place"
