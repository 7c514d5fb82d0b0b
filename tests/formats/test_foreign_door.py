from __future__ import annotations

import shutil
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import zipfile
from array import array
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats import limits
from biofeedback.formats.content import Content
from biofeedback.formats.door import Door, Found, contents
from biofeedback.formats.reading import Choices
from tests.cli.programs import ROOT
from tests.formats.hostile import use_hostile
from tests.formats.mutants import made, mutants
from tests.formats.samples import expected, read, sample

SML = b"<sml><DeviceLog><R-R><Data>800 810 820</Data></R-R></DeviceLog></sml>"
"""Three intervals, read by a reader that is none of the test's."""

posix = pytest.mark.skipif(sys.platform == "win32", reason="the system has no such limits")
linux = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="looks into /proc")


@pytest.fixture(autouse=True)
def hostile(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    use_hostile(monkeypatch, tmp_path_factory.mktemp("plugged"))


def wrote(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def only(path: Path) -> Found:
    (found,) = contents(path)
    return found


def did(folder: Path, deed: str) -> Found:
    """What became of a file whose reader does this."""
    return only(wrote(folder, "a.acme", f"ACME {deed}".encode()))


def children() -> set[str]:
    """The processes that this one has started, zombies too."""
    tasks = Path("/proc/self/task").glob("*/children")
    return {pid for task in tasks for pid in task.read_text().split()}


def test_what_the_other_process_reads_is_what_this_one_would(tmp_path: Path) -> None:
    path = wrote(tmp_path, "a.sml", SML)
    found = only(path)
    assert found.content == read(path)
    assert list(found.content.ticks) == [800 * 1024, 810 * 1024, 820 * 1024]
    assert (found.file, found.bytes, found.refused) == (str(path), len(SML), None)
    assert found.sha256 == sha256(SML).hexdigest()


def test_what_is_missing_or_no_file_is_told_and_not_raised(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe") if sys.platform != "win32" else None
    for name in ("missing", "pipe", "a\0b", "x" * 5000):
        found = only(tmp_path / name)
        assert found.content.verdict == "refuse"
        assert found.refused is not None
        assert found.refused.advice


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("deed", "what"),
    [
        ("spin", "it takes too long to be read."),
        ("segfault", "it is damaged in a way that stops the program that reads it."),
        ("killed", "the program that reads it was killed, as a system does that has no memory left."),
        ("leave", "it is damaged in a way that stops the program that reads it."),
    ],
)
def test_row_8_a_process_that_dies_is_a_refusal_and_the_next_file_is_read(
    deed: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "CPU_S", 1)
    bad = wrote(tmp_path, "a.acme", f"ACME {deed}".encode())
    good = wrote(tmp_path, "b.sml", SML)
    with Door() as door:
        (refused,) = door.contents(bad)
        (found,) = door.contents(good)
    assert refused.refused is not None
    assert refused.refused.what == what
    assert refused.refused.advice
    assert refused.bytes == bad.stat().st_size
    assert len(found.content.ticks) == 3


def test_row_8_who_never_answers_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "wall_s", lambda _size, *, xml: 1.0 + xml)
    found = did(tmp_path, "sleep")
    assert found.refused is not None
    assert found.refused.what == "it takes too long to be read."


@posix
@pytest.mark.parametrize(
    ("deed", "came_of_it"),
    [("grow", "MemoryError"), ("write", "OSError"), ("files", "OSError"), ("core", "(0, 0)"), ("home", "None")],
)
def test_row_8_the_other_process_cannot(deed: str, came_of_it: str, tmp_path: Path) -> None:
    found = did(tmp_path, deed)
    assert found.content.verdict == "rr"
    assert found.content.why == came_of_it


def test_the_limits_are_those_of_the_threat_table() -> None:
    assert limits.MEMORY_BYTES == 2 * 1024**3
    assert limits.CPU_S == 30
    assert limits.more_s(1_310_000_000, xml=True) == 262
    assert limits.more_s(1_310_000_000, xml=False) == 0
    assert [limits.more_s(size, xml=False, wave=True) for size in (10**6, 59 * 10**6, 2**29)] == [1, 59, 60]


def test_what_a_library_prints_is_no_answer(tmp_path: Path) -> None:
    assert list(did(tmp_path, "print").content.ticks) == [1_024_000] * 3


@posix
def test_one_process_reads_a_batch_and_is_replaced_once_it_was_large(tmp_path: Path) -> None:
    for name in ("1", "2", "4"):
        wrote(tmp_path, name, b"ACME pid")
    wrote(tmp_path, "3", b"ACME worn")
    first, second, grew, last = (found.content.why for found in contents(tmp_path))
    assert grew == "grew"
    assert first == second != last


TICKS = array("q", [1024]).tobytes()
CONTENT: dict[str, object] = {
    "format": "forged", "verdict": "rr", "unit": "ms", "rule": "", "start": None, "n": 1, "holes": 0, "markers": [],
    "waveforms": [], "why": None, "decisions": [], "about": {},
}  # fmt: skip


def forged(content: object = None, **more: object) -> bytes:
    answer = {"content": CONTENT if content is None else content, "sha256": "0" * 64, "bytes": 9}
    return json.dumps(answer | more).encode() + b"\n" + TICKS


@posix
@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        forged(CONTENT | {"verdict": "rm -rf"}),
        forged([]),
        forged(CONTENT | {"n": 5_000_001}),
        forged(CONTENT | {"n": -1}),
        forged(CONTENT | {"n": True}),
        forged(sha256="../../x"),
        forged(bytes=1e99),
        forged(CONTENT | {"holes": -1}),
        forged(CONTENT | {"holes": 1}) + array("q", [5, 1]).tobytes(),
        forged(CONTENT | {"markers": {"a": 1}}),
        forged(CONTENT | {"about": {"n": float("nan")}}),
        forged(CONTENT | {"start": ["yesterday", None]}),
        b'{"file": "again", "size": 1, "left": 9}\n',
        b'{"file": 5, "size": 1, "left": 9}\n',
        b'{"refused": {"what": 1, "advice": "", "where": ""}}\n',
        b'{"share": "half"}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
        b"null\n",
    ],
    ids=range(19),
)
def test_row_8_what_a_taken_over_process_forges_is_not_believed(answer: bytes, tmp_path: Path) -> None:
    wrote(tmp_path, "a", b"ACME forge " + answer)
    wrote(tmp_path, "b.sml", SML)
    refused, found = contents(tmp_path)
    assert refused.refused is not None
    assert refused.refused.what == "its reader gave an answer that cannot be."
    assert len(found.content.ticks) == 3


