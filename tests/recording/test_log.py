"""The session log (RECORDING 1.3-1.4): what was committed is there, damage is found, nothing is overwritten."""

from __future__ import annotations

import json
import os
import queue
import stat
import threading
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import Beat, End, Event, Hrv, Json, Mark, Packet, Pacer, Verdict
from biofeedback.recording.chain import LineError, open_line, seal_line
from biofeedback.recording.codec import from_body, kind_of, to_body, to_object
from biofeedback.recording.reader import is_recording
from biofeedback.recording.recovery import in_use, parts_in
from biofeedback.recording.scan import scan
from tests.recording.logs import Logs

PACKET = Packet(15_230_411, "s1", 15_229_800, 63, True, None, (962, 970), "163fc203ca03")
EVENTS: tuple[Event, ...] = (
    PACKET,
    Beat(16_000_000, 15_800_123, 962_000, False, "ectopic", True),
    Hrv(16_000_001, 15_800_123, 60.0, 63, 1, 0.998, {"rmssd_ms": 31.25, "sdnn_ms": None}, {"sdnn_ms": "needs 60 s"}),
    Pacer(17_000_000, None, 0.4, 0.0),
    Mark(17_500_000, 'Tür\n"<b>" \u202e', "trainee"),
    Verdict(18_000_000, "safe_place", "breath_only", 1, "not_enough", "This session: ...", (None, -0.01), -0.01),
    End(18_000_001, "planned end", 18.000001, 20),
)


def test_what_is_read_back_is_what_was_written(logs: Logs, tmp_path: Path) -> None:
    recording = logs.read(logs.written(tmp_path, EVENTS))
    assert recording.damage is None
    assert tuple(recording.events()) == EVENTS


def test_1_3_keys_first_n_t_k_and_last_x_one_line_each(tmp_path: Path) -> None:
    crc = 0
    for number, raw in enumerate(Logs(None).written(tmp_path, EVENTS).read_bytes().splitlines()):
        pairs = json.loads(raw, object_pairs_hook=list)
        assert [key for key, _ in pairs[:3]] == ["n", "t", "k"]
        assert len({key for key, _ in pairs}) == len(pairs)
        assert (pairs[0][1], pairs[-1][0]) == (number, "x")
        crc = crc32(raw[: raw.rindex(b',"x":')], crc)
        assert pairs[-1][1] == f"{crc:08x}"


def test_1_3_a_packet_keeps_its_bytes_and_both_times_in_whole_microseconds(logs: Logs, tmp_path: Path) -> None:
    line = next(line for line in logs.read(logs.written(tmp_path, EVENTS)).lines if line.kind == "packet")
    assert (line.t, line.body["rx"], line.body["raw"]) == (15_230_411, 15_229_800, "163fc203ca03")


def test_cli_objects_have_at_and_kind_in_seconds_and_the_contract_s_names() -> None:
    assert to_object(PACKET) == {
        "at": 15.230411, "kind": "packet", "dev": "s1", "rx_s": 15.2298, "hr": 63, "contact": True, "energy": None,
        "ticks": [962, 970], "raw": "163fc203ca03", "problems": [],
    }  # fmt: skip
    beat = to_object(EVENTS[1])
    assert (beat["t_s"], beat["rr_ms"], beat["ticks"], beat["ok"], beat["why"]) == (
        15.800123, 939.453125, 962000, False, "ectopic",
    )  # fmt: skip
    assert to_object(EVENTS[5])["n"] == 1


@given(st.integers(0, 2**50), st.integers(0, 2**50), st.integers(1, 2_560_000))
def test_times_survive_the_way_through_json_to_the_microsecond(at: int, t_us: int, ticks: int) -> None:
    beat = Beat(at, t_us, ticks, True, None, False)
    body = json.loads(json.dumps(to_body(beat)))
    assert from_body("beat", at, body) == beat


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_nan_and_infinity_become_null(value: float) -> None:
    hrv = Hrv(0, 0, 60.0, 0, 0, value, {"rmssd_ms": value})
    text = json.dumps(to_body(hrv), allow_nan=False)
    again = from_body("hrv", 0, json.loads(text))
    assert isinstance(again, Hrv)
    finite = value == value and abs(value) != float("inf")  # noqa: PLR0124 - the definition of NaN
    assert again.values["rmssd_ms"] == (value if finite else None)


