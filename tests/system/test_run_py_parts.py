"""run.py and the parts of the system: looked for once, brought where it may, named in a sentence where not."""

import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.system.set_up import POSIX_ONLY, Setup, have_rights, write_program

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="only on Linux Qt rests on the system's libraries")

UPDATE = "apt-get update"
INSTALL = "apt-get install -y --no-install-recommends "
QT = "libglib2.0-0 libgl1 libegl1 libfontconfig1 libxkbcommon0 libdbus-1-3"
X11 = (
    "libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0 libxcb-xkb1"
    " libxkbcommon-x11-0"
)
EVERY_PART = ["Qt", "Qt on X11", "dbus-daemon", "Xvfb"]


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be root on Debian."""
    have_rights(monkeypatch, 0, "apt-get")


@LINUX_ONLY
@pytest.mark.parametrize(
    ("word", "screen", "tried", "packages"),
    [
        ("demo", "", ["Qt"], QT),
        ("demo", ":0", ["Qt", "Qt on X11"], f"{QT} {X11}"),
        ("test", "", EVERY_PART, f"{QT} {X11} dbus xvfb"),
    ],
)
@pytest.mark.usefixtures("root")
def test_root_on_debian_brings_what_is_missing_and_looks_again_at_that(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, word: str, screen: str, tried: list[str], packages: str
) -> None:
    monkeypatch.setenv("DISPLAY", screen)
    setup.absent.update(EVERY_PART)
    assert setup.start(word) == 7
    assert setup.apt == [UPDATE, INSTALL + packages]
    assert setup.tried == tried * 2
    assert not any("missing here" in text for text in setup.said)
    assert setup.start(word) == 7
    assert (setup.said, setup.tried, setup.apt) == ([], [], [])


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_nothing_is_installed_where_nothing_is_missing(setup: Setup) -> None:
    assert setup.start("test") == 7
    assert setup.tried == EVERY_PART
    assert setup.apt == []
    assert "Ready" in setup.said[-1]


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_only_the_missing_part_is_installed(setup: Setup) -> None:
    setup.absent.add("Xvfb")
    setup.start("test")
    assert setup.apt == [UPDATE, INSTALL + "xvfb"]
    assert setup.tried == [*EVERY_PART, "Xvfb"]


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_a_screen_that_comes_later_is_looked_at_then_and_only_that(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.start("demo")
    setup.absent.add("Qt on X11")
    monkeypatch.setenv("DISPLAY", ":0")
    setup.start("demo")
    assert setup.tried == ["Qt on X11"] * 2
    assert setup.apt == [UPDATE, INSTALL + X11]
    assert setup.steps == ["handed on: demo"]


@LINUX_ONLY
def test_a_finished_set_up_that_may_not_be_written_starts_all_the_same(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.start("demo")
    lock = setup.home / ".venv.lock"
    lock.unlink()
    lock.mkdir()  # what nobody can open for writing, root neither
    monkeypatch.setenv("DISPLAY", ":0")
    assert setup.start("demo") == 7
    assert (setup.said, setup.steps) == ([], ["handed on: demo"])


@LINUX_ONLY
def test_looking_alone_is_quiet(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.start("demo")
    monkeypatch.setenv("DISPLAY", ":0")
    setup.start("demo")
    assert (setup.tried, setup.said) == (["Qt on X11"], [])


@LINUX_ONLY
@pytest.mark.parametrize(("user", "programs"), [(1000, ["apt-get", "sudo"]), (0, []), (1000, [])])
def test_where_it_may_not_the_line_is_told_once_and_the_start_goes_on(
    setup: Setup, monkeypatch: pytest.MonkeyPatch, user: int, programs: list[str]
) -> None:
    have_rights(monkeypatch, user, *programs)
    setup.absent.update(EVERY_PART)
    assert setup.start("demo") == 7
    assert setup.said[-2].splitlines() == [
        setup.run.NO_WINDOWS,
        "  | ImportError: no Qt",
        "On Debian and Ubuntu this line installs what is missing:",
        f"  sudo {INSTALL}{QT}",
    ]
    assert (setup.tried, setup.apt) == (["Qt"], [])
    assert setup.start("demo") == 7
    assert (setup.said, setup.tried, setup.apt) == ([], [], [])


@LINUX_ONLY
def test_the_tests_that_lack_programs_are_told_in_one_sentence(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    have_rights(monkeypatch, 1000, "apt-get")
    setup.absent.update(["dbus-daemon", "Xvfb"])
    assert setup.start("test") == 7
    lines = setup.said[-2].splitlines()
    assert lines[0] == setup.run.NO_SUCH_TESTS
    assert lines[1:3] == ["  | ImportError: no dbus-daemon", "  | ImportError: no Xvfb"]
    assert lines[-1] == f"  sudo {INSTALL}dbus xvfb"


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_a_failing_apt_get_stops_nothing_and_is_not_called_again(setup: Setup) -> None:
    setup.absent.add("Qt")
    setup.apt_fails = "install"
    assert setup.start("demo") == 7
    assert setup.said[-2].splitlines() == [
        setup.run.NO_WINDOWS,
        "  | ImportError: no Qt",
        f"This step failed: {INSTALL}{QT}",
        "  | E: it would not",
        setup.run.OTHERWISE,
    ]
    assert setup.start("demo") == 7
    assert (setup.said, setup.tried, setup.apt) == ([], [], [])


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_a_failing_update_alone_is_no_failure(setup: Setup) -> None:
    """One package source of several that cannot be reached is enough for it."""
    setup.absent.add("Qt")
    setup.apt_fails = "update"
    assert setup.start("demo") == 7
    assert setup.apt == [UPDATE, INSTALL + QT]
    assert not setup.absent
    assert not any("failed" in text for text in setup.said)


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_what_the_packages_do_not_mend_is_told(setup: Setup) -> None:
    setup.absent.add("Qt")
    setup.apt_in_vain = True
    assert setup.start("demo") == 7
    assert setup.said[-2] == f"{setup.run.NO_WINDOWS}\n  | ImportError: no Qt"


@LINUX_ONLY
@pytest.mark.parametrize("there", [True, False])
def test_a_changed_lock_looks_anew(setup: Setup, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    have_rights(monkeypatch, 1000)
    setup.absent.add("Qt")
    setup.start("demo")
    if there:
        setup.absent.clear()
    with (setup.home / "requirements" / "run.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    setup.start("demo")
    assert setup.tried == ["Qt"]
    assert any(setup.run.NO_WINDOWS in text for text in setup.said) != there


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_an_interrupted_fetching_goes_on_with_just_that(setup: Setup) -> None:
    setup.absent.add("Qt")
    setup.break_at = "apt-get"
    assert setup.start("demo") == 130
    setup.break_at = ""
    assert setup.start("demo") == 7
    assert setup.steps == ["handed on: demo"]
    assert setup.apt == [UPDATE, INSTALL + QT]


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_other_systems_are_not_looked_at(setup: Setup, monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(sys, "platform", platform)
    assert [setup.run.unseen_parts(str(setup.home), kind) for kind in ("run", "dev")] == [[], []]
    assert "sudo" in setup.run.apt_install("python3-venv")
    assert setup.apt == []


VENV_TROUBLE = "The virtual environment was not created successfully because ensurepip is not\navailable."


@pytest.fixture
def bare_python(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A Python without venv until apt-get brings it; gives the commands that were run."""
    commands: list[str] = []

    def captured(command: list[str], _folder: object, _env: object = None) -> tuple[int, str]:
        commands.append(" ".join(command) if command[0] == "apt-get" else command[2])
        return (1, VENV_TROUBLE) if commands == ["venv"] else (0, "")

    monkeypatch.setattr(run, "captured", captured)
    return commands


