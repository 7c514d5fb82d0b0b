"""Sources of other people through the real program: `practice --source acme:...`, and what it says when they fail."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from tests.cli.programs import run
from tests.plugged import SOUND, install

ACME = {"acme": "acme:Acme"}


def practice(
    home: Path, folder: Path, *words: str, source: str = "acme:left?beats=8"
) -> subprocess.CompletedProcess[str]:
    usual = ["practice", "--source", source, "--speed", "max", "--view", "none", "--output", str(home / "out")]
    return run(home, *usual, *words, env={"PYTHONPATH": str(folder)})


def broken(tmp_path: Path, code: str) -> Path:
    """The sound plug-in with one method of its class replaced, or with a line added."""
    return install(tmp_path / "site", SOUND + code, ACME)


def assert_two_lines(done: subprocess.CompletedProcess[str], *said: str, code: int = 1) -> None:
    assert done.returncode == code, done.stderr
    what, _ = done.stderr.splitlines()[:2]
    assert what.startswith("biofeedback: ")
    for words in said:
        assert words in what
    assert "Traceback" not in done.stderr
    assert done.stderr.count("biofeedback: ") == 1, "reported once"
    assert done.stderr.replace("\n", "").isprintable()
    assert "Warning" not in done.stderr


def test_a_plug_in_is_a_source_like_ours_and_named_in_the_recording(tmp_path: Path) -> None:
    done = practice(tmp_path, install(tmp_path / "site", SOUND, ACME))
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "out").iterdir()
    found = verify(path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)
    lines = read_recording(path).lines
    (opened,) = [line.body["source"] for line in lines if line.kind == "open"]
    assert opened == {
        "name": "acme left", "kind": "simulated", "address": "", "spec": "acme:left?beats=8",
        "plugin": {"name": "acme-sensor", "version": "2.1"},
    }  # fmt: skip
    assert len([line for line in lines if line.kind == "packet"]) == 8


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('no driver')", "it cannot be imported: ImportError: no driver"),
        ("import sys; sys.exit(9)", "it cannot be imported: SystemExit: 9"),
        ("Acme.__init__ = None", "TypeError"),
        ("Acme = 5", "acme:Acme is nothing that can be called"),
        ("del Acme", "it cannot be imported: AttributeError"),
        ("def Acme(spec): return None", "AttributeError"),
        ("def Acme(spec): raise OSError('no such port')", "OSError: no such port"),
        ("class Acme: info = 'acme'\nAcme.__init__ = lambda self, spec: None", "its info is 'acme', not a StrapInfo"),
        ("async def Acme(spec): return None", "'coroutine' object has no attribute 'info'"),
        ("async def fail(self): raise OSError('\\x1b[2J\\nno port')\nAcme.__aenter__ = fail", "OSError: [2J no port"),
        ("async def fail(self): raise ConnectionError('cable')\nAcme.__aenter__ = fail", "ConnectionError: cable"),
    ],
)
def test_a_plug_in_that_cannot_be_opened_is_named_once_and_leaves_no_recording(
    tmp_path: Path, code: str, said: str
) -> None:
    done = practice(tmp_path, broken(tmp_path, code))
    assert_two_lines(done, "The plug-in acme-sensor 2.1 failed: ", said)
    assert "recorded" not in done.stderr
    assert list((tmp_path / "out").glob("*")) == [] if (tmp_path / "out").exists() else True


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("def finish(self): raise ValueError('torn')\nAcme.finish = finish", "ValueError: torn"),
        ("Packet = lambda *_: 812", "it yields 812, which is no event"),
        ("async def fail(self, *_): raise OSError('busy')\nAcme.__aexit__ = fail", "OSError: busy"),
        ("def hear(self, heard): raise KeyError(heard)\nAcme.hear = hear", "KeyError"),
    ],
)
def test_a_plug_in_that_fails_under_way_is_named_once_and_the_recording_is_whole(
    tmp_path: Path, code: str, said: str
) -> None:
    done = practice(tmp_path, broken(tmp_path, code), "safe_place")
    assert_two_lines(done, "The plug-in acme-sensor 2.1 failed: ", said)
    assert "Tell whoever made acme-sensor" in done.stderr
    (path,) = (tmp_path / "out").iterdir()
    assert str(path) in done.stdout, "it is said where the recording is"
    found = verify(path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)


@pytest.mark.parametrize("way", ["raise GeneratorExit", "asyncio.current_task().cancel(); await asyncio.sleep(0)"])
def test_a_plug_in_that_cancels_the_session_from_inside_gives_no_traceback(tmp_path: Path, way: str) -> None:
    code = f"import asyncio\nasync def fail(self): {way}\nAcme.__aenter__ = fail"
    assert_two_lines(practice(tmp_path, broken(tmp_path, code)), "cancelled from inside")


def test_what_a_plug_in_prints_is_not_among_the_events(tmp_path: Path) -> None:
    code = (
        "print('loaded')\nusual = Acme.events\n"
        "def events(self, clock):\n    print('hello')\n    return usual(self, clock)\nAcme.events = events"
    )
    done = practice(tmp_path, broken(tmp_path, code), "--json")
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()][-1] == "end"
    assert done.stderr.startswith("loaded\nhello\n")
    looked = run(tmp_path, "doctor", "--json", env={"PYTHONPATH": str(tmp_path / "site")})
    assert json.loads(looked.stdout)["checks"]
    assert "loaded" in looked.stderr


def test_a_traceback_is_for_those_who_ask_for_it(tmp_path: Path) -> None:
    folder = broken(tmp_path, "def finish(self): raise ValueError('torn')\nAcme.finish = finish")
    done = practice(tmp_path, folder, "-vv")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "acme.py" in done.stderr


def test_words_that_a_plug_in_refuses_are_usage_in_its_own_words(tmp_path: Path) -> None:
    code = """
