"""RULINGS C4: what is withdrawn is really gone, the rest is as it was, and a crash leaves one whole file."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from biofeedback.errors import RecordingError
from biofeedback.events import Answer, Cue, End, Event, Mark, Note, Open, Packet, Suds
from biofeedback.recording.chain import Line
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import read_recording
from biofeedback.recording.rewriting import rewrite_in_place, sha256_of
from biofeedback.recording.side_files import SCRATCH, remove_recording, remove_scratch, side_files
from biofeedback.recording.withdrawal import rewrite
from biofeedback.session.replay import verify
from biofeedback.session.scoring import check_copy_of
from tests.recording.dying import deaths
from tests.recording.logs import KEYS, Logs
from tests.recording.told import CANARY, told_session

SCRIPT = {
    "id": "safe_place", "title": "A safe place", "words": {"place": "a canary cage"},
    "cues": [[0.0, "exhale", "You are at {place}.", "sight"]], "practice": [2, 4, "Come back."], "amber": "Stay.",
}  # fmt: skip
EVENTS: tuple[Event, ...] = (
    Open(0, {"name": "practice"}, {"safe_place": SCRIPT}, {"name": "me"}, {"kind": "strap"}),  # type: ignore[dict-item]
    Packet(1_000_000, "s1", 1_000_000, 63, True, None, (962,), "163fc203"),
    Answer(2_000_000, "suds-1", "suds", 7, "trainee"),
    Suds(2_000_000, 7, "before", "trainee"),
    Cue(3_000_000, "safe_place", "ab", 0, "You are at a canary cage.", 0.0),
    Mark(4_000_000, "canary", "trainee"),
    Mark(4_500_000, "", "trainee"),
    Note(5_000_000, "the canary again", "practitioner"),
    Answer(6_000_000, "v-1", "vividness", 5, "trainee"),
    End(9_000_000, "planned end", 9.0, 10),
)


def written(folder: Path) -> Path:
    with SessionLog(
        folder / "20261122T101500Z_0123abcd.session.jsonl", {"session": "0123abcd-1", "subject": "me"}
    ) as log:
        for event in EVENTS:
            log.append(event)
    return log.path


def told(path: Path) -> list[tuple[int, str, object]]:
    return [(line.t, line.kind, line.body) for line in read_recording(path).lines if line.kind not in {"head", "seal"}]


def test_c4_suds_are_gone_as_lines_and_nothing_else_is(tmp_path: Path) -> None:
    path = written(tmp_path)
    before, sha = told(path), sha256_of(path)
    assert rewrite(path, {"suds"}) == path
    after = read_recording(path)
    assert (after.damage, after.finished) == (None, True)
    assert after.head["parent"] == {"sha256": sha, "removed": ["answer", "suds"]}
    assert told(path) == [each for each in before if each[1] != "suds" and (each[1], each[0]) != ("answer", 2_000_000)]
    assert [line.n for line in after.lines] == list(range(len(after.lines)))
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_c4_texts_are_hidden_where_they_stood(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = told(path)
    rewrite(path, {"texts"})
    assert CANARY not in path.read_text("utf-8").lower()
    after = told(path)
    assert [each[:2] for each in after] == [each[:2] for each in before]
    texts = {each[0]: each[2]["text"] for each in after if each[1] in {"mark", "note"}}  # type: ignore[index]
    assert texts == {4_000_000: "…", 4_500_000: "", 5_000_000: "…"}
    cue = next(each[2] for each in after if each[1] == "cue")
    assert cue["say"] == "You are at …."  # type: ignore[index]
    assert read_recording(path).head["parent"]["removed"] == ["texts"]


def test_c4_both_and_again_later_names_all_that_was_removed(tmp_path: Path) -> None:
    path = written(tmp_path)
    rewrite(path, {"suds"})
    middle = sha256_of(path)
    rewrite(path, {"texts", "suds"})
    assert read_recording(path).head["parent"] == {"sha256": middle, "removed": ["answer", "suds", "texts"]}
    last = path.read_bytes()
    rewrite(path, {"texts", "suds"})
    assert path.read_bytes() == last, "nothing was left to take out"


def test_c4_torn_ends_parts_half_copies_and_the_page_go_too(tmp_path: Path) -> None:
    path = written(tmp_path)
    beside = [f"{path.name}.part.torn512", f"{path.name}.2.part", path.name + SCRATCH, f"{path.name}.relock"]
    for name in beside:
        (tmp_path / name).write_text(CANARY)
    page = tmp_path / "20261122T101500Z_0123abcd.html"
    page.write_text(CANARY)
    other = tmp_path / "20261122T101500Z_0123abce.session.jsonl.part.torn1"
    other.write_text("of another session")
    assert set(side_files(path)) == {*(tmp_path / name for name in beside), page}
    rewrite(path, {"texts"})
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, other.name]


def test_1_3_deleting_a_recording_deletes_what_lies_beside_it(tmp_path: Path) -> None:
    path = written(tmp_path)
    (tmp_path / f"{path.name}.part.torn512").write_text(CANARY)
    assert len(remove_recording(path)) == 2
    assert list(tmp_path.iterdir()) == []


def test_c5_an_encrypted_recording_stays_encrypted_and_needs_its_key(tmp_path: Path) -> None:
    path = Logs(KEYS).written(tmp_path, EVENTS)
    with pytest.raises(RecordingError, match="encrypted"):
        rewrite(path, {"suds"})
    rewrite(path, {"suds", "texts"}, KEYS)
    assert b"safe_place" not in path.read_bytes()
    locked, opened = read_recording(path), read_recording(path, KEYS)
    assert (locked.locked, locked.damage) == (True, None)
    assert (opened.damage, opened.finished) == (None, True)
    kinds = [line.kind for line in opened.lines]
    assert "suds" not in kinds
    assert kinds.count("note") == 1
    assert CANARY not in str([line.body for line in opened.lines]).lower()
    assert opened.head["parent"]["removed"] == ["answer", "suds", "texts"]


def test_a_check_that_refuses_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = written(tmp_path)
    torn = tmp_path / f"{path.name}.part.torn512"
    torn.write_text("kept")
    before = path.read_bytes()

    def refuse(copy: Path) -> None:
        assert read_recording(copy).damage is None
        raise RecordingError("It is not the same.", "Look.")

    with pytest.raises(RecordingError, match="not the same"):
        rewrite(path, {"suds"}, check=refuse)
    assert path.read_bytes() == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [path.name, torn.name]


def test_of_a_damaged_recording_all_that_can_be_read_stays_and_the_rest_goes(tmp_path: Path) -> None:
    path = written(tmp_path)
    data = path.read_bytes()
    whole = data.splitlines(keepends=True)
    place = next(n for n, raw in enumerate(whole) if b'"k":"note"' in raw)
    path.chmod(0o600)
    path.write_bytes(b"".join([*whole[:place], whole[place].replace(b"the", b"teh"), *whole[place + 1 :]]))
    rewrite(path, {"suds"})
    after = read_recording(path)
    assert after.damage is None
    assert after.head["parent"]["removed"] == ["answer", "damaged", "suds"]
    assert CANARY in path.read_text("utf-8"), "of the marks nothing was asked"
    assert "the canary again" not in path.read_text("utf-8")
    assert after.finished


def test_an_unfinished_recording_and_one_at_work_are_left_alone(tmp_path: Path) -> None:
    log = SessionLog(tmp_path / "a.session.jsonl", {"session": "a"})
    log.append(EVENTS[3])
    with pytest.raises(RecordingError, match="by another program"):
        rewrite(log.part, {"suds"})
    with pytest.raises(RecordingError, match="not finished"):
        rewrite(log.close(), {"suds"})
    path = written(tmp_path)
    tried: list[str] = []

    def meanwhile(lines: Sequence[Line]) -> Sequence[Line]:
        try:
            rewrite(path, {"suds"})
        except RecordingError as error:
            tried.append(error.what)
        return lines

    rewrite_in_place(path, meanwhile, [])
    assert tried == [f"{path} is worked on by another program."]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a process that dies is forked")
@pytest.mark.parametrize("what", ["rewrite", "delete"])
def test_c4_dying_after_each_system_call_leaves_one_whole_file_under_the_name(tmp_path: Path, what: str) -> None:
    original = written(tmp_path / "original")
    old = original.read_bytes()
    done = tmp_path / "done"
    shutil.copytree(original.parent, done)
    rewrite(done / original.name, {"suds"})
    new = told(done / original.name)
    folder = tmp_path / "work"
    path = folder / original.name
    work: Callable[[], object] = (
        (lambda: rewrite(path, {"suds"})) if what == "rewrite" else lambda: remove_recording(path)
    )
    fresh(original.parent, folder)
    seen: set[str] = set()
    for _ in deaths(work):
        if path.exists():
            state = "old" if path.read_bytes() == old else "new"
            assert read_recording(path).damage is None
            if state == "new":
                assert told(path) == new
                assert [each for each in side_files(path) if SCRATCH not in each.name] == []
        else:
            state = "gone"
        seen.add(state)
        finals = [each.name for each in folder.iterdir() if each.name.endswith(".session.jsonl")]
        assert finals in ([path.name], []), "no half file has a final name"
        # the next start takes up what is left
        if state == "old":
            remove_scratch(folder)
            work()
        if path.exists():
            assert told(path) == new
        fresh(original.parent, folder)
    assert seen == ({"old", "new"} if what == "rewrite" else {"old", "gone"})


def fresh(original: Path, folder: Path) -> None:
    """The same folder again, with a torn end beside the recording."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    (path,) = folder.iterdir()
    (folder / f"{path.name}.part.torn512").write_text(CANARY)