def test_unknown_keys_are_left_aside_and_unknown_kinds_passed_over(logs: Logs, tmp_path: Path) -> None:
    with logs.new(tmp_path / "more.session.jsonl") as log:
        for event in EVENTS[:-1]:
            log.append(event)
        log.append_line(18_000_001, "aura", {"colour": 1})
        log.append(EVENTS[-1])
    again = logs.read(log.path)
    assert [line.body for line in again.lines if line.kind == "aura"] == [{"colour": 1}]
    assert tuple(again.events()) == EVENTS
    assert from_body("mark", 5, {"text": "a", "by": "b", "new": 1}) == Mark(5, "a", "b")


def test_every_truncation_keeps_all_whole_lines_and_names_the_rest(logs: Logs, tmp_path: Path) -> None:
    data = logs.written(tmp_path, EVENTS).read_bytes()
    copy = tmp_path / "cut.session.jsonl.part"
    head = data.index(b"\n") + 1
    for size in range(head, len(data)):
        copy.write_bytes(data[:size])
        recording = logs.read(copy)
        whole = data[:size].count(b"\n")
        assert len(recording.lines) == whole
        assert (recording.damage is None) == (size == head or data[size - 1 : size] == b"\n")


@pytest.mark.slow
def test_every_flipped_bit_is_found_and_costs_nothing_before_it(logs: Logs, tmp_path: Path) -> None:
    data = logs.written(tmp_path, EVENTS).read_bytes()
    lines_before = 0
    for position in range(len(data)):
        lines_before += position > 0 and data[position - 1 : position] == b"\n"
        for bit in range(8):
            bad = bytearray(data)
            bad[position] ^= 1 << bit
            found = scan(bytes(bad), logs.keys)
            assert found.damage is not None, (position, bit)
            assert found.frames == lines_before


def test_removed_swapped_and_repeated_lines_are_found(logs: Logs, tmp_path: Path) -> None:
    lines = logs.written(tmp_path, EVENTS).read_bytes().splitlines(keepends=True)
    copy = tmp_path / "changed.session.jsonl"
    for number in range(1, len(lines) - 1):
        for changed in (
            lines[:number] + lines[number + 1 :],
            [*lines[:number], lines[number + 1], lines[number], *lines[number + 2 :]],
            [*lines[: number + 1], *lines[number:]],
        ):
            copy.write_bytes(b"".join(changed))
            assert logs.read(copy).damage is not None


def test_upper_case_checksums_are_not_taken_for_the_written_ones() -> None:
    line, _ = seal_line(0, 0, "mark", {"text": "abc", "by": "x" * 40}, 0)
    text = line.rstrip(b"\n")
    upper = text[:-10] + text[-10:-2].upper() + text[-2:]
    if upper == text:
        pytest.fail("choose another text: this checksum has no letters")
    with pytest.raises(LineError):
        open_line(upper, 0)


def test_a_sealed_line_that_was_rewritten_with_a_new_chain_breaks_the_seal(tmp_path: Path) -> None:
    recording = Logs(None).read(Logs(None).written(tmp_path, EVENTS))
    crc, raw = 0, list[bytes]()
    for line in recording.lines:
        body = {**line.body, "by": "somebody else"} if line.kind == "mark" else dict(line.body)
        text, crc = seal_line(line.n, line.t, line.kind, body, crc)
        raw.append(text)
    copy = tmp_path / "forged.session.jsonl"
    copy.write_bytes(b"".join(raw))
    assert "seal" in (Logs(None).read(copy).damage or "")