from devices.errors import Reason, SourceSpecError
def Acme(spec): raise SourceSpecError(Reason.BAD_SPEC, "There is no side 'middle'.", "Write acme:left or acme:right.")
"""
    done = practice(tmp_path, broken(tmp_path, code), source="acme:middle")
    assert (done.returncode, done.stderr) == (
        2, "biofeedback: There is no side 'middle'.\nWrite acme:left or acme:right.\n"
    )  # fmt: skip


def test_a_live_plug_in_beats_at_its_own_speed(tmp_path: Path) -> None:
    folder = install(tmp_path / "site", SOUND.replace('"simulated"', '"strap"'), ACME)
    assert practice(tmp_path, folder).stderr.startswith("biofeedback: A strap beats at its own speed.\n")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sim", "strap", "file"])
def test_kinds_of_ours_cannot_be_taken(tmp_path: Path, kind: str) -> None:
    folder = install(tmp_path / "site", "raise SystemError('never imported')", {kind: "acme:Acme"})
    done = practice(tmp_path, folder, "--minutes", "1", source="sim:calm")
    assert (done.returncode, done.stderr.count("plug-in")) == (0, 0)
    found = json.loads(run(tmp_path, "doctor", "--json", env={"PYTHONPATH": str(folder)}).stdout)
    (check,) = [check for check in found["checks"] if check["name"] == "plug-ins"]
    assert f"'{kind}:' is a kind of source of the program itself" in check["what"]


@pytest.mark.parametrize("kind", ["Acme", "a", "ac.me"])
def test_a_kind_must_be_plain(tmp_path: Path, kind: str) -> None:
    folder = install(tmp_path / "site", "raise SystemError('never imported')", {kind: "acme:Acme"})
    assert_two_lines(practice(tmp_path, folder, source=f"{kind}:left"), "it takes small letters, digits, - and _")


def test_two_packages_that_claim_one_kind_are_both_refused(tmp_path: Path) -> None:
    install(tmp_path / "site", SOUND, ACME)
    folder = install(tmp_path / "site", SOUND, {"acme": "acme2:Acme"}, name="acme-clone", module="acme2")
    done = practice(tmp_path, folder)
    assert_two_lines(done, "several packages claim 'acme:'")


@pytest.mark.slow
def test_nothing_of_a_plug_in_runs_until_its_kind_is_named(tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    folder = install(tmp_path / "site", f"open({str(mark)!r}, 'w')\n{SOUND}", ACME)
    assert practice(tmp_path, folder, "--minutes", "1", source="sim:calm").returncode == 0
    listed = run(tmp_path, "practice", "--help", env={"PYTHONPATH": str(folder)})
    assert "acme: from acme-sensor 2.1" in listed.stdout
    unknown = practice(tmp_path, folder, source="amce:left")
    assert unknown.returncode == 2
    assert "acme: from acme-sensor 2.1" in unknown.stderr
    assert not mark.exists()
    assert practice(tmp_path, folder).returncode == 0
    assert mark.exists()


@pytest.mark.slow
def test_without_plug_ins_nobody_speaks_of_them(tmp_path: Path) -> None:
    assert "plug-in" not in run(tmp_path, "practice", "--help").stdout
    assert "plug-in" not in run(tmp_path, "practice", "--source", "amce:left").stderr
    found = json.loads(run(tmp_path, "doctor", "--json").stdout)
    assert "plug-ins" not in {check["name"] for check in found["checks"]}


@pytest.mark.slow
@pytest.mark.parametrize(("code", "ok"), [(SOUND, True), ("raise OSError('no driver')", False)])
def test_doctor_lists_plug_ins_and_tells_which_of_them_fail(tmp_path: Path, code: str, ok: bool) -> None:
    folder = install(tmp_path / "site", code, ACME)
    env = {"PYTHONPATH": str(folder)}
    found = json.loads(run(tmp_path, "doctor", "--json", env=env).stdout)
    (check,) = [check for check in found["checks"] if check["name"] == "plug-ins"]
    assert check["ok"] is ok
    assert "acme-sensor 2.1" in check["what"]
    assert bool(check["do"]) is not ok
    assert "Traceback" not in run(tmp_path, "doctor", env=env).stderr


def test_a_torn_package_beside_it_takes_nothing_from_a_plug_in(tmp_path: Path) -> None:
    folder = install(tmp_path / "site", SOUND, ACME)
    torn = folder / "a_torn_one-1.0.dist-info"
    torn.mkdir()
    (torn / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n")
    assert practice(tmp_path, folder).returncode == 0


def test_a_plug_in_without_metadata_is_named_by_its_module(tmp_path: Path) -> None:
    folder = broken(tmp_path, "def finish(self): raise ValueError('torn')\nAcme.finish = finish")
    (folder / "acme_sensor-2.1.dist-info" / "METADATA").unlink()
    assert_two_lines(practice(tmp_path, folder), "The plug-in acme (version not told) failed: ValueError: torn.")


def test_an_option_of_a_plug_in_is_its_own_even_when_it_is_called_speed(tmp_path: Path) -> None:
    done = practice(tmp_path, install(tmp_path / "site", SOUND, ACME), source="acme:left?beats=3&speed=brisk")
    assert done.returncode == 0, done.stderr


def test_a_report_names_the_plug_in(tmp_path: Path) -> None:
    practice(tmp_path, install(tmp_path / "site", SOUND, ACME))
    (path,) = (tmp_path / "out").iterdir()
    assert run(tmp_path, "report", str(path), "--output", "page.html").returncode == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "acme-sensor 2.1" in page
