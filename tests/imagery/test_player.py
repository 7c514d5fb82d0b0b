"""Cues on the exhale; they wait while the person or the signal asks for it (METHOD 3.1, 3.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.breathing.pacer import Schedule, Stretch, next_exhale_us, next_inhale_us
from biofeedback.events import Cue, Notice
from biofeedback.hrv.beats import NEVER
from biofeedback.imagery.player import PlannedCue, Player, epoch_cues, practice_cues
from biofeedback.session.scripts import shipped

SECOND = 1_000_000
SIX: Schedule = (Stretch(0, 6.0, 0.4),)
TIMES = (0, 18, 36, 54, 72)
PLAN = [PlannedCue(n, t * SECOND, "exhale", f"line {n}") for n, t in enumerate(TIMES)]


def started(start_us: int = 0, *, shifts: bool = False, schedule: Schedule = SIX) -> Player:
    player = Player()
    player.begin(start_us, "a", "hash", PLAN, schedule, shifts=shifts)
    return player


def run(player: Player, until_us: int) -> list[Cue | Notice]:
    said: list[Cue | Notice] = []
    while player.deadline <= until_us:
        said += player.advance(player.deadline)
    return said


def cues(said: list[Cue | Notice]) -> list[tuple[int, float]]:
    return [(cue.index, cue.at / SECOND) for cue in said if isinstance(cue, Cue)]


@given(st.integers(0, 10**9), st.floats(3.5, 12), st.sampled_from((0.3, 0.4, 0.6)))
def test_e4_a_cue_sounds_on_the_first_exhale_at_or_after_its_time(start: int, rate: float, inhale: float) -> None:
    schedule = (Stretch(start - 7, rate, inhale),)
    said = run(started(start, schedule=schedule), start + 200 * SECOND)
    assert [cue.at for cue in said] == [next_exhale_us(schedule, start + t * SECOND) for t in TIMES]


def test_e4_at_6_a_minute_the_cues_come_at_4_24_44_54_74_s() -> None:
    assert cues(run(started(), 90 * SECOND)) == list(enumerate((4.0, 24.0, 44.0, 54.0, 74.0)))


def test_inhale_and_any_phase() -> None:
    player = Player()
    player.begin(SECOND, "a", "h", [replace(PLAN[0], phase="inhale"), replace(PLAN[1], phase="any")], SIX, shifts=False)
    assert cues(run(player, 90 * SECOND)) == [(0, next_inhale_us(SIX, SECOND) / SECOND), (1, 19.0)]


def test_a_cue_tells_its_script_and_when_the_script_wanted_it() -> None:
    assert run(started(), 24 * SECOND)[1] == Cue(24 * SECOND, "a", "hash", 1, "line 1", 18.0)


@given(st.integers(0, 90 * SECOND), st.integers(0, 90 * SECOND), st.booleans())
def test_nothing_is_said_while_held_and_no_deadline_lies_in_the_past(hold: int, length: int, shifts: bool) -> None:
    player = started(shifts=shifts)
    said = run(player, hold)
    player.hold(hold, "a reason", SIX)
    held = run(player, hold + length)
    assert not cues(held)
    assert len(held) <= 1
    let_go = hold + length
    notices = player.hold(let_go, None, SIX)
    assert len(notices) == len(held)
    assert player.deadline >= let_go
    after = cues(run(player, let_go + 300 * SECOND))
    assert all(t * SECOND >= let_go and round((t - 4) % 10, 6) in (0, 10) for _, t in after)
    order = [n for n, _ in cues(said)] + [n for n, _ in after]
    assert order == sorted(set(order))
    assert order[-1] == 4
    assert not shifts or order == [0, 1, 2, 3, 4]


def test_practice_after_a_wait_the_rest_come_as_much_later() -> None:
    player = started(shifts=True)
    run(player, 23 * SECOND)
    player.hold(23 * SECOND, "why", SIX)
    run(player, 60 * SECOND)
    player.hold(60 * SECOND, None, SIX)
    assert cues(run(player, 300 * SECOND)) == [(1, 64.0), (2, 84.0), (3, 104.0), (4, 114.0)]


def test_trial_after_a_wait_only_the_last_overdue_cue_is_said_and_the_rest_on_time() -> None:
    player = started()
    run(player, 5 * SECOND)
    player.hold(5 * SECOND, "why", SIX)
    run(player, 60 * SECOND)
    player.hold(60 * SECOND, None, SIX)
    assert cues(run(player, 300 * SECOND)) == [(3, 64.0), (4, 74.0)]


def test_a_pause_that_ends_before_the_next_cue_still_leaves_that_cue_on_the_new_breath() -> None:
    player = started(shifts=True)
    run(player, 6 * SECOND)
    stopped: Schedule = (*SIX, Stretch(7 * SECOND, None))
    player.hold(7 * SECOND, "paused", stopped)
    going_on: Schedule = (*stopped, Stretch(10 * SECOND, 6.0, 0.4))
    player.hold(10 * SECOND, None, going_on)
    assert cues(run(player, 40 * SECOND))[0] == (1, 24.0)
    player = started(shifts=True)
    run(player, 6 * SECOND)
    player.hold(7 * SECOND, "paused", stopped)
    player.hold(12 * SECOND, None, (*stopped, Stretch(12 * SECOND, 6.0, 0.4)))
    assert cues(run(player, 40 * SECOND))[0] == (1, 26.0)


def test_a_held_cue_is_announced_once_with_its_reason_and_its_release_once() -> None:
    player = started()
    player.hold(0, "the heart is high", SIX)
    assert run(player, 80 * SECOND) == [Notice(4 * SECOND, "cues_wait", "The next cue waits: the heart is high.")]
    assert player.hold(20 * SECOND, None, SIX) == [Notice(20 * SECOND, "cues_go_on", "The cues go on.")]
    assert player.hold(21 * SECOND, None, SIX) == []


def test_after_stop_nothing_is_said() -> None:
    player = started()
    player.hold(0, "why", SIX)
    run(player, 10 * SECOND)
    player.stop()
    assert player.deadline == NEVER
    assert player.hold(20 * SECOND, None, SIX) == []
    assert player.advance(10**9) == []


def test_c1_practice_cues_come_in_turn_every_so_many_breaths_each_with_its_time() -> None:
    script = shipped().find("safe_place")
    cues_of = practice_cues(script, 48, 10e6)
    assert [cue.plan_us for cue in cues_of] == [n * 40 * SECOND for n in range(12)]
    assert [cue.index for cue in cues_of] == [n % 5 for n in range(12)]
    assert len(practice_cues(script, 3, 10e6)) == 1


def test_c1_epoch_cues_are_the_scripts_own_with_the_persons_words() -> None:
    script = replace(shipped().find("safe_place"), words={"place": "the lake"})
    assert [cue.plan_us for cue in epoch_cues(script)] == [t * SECOND for t in TIMES]
    assert epoch_cues(script)[0].say == "You are at the lake. Look around, once."


@pytest.mark.parametrize("shifts", [True, False])
def test_a_second_wait_counts_from_the_scripts_own_time_again(shifts: bool) -> None:
    player = started(shifts=shifts)
    run(player, 5 * SECOND)
    for hold, let_go in ((5, 60), (65, 130)):
        player.hold(hold * SECOND, "why", SIX)
        run(player, let_go * SECOND)
        player.hold(let_go * SECOND, None, SIX)
        run(player, (let_go + 5) * SECOND)
    expected = [(3, 154.0), (4, 174.0)] if shifts else []
    assert cues(run(player, 400 * SECOND)) == expected
