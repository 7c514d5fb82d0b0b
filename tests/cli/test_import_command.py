"""`biofeedback import` as somebody types it: what files are, recordings of them, and what is said of the rest."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import run, run_here
from tests.cli.test_start_is_light import HEAVY, modules_after
from tests.formats.samples import sample


def quiet_heart(beats: int = 60, seed: int = 1) -> str:
    dice = random.Random(seed)
    return "".join(f"{round(850 + 40 * dice.gauss(0, 1))}\n" for _ in range(beats))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "morning.txt").write_text(quiet_heart())
    return tmp_path


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def recordings(home: Path) -> list[Path]:
    return sorted((home / "sessions").glob("*"))


def test_inspect_says_what_a_file_is_and_writes_nothing(home: Path) -> None:
    done = run_here(home, "import", "--inspect", "morning.txt")
    assert done.returncode == 0
    assert "intervals between heartbeats" in done.stdout
    for word in ("beats", "60 in 0:5", "bpm", "unit", "ms (", "start", "not known"):
        assert word in done.stdout, word
    assert not (home / "sessions").exists()
    assert not list(home.glob("library*"))


def test_a9_inspect_gives_one_object_a_file_with_the_keys_of_the_contract(home: Path) -> None:
    (home / "broken.txt").write_text("800\nwhat\n")
    done = run_here(home, "import", "--inspect", "--json", "morning.txt", "broken.txt")
    rr, broken = objects(done.stdout)
    contract = {"file", "format", "verdict", "n", "sum_ms", "first", "last", "unit", "start", "start_zone", "why"}
    assert rr.keys() >= contract | {"markers", "duration_s", "mean_hr_bpm", "sha256"}
    values = [int(line) for line in (home / "morning.txt").read_text().split()]
    assert (rr["file"], rr["verdict"], rr["n"], rr["sum_ms"]) == ("morning.txt", "rr", 60, sum(values))
    assert (rr["first"], rr["last"], rr["unit"]) == (values[:3], values[-2:], "ms")
    assert rr["mean_hr_bpm"] == pytest.approx(60_000 * 60 / sum(values))
    assert (broken["verdict"], done.returncode) == ("refuse", 4)
    assert (broken["format"], broken["line"], broken["why"]) == ("plain", 2, "line 2: this is no interval: 'what'.")


def test_an_import_is_in_the_library_and_every_command_knows_it(home: Path) -> None:
    done = run_here(home, "import", "morning.txt", "--person", "anna")
    (path,) = recordings(home)
    assert (done.returncode, done.stdout) == (0, f"{path}\n")
    (listed,) = json.loads(run_here(home, "library", "list", "--json").stdout)
    assert (listed["person"], listed["start"], listed["plan"], listed["imported"]) == ("anna", None, "free", True)
    assert "start not known" in run_here(home, "library", "list").stdout
    assert run_here(home, "verify", "--exact", str(path)).returncode == 0
    assert run_here(home, "library", "verify", "--all").returncode == 0
    shown = run_here(home, "library", "show", listed["id"][:8])
    assert (shown.returncode, listed["id"] in shown.stdout) == (0, True)
    assert run_here(home, "library", "tag", listed["id"][:8], "quiet").returncode == 0
    assert run_here(home, "report", str(path)).returncode == 0
    page = path.with_name(path.name.split(".")[0] + ".html").read_text()
    assert "Imported from the file" in page
    assert "morning.txt" in page
    (ours,) = objects(run_here(home, "analyze", str(path), "--json").stdout)
    (theirs,) = objects(run_here(home, "analyze", "morning.txt", "--json").stdout)
    assert (ours["format"], theirs["format"], ours["start"]) == ("biofeedback", "plain", None)
    assert ours["metrics"] == theirs["metrics"]
    assert run_here(home, "library", "delete", "--yes", listed["id"][:8]).returncode == 0
    assert recordings(home) == []


def test_the_same_bytes_are_noticed_and_written_again_only_when_that_is_asked(home: Path) -> None:
    assert run_here(home, "import", "morning.txt").returncode == 0
    (path,) = recordings(home)
    (home / "copy of it.txt").write_bytes((home / "morning.txt").read_bytes())
    done = run_here(home, "import", "copy of it.txt")
    assert done.returncode == 0
    assert "already here as " + path.name in done.stderr
    assert "imported on" in done.stderr
    (again,) = objects(run_here(home, "import", "morning.txt", "--json").stdout)
    assert again["already"] == str(path)
    assert recordings(home) == [path]
    assert run_here(home, "import", "--again", "morning.txt").returncode == 0
    assert len(recordings(home)) == 2


def test_in_a_folder_of_ones_own_the_same_is_noticed_by_what_lies_there(home: Path) -> None:
    assert run_here(home, "import", "morning.txt", "--output", "mine").returncode == 0
    done = run_here(home, "import", "morning.txt", "--output", "mine")
    assert "already here" in done.stderr
    assert len(list((home / "mine").iterdir())) == 1
    assert not (home / "sessions").exists()
    assert run_here(home, "import", "morning.txt", "--output", "other").returncode == 0
    assert len(list((home / "other").iterdir())) == 1


def test_a_folder_gives_all_that_has_beats_and_says_what_became_of_the_rest(home: Path) -> None:
    folder = home / "phone"
    folder.mkdir()
    for number in (1, 2):
        (folder / f"day {number}.txt").write_text(quiet_heart(seed=number))
    (folder / "same.txt").write_text(quiet_heart(seed=1))
    (folder / "._day 1.txt").write_bytes(b"\x00\x05\x16\x07" + bytes(200))
    (folder / "bad.txt").write_text("800\nwhat\n")
    done = run_here(home, "import", "phone")
    assert done.returncode == 4
    assert len(recordings(home)) == 2
    assert "bad.txt" in done.stderr
    assert "line 2" in done.stderr
    for words in ("2 imported", "1 already here", "1 refused", "1 passed over"):
        assert words in done.stderr.casefold(), words
    (folder / "bad.txt").unlink()
    assert run_here(home, "import", "phone").returncode == 0


def test_members_of_an_archive_are_files_like_any_other(home: Path) -> None:
    with zipfile.ZipFile(home / "mail.zip", "w") as archive:
        for number in (1, 2):
            archive.writestr(f"day {number}.txt", quiet_heart(seed=number))
    inspected = objects(run_here(home, "import", "--inspect", "--json", "mail.zip").stdout)
    assert [each["file"] for each in inspected] == ["mail.zip/day 1.txt", "mail.zip/day 2.txt"]
    assert run_here(home, "import", "mail.zip").returncode == 0
    assert len(recordings(home)) == 2
    analysed = objects(run_here(home, "analyze", "mail.zip", "--json").stdout)
    assert [each["file"] for each in analysed] == ["mail.zip/day 1.txt", "mail.zip/day 2.txt"]
    replayed = run_here(home, "replay", "mail.zip", "--view", "none", "--speed", "max")
    assert replayed.returncode == 2
    assert "2 files with heartbeats" in replayed.stderr


def test_a_unit_that_is_asked_for_is_answered_with_unit(home: Path) -> None:
    (home / "samples.txt").write_text("".join(f"{value}\n" for value in (225, 230, 220, 228) * 10))
    done = run_here(home, "import", "samples.txt")
    assert done.returncode == 4
    assert "Say it with --unit" in done.stderr
    assert recordings(home) == []
    assert run_here(home, "import", "samples.txt", "--unit", "samples@256").returncode == 0
    (recording,) = recordings(home)
    (found,) = objects(run_here(home, "analyze", str(recording), "--json").stdout)
    assert found["metrics"]["mean_nn_ms"]["value"] == pytest.approx(1000 * 225.75 / 256)
    opened = next(line for line in objects(recording.read_text()) if line["k"] == "open")
    assert opened["parent"]["unit"] == "samples@256"


def test_a_recording_of_ours_is_taken_in_as_it_is_and_noticed_too(home: Path) -> None:
    made = run_here(home, "simulate", "--minutes", "1", "--output", "there").stdout.strip()
    inspected = run_here(home, "import", "--inspect", made)
    assert "a recording of this program" in inspected.stdout
    done = run_here(home, "import", made)
    assert done.returncode == 0, done.stderr
    (path,) = recordings(home)
    assert path.read_bytes() == (home / made).read_bytes()
    assert "already here" in run_here(home, "import", made, "--json").stderr
    assert recordings(home) == [path]


def test_what_is_missing_is_refused_in_two_lines(home: Path) -> None:
    done = run_here(home, "import", "nowhere.txt")
    assert done.returncode == 4
    assert len(done.stderr.splitlines()) == 2
    assert "nowhere.txt" in done.stderr
    (home / "empty").mkdir()
    assert run_here(home, "import", "empty").returncode == 4
    assert run_here(home, "import", "--inspect", "--again", "morning.txt").returncode == 2


def test_replay_of_a_foreign_file_gives_what_follows_from_its_intervals_only(home: Path) -> None:
    done = run(home, "replay", "morning.txt", "--speed", "max", "--json")
    kinds = {each["kind"] for each in objects(done.stdout)}
    assert kinds == {"rr", "beat", "hrv", "arousal", "end"}


def test_a_file_is_a_source_of_a_session(home: Path) -> None:
    words = ["practice", "--source", "file:morning.txt", "--speed", "max", "--view", "none", "--no-record", "--json"]
    done = run(home, *words)
    assert done.returncode == 0, done.stderr
    assert sum(each["kind"] == "beat" for each in objects(done.stdout)) == 60


@pytest.mark.slow
def test_in_an_encrypted_home_an_import_is_encrypted_and_known_again(home: Path) -> None:
    (home / "secret").write_text("five apples in a basket\n")
    (home / "secret").chmod(0o600)
    key = ["--passphrase-file", "secret"]
    assert run_here(home, "lock", "on", *key).returncode == 0
    done = run_here(home, "import", "morning.txt", *key)
    assert done.returncode == 0, done.stderr
    (path,) = recordings(home)
    assert "morning" not in path.read_text()
    assert '"start_unknown":"all"' in path.read_text().splitlines()[0]
    (listed,) = json.loads(run_here(home, "library", "list", "--json").stdout)
    assert listed["start"] is None
    assert "already here" in run_here(home, "import", "morning.txt", *key).stderr
    assert recordings(home) == [path]
    assert run_here(home, "verify", "--exact", str(path), *key).returncode == 0


def test_its_help_is_light_and_an_import_loads_no_window_and_no_scipy(home: Path) -> None:
    assert not modules_after("import", "--help") & HEAVY
    done = run_here(home, "import", "--help")
    assert "biofeedback import --inspect morning.txt" in done.stdout


@pytest.mark.parametrize("name", ["made_up/apple_health_en_US.xml", "polar_hrm/rr_small.hrm", "made_up/IBI.csv"])
def test_sample_files_become_recordings_that_verify(tmp_path: Path, name: str) -> None:
    path = sample(name)
    (found,) = objects(run_here(tmp_path, "import", "--inspect", "--json", str(path)).stdout)
    assert run_here(tmp_path, "import", str(path)).returncode == 0
    (recording,) = recordings(tmp_path)
    lines = objects(recording.read_text())
    assert sum(len(line["ticks"]) for line in lines if line["k"] == "rr") == found["n"] - found.get("records", 0)
    ticks = sum(value for line in lines if line["k"] == "rr" for value in line["ticks"])
    assert ticks / 1024 == pytest.approx(found["sum_ms"])
    assert run_here(tmp_path, "verify", "--exact", str(recording)).returncode == 0


def test_a_link_to_a_recording_and_a_hidden_one_in_a_folder_are_left_alone(home: Path, tmp_path: Path) -> None:
    (tmp_path / "rr.txt").write_text(quiet_heart())
    run_here(home, "import", "--output", "own", "rr.txt")
    own = next((tmp_path / "own").iterdir())
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".hidden.session.jsonl").write_bytes(own.read_bytes())
    (folder / "link.session.jsonl").symlink_to(own)
    said = run_here(home, "import", "--output", "copies", "folder")
    assert said.returncode == 0
    assert list((tmp_path / "copies").iterdir()) == []
    assert [each["verdict"] for each in objects(run_here(home, "import", "--inspect", "--json", "folder").stdout)] == [
        "skip",
        "skip",
    ]


@pytest.mark.parametrize("more", [[], ["--inspect"]])
def test_a_name_that_is_too_long_is_refused_in_two_lines(home: Path, more: list[str]) -> None:
    said = run_here(home, "import", *more, "x" * 5000)
    assert said.returncode == 4
    assert "it cannot be read" in said.stdout + said.stderr


def pictures(folder: Path) -> None:
    (folder / "holiday.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(40))
    (folder / "letter.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    (folder / "list.txt").write_text("milk\nbread\n")
    (folder / "empty.md").write_bytes(b"")


def test_what_is_no_recording_in_a_folder_is_counted_in_one_line_and_is_no_failure(home: Path) -> None:
    folder = home / "Downloads"
    folder.mkdir()
    (folder / "day.txt").write_text(quiet_heart(seed=5))
    pictures(folder)
    words = "4 files are no recordings of heartbeats: empty.md, holiday.png, letter.pdf, ..."
    inspected = run_here(home, "import", "--inspect", "Downloads")
    assert (inspected.returncode, inspected.stdout.count("cannot be read")) == (0, 0)
    assert inspected.stdout.splitlines()[-1] == words
    done = run_here(home, "import", "Downloads")
    assert done.returncode == 0
    assert done.stderr.splitlines()[0] == words
    assert len(recordings(home)) == 1
    told = objects(run_here(home, "import", "--json", "--again", "Downloads").stdout)
    assert [each["verdict"] for each in told] == ["rr", "refuse", "refuse", "refuse", "refuse"]
    assert run_here(home, "import", "Downloads/list.txt").returncode == 4
    (folder / "broken.txt").write_text("800\nwhat\n")
    again = run_here(home, "import", "Downloads")
    assert (again.returncode, "broken.txt, line 2" in again.stderr) == (4, True)
    assert again.stderr.splitlines()[-1] == "1 already here, 1 refused."


def test_an_apple_export_with_an_ecg_of_the_watch_in_it_can_be_imported_without_failure(home: Path) -> None:
    top = 'Name,Anna\nBirth,"1 Jan 1980"\nDevice,"Watch6,2"\nSample Rate,512 hertz\n\n\nLead,Lead I\nUnit,µV\n\n'
    with zipfile.ZipFile(home / "export.zip", "w") as archive:
        archive.writestr("x/electrocardiograms/ecg_2025-05-01.csv", top + "".join(f"{n}.5\n" for n in range(900)))
        archive.writestr("x/export_cda.xml", '<?xml version="1.0"?>\n<ClinicalDocument/>\n')
        archive.writestr("x/day.txt", quiet_heart())
    done = run_here(home, "import", "export.zip")
    assert (done.returncode, len(recordings(home))) == (0, 1), done.stderr
    assert "1 imported, 2 passed over." in done.stderr


def test_one_import_ends_with_the_commands_for_its_own_file_in_quotes_where_it_needs_them(home: Path) -> None:
    done = run_here(home, "import", "morning.txt", "--output", "my own", "--person", "Zed")
    path = done.stdout.strip()
    assert f"report '{path}'\n" in done.stderr
    assert f"replay '{path}'\n" in done.stderr
    assert done.stderr.startswith("Zed is new here.\n")
    again = run_here(home, "import", "morning.txt", "--output", "my own", "--person", "Zed")
    assert "new here" not in again.stderr
    assert "person new P-001 --name NAME" in run_here(home, "import", "morning.txt", "--person", "Ann B").stderr


def test_the_preview_is_as_wide_as_the_terminal_and_says_each_thing_once(home: Path) -> None:
    (home / "rr.tsv.txt").write_text("# a comment\n" + quiet_heart(120))
    done = run_here(home, "import", "--inspect", "rr.tsv.txt")
    assert max(map(len, done.stdout.splitlines())) <= 80
    start = run_here(home, "import", "--inspect", "2024-03-05 07-08-09.txt")
    assert start.returncode == 4
    (home / "2024-03-05 07-08-09.txt").write_text(quiet_heart())
    shown = run_here(home, "import", "--inspect", "2024-03-05 07-08-09.txt").stdout
    assert "2024-03-05 07:08:09, time zone not stated" in shown
    assert "names no time zone" in " ".join(shown.split())
    assert run_here(home, "import", "2024-03-05 07-08-09.txt").returncode == 0
    (path,) = recordings(home)
    assert path.name.startswith("20240305T070809_")