@posix
def test_a_forged_answer_that_makes_sense_steers_no_terminal(tmp_path: Path) -> None:
    sly = CONTENT | {"why": "\x1b[2Jgone\u202e", "markers": [[0, "a\nb\u00a0c\x00"]], "about": {"\x1b": "\x07"}}
    found = only(wrote(tmp_path, "a", b"ACME forge " + forged(sly)))
    assert found.content.why == "[2Jgone"
    assert [marker.text for marker in found.content.markers] == ["a b c"]
    assert found.content.about == {"": ""}


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_after_eight_deaths_the_rest_is_left_alone(tmp_path: Path) -> None:
    for number in range(12):
        wrote(tmp_path, f"{number:02}", b"ACME leave")
    found = list(contents(tmp_path))
    assert len(found) == limits.MOST_DEATHS + 1
    assert found[-1].file == str(tmp_path)
    assert found[-1].refused is not None
    assert found[-1].refused.what.startswith("8 of its files could not be read to the end")


@linux
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_neither_process_nor_descriptor_is_left_behind(tmp_path: Path) -> None:
    wrote(tmp_path, "a.sml", SML)
    wrote(tmp_path, "b.acme", b"ACME leave")
    wrote(tmp_path, "c.sml", SML)
    list(contents(tmp_path))
    before, threads = len(list(Path("/proc/self/fd").iterdir())), threading.active_count()
    running = children()
    for _ in range(2):
        assert [found.content.verdict for found in contents(tmp_path)] == ["rr", "refuse", "rr"]
        begun = contents(tmp_path)
        next(begun)
        assert children() != running
        begun.close()  # type: ignore[attr-defined]
        assert children() == running
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert threading.active_count() <= threads


@linux
def test_ctrl_c_ends_the_other_process_at_once(tmp_path: Path) -> None:
    path = wrote(tmp_path, "a", b"ACME sleep")
    running = children()
    began = 0.0

    def interrupted(_share: float) -> None:
        nonlocal began
        began = time.monotonic()
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            list(contents(path, None, interrupted))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - began < 2
    assert children() == running


def test_an_error_in_whoever_is_told_of_progress_ends_it_too(tmp_path: Path) -> None:
    def failing(_share: float) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(contents(wrote(tmp_path, "a", b"ACME sleep"), None, failing))


