"""RULINGS C6: an anonymised copy tells nothing of a person, shifts nothing in time, keeps hashes, and verifies."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from biofeedback.recording.anonymise import HIDDEN, SUBJECT, Shipped, anonymised
from biofeedback.recording.chain import Line
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.recording.rewriting import copy_to
from biofeedback.session.replay import verify
from biofeedback.session.sharing import anonymised_lines
from tests.recording.told import ADDRESS, CANARY, told_session
from tests.session.sessions import simulated

pytestmark = pytest.mark.slow
TELLING = (CANARY, *(ADDRESS.lower().replace(":", mark) for mark in (":", "-", "_", "")))


@pytest.fixture(scope="module", params=["canary_garden", "safe_place"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A telling session, of a script of one's own or a shipped one with one's own word, and its anonymised copy."""
    folder = tmp_path_factory.mktemp("told")
    path = told_session(folder, visualization=request.param)
    source = read_recording(path)
    copy = copy_to(folder / "copy.session.jsonl", source, anonymised_lines(source.lines), ["names"], None)
    return path, copy


def lines_of(path: Path) -> tuple[Line, ...]:
    return tuple(line for line in read_recording(path).lines if line.kind not in {"head", "seal"})


def test_c6_no_name_word_note_mark_strap_or_address_is_in_the_copy(both: tuple[Path, Path]) -> None:
    original, copy = both
    before, after = original.read_text("utf-8").lower(), copy.read_text("utf-8").lower()
    assert before.count(CANARY) > 100
    assert [word for word in TELLING if word in after] == []


def test_c6_the_copy_verifies_to_the_bit_with_every_output_compared(both: tuple[Path, Path]) -> None:
    original, copy = (verify(path) for path in both)
    assert original.exact
    assert (copy.exact, copy.differences, copy.intact, copy.finished) == (True, 0, True, True)
    assert copy.compared == original.compared == copy.outputs


def test_c6_nothing_is_shifted_in_time_left_out_or_added(both: tuple[Path, Path]) -> None:
    before, after = (lines_of(path) for path in both)
    assert [(line.t, line.kind, list(line.body)) for line in after] == [
        (line.t, line.kind, list(line.body)) for line in before
    ]


def test_c6_hashes_numbers_and_intervals_stay(both: tuple[Path, Path]) -> None:
    before, after = (lines_of(path) for path in both)
    for kind in ("packet", "beat", "gap", "hrv", "arousal", "epoch", "pacer", "commit", "reveal"):
        kept = [[{**line.body, "dev": ""} for line in lines if line.kind == kind] for lines in (before, after)]
        assert kept[0] == kept[1], kind
    hashes = [[line.body["hash"] for line in lines if line.kind == "cue"] for lines in (before, after)]
    assert hashes[0] == hashes[1]
    opens = [next(line.body for line in lines if line.kind == "open") for lines in (before, after)]
    scripts = [[each["hash"] for each in body["scripts"].values()] for body in opens]
    assert scripts[0] == scripts[1]


def test_c6_the_subject_is_p_and_whoever_wrote_a_note_is_hidden(both: tuple[Path, Path]) -> None:
    copy = read_recording(both[1])
    assert copy.head["subject"] == SUBJECT
    by = {line.body["by"] for line in copy.lines if "by" in line.body}
    assert by <= {"trainee", "program", "nobody", HIDDEN}
    assert {line.body["text"] for line in copy.lines if line.kind in {"mark", "note"}} == {HIDDEN}


def test_c6_what_the_shipped_scripts_say_stays_readable(both: tuple[Path, Path]) -> None:
    said = [line.body["say"] for line in read_recording(both[1]).lines if line.kind == "cue"]
    originals = [line.body["say"] for line in read_recording(both[0]).lines if line.kind == "cue"]
    for before, after in zip(originals, said, strict=True):
        assert after == before or HIDDEN in after
        assert CANARY in before.lower() or after == before


def test_a_simulated_session_loses_only_its_subject(tmp_path: Path) -> None:
    from tests.report.sessions import simulate

    source = read_recording(simulate(tmp_path, "sim:tense?seed=3", person="Canary"))
    copy = copy_to(tmp_path / "c.session.jsonl", source, anonymised_lines(source.lines), [], None)
    assert verify(copy).exact
    assert CANARY not in copy.read_text("utf-8").lower()
    opening = next(line.body for line in read_recording(copy).lines if line.kind == "open")
    assert opening["source"]["spec"] == "sim:tense?seed=3"
    assert simulated("sim:tense?seed=3").info.spec == opening["source"]["spec"]


def test_1_3_texts_in_kinds_and_keys_of_later_versions_are_hidden_and_numbers_kept() -> None:
    lines = [
        Line(0, 0, "aura", {"colour": "red", "n": 3, "deep": [{"a": "x", "b": 1.5, "c": None, "d": True}]}),
        Line(1, 5, "packet", {"dev": "s1", "raw": "163f", "smell": "roses"}),
    ]
    hidden = list(anonymised(lines, Shipped()))
    assert hidden[0].body == {"colour": HIDDEN, "n": 3, "deep": [{"a": HIDDEN, "b": 1.5, "c": None, "d": True}]}
    assert hidden[1].body == {"dev": "d1", "raw": "163f", "smell": HIDDEN}


def test_straps_and_own_scripts_get_the_same_stand_in_throughout() -> None:
    phases = [
        Line(n, n, "phase", {"visualization": id_, "control": None}) for n, id_ in enumerate(["my_a", "my_b", "my_a"])
    ]
    packets = [Line(9, 9, "packet", {"dev": dev}) for dev in ("x", "y", "x")]
    hidden = list(anonymised([*phases, *packets], Shipped(ids={"safe_place"})))
    assert [line.body["visualization"] for line in hidden[:3]] == ["own_1", "own_2", "own_1"]
    assert [line.body["dev"] for line in hidden[3:]] == ["d1", "d2", "d1"]


def test_every_kind_of_line_has_been_thought_of(both: tuple[Path, Path]) -> None:
    """Whatever is hidden in the copy is a text by somebody, or told as hidden here: nothing goes by mistake."""
    pairs = zip(lines_of(both[0]), lines_of(both[1]), strict=True)
    changed = {(old.kind, key) for old, new in pairs for key in old.body if old.body[key] != new.body[key]}
    expected = {
        ("open", "scripts"), ("open", "person"), ("open", "source"), ("open", "plan"), ("packet", "dev"),
        ("link", "why"), ("link", "advice"), ("command", "text"), ("command", "by"), ("mark", "text"), ("note", "text"),
        ("note", "by"), ("cue", "say"), ("cue", "script"), ("phase", "visualization"), ("verdict", "visualization"),
        ("verdict", "words"), ("aura", "seen"), ("aura", "deep"), ("err", "error"),
    }  # fmt: skip
    assert changed <= expected
    assert expected - changed <= {
        ("open", "plan"), ("cue", "script"), ("phase", "visualization"), ("verdict", "visualization"),
        ("verdict", "words"),
    }  # fmt: skip


def test_the_head_says_what_the_copy_was_made_from(both: tuple[Path, Path]) -> None:
    head: StoredRecording = read_recording(both[1])
    assert head.head["parent"]["removed"] == ["names"]
    assert re.fullmatch("[0-9a-f]{64}", head.head["parent"]["sha256"])
    json.dumps(head.head)
