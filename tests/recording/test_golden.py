"""Recordings of every released version are read as they were, for ever (RECORDING 1.3, RULINGS A6)."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from biofeedback.events import Json, Packet
from biofeedback.recording.chain import open_frame, opened, seal_line
from biofeedback.recording.codec import EVENT_KINDS, INPUT_KINDS, from_body, to_body
from biofeedback.recording.person import FORMAT
from biofeedback.recording.person_state import Entry, Profile, Said, fold
from biofeedback.recording.reader import StoredRecording, read_lines, read_recording
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.engine import VERSION
from biofeedback.session.opening import ALGORITHMS
from biofeedback.session.replay import verify
from devices.heart_rate_measurement import decode
from tests.recording.golden import make_golden

VERSIONS = sorted(path for path in make_golden.HERE.iterdir() if path.name.startswith("engine_"))
FILES = [file for folder in VERSIONS for file in make_golden.recordings(folder)]
SESSIONS = [file for file in FILES if not file.name.startswith("every_kind")]
ENCRYPTED = [file for file in FILES if file.name.startswith("encrypted")]
LARGEST = 200_000

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name.split('.')[0]}")
every_session = pytest.mark.parametrize(
    "path", SESSIONS, ids=lambda path: f"{path.parent.name}-{path.name.split('.')[0]}"
)


def expected(path: Path) -> Mapping[str, Any]:
    """What is to be read from a golden file."""
    told: Mapping[str, Any] = json.loads((path.parent / make_golden.EXPECTED).read_text("utf-8"))[path.name]
    return told


def golden(path: Path) -> StoredRecording:
    """A golden file, opened when it is encrypted."""
    return read_recording(path, make_golden.keys_of(path))


def same_rules(recording: StoredRecording) -> bool:
    """Whether the rules under all numbers are the ones that this program has."""
    named = recording.algorithms
    return all(named.get(name, ALGORITHMS[name]) == ALGORITHMS[name] for name in ("artefacts", "engine"))


def test_this_version_of_the_engine_has_its_golden_files() -> None:
    assert f"engine_{VERSION}" in [folder.name for folder in VERSIONS]


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_the_golden_files_are_the_ones_that_were_made(folder: Path) -> None:
    told = json.loads((folder / make_golden.EXPECTED).read_text("utf-8"))
    files = [*make_golden.recordings(folder), folder / make_golden.PERSON_LOG]
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert found == {name: each["sha256"] for name, each in told.items()}
    assert {path.name for path in folder.iterdir()} == {*told, make_golden.EXPECTED}
    assert max(path.stat().st_size for path in folder.iterdir()) <= LARGEST


@every_file
def test_1_3_they_are_read_as_they_were(path: Path) -> None:
    recording, told = golden(path), expected(path)
    assert len(recording.lines) == told["lines"]
    assert len(recording.beyond) == told["beyond"]
    assert recording.finished == told["finished"]
    assert (recording.damage or "").partition(":")[0] == (told["damage"] or "").partition(":")[0]
    assert Counter(line.kind for line in recording.lines) == told["kinds"]
    assert recording.head["subject"] == "P-001"


@every_file
def test_1_3_read_back_is_write_again_byte_for_byte(path: Path) -> None:
    """The readable lines, through the writer; what is encrypted keeps the letters it has."""
    stored, again, crc_read, crc_written = path.read_bytes().splitlines(keepends=True), list[bytes](), 0, 0
    good = len(golden(path).lines)
    for raw in stored[:good]:
        framed, crc_read = open_frame(raw.rstrip(b"\n"), crc_read)
        if framed.sealed:
            start = json.dumps(framed.table, separators=(",", ":")).encode()[:-1]
            crc_written = crc32(start, crc_written)
            again.append(start + b',"x":"%08x"}\n' % crc_written)
        else:
            line = opened(framed)
            written, crc_written = seal_line(line.n, line.t, line.kind, line.body, crc_written)
            again.append(written)
    assert b"".join(again) == b"".join(stored[:good])


@every_file
def test_1_3_every_event_is_what_stands_in_its_line(path: Path) -> None:
    """Keys may have come since, none of those that are stored may mean something else."""
    for line in golden(path).lines:
        if line.kind in EVENT_KINDS:
            body: Mapping[str, Json] = to_body(from_body(line.kind, line.t, line.body))
            assert {key: body[key] for key in line.body} == line.body, line.n


@every_session
def test_a6_packets_are_the_bytes_that_the_strap_sent(path: Path) -> None:
    for line, event in golden(path).timed_events(("packet",)):
        assert isinstance(event, Packet)
        sent = decode(bytes.fromhex(line.body["raw"]))
        assert (event.ticks, event.hr, event.contact) == (sent.rr_1024, sent.hr, sent.contact)


@every_session
def test_1_3_seals_are_the_sha_256_of_what_stands_before(path: Path) -> None:
    before = b""
    for raw in path.read_bytes().splitlines(keepends=True)[: expected(path)["lines"]]:
        table = json.loads(raw)
        if table.get("k") == "seal":
            assert (table["sha256"], table["bytes"]) == (hashlib.sha256(before).hexdigest(), len(before))
        before += raw


@every_session
def test_a6_outputs_are_equal_while_their_rules_live(path: Path) -> None:
    found, recording = verify(path, make_golden.keys_of(path)), golden(path)
    assert (found.differences, found.first_difference) == (0, None)
    if not same_rules(recording):
        assert any(name.startswith(("artefacts/", "engine/")) for name in found.rescored)
        return
    assert found.compared > 80
    assert found.exact == found.intact
    assert (found.compared < found.outputs) == bool(recording.beyond)
    beats, told = recorded_beats(recording), expected(path)["of_rules"]
    assert len(beats) == told["beats"]
    assert sum(beat.ticks for beat in beats) == told["ticks"]
    assert sum(not beat.ok for beat in beats) == told["flagged"]
    assert sum(beat.gap_before for beat in beats) == told["gaps"]
    assert beats[-1].t_us == told["last_us"]


def test_every_kind_of_this_version_stands_in_one_of_its_files() -> None:
    folder = make_golden.HERE / f"engine_{VERSION}"
    found = {line.kind for path in make_golden.recordings(folder) for line in golden(path).lines}
    assert found >= EVENT_KINDS | INPUT_KINDS
    assert found >= {"head", "alg", "drop", "err", "resume", "seal", "aura"}


def test_the_generator_makes_the_same_files_again(tmp_path: Path) -> None:
    """Numbers may differ in their last bits on another computer; what is no number may not."""
    folder = make_golden.HERE / f"engine_{VERSION}"
    make_golden.make(tmp_path)
    for path in make_golden.recordings(folder):
        ours, theirs = golden(tmp_path / path.name), golden(path)
        assert len(ours.lines) == len(theirs.lines)
        for one, other in zip(ours.lines, theirs.lines, strict=True):
            assert (one.t, one.kind, one.body.keys()) == (other.t, other.kind, other.body.keys())
            if one.kind in INPUT_KINDS:
                assert one.body == other.body


def test_a_damaged_file_is_not_changed_by_being_read(tmp_path: Path) -> None:
    copy = tmp_path / "damaged.session.jsonl"
    shutil.copyfile(make_golden.HERE / f"engine_{VERSION}" / copy.name, copy)
    before = copy.read_bytes()
    assert not verify(copy).intact
    assert read_recording(copy).beyond
    assert copy.read_bytes() == before
    assert list(tmp_path.iterdir()) == [copy]


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.name.startswith("encrypted")], ids=lambda p: p.parent.name
)
def test_c5_an_encrypted_file_is_checked_without_its_key_and_nothing_of_the_person_is_clear(path: Path) -> None:
    found = verify(path)
    assert (found.intact, found.locked, found.differences) == (True, True, 0)
    data = path.read_bytes()
    assert b"P-001" not in data
    assert b"Vienna" not in data
    assert data.count(b'"key":') > 2, "two keys at the least, and that of the home"


@pytest.mark.parametrize("folder", VERSIONS, ids=lambda folder: folder.name)
def test_1_7_the_log_of_a_person_says_for_ever_what_it_said(folder: Path) -> None:
    stored = read_lines(folder / make_golden.PERSON_LOG, format_=FORMAT)
    assert (stored.damage, stored.head["person"]) == (None, "P-001")
    assert [line.kind for line in stored.lines if line.kind == "seal"] == ["seal"] * 3
    state = fold(stored.lines)
    assert state.profile == Profile("Anna", {"place": "the lake"}, ("beta_blocker",), None, None)
    assert {id_: consent.given for id_, consent in state.consents.items()} == {"heart_data": True, "words": False}
    assert state.consents["words"].said == Said("2026-11-26T13:19:15.000Z", 3600)
    assert state.screen is not None
    assert state.screen["passed"] is True
    day = Said("2026-11-25T13:19:15.000Z", 3600)
    assert state.entries == (
        Entry(1, "journal", day, "Quiet morning.", practice="grounding", before=6, after=3),
        Entry(2, "trigger", day, trigger="a full train", before=8),
    )
    assert state.texts == {"place": "the lake at dawn"}
    assert state.tags == {make_golden.SESSION: ("morning",)}
    assert state.latest("person")[make_golden.SESSION].value == "P-002"
    assert state.deleted == {"8b5d4a52-2c57-4e37-9d0e-5a4f6d1c7e21"}
    assert stored.lines[-2].kind == "aura"
