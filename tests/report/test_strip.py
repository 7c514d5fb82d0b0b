"""The figure: what it draws, and that it belongs to its page."""

from __future__ import annotations

import re
from math import isnan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.events import Rr
from biofeedback.recording.reader import read_recording
from biofeedback.report.facts import Facts, gather
from biofeedback.report.strip import draw_strip
from biofeedback.report.thin import BINS, FEW, breaks_of, one_a_bin, thinned
from biofeedback.session.plan import Pair, trial_plan
from tests.report.sessions import Said, simulate, write_lines

MS = 1024
PAIR = Pair("safe_place", "breath_only")


@pytest.fixture(scope="module")
def rough(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """A trial with ectopic beats, gaps, marks and answers."""
    said: Said = {"image": [("mark", "one"), ("note", "two")], "control": [("mark", "three")]}
    folder = tmp_path_factory.mktemp("rough")
    path = simulate(folder, "sim:faulty?seed=3&ectopic_pct=5", trial_plan((PAIR, PAIR)), said=said)
    return gather(read_recording(path))


def of_intervals(folder: Path, ms: list[int]) -> Facts:
    lines = [Rr(first, tuple(MS * value for value in ms[first : first + 2000])) for first in range(0, len(ms), 2000)]
    return gather(read_recording(write_lines(folder, lines)))


def path_of(svg: str, colour: str) -> str:
    """The outline drawn in a colour."""
    found: list[str] = re.findall(r'<path d="([^"]*)"[^>]*stroke: var\(--' + colour + r"\)", svg)
    assert found, f"nothing is drawn in {colour}"
    return max(found, key=len)


class TestDrawing:
    def test_text_stays_text_and_colours_are_the_page_s(self, rough: Facts) -> None:
        svg = draw_strip(rough).svg
        assert ">heart rate, bpm</text>" in svg
        assert not re.search(r"#[0-9a-fA-F]{6}\b", svg)
        assert "font-family" not in svg
        assert "var(--line)" in svg

    def test_it_names_no_other_place(self, rough: Facts) -> None:
        svg = draw_strip(rough).svg
        assert "http" not in svg
        assert "xmlns" not in svg
        assert "metadata" not in svg
        assert set(re.findall(r"url\((.)", svg)) == {"#"}

    def test_it_has_a_name(self, rough: Facts) -> None:
        svg = draw_strip(rough).svg
        assert svg.startswith("<svg viewBox=")
        assert '<title id="strip-title">Heart rate over the session</title>' in svg

    def test_the_same_session_gives_the_same_bytes(self, rough: Facts) -> None:
        assert draw_strip(rough) == draw_strip(rough)

    def test_parts_are_named_in_words(self, rough: Facts) -> None:
        svg = draw_strip(rough).svg
        for name in ("image 1", "image 2", "control 1", "control 2", "ramp"):
            assert f">{name}</text>" in svg

    def test_parts_too_short_for_their_name_are_told(self, tmp_path: Path) -> None:
        facts = gather(read_recording(simulate(tmp_path, plan=trial_plan((PAIR, PAIR, PAIR)))))
        assert "washout" in draw_strip(facts).unlabelled

    def test_image_and_control_differ_by_more_than_colour(self, rough: Facts) -> None:
        svg = draw_strip(rough).svg
        assert svg.count("<pattern") >= 1
        assert re.search(r"<pattern.*?var\(--other\).*?</pattern>", svg, re.DOTALL)

    def test_rows_are_only_those_that_hold_something(self, rough: Facts, tmp_path: Path) -> None:
        rows = ("cues", "marks", "felt, 0–10", "gaps")
        full, bare = draw_strip(rough).svg, draw_strip(of_intervals(tmp_path, [800] * 60)).svg
        assert all(f">{row}</text>" in full for row in rows)
        assert not any(f">{row}</text>" in bare for row in rows)

    def test_the_line_is_broken_at_a_gap(self, tmp_path: Path) -> None:
        facts = of_intervals(tmp_path, [800] * 40 + [3000] + [800] * 40)
        assert path_of(draw_strip(facts).svg, "line").count("M") == 2

    def test_every_flagged_beat_has_its_cross(self, tmp_path: Path) -> None:
        facts = of_intervals(tmp_path, ([800] * 30 + [300]) * 3 + [800] * 30)
        crosses = re.findall(r"<use [^>]*var\(--flag\)", draw_strip(facts).svg)
        assert len(crosses) == facts.whole.excluded == 3

    def test_a_session_without_a_beat_says_so(self, tmp_path: Path) -> None:
        assert "no heartbeat was recorded" in draw_strip(gather(read_recording(write_lines(tmp_path, [])))).svg

    @pytest.mark.parametrize("rr", [273, 400, 1999, 2500])
    def test_every_heart_has_a_scale(self, tmp_path: Path, rr: int) -> None:
        assert "<svg" in draw_strip(of_intervals(tmp_path, [rr] * 30)).svg

    def test_a_day_is_drawn_in_little(self, tmp_path: Path) -> None:
        facts = of_intervals(tmp_path, [3000 if i % 900 == 899 else 800 + (i * 37) % 150 for i in range(30_000)])
        assert len(draw_strip(facts).svg) < 150_000


class TestThinning:
    @given(st.lists(st.integers(300, 2000), min_size=2, max_size=40), st.integers(1, 400))
    def test_the_highest_and_the_lowest_stay(self, some: list[int], more: int) -> None:
        rr = (some * FEW)[: FEW + more]
        points = [(number * 800_000, 60_000 / value) for number, value in enumerate(rr)]
        _, values = thinned(points, set(), len(points) * 800_000 / BINS)
        assert max(values) == max(value for _, value in points)
        assert min(values) == min(value for _, value in points)
        assert len(values) <= 2 * BINS + 2

    def test_short_sessions_keep_every_beat(self) -> None:
        points = [(number * 800_000, 70.0 + number % 7) for number in range(FEW)]
        assert thinned(points, set(), 1e6) == ([at for at, _ in points], [value for _, value in points])

    def test_a_break_is_a_nan(self) -> None:
        _, values = thinned([(1, 60.0), (2, 61.0), (9, 62.0)], {9}, 1.0)
        assert [isnan(value) for value in values] == [False, False, True, False]

    def test_a_long_doubtful_stretch_is_no_line(self, tmp_path: Path) -> None:
        facts = of_intervals(tmp_path, [800] * 40 + [250] * 20 + [800] * 40)
        assert facts.whole.gaps == 0
        assert len(breaks_of(facts.beats, 1.0)) >= 1

    def test_one_symbol_a_bin(self) -> None:
        assert one_a_bin([(0, 1.0), (5, 2.0), (10, 3.0)], 10) == [(0, 1.0), (10, 3.0)]
