"""The page: complete in itself, true to its recording, and nobody's words become HTML."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from html import unescape
from math import exp
from pathlib import Path

import pytest

from biofeedback.errors import BiofeedbackError
from biofeedback.events import End, Epoch, Event, Mark, Note, Phase, Rr, Suds
from biofeedback.hrv.summary import cut, summarise
from biofeedback.hrv.window import Estimate
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.report import page, session_report, write_report
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, Plan, free_plan, practice_plan, trial_plan
from biofeedback.session.scripts import shipped
from devices.events import StrapInfo
from tests.report.outline import Outline, row_of
from tests.report.sessions import cut_short, simulate, write_lines

MS = 1024
PAIR = Pair("safe_place", "breath_only")
INTENDED_USE = (
    "For adults who want to practise paced breathing and self-chosen imagery and see their own heart-rate response."
    " Not a medical device. Not for diagnosis, treatment or emergencies."
)
FORBIDDEN = re.compile(
    r"\b(treat(s|ment)?|therap\w+|heal|cure|PTSD|anxiety disorder|diagnos\w+|clinical|rewire"
    r"|reset your nervous system)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sessions")


@pytest.fixture(scope="module")
def trial(folder: Path) -> StoredRecording:
    return read_recording(simulate(folder, plan=trial_plan((PAIR, PAIR, PAIR))))


@pytest.fixture(scope="module")
def demo(folder: Path) -> StoredRecording:
    return read_recording(simulate(folder, demo=True))


class TestPage:
    def test_it_is_whole_html_in_english(self, demo: StoredRecording) -> None:
        text = session_report(demo)
        outline = Outline(text)
        assert text.startswith("<!DOCTYPE html>")
        assert ("html", {"lang": "en"}) in outline.tags
        assert outline.count("h1") == outline.count("title") - 1 == outline.count("main") == 1

    def test_it_asks_for_nothing(self, trial: StoredRecording) -> None:
        text = session_report(trial)
        outline = Outline(text)
        assert not {"script", "img", "iframe", "object", "a", "form", "audio", "video"} & {
            tag for tag, _ in outline.tags
        }
        assert "http:" not in text
        assert "https:" not in text
        assert "@import" not in text
        assert outline.values("src") == []
        assert all(
            value.startswith(("#", "data:")) for value in [*outline.values("href"), *outline.values("xlink:href")]
        )
        assert all(start == "#" for start in re.findall(r"url\(['\"]?(.)", text))
        assert "default-src 'none'" in text

    def test_no_attribute_runs_anything(self, trial: StoredRecording) -> None:
        outline = Outline(session_report(trial))
        assert not any(name.startswith("on") for _, attributes in outline.tags for name in attributes)

    def test_light_dark_and_paper(self, demo: StoredRecording) -> None:
        text = session_report(demo)
        assert "prefers-color-scheme: dark" in text
        assert "@page { size: A4" in text
        used = set(re.findall(r"var\(--(\w+)\)", text))
        light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)
        assert used <= set(re.findall(r"--(\w+):", light))
        assert set(re.findall(r"--(\w+):", dark)) == set(re.findall(r"--(\w+):", light))

    def test_figure_and_tables_have_names(self, trial: StoredRecording) -> None:
        text = session_report(trial)
        outline = Outline(text)
        ids = outline.values("id")
        assert len(ids) == len(set(ids))
        named = [*outline.values("aria-labelledby"), *outline.values("aria-describedby")]
        assert set(named) <= set(ids)
        assert {"strip-title", "described"} <= set(named)
        assert all(scope in ("col", "row") for scope in outline.values("scope"))
        assert outline.count("th") == len(outline.values("scope"))

    def test_same_recording_same_bytes(self, trial: StoredRecording) -> None:
        assert session_report(trial) == session_report(trial)

    def test_it_is_small(self, trial: StoredRecording) -> None:
        assert len(session_report(trial).encode()) < 100_000

    def test_intended_use_and_help(self, demo: StoredRecording) -> None:
        words = Outline(session_report(demo)).text
        assert words.count(INTENDED_USE) == 1
        assert "local emergency number" in words

    def test_no_forbidden_word(self, trial: StoredRecording, demo: StoredRecording, folder: Path) -> None:
        practice = read_recording(simulate(folder, plan=practice_plan("safe_place", 1)))
        for recording in (trial, demo, practice):
            text = session_report(recording).replace(INTENDED_USE, "")
            assert FORBIDDEN.search(text) is None
        template = (Path(page.__file__).parent / "session.html").read_text("utf-8")
        assert FORBIDDEN.search(template) is None


class TestWhatItSays:
    def test_what_the_session_was(self, demo: StoredRecording) -> None:
        words = Outline(session_report(demo)).text
        assert "Demonstration with a simulated person: a trial of 1 pair, “\u2068A safe place\u2069” against" in words
        assert "4 min 42 s long, recorded on 24 November 2026 at 14:19 (UTC+01:00)" in words

    def test_a_simulated_person_is_always_told(self, trial: StoredRecording) -> None:
        """Also when the session was not begun as a demonstration."""
        assert trial.head["session"]
        assert "Demonstration with a simulated person" in Outline(session_report(trial)).text

    def test_the_verdict_s_words_stand_unchanged(self, trial: StoredRecording) -> None:
        (line,) = (line for line in trial.lines if line.kind == "verdict")
        assert line.body["words"] in unescape(session_report(trial))

    def test_epochs(self, trial: StoredRecording) -> None:
        text = session_report(trial)
        found = [event for event in trial.events() if isinstance(event, Epoch)]
        assert len(found) == 6
        for number, epoch in enumerate([epoch for epoch in found if epoch.label == "image"], start=1):
            assert epoch.y is not None
            _, script, level, breaths, beats, flagged, kept = row_of(text, f"image {number}")
            assert (script, level, breaths) == ("A safe place", f"{exp(epoch.y):.1f}", str(epoch.breaths))
            assert (beats, flagged, kept) == (str(epoch.beats), "0", "kept")

    def test_an_epoch_that_is_not_kept_says_why(self, folder: Path) -> None:
        path = simulate(folder, "sim:faulty?seed=3", trial_plan((PAIR,)))
        assert "not kept: the signal was lost" in Outline(session_report(read_recording(path))).text

    def test_an_epoch_cut_short_has_no_level(self, folder: Path) -> None:
        path = simulate(folder, plan=trial_plan((PAIR,)), said={"control": [("strong", "")]})
        row = row_of(session_report(read_recording(path)), "control")
        assert row[2] == "–"
        assert row[-1] == "not kept: something strong came up"

    def test_the_numbers_are_those_of_analyze(self, trial: StoredRecording) -> None:
        text = session_report(trial)
        beats = recorded_beats(trial)
        began = {line.body["name"]: line.t for line in trial.lines if line.kind == "phase" and line.body["on"]}
        ended = {line.body["name"]: line.t for line in trial.lines if line.kind == "phase" and not line.body["on"]}
        for name, held in (
            ("whole session", beats),
            ("baseline", cut(beats, began["baseline"] / 1e6, ended["baseline"] / 1e6)),
        ):
            summary = summarise(held)
            rate, rmssd = summary.metrics["mean_hr_bpm"], summary.metrics["rmssd_ms"]
            assert isinstance(rate, Estimate)
            assert isinstance(rmssd, Estimate)
            row = row_of(text, name)
            assert row[1] == str(summary.beats)
            assert row[5:7] == [f"{rate.value:.1f}", f"{rmssd.value:.1f}"]

    def test_a_number_that_cannot_be_given_says_why(self, trial: StoredRecording) -> None:
        text = session_report(trial)
        cell = row_of(text, "washout 1")[-1]
        assert re.fullmatch("– [a-z]", cell)
        assert f"{cell[-1]} needs 60 s of beats" in Outline(text).text

    def test_rmssd_is_not_compared_between_paces(self, demo: StoredRecording) -> None:
        assert "RMSSD rises from slow breathing alone" in Outline(session_report(demo)).text

    def test_answers_marks_and_notes(self, folder: Path) -> None:
        events: list[Event] = [
            Rr(0, (800 * MS,) * 100),
            Suds(3_000_000, 4, "before", "trainee"),
            Mark(5_000_000, "a bird", "practitioner"),
            Note(6_000_000, "", "trainee"),
            Suds(70_000_000, None, "after", "nobody"),
        ]
        text = session_report(read_recording(write_lines(folder, events)))
        assert row_of(text, "before") == ["0:03", "4", "trainee"]
        assert row_of(text, "at the end") == ["1:10", "no answer", "–"]
        assert row_of(text, "mark") == ["1", "0:05", "a bird", "practitioner"]
        assert row_of(text, "note") == ["2", "0:06", "(no words)", "trainee"]

    def test_flagged_beats_by_kind_and_gaps_by_reason(self, folder: Path) -> None:
        ticks = ([800] * 40 + [200] + [800] * 40 + [3000]) * 2 + [800] * 40
        recording = read_recording(write_lines(folder, [Rr(0, tuple(MS * value for value in ticks))]))
        text = session_report(recording)
        assert row_of(text, "range")[1] == "2"
        assert row_of(text, "no reason is recorded") == ["2", "6.0 s", "3.0 s"]

    def test_an_end_without_heartbeats_is_told_beside_the_coverage(self, folder: Path) -> None:
        lines = [Rr(0, (800 * MS,) * 100)]
        ends = {seconds: End(seconds * 1_000_000, "planned end", seconds, 100) for seconds in (85, 120)}
        told = {at: session_report(read_recording(write_lines(folder, [*lines, over]))) for at, over in ends.items()}
        assert "The last 40 s hold no heartbeat; coverage is that of the time before." in told[120]
        assert "hold no heartbeat" not in told[85]

    @pytest.mark.parametrize(
        ("name", "said"),
        [("heart-rate strap", "from a heart-rate strap."), ("TICKR", "from the strap “\u2068TICKR\u2069”.")],
    )
    def test_a_strap_that_was_not_named_gets_no_name(self, folder: Path, name: str, said: str) -> None:
        opened = open_session(free_plan(1), StrapInfo(name, kind="strap"), shipped()).event
        text = Outline(session_report(read_recording(write_lines(folder, [opened, Rr(0, (800 * MS,) * 100)])))).text
        assert said in text

    def test_where_the_numbers_come_from(self, demo: StoredRecording) -> None:
        words = Outline(session_report(demo)).text
        assert hashlib.sha256(demo.path.read_bytes()).hexdigest() in words
        assert demo.path.name in words
        assert str(demo.head["session"]) in words
        for name, version in demo.algorithms.items():
            assert f"{name}/{version}" in words
        assert "every line is as it was written" in words
        assert "yes: planned end" in words

    def test_a_rule_that_has_changed_since_is_told(self, folder: Path) -> None:
        path = write_lines(folder, [Rr(0, (800 * MS,) * 60)])
        recording = read_recording(path)
        older = replace(recording.lines[0], kind="alg", body={"a": "artefacts/0"})
        words = Outline(session_report(replace(recording, lines=(*recording.lines, older)))).text
        assert "artefacts/1 made the numbers of this page" in words

    def test_a_file_that_is_gone_still_has_a_page(self, demo: StoredRecording) -> None:
        words = Outline(session_report(replace(demo, path=demo.path.with_name("gone.session.jsonl")))).text
        assert "the file cannot be read any more" in words


class TestEverySession:
    @pytest.mark.parametrize(
        ("plan", "said"),
        [
            (free_plan(1), "a free session"),
            (practice_plan("safe_place", 1), "a practice session with “\u2068A safe place\u2069”"),
            (trial_plan((PAIR,)), "a trial of 1 pair"),
        ],
        ids=("free", "practice", "trial"),
    )
    def test_plans(self, folder: Path, plan: Plan, said: str) -> None:
        outline = Outline(session_report(read_recording(simulate(folder, plan=plan))))
        assert said in outline.text

    def test_intervals_from_a_file(self, folder: Path) -> None:
        text = folder / "rr.txt"
        text.write_text("\n".join(str(800 + number % 40) for number in range(200)))
        words = Outline(session_report(read_recording(simulate(folder, f"file:{text}", free_plan(None))))).text
        assert "from the file “\u2068rr.txt\u2069”" in words
        assert "simulated" not in words

    @pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.97])
    def test_damaged(self, demo: StoredRecording, share: float) -> None:
        words = Outline(session_report(read_recording(cut_short(demo.path, share)))).text
        assert "This recording is damaged" in words
        assert "the line is cut short" in words

    def test_unfinished(self, folder: Path) -> None:
        recording = read_recording(write_lines(folder, [Rr(0, (800 * MS,) * 60)]))
        assert "This recording has no end" in Outline(session_report(recording)).text

    def test_nothing_but_a_head(self, folder: Path) -> None:
        words = Outline(session_report(read_recording(write_lines(folder, [])))).text
        assert "no heartbeat was recorded" in words
        assert "Nothing was asked, marked or said in it." in words

    def test_not_even_a_date(self, folder: Path) -> None:
        words = Outline(session_report(read_recording(write_lines(folder, [], {})))).text
        assert "recorded at a time its file does not tell" in words

    def test_only_flagged_beats(self, folder: Path) -> None:
        recording = read_recording(write_lines(folder, [Rr(0, (250 * MS,) * 30)]))
        assert "no beat could be used" in Outline(session_report(recording)).text

    def test_an_hour_full_of_everything_stays_small(self, folder: Path) -> None:
        beats = [250 if i % 9 == 8 else 3000 if i % 25 == 24 else 750 + (i * 37) % 160 for i in range(4400)]
        events: list[Event] = [
            Rr(0, tuple(MS * value for value in beats[:2000])),
            Rr(1, tuple(MS * b for b in beats[2000:])),
        ]
        events += [Phase(at, "rest", on, 0, None, None, None) for at, on in ((2, True), (3_500_000_000, False))]
        events += [Note(number * 10_000_000, "<&\"'" * 400, "trainee") for number in range(360)]
        events += [Suds(number * 10_000_000, number % 11, "epoch", "trainee") for number in range(360)]
        events.sort(key=lambda event: event.at)
        text = session_report(read_recording(write_lines(folder, events)))
        Outline(text)
        assert len(text.encode()) <= 400_000
        assert "more are in the recording" in text


class TestWriting:
    def test_it_is_written_where_it_should_be(self, demo: StoredRecording, tmp_path: Path) -> None:
        target = tmp_path / "page.html"
        target.write_text("an older one")
        assert write_report(demo, target) == target
        assert target.read_text("utf-8") == session_report(demo)
        assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
        if os.name == "posix":
            assert target.stat().st_mode & 0o077 == 0

    def test_there_must_be_a_folder(self, demo: StoredRecording, tmp_path: Path) -> None:
        with pytest.raises(BiofeedbackError, match="No such file or directory"):
            write_report(demo, tmp_path / "none" / "page.html")

    def test_not_over_a_recording(self, demo: StoredRecording) -> None:
        before = demo.path.read_bytes()
        with pytest.raises(BiofeedbackError, match="that is a recording"):
            write_report(demo, demo.path)
        assert demo.path.read_bytes() == before

    def test_not_over_a_folder(self, demo: StoredRecording, tmp_path: Path) -> None:
        with pytest.raises(BiofeedbackError, match="that is a folder") as caught:
            write_report(demo, tmp_path)
        assert "--output" in caught.value.advice

    def test_whole_or_not_at_all(self, demo: StoredRecording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        target = tmp_path / "page.html"
        target.write_text("an older one")
        monkeypatch.setattr("os.fsync", full)
        with pytest.raises(BiofeedbackError, match="No space left"):
            write_report(demo, target)
        assert [path.read_text() for path in tmp_path.iterdir()] == ["an older one"]

    def test_matplotlib_waits_until_a_page_is_made(self) -> None:
        code = "import sys, biofeedback.report; print('matplotlib' in sys.modules, 'jinja2' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["False", "False"]