def test_progress_rises_to_the_whole(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        wrote(tmp_path, name, b"ACME nothing")
    shares: list[float] = []
    list(contents(tmp_path, None, shares.append))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(shares) >= 3


def test_who_stops_half_way_hears_nothing_of_it_in_the_next_answer(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("1.sml", "2.sml", "3.sml"):
            archive.writestr(name, SML)
    other = wrote(tmp_path, "b.sml", SML.replace(b"800", b"900"))
    with Door() as door:
        begun: Iterator[Found] = door.contents(tmp_path / "a.zip")
        next(begun)
        del begun
        (found,) = door.contents(other)
    assert found.content.ticks[0] == 900 * 1024


def test_row_9_only_the_class_of_a_librarys_error_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    secret = "CANARY-7731"
    path = wrote(tmp_path, f"{secret}.sml", f"<sml><R-R><Data>{secret}</Data></R-R></sml>".encode())
    gz = wrote(tmp_path, f"{secret}.gz", b"\x1f\x8b\x08\0" + secret.encode())
    with caplog.at_level(logging.DEBUG):
        assert all(found.refused is not None for path in (path, gz) for found in contents(path))
    assert secret not in caplog.text
    assert "a reader raised " in caplog.text


@posix
def test_an_importer_that_fails_is_told_of_once_and_left_out(tmp_path: Path) -> None:
    wrote(tmp_path, "a", b"ACME fail")
    wrote(tmp_path, "b", b"ACME pid")
    wrote(tmp_path, "c.sml", SML)
    failed, left_out, other = contents(tmp_path)
    assert failed.refused is not None
    assert failed.refused.what.startswith("the importer 'acme' of acme-files 2.1 failed: ZeroDivisionError")
    (complaint,) = failed.complaints
    assert "It is left out from here on." in complaint
    assert (left_out.complaints, other.complaints) == ((), ())
    assert (left_out.content.verdict, other.content.verdict) == ("refuse", "rr")


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_row_9_twenty_damaged_files_come_through_as_they_are_read_in_this_process(tmp_path: Path) -> None:
    for number, (seed, data) in enumerate(mutants(made(), 20, start=7)):
        wrote(tmp_path, f"{number:02}_{seed.name.lstrip('._')}", data)
    found = list(contents(tmp_path, Choices(look=True)))
    assert len(found) == 20
    for each in found:
        assert outcome(each) == read_here(Path(each.file))
        if each.refused is None:
            assert each.sha256 == sha256(Path(each.file).read_bytes()).hexdigest()


def outcome(found: Found) -> Content | tuple[str, str]:
    return found.content if found.refused is None else (found.refused.what, found.refused.where)


def read_here(path: Path) -> Content | tuple[str, str]:
    try:
        return read(path, Choices(look=True))
    except ImportRefused as error:
        return error.what, error.where


def test_a_process_starts_from_a_module_in_a_checkout_and_from_any_folder(tmp_path: Path) -> None:
    path = wrote(tmp_path, "a.sml", SML)
    # What lies in the folder one stands in is never imported.
    for name in ("json", "array", "logging", "biofeedback"):
        wrote(tmp_path, f"{name}.py", b"raise SystemExit('imported')")
    code = f"""if True:
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(ROOT)!r})
        from biofeedback.formats.door import contents
        print([len(found.content.ticks) for found in contents(Path(sys.argv[1]))])
    """
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code, path.name], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[3]\n"


@posix
def test_a_small_file_of_text_takes_a_quarter_of_a_second_of_processor_time(tmp_path: Path) -> None:
    import resource

    path = wrote(tmp_path, "a.sml", SML)

    def used() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in both)

    took: list[float] = []
    for _ in range(3):
        began = used()
        only(path)
        took.append(used() - began)
    assert min(took) < 0.25


def test_numpy_is_not_imported_for_text(tmp_path: Path) -> None:
    assert did(tmp_path, "numpy").content.why == "False"


def test_what_the_samples_hold_comes_through_whole() -> None:
    path = sample("suunto/suunto_a.sml")
    found = only(path)
    assert found.content == read(path)
    assert len(found.content.ticks) == expected("suunto/suunto_a.sml")["n"]


@pytest.mark.skipif(shutil.which("true") is None, reason="there is no program that ends at once")
def test_a_process_that_is_gone_before_it_was_told_anything_is_a_refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("800\n810\n790\n")
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    monkeypatch.setattr(sys, "path", [*sys.path, "x" * 2_000_000])  # more than a pipe takes while nobody reads it
    (found,) = contents(tmp_path / "a.txt")
    assert found.refused is not None
    assert "stops the program that reads it" in found.refused.what


@pytest.mark.parametrize(
    ("head", "wave"), [(b"0       X", True), (b"\xffBIOSEMI", True), (b"XDF:\1", True), (b"0\n812\n", False)]
)
def test_what_holds_days_of_samples_is_known_by_its_first_bytes(head: bytes, wave: bool) -> None:
    assert limits.is_wave(head) == wave


AFTER_A_FEAST = """
import sys
from pathlib import Path
from biofeedback.formats.door import Door
feast = bytearray(700 * 2**20)
feast[:: 4096] = b"x" * len(feast[:: 4096])
del feast
with Door() as door:
    for found in door.contents(Path(sys.argv[1])):
        print(found.content.verdict, found.file.rpartition("/")[2], door._child._process.pid)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_what_the_program_itself_once_held_wears_out_no_reader(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("800\n810\n790\n")
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        archive.writestr("__MACOSX/._b.txt", b"\0\5\26\7")
        archive.writestr("b.txt", "800\n810\n790\n")
    done = subprocess.run(
        [sys.executable, "-c", AFTER_A_FEAST, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )
    told = [line.split() for line in done.stdout.splitlines()]
    assert [(verdict, name) for verdict, name, _ in told] == [("rr", "a.txt"), ("skip", "._b.txt"), ("rr", "b.txt")]
    assert len({pid for _, _, pid in told}) == 1
