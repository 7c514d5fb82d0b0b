"""What `import` says, as somebody at a terminal of 80 columns reads it."""

from __future__ import annotations

import json
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from biofeedback.cli.import_words import as_text, recording_text
from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Start, Waveform
from biofeedback.formats.door import Found
from biofeedback.formats.reading import Choices
from biofeedback.recording.catalogue import Facts
from tests.cli.programs import run_here
from tests.formats.samples import read_bytes

S = 1_024_000
OPTICAL = "pulse intervals, not RR"


def said(content: Content, width: int | None = None, refused: ImportRefused | None = None) -> list[str]:
    return as_text(Found("some/file.txt", content, "0" * 64, 100, refused), width).splitlines()


BEATING = Content("plain", "rr", array("q", [S] * 90), "ms", "its heading says so")


def test_no_line_is_wider_than_the_terminal_and_none_is_broken_elsewhere() -> None:
    words = " ".join(["interval"] * 30)
    assert max(map(len, said(replace(BEATING, decisions=(words,)), 80))) <= 80
    assert said(replace(BEATING, decisions=(words,)))[-1] == f"  note       {words}"
    narrow = said(replace(BEATING, decisions=(words,)), 80)[5:]
    assert " ".join(line[13:] for line in narrow) == words
    assert [line[:13].strip() for line in narrow] == ["note"] + [""] * (len(narrow) - 1)


def test_what_is_doubtful_is_not_said_again_as_a_note() -> None:
    lines = said(replace(BEATING, why=f"{OPTICAL}.", decisions=(OPTICAL, "another one.")))
    assert [line.split(None, 1)[1] for line in lines if OPTICAL in line] == [OPTICAL]
    assert lines[-1] == "  note       another one"


def test_a_side_file_takes_one_line() -> None:
    assert said(Content("bids side file", "skip", why="it tells of other files.")) == [
        "some/file.txt: passed over, it tells of other files"
    ]


def test_advice_stays_a_whole_sentence() -> None:
    refused = ImportRefused("it is empty.", "Export it again.")
    lines = said(Content("unknown", "refuse", why=refused.what), refused=refused)
    assert lines[1:] == ["  is         cannot be read", "  why        it is empty", "  what to do Export it again."]


def test_times_of_beats_are_counted_as_beats_as_in_the_json() -> None:
    content = Content("apple-health", "beats", array("q", [S] * 88), "s", holes=(Hole(44, S),), about={"n": 90})
    assert said(content)[2] == "  beats      90 in 1:29, mean 60.0 bpm"


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ((0,), "1, of unknown length"),
        ((S * 60, 0), "2, together 1:00, 1 of unknown length"),
        ((S,), "1, together 0:01"),
    ],
)
def test_holes_of_unknown_length(lengths: tuple[int, ...], words: str) -> None:
    holes = tuple(Hole(number + 1, length) for number, length in enumerate(lengths))
    assert f"  holes      {words}" in said(replace(BEATING, holes=holes))


def test_a_signal_without_a_unit_leaves_none_open() -> None:
    wave = Waveform("cardiac", 10.0, "", 160.0)
    assert said(Content("bids physio", "ecg", waveforms=(wave,)))[2] == "  signal     cardiac, 10 Hz, 2:40"


@pytest.mark.parametrize("zone", ["utc", "+00:00"])
def test_utc_has_one_name(zone: str) -> None:
    assert "  start      2025-03-15 11:03:00 UTC" in said(replace(BEATING, start=Start("2025-03-15T11:03:00.25", zone)))


def test_the_start_of_a_recording_reads_as_that_of_any_file() -> None:
    facts = Facts("a", 1, 1, start_ns=1_485_464_295_000_000_000, utc_off_s=3600)
    assert "  start      2017-01-26 21:58:15 +01:00" in recording_text("a", facts).splitlines()


def test_a_unit_that_cannot_be_meant_is_doubtful() -> None:
    thousand = b"".join(b"%d\n" % value for value in (1003, 990, 1020, 1001, 987))
    content = read_bytes("a.txt", thousand, Choices(unit="s"))
    assert content.why == "their median would be 1001 s, which is no usual interval"
    assert read_bytes("a.txt", thousand, Choices(unit="1/1024")).why is None


def test_what_import_would_refuse_is_not_said_to_be_importable() -> None:
    lines = said(replace(BEATING, ticks=array("q", [1003 * S] * 20)))
    assert lines[1] == "  is         plain: no number in it is an interval of 2.5 s or less, cannot be imported"


def test_what_to_do_with_strange_files_is_said_once_and_the_good_ones_come_first(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / "all" / name).write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    (tmp_path / "all" / "z.txt").write_text("800\n810\n790\n" * 20)
    done = run_here(tmp_path, "import", "all")
    assert done.stderr.splitlines()[0] == "3 files are no recordings of heartbeats: a.jpg, b.jpg, c.jpg"
    done = run_here(tmp_path, "import", "all/a.jpg", "all/b.jpg", "all/z.txt")
    assert done.stderr.count("docs/formats.md") == 1
    assert [name in done.stderr for name in ("a.jpg", "b.jpg")] == [True] * 2
    assert done.stderr.splitlines()[-1] == "1 already here, 2 refused."


def test_what_comes_next_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "two words.txt").write_text("800\n810\n790\n" * 20)
    done = run_here(tmp_path, "import", "two words.txt", "--output", "my files")
    made = done.stdout.strip()
    assert f"report '{made}'\n" in done.stderr
    assert f"replay '{made}'\n" in done.stderr
    report = run_here(tmp_path, "report", "two words.txt")
    assert report.returncode == 4
    assert report.stderr.splitlines()[-1].endswith("import 'two words.txt'")


def test_where_an_import_comes_from_stays_with_it(tmp_path: Path) -> None:
    rows = "\n".join(str(value) for value in [800, 812, 795] * 20)
    (tmp_path / "2020-01-02 07-00-00.txt").write_text(rows)
    made = run_here(tmp_path, "import", "2020-01-02 07-00-00.txt").stdout.strip()
    session = Path(made).name.split("_")[1][:8]
    shown = run_here(tmp_path, "library", "show", session).stdout
    assert "made from 2020-01-02 07-00-00.txt (plain)" in shown
    assert "from the file's name" in shown


def test_analyze_says_what_is_doubtful_about_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1003\n990\n1020\n" * 20)
    assert "doubtful" not in run_here(tmp_path, "analyze", "a.txt", "--unit", "ms").stdout
    odd = ["a.txt", "--unit", "samples@20000"]
    why = json.loads(run_here(tmp_path, "import", "--inspect", "--json", *odd).stdout)["why"]
    assert why
    assert why[1:] in " ".join(run_here(tmp_path, "analyze", *odd).stdout.split())
    told = json.loads(run_here(tmp_path, "analyze", *odd, "--json").stdout)
    assert told["why"] == why


def test_a_file_is_not_named_as_what_measured(tmp_path: Path) -> None:
    (tmp_path / "Anna Muster.txt").write_text("800\n810\n790\n" * 20)
    made = run_here(tmp_path, "import", "Anna Muster.txt").stdout.strip()
    assert run_here(tmp_path, "export", made, "--to", "bids", "--output", "set").returncode == 0
    (about,) = (tmp_path / "set").rglob("*_physio.json")
    assert json.loads(about.read_text())["ManufacturersModelName"] == "n/a"
    told = json.loads(run_here(tmp_path, "import", "--inspect", "--json", "set").stdout.splitlines()[0])
    assert (told["file"], told["verdict"]) == ("set/README", "skip")