@LINUX_ONLY
def test_without_rights_the_line_for_venv_is_printed(
    run: ModuleType, bare_python: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    have_rights(monkeypatch, 1000, "apt-get")
    with pytest.raises(run.SetupError, match=r"lacks its modules(.|\n)*sudo apt-get install -y .* python3-venv"):
        run.make_venv(str(tmp_path))
    assert bare_python == ["venv"]


@LINUX_ONLY
@pytest.mark.usefixtures("root")
def test_root_on_debian_fetches_venv_and_one_update_serves_all(
    run: ModuleType, bare_python: list[str], tmp_path: Path
) -> None:
    run.make_venv(str(tmp_path))
    assert run.apt_install("dbus") == ""
    assert bare_python == ["venv", UPDATE, INSTALL + "python3-venv", "venv", INSTALL + "dbus"]


@POSIX_ONLY
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("exit 0", {}),
        ("echo Traceback; echo 'ImportError: libEGL.so.1' >&2; exit 1", {"Qt": "ImportError: libEGL.so.1"}),
        ("kill -ABRT $$", {"Qt": "exit code -6"}),
        ("exec sleep 30", {"Qt": "no end after 0 s"}),
    ],
)
def test_a_trial_runs_in_a_process_of_its_own_that_may_fail_crash_or_hang(
    run: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: dict[str, str]
) -> None:
    write_program(Path(run.venv_file(str(tmp_path), "python")), script)
    monkeypatch.setattr(run, "TRIAL_LIMIT_S", 10 if "sleep" not in script else 0.1)
    assert run.lacking(str(tmp_path), ["Qt"]) == words


def trial(run: ModuleType, part: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the trial of a part as run.py would, in the Python of these tests."""
    command = [sys.executable, "-I", "-c", run.PARTS[part][0]]
    return subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=False)


@LINUX_ONLY
@pytest.mark.parametrize(("part", "library"), [("Qt", "libEGL.so.1"), ("Qt on X11", "libxcb-cursor.so.0")])
def test_the_trial_of_qt_fails_by_the_library_that_is_missing(
    run: ModuleType, tmp_path: Path, part: str, library: str
) -> None:
    before = trial(run, part)
    if before.returncode:
        pytest.skip(f"this system lacks it already: {before.stderr.splitlines()[-1]}")
    (tmp_path / library).touch()  # found first, and of no use
    done = trial(run, part, LD_LIBRARY_PATH=str(tmp_path))
    assert done.returncode
    assert library in done.stderr.splitlines()[-1]


@LINUX_ONLY
@pytest.mark.parametrize("part", ["dbus-daemon", "Xvfb"])
def test_the_trial_of_a_program_finds_it_on_the_search_path(run: ModuleType, tmp_path: Path, part: str) -> None:
    assert trial(run, part, PATH=str(tmp_path)).stderr == f"no {part}\n"
    write_program(tmp_path / part, "exit 0")
    assert trial(run, part, PATH=str(tmp_path)).returncode == 0


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        ("Err:1 Temporary failure resolving 'somewhere'\nE: Unable to locate package x", "network"),
        ("E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 1", "Another installer"),
        ("E: You don't have enough free space: No space left on device", "disk is full"),
    ],
)
def test_what_apt_get_says_is_understood(run: ModuleType, printed: str, sentence: str) -> None:
    assert sentence in run.advice(printed)