def test_1_4_a_recording_is_part_until_closed_then_read_only_and_never_overwrites(logs: Logs, tmp_path: Path) -> None:
    log = logs.new(tmp_path / "same.session.jsonl")
    log.append(PACKET)
    log.append(EVENTS[-1])
    assert [path.name for path in tmp_path.iterdir()] == ["same.session.jsonl.part"]
    final = log.close()
    assert [path.name for path in tmp_path.iterdir()] == ["same.session.jsonl"]
    assert stat.S_IMODE(final.stat().st_mode) == 0o400
    assert log.close() == final, "closing twice does no harm"
    with pytest.raises(RecordingError, match="exists already"):
        logs.new(tmp_path / "same.session.jsonl")


@pytest.mark.parametrize("links", [True, False])
def test_a_name_that_was_taken_meanwhile_is_not_overwritten(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    log = logs.new(tmp_path / "same.session.jsonl")
    log.append(EVENTS[-1])
    (tmp_path / "same.session.jsonl").write_text("somebody else's")
    assert log.close() == tmp_path / "same.session.jsonl.part"
    assert "exists already" in (log.failed or "")
    assert (tmp_path / "same.session.jsonl").read_text() == "somebody else's"
    assert (tmp_path / "same.session.jsonl.part").exists()


def test_a_recording_without_its_end_stays_part(logs: Logs, tmp_path: Path) -> None:
    log = logs.new(tmp_path / "same.session.jsonl")
    log.append(PACKET)
    assert log.close() == tmp_path / "same.session.jsonl.part"
    assert not logs.read(log.close()).finished


def test_two_writers_of_one_name_are_refused_in_words(logs: Logs, tmp_path: Path) -> None:
    with (
        logs.new(tmp_path / "same.session.jsonl"),
        pytest.raises(RecordingError, match="exists already"),
    ):
        logs.new(tmp_path / "same.session.jsonl")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs links")
def test_a_planted_link_is_not_followed(logs: Logs, tmp_path: Path) -> None:
    (tmp_path / "same.session.jsonl.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordingError):
        logs.new(tmp_path / "same.session.jsonl")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_cannot_be_made_is_told_with_advice(logs: Logs, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RecordingError) as caught:
        logs.new(tmp_path / "file" / "sub" / "a.session.jsonl")
    assert "--output" in caught.value.advice


def test_a_seal_stands_at_the_end_and_every_minute(logs: Logs, tmp_path: Path) -> None:
    marks = tuple(Mark(second * 10_000_000, "", "trainee") for second in range(1, 31))
    recording = logs.read(logs.written(tmp_path, (*marks, End(305_000_000, "planned end", 305.0, 0))))
    seals = [line.t // 1_000_000 for line in recording.lines if line.kind == "seal"]
    assert seals == [60, 120, 180, 240, 300, 305]
    assert recording.lines[-1].kind == "seal"


def test_other_files_are_told_from_recordings(logs: Logs, tmp_path: Path) -> None:
    path = tmp_path / "rr.txt"
    path.write_text("800\n810\n")
    assert not is_recording(path)
    assert is_recording(logs.written(tmp_path, EVENTS))
    for content in (b"", b"{}\n", b'{"n":0,"t":0,"k":"head"}\n'):
        path.write_bytes(content)
        with pytest.raises(UnreadableError):
            logs.read(path)
    with pytest.raises(UnreadableError, match="There is no file"):
        logs.read(tmp_path / "missing")


def test_kinds_are_the_snake_case_of_the_class_names() -> None:
    assert [kind_of(event) for event in EVENTS] == ["packet", "beat", "hrv", "pacer", "mark", "verdict", "end"]


def test_1_4_syncing_is_never_on_the_session_s_thread(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = queue.SimpleQueue[str]()
    real = os.fsync

    def noted(handle: int) -> None:
        seen.put(threading.current_thread().name)
        real(handle)

    monkeypatch.setattr(os, "fsync", noted)
    log = logs.new(tmp_path / "a.session.jsonl")
    log.append(EVENTS[4])  # a mark is brought to the disk at once
    assert seen.get(timeout=5) == "sync"
    log.append(PACKET)
    assert seen.get(timeout=5) == "sync", "a packet within a second"
    log.append(EVENTS[-1])
    log.close()


def test_1_4_a_sync_that_failed_is_never_tried_again_on_that_file(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = queue.SimpleQueue[int]()

    def broken(handle: int) -> None:
        tries.put(os.fstat(handle).st_ino)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    log = logs.new(tmp_path / "a.session.jsonl")
    log.append(EVENTS[4])
    first = tries.get(timeout=5)
    log.append(EVENTS[-1])
    assert log.close().name.endswith(".part")
    assert "Input/output error" in (log.failed or "")
    seen = [first]
    while not tries.empty():
        seen.append(tries.get())
    assert len(seen) == len(set(seen)), "each file once"


def test_1_4_after_a_failed_sync_all_goes_on_in_a_new_part(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = threading.Event()
    real = os.fsync

    def broken_once(handle: int) -> None:
        if not failed.is_set():
            failed.set()
            raise OSError(5, "Input/output error")
        real(handle)

    monkeypatch.setattr(os, "fsync", broken_once)
    log = logs.new(tmp_path / "a.session.jsonl")
    log.append(EVENTS[4])
    assert failed.wait(5)
    log.append(EVENTS[5])
    assert log.part.name == "a.session.jsonl.2.part"
    log.append(EVENTS[-1])
    assert log.close() == tmp_path / "a.session.jsonl"
    assert [path.name for path in tmp_path.iterdir()] == ["a.session.jsonl"]
    recording = logs.read(log.path)
    assert recording.damage is None
    assert tuple(recording.events()) == (EVENTS[4], EVENTS[5], EVENTS[-1])
    assert recording.head["continues"]["file"] == "a.session.jsonl.part"


def test_1_4_a_full_disk_keeps_the_session_in_memory_until_there_is_room(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    real = os.write

    def no_room(handle: int, data: bytes) -> int:
        if full.is_set():
            raise OSError(28, "No space left on device")
        return real(handle, data)

    monkeypatch.setattr(os, "write", no_room)
    log = logs.new(tmp_path / "a.session.jsonl")
    log.append(EVENTS[0])
    full.set()
    log.append(EVENTS[1])
    log.append(EVENTS[2])
    assert "No space left" in (log.trouble or "")
    assert log.failed is None
    full.clear()
    log.append(EVENTS[3])
    assert log.trouble is None
    log.append(EVENTS[-1])
    recording = logs.read(log.close())
    assert tuple(recording.events()) == (*EVENTS[:4], EVENTS[-1])


def test_1_4_a_torn_end_is_put_aside_and_the_session_goes_on(logs: Logs, tmp_path: Path) -> None:
    log = logs.new(tmp_path / "a.session.jsonl")
    log.append(EVENTS[0])
    part = log.close()
    whole = part.read_bytes()
    part.write_bytes(whole + b'{"n":3,"t":16000000,"k":"mark","te')
    with pytest.raises(RecordingError, match="by another program"), logs.resume(part) as first:
        logs.resume(part)
    again = first.stored
    assert again is not None
    assert tuple(again.events()) == EVENTS[:1]
    assert (tmp_path / f"a.session.jsonl.part.torn{len(whole)}").read_bytes() == b'{"n":3,"t":16000000,"k":"mark","te'
    with logs.resume(part) as second:
        for event in EVENTS[1:]:
            second.append(event)
    recording = logs.read(tmp_path / "a.session.jsonl")
    assert recording.damage is None
    assert tuple(recording.events()) == EVENTS


def test_1_4_damage_before_the_end_is_never_rewritten(logs: Logs, tmp_path: Path) -> None:
    log = logs.new(tmp_path / "a.session.jsonl")
    for event in EVENTS[:3]:
        log.append(event)
    part = log.close()
    bad = bytearray(part.read_bytes())
    packet = bad.splitlines(keepends=True)[-4]
    bad[bad.index(packet) + len(packet) // 2] ^= 1
    part.write_bytes(bad)
    with pytest.raises(RecordingError, match="damaged"):
        logs.resume(part)
    assert part.read_bytes() == bad
    recording = logs.read(part)
    assert [line.kind for line in recording.beyond] == ["beat", "hrv", "seal"], "only the damaged line is lost"


def test_many_short_recordings_leave_no_thread_behind(logs: Logs, tmp_path: Path) -> None:
    before = threading.active_count()
    for number in range(100):
        with logs.new(tmp_path / f"{number}.session.jsonl") as log:
            log.append(EVENTS[-1])
    assert threading.active_count() == before


def test_lines_cut_off_the_end_of_a_finished_recording_are_missed(logs: Logs, tmp_path: Path) -> None:
    lines = logs.written(tmp_path, EVENTS).read_bytes().splitlines(keepends=True)
    copy = tmp_path / "cut.session.jsonl"
    for kept in range(1, len(lines)):
        copy.write_bytes(b"".join(lines[:kept]))
        assert "seal is missing" in (logs.read(copy).damage or ""), kept
    copy.write_bytes(b"".join(lines).replace(b"\n", b"\r\n"))
    with pytest.raises(UnreadableError, match="first line"):
        logs.read(copy)


@pytest.mark.skipif(os.name == "nt", reason="an open file keeps its name there")
def test_1_4_a_file_is_locked_until_it_has_its_name(
    logs: Logs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    real = os.link

    def watched(part: Path, final: Path) -> None:
        seen.append(in_use(part))
        real(part, final)

    monkeypatch.setattr(os, "link", watched)
    logs.written(tmp_path, EVENTS)
    assert seen == [True]


def test_1_4_a_session_that_only_lacks_its_name_gets_it_and_nothing_else(logs: Logs, tmp_path: Path) -> None:
    path = logs.written(tmp_path, EVENTS)
    whole = path.read_bytes()
    part = path.rename(path.with_name(f"{path.name}.part"))
    with logs.resume(part):
        pass
    assert path.read_bytes() == whole


def test_1_4_parts_are_found_by_what_is_in_them(logs: Logs, tmp_path: Path) -> None:
    with logs.new(tmp_path / "of_my_own.jsonl") as log:
        log.append(PACKET)
    (tmp_path / "download.jsonl.part").write_text('{"n":0}\n')
    (tmp_path / "empty.jsonl.part").touch()
    assert parts_in(tmp_path) == [tmp_path / "of_my_own.jsonl.part"]


def test_a_time_that_no_session_has_is_damage(tmp_path: Path) -> None:
    head, crc = seal_line(0, 0, "head", {"format": "biofeedback-session"}, 0)
    far, _ = seal_line(1, 10**25, "mark", {"text": "", "by": "trainee"}, crc)
    assert "no time of a session" in (scan(head + far).damage or "")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("alg", {}),
        ("alg", {"a": "x/y"}),
        ("clock", {"wall_ns": 1}),
        ("clock", {"wall_ns": 2**70, "mono_ns": 0, "step_ns": 0, "why": "tick", "utc_off_s": 0}),
        ("open", {"plan": [], "scripts": {}, "person": {}, "source": {}}),
        ("mark", {"text": "by nobody"}),
        ("reveal", {"pair": "0", "coin": 0, "nonce": ""}),
    ],
)
def test_a_line_that_lacks_what_its_kind_has_is_damage(kind: str, body: dict[str, Json]) -> None:
    head, crc = seal_line(0, 0, "head", {"format": "biofeedback-session"}, 0)
    odd, _ = seal_line(1, 0, kind, body, crc)
    assert f"no {kind} of this program" in (scan(head + odd).damage or "")


@pytest.mark.parametrize("more", [{"wall_ns": 2**70}, {"session": "\ud800"}, {"utc_off_s": 10**6}, {"v": "1"}])
def test_a_head_that_no_program_of_ours_wrote_is_damage(more: dict[str, Json]) -> None:
    text = json.dumps({"n": 0, "t": 0, "k": "head", "format": "biofeedback-session", **more}, separators=(",", ":"))
    start = text.encode()[:-1]
    assert scan(start + b',"x":"%08x"}\n' % crc32(start)).frames == 0