@pytest.mark.parametrize("call", ["write", "fsync", "open", "replace", "chmod", "unlink"])
@pytest.mark.parametrize("which", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=["full", "failing", "read-only"])
def test_a_full_or_failing_disk_leaves_the_recording_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, which: int
) -> None:
    path = written(tmp_path)
    if call == "unlink":
        (tmp_path / f"{path.name}.part.torn1").write_text(CANARY)
    before, there = path.read_bytes(), {each.name for each in tmp_path.iterdir()}
    works = getattr(os, call)

    def fails(*args: object, **kwargs: object) -> object:
        writes = call != "open" or os.O_WRONLY & int(str(args[1])) or os.O_RDWR & int(str(args[1]))
        if writes:
            raise OSError(which, os.strerror(which))
        return works(*args, **kwargs)

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(RecordingError) as refused:
        rewrite(path, {"suds"})
    monkeypatch.undo()
    assert refused.value.advice
    assert path.read_bytes() == before
    assert {each.name for each in tmp_path.iterdir()} - there <= ({path.name + SCRATCH} if call == "unlink" else set())
    rewrite(path, {"suds"})
    assert "suds" not in [line.kind for line in read_recording(path).lines]


@pytest.mark.slow
@pytest.mark.parametrize("classes", [{"suds"}, {"texts"}, {"suds", "texts"}])
def test_c4_the_new_file_verifies_before_the_old_one_goes(tmp_path: Path, classes: set[str]) -> None:
    path = told_session(tmp_path)
    before = verify(path)
    assert before.exact
    rewrite(path, classes, check=check_copy_of(path))
    after = verify(path)
    assert (after.differences, after.intact, after.finished) == (0, True, True)
    gone = 3 if "suds" in classes else 0
    assert after.compared == before.compared - gone


@pytest.mark.slow
def test_c4_a_copy_whose_numbers_do_not_come_out_is_refused(tmp_path: Path) -> None:
    path = told_session(tmp_path)
    before = path.read_bytes()

    def spoil(lines: Sequence[Line]) -> Sequence[Line]:
        place = next(n for n, line in enumerate(lines) if line.kind == "packet" and n > 400)
        return [*lines[:place], *lines[place + 1 :]]

    with pytest.raises(RecordingError, match="same numbers"):
        rewrite_in_place(path, spoil, ["packet"], check=check_copy_of(path))
    assert path.read_bytes() == before
