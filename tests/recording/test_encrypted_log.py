"""What only an encrypted log has to keep: nothing of the person in clear, damage found without the key (RULINGS C5)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from biofeedback.errors import LockedError, RecordingError, UnreadableError
from biofeedback.events import Beat, End, Event, Json, Mark, Packet
from biofeedback.recording.chain import LONGEST_PLAIN
from biofeedback.recording.cipher import KeyBox
from biofeedback.recording.keys import new_home
from biofeedback.recording.line_file import KEY_LINES, LineFile
from biofeedback.recording.reader import open_recording, read_lines, read_recording
from biofeedback.recording.rechain import rechained
from biofeedback.recording.scan import scan
from biofeedback.recording.sealing import CIPHER, CLEAR_IN_HEAD
from devices.file_lock import take_lock
from tests.recording.logs import KEYS, QUICK, Logs

LOGS = Logs(KEYS)
HEAD: dict[str, Json] = {
    "session": "5f0c",
    "wall_ns": 1_795_000_000,
    "utc_off_s": 3600,
    "tz": "Europe/Berlin",
    "subject": "canary-name",
}
EVENTS: tuple[Event, ...] = (
    Packet(1_000_000, "canary-strap", 999_000, 63, True, None, (962, 970), "163fc203ca03"),
    Beat(2_000_000, 1_800_123, 962_000, True, None, False),
    Mark(3_000_000, "canary-note", "trainee"),
    Beat(61_000_000, 60_800_123, 962_000, True, None, False),
    Mark(62_000_000, "once more", "trainee"),
    End(63_000_000, "planned end", 63.0, 2),
)


def written(folder: Path, events: tuple[Event, ...] = EVENTS) -> Path:
    with LOGS.new(folder / "a.session.jsonl", HEAD) as log:
        for event in events:
            log.append(event)
    return log.path


def resumed(folder: Path) -> Path:
    """A log that was gone on with twice: three keys."""
    path = folder / "a.session.jsonl"
    with LOGS.new(path, HEAD) as log:
        log.append(EVENTS[0])
    for events in (EVENTS[1:3], EVENTS[3:]):
        with LOGS.resume(log.part if log.part.exists() else path) as log:
            for event in events:
                log.append(event)
    return path


def tables(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_c5_the_first_line_says_nothing_of_the_person_and_the_others_nothing_at_all(tmp_path: Path) -> None:
    path = resumed(tmp_path)
    first, *others = tables(path)
    assert set(first) - {"n", "t", "k", "x", CIPHER} <= set(CLEAR_IN_HEAD)
    assert {"session", "wall_ns", "utc_off_s"} <= set(first)
    for table in others:
        shape = tuple(table)
        assert shape in {
            ("n", "z", "x"),
            ("n", "key", "z", "x"),
            ("n", "t", "k", "sha256", "bytes", "events", "key", "x"),
        }
    data = path.read_bytes()
    assert not [word for word in (b"canary", b"163fc2", b"Berlin", b"mark", b"beat", b'"hr"') if word in data]
    assert tuple(LOGS.read(path).events()) == EVENTS
    assert {**LOGS.read(path).head, CIPHER: None} | HEAD == {**LOGS.read(path).head, CIPHER: None}


def test_c5_without_the_key_the_file_is_intact_and_locked(tmp_path: Path) -> None:
    path = resumed(tmp_path)
    found = read_recording(path)
    assert (found.locked, found.damage, found.head["session"]) == (True, None, "5f0c")
    assert {line.kind for line in found.lines} == {"head", "seal"}
    with pytest.raises(LockedError, match="is encrypted"):
        open_recording(path)
    other, _ = new_home("another passphrase", QUICK)
    with pytest.raises(UnreadableError, match="does not open"):
        read_recording(path, other)
    assert not open_recording(path, KEYS).locked


def test_c5_without_the_key_every_damage_is_found_in_the_same_place(tmp_path: Path) -> None:
    data = resumed(tmp_path).read_bytes()
    head = data.index(b"\n") + 1
    for position in range(head, len(data)):
        bad = bytearray(data)
        bad[position] ^= 1 << position % 8
        without, with_key = scan(bytes(bad)), scan(bytes(bad), KEYS)
        assert without.damage is not None
        assert without.frames == with_key.frames, position


def test_c5_lines_cut_off_the_end_are_missed_without_the_key_too(tmp_path: Path) -> None:
    lines = written(tmp_path).read_bytes().splitlines(keepends=True)
    copy = tmp_path / "cut.session.jsonl"
    for kept in range(1, len(lines)):
        copy.write_bytes(b"".join(lines[:kept]))
        ends_with_seal = b'"k":"seal"' in lines[kept - 1]
        assert (read_recording(copy).damage is None) == ends_with_seal
        assert LOGS.read(copy).damage is not None, "with it, a seal in the middle is no end"


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_r3_one_flipped_bit_costs_two_lines_at_most_also_where_a_new_key_begins(tmp_path: Path) -> None:
    data = resumed(tmp_path).read_bytes()
    whole = {(line.n, line.t, line.kind) for line in LOGS.scan(data).lines}
    head = data.index(b"\n") + 1
    for position in range(head, len(data)):
        for bit in range(8):
            bad = bytearray(data)
            bad[position] ^= 1 << bit
            found = LOGS.scan(bytes(bad))
            kept = {(line.n, line.t, line.kind) for line in (*found.lines, *found.beyond)}
            assert kept <= whole, "nothing foreign"
            assert len(whole) - len(kept) <= 2, (position, bit)


def test_a_line_in_clear_among_encrypted_ones_is_damage_however_well_it_is_chained(tmp_path: Path) -> None:
    path = written(tmp_path)
    plain = Logs(None)
    part = tmp_path / "b.session.jsonl.part"
    forger, _ = LineFile.reopen(_part_of(path, part), KEYS)
    forger._cipher = None
    forger.write(63_000_000, "mark", {"text": "never said", "by": "trainee"})
    forger.seal(63_000_000)
    forger.close()
    for logs in (LOGS, plain):
        found = logs.scan(part.read_bytes())
        assert "not encrypted as the others" in (found.damage or "")
        assert "mark" not in {line.kind for line in found.beyond}


def test_a_head_that_was_changed_in_clear_is_found(tmp_path: Path) -> None:
    path = written(tmp_path)
    again, _ = rechained(path.read_bytes(), {"wall_ns": 0, "utc_off_s": -7200})
    assert LOGS.scan(path.read_bytes()).damage is None
    assert "head" in (LOGS.scan(again).damage or "")


def test_what_was_added_to_the_clear_head_is_not_believed(tmp_path: Path) -> None:
    again, _ = rechained(written(tmp_path).read_bytes(), {"parent": {"removed": ["beat"]}, "subject": "somebody else"})
    forged = tmp_path / "forged.session.jsonl"
    forged.write_bytes(again)
    assert tables(forged)[0]["subject"] == "somebody else"
    head = LOGS.read(forged).head
    assert "parent" not in head
    assert head["subject"] == HEAD["subject"]


def test_lines_of_another_file_do_not_fit_in(tmp_path: Path) -> None:
    with LOGS.new(tmp_path / "other.session.jsonl", {**HEAD, "session": "77aa"}) as log:
        for event in EVENTS:
            log.append(event)
    mine, other = written(tmp_path).read_bytes(), log.path.read_bytes()
    mixed = b"\n".join([*mine.split(b"\n")[:2], *other.split(b"\n")[2:]])
    again = b"".join(_chained_again(mixed))
    found = LOGS.scan(again)
    assert found.frames == 2
    assert "decrypted" in (found.damage or "")
    assert not found.beyond


def test_no_number_is_used_twice_under_one_key_however_often_a_tail_is_cut_and_written_again(tmp_path: Path) -> None:
    """All that was ever on the disk under one key and number is one and the same line."""
    chance = random.Random(5)
    path = tmp_path / "a.session.jsonl"
    with LOGS.new(path, HEAD) as log:
        for event in EVENTS[:2]:
            log.append(event)
    part, seen, keys = log.part, dict[tuple[str, int], str](), set[str]()
    for turn in range(40):
        for key, n, text in _sealed(part):
            assert seen.setdefault((key, n), text) == text
            keys.add(key)
        data = part.read_bytes()
        start = data.index(b"\n", data.index(b"\n") + 1) + 1
        part.write_bytes(data[: chance.randrange(start, len(data) + 1)])
        for torn in tmp_path.glob("*.torn*"):
            torn.unlink()
        with LOGS.resume(part) as log:
            for number in range(3):
                log.append(Mark(10_000_000 * turn + number, f"turn {turn}", "trainee"))
    assert len(keys) > 30


def test_a_line_that_is_too_long_leaves_its_number_free(tmp_path: Path) -> None:
    with LOGS.new(tmp_path / "a.session.jsonl", HEAD) as log:
        log.append(EVENTS[0])
        log.append(Mark(2_000_000, "x" * LONGEST_PLAIN, "trainee"))
        for event in EVENTS[2:]:
            log.append(event)
    found = LOGS.read(log.path)
    assert found.damage is None
    assert [line.body["code"] for line in found.lines if line.kind == "err"] == ["too_long"]
    assert tuple(found.events()) == (EVENTS[0], *EVENTS[2:])


def test_an_encrypted_log_is_not_gone_on_with_without_its_keys(tmp_path: Path) -> None:
    part = _part_of(written(tmp_path), tmp_path / "b.session.jsonl.part")
    before = part.read_bytes()
    with pytest.raises(RecordingError, match="is encrypted"):
        LineFile.reopen(part)
    assert part.read_bytes() == before


def test_a_log_that_was_written_anew_meanwhile_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = _part_of(written(tmp_path), tmp_path / "b.session.jsonl.part")

    def replaced_before_the_lock(descriptor: int) -> bool:
        _part_of(part, tmp_path / "new").replace(part)
        return take_lock(descriptor)

    monkeypatch.setattr("biofeedback.recording.line_file.take_lock", replaced_before_the_lock)
    with pytest.raises(RecordingError, match="written anew"):
        LineFile.reopen(part, KEYS)


def test_a_new_key_stands_in_two_lines_and_in_every_seal(tmp_path: Path) -> None:
    found = tables(resumed(tmp_path))
    with_key = [table for table in found if "key" in table and "z" in table]
    assert len({table["key"] for table in with_key}) == 2
    assert len(with_key) == 2 * KEY_LINES
    seals = [table for table in found if table.get("k") == "seal"]
    assert all("key" in table for table in seals)
    assert len({table["key"] for table in seals}) == 3


def test_a_person_s_log_is_encrypted_and_gone_on_with_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "person.jsonl"
    head: dict[str, Json] = {
        "format": "biofeedback-person",
        "person_log": "77aa",
        "person": "canary-name",
        "wall_ns": 5,
    }
    file = LineFile.create(path, head, KEYS.new_file("77aa"))
    file.write(1, "journal", {"text": "canary-note"})
    file.seal(1)
    file.close()
    for t in (2, 3):
        file, _ = LineFile.reopen(path, KEYS)
        file.write(t, "journal", {"text": "canary-note"})
        file.seal(t)
        file.close()
    assert b"canary" not in path.read_bytes()
    stored = read_lines(path, KEYS, format_="biofeedback-person")
    assert stored.damage is None
    assert stored.head["person"] == "canary-name"
    assert [line.t for line in stored.lines if line.kind == "journal"] == [1, 2, 3]


def _part_of(path: Path, part: Path) -> Path:
    part.write_bytes(path.read_bytes())
    return part


def _sealed(part: Path) -> Iterator[tuple[str, int, str]]:
    """Each encrypted line with the key it is under."""
    box, key = KeyBox(KEYS._key, "biofeedback file key"), ""
    for table in tables(part):
        wrapped = table.get("key") or table.get(CIPHER, {}).get("key")
        if wrapped:
            key = box.unwrap(wrapped, "5f0c").hex()
        if "z" in table:
            yield key, table["n"], table["z"]


def _chained_again(data: bytes) -> Iterator[bytes]:
    from zlib import crc32

    crc = 0
    for raw in data.split(b"\n")[:-1]:
        start = raw[: raw.rindex(b',"x":')]
        crc = crc32(start, crc)
        yield start + b',"x":"%08x"}\n' % crc
