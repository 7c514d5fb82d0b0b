"""The value of an epoch and the gates before it (METHOD 1.4, RULINGS E4), and the sealed coin (E12)."""

from __future__ import annotations

from hashlib import sha256
from math import log

import pytest

from biofeedback.events import ArtefactName
from biofeedback.evidence.epoch import EpochWindow, measure
from biofeedback.evidence.trial import commitment, image_first
from biofeedback.hrv.beats import TimedBeat
from tests.strategies import beats_at, beats_of, even, parted

WINDOW = EpochWindow(3, 1, "control", 10_000_000, 100_000_000, 7, 10e6, 60)
FLAG: ArtefactName = "ectopic"


def flagged(indices: range) -> dict[int, ArtefactName]:
    return dict.fromkeys(indices, FLAG)


def test_an_epoch_tells_its_place_its_value_and_what_it_is_made_of() -> None:
    found = measure(7, WINDOW, beats_of(even(800, 150)), None)
    assert (found.at, found.index, found.pair, found.label, found.breaths) == (7, 3, 1, "control", 7)
    assert found.y == pytest.approx(log(75), abs=1e-6)
    assert (found.kept, found.why, found.interrupted, found.flagged) == (True, None, False, 0)
    assert found.beats == 87
    assert WINDOW.start_us == 30_000_000


def test_e4_only_the_last_whole_breaths_count() -> None:
    """At 100 bpm until the window begins, at 75 in it."""
    found = measure(0, WINDOW, beats_of(even(600, 50) + even(800, 100)), None)
    assert found.y == pytest.approx(log(75), abs=1e-6)


@pytest.mark.parametrize(("count", "kept"), [(4, True), (5, False)])
def test_1_4_more_than_5_per_cent_flagged_drops_the_epoch(count: int, kept: bool) -> None:
    found = measure(0, WINDOW, beats_of(even(800, 150), why=flagged(range(50, 50 + count))), None)
    assert found.flagged == count
    assert found.kept is kept
    assert found.why == (None if kept else "6 % of the beats cannot be trusted")
    assert found.y is not None


def test_1_4_flags_outside_the_window_do_not_count() -> None:
    found = measure(0, WINDOW, beats_of(even(800, 150), why=flagged(range(30))), None)
    assert (found.kept, found.flagged) == (True, 0)


@pytest.mark.parametrize(("rr_ms", "kept"), [(1140, True), (1180, False)])
def test_1_4_fewer_than_60_good_beats_drop_the_epoch(rr_ms: int, kept: bool) -> None:
    found = measure(0, WINDOW, beats_of(even(rr_ms, 120)), None)
    assert found.kept is kept
    assert kept or found.why == "only 58 good beats, 60 are needed"


@pytest.mark.parametrize(("gap", "measured"), [(20, True), (80, False), (120, True), (130, True)])
def test_1_4_a_gap_over_3_s_in_the_window_leaves_no_value(gap: int, measured: bool) -> None:
    beats = beats_at([840_000 * n + n % 2 for n in range(1, 151)], 0)
    found = measure(0, WINDOW, parted(beats, gap, 3_100_000), None)
    assert (found.y is not None) is measured
    assert found.why == (None if measured else "the signal was lost")
    short = measure(0, WINDOW, parted(beats, gap, 1_000_000), None)
    assert short.kept
    assert short.y == pytest.approx(log(60 / 0.84), abs=1e-5)


@pytest.mark.parametrize("beats", [[], beats_of(even(800, 100)), beats_of(even(800, 100), 40_000_000)])
def test_beats_that_do_not_cover_the_window_leave_no_value(beats: list[TimedBeat]) -> None:
    found = measure(0, WINDOW, beats, None)
    assert (found.y, found.se, found.kept, found.why) == (None, None, False, "the signal was lost")


def test_an_epoch_shorter_than_its_breaths_has_no_value() -> None:
    short = EpochWindow(3, 1, "control", 30_000_001, 100_000_000, 7, 10e6, 60)
    found = measure(0, short, beats_of(even(800, 150)), "the session was ended")
    assert (found.y, found.kept, found.why) == (None, False, "the session was ended")


def test_an_interrupted_epoch_is_measured_and_not_kept_and_that_reason_comes_first() -> None:
    found = measure(0, WINDOW, beats_of(even(800, 150), why=flagged(range(50, 90))), "it was paused")
    assert (found.kept, found.why, found.interrupted) == (False, "it was paused", True)
    assert found.y is not None


def test_e12_the_commitment_is_sha256_of_its_words() -> None:
    text = "brt-coin/1|session-1|2|1|00ff"
    assert commitment("session-1", 2, 1, "00ff") == sha256(text.encode()).hexdigest()


def test_e12_no_part_of_a_commitment_can_be_changed() -> None:
    variants = [("s", 0, 0, "n"), ("t", 0, 0, "n"), ("s", 1, 0, "n"), ("s", 0, 1, "n"), ("s", 0, 0, "m")]
    assert len({commitment(*variant) for variant in variants}) == 5


def test_coin_0_is_the_image_first() -> None:
    assert image_first(0)
    assert not image_first(1)
