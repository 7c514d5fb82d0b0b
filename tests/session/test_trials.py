"""The pairs of one session: labels by coin, epochs once settled, losses, and what is said (METHOD 4.1, E3)."""

from __future__ import annotations

from math import log

import pytest

from biofeedback.hrv.beats import NEVER, TimedBeat
from biofeedback.hrv.coverage import Coverage
from biofeedback.session.plan import Pair, Step, trial_plan
from biofeedback.session.trials import BEATS_WITHIN_US, Trials
from tests.strategies import MS, beats_of

PAIR = Pair("safe_place", "breath_only")
TITLES = {"safe_place": "A safe place", "breath_only": "Breath only"}
SECOND = 1_000_000
ENDS = {(0, 0): 100, (0, 1): 220, (1, 0): 340, (1, 1): 460}


def trials(*coins: int) -> Trials:
    found = Trials(trial_plan((PAIR,) * len(coins)), TITLES, Coverage())
    for pair, coin in enumerate(coins):
        found.reveal(pair, coin)
    return found


def step(pair: int, slot: int) -> Step:
    return Step("image", 9, None, pair, slot, "safe_place", "breath_only")


def end_epoch(of: Trials, pair: int, slot: int) -> None:
    label = of.label(step(pair, slot))
    assert label is not None
    end_us = ENDS[pair, slot] * SECOND
    of.epoch_ended(step(pair, slot).as_label(label), end_us - 90 * SECOND, end_us)


def heart(bpm: dict[int, float]) -> list[TimedBeat]:
    """Beats at a rate for each 120 s, the first from 0."""
    ticks, t = list[int](), 0.0
    while t < 500:
        rr = 60 / bpm[int(t // 120)]
        ticks.append(round(rr * 1000 * MS) + len(ticks) % 2)
        t += rr
    return beats_of(ticks)


@pytest.mark.parametrize(("coin", "labels"), [(0, ["image", "control"]), (1, ["control", "image"])])
def test_e12_the_coin_says_who_comes_first(coin: int, labels: list[str]) -> None:
    assert [trials(coin).label(step(0, slot)) for slot in (0, 1)] == labels


def test_without_its_coin_an_epoch_has_no_label() -> None:
    assert trials().label(step(0, 0)) is None
    assert trials(0).label(Step("close")) is None


def test_an_epoch_is_measured_once_its_beats_are_settled_or_20_s_after_its_end() -> None:
    one, beats = trials(0), heart(dict.fromkeys(range(5), 66.0))
    assert one.deadline == NEVER
    end_epoch(one, 0, 0)
    assert one.deadline == 100 * SECOND + BEATS_WITHIN_US
    assert one.measure_due(101 * SECOND, beats, 99 * SECOND) == []
    assert [e.label for e in one.measure_due(101 * SECOND, beats, 100 * SECOND)] == ["image"]
    assert one.measure_due(102 * SECOND, beats, 102 * SECOND) == []
    late = trials(0)
    end_epoch(late, 0, 0)
    assert len(late.measure_due(late.deadline, beats, 0)) == 1


def test_the_verdict_of_one_session_is_its_mean_difference_and_not_enough() -> None:
    both = trials(0, 1)
    for place in ENDS:
        end_epoch(both, *place)
    epochs = both.flush(500 * SECOND, heart({0: 63, 1: 66, 2: 66, 3: 64, 4: 66}))
    assert [e.index for e in epochs] == [0, 1, 2, 3]
    found = both.verdicts(500 * SECOND, demo=False)[0]
    assert (found.state, found.sessions) == ("not_enough", 1)
    assert found.mean == pytest.approx(sum(d or 0 for d in found.this_session) / 2)
    assert [d for d in found.this_session if d is not None] == pytest.approx([log(63 / 66), log(64 / 66)], abs=1e-3)
    assert found.words == (
        "This session: the heart was 2.5 bpm slower with 'A safe place' than with 'Breath only' at the same pace "
        "(2 of 2 pairs). One session cannot show an effect: that takes at least six sessions."
    )


def test_e3_a_lost_pair_counts_for_nothing_and_its_first_reason_stays() -> None:
    both = trials(0, 1)
    both.lose(0, "it was paused")
    both.lose(0, "something else")
    both.lose(None, "nothing")
    for place in ENDS:
        end_epoch(both, *place)
    epochs = both.flush(500 * SECOND, heart(dict.fromkeys(range(5), 66.0)))
    assert [(e.kept, e.why) for e in epochs] == [(False, "it was paused")] * 2 + [(True, None)] * 2
    assert both.verdicts(0, demo=False)[0].this_session[0] is None


def test_a_pair_lost_after_it_was_measured_does_not_count_either() -> None:
    one = trials(0)
    end_epoch(one, 0, 0)
    one.flush(300 * SECOND, heart(dict.fromkeys(range(5), 66.0)))
    end_epoch(one, 0, 1)
    one.lose(0, "the session was ended")
    one.flush(300 * SECOND, heart(dict.fromkeys(range(5), 66.0)))
    found = one.verdicts(0, demo=True)[0]
    assert (found.sessions, found.mean, found.this_session) == (0, None, (None,))
    assert found.words == "This session: no pair of 'A safe place' and 'Breath only' could be used."


def test_only_epochs_are_measured_and_a_demonstration_says_what_it_is() -> None:
    one = trials(0)
    for slot in (0, 1):
        end_epoch(one, 0, slot)
    assert len(one.flush(300 * SECOND, heart({0: 66, 1: 63, 2: 66, 3: 66, 4: 66}))) == 2
    words = one.verdicts(0, demo=True)[0].words
    assert "faster" in words
    assert words.endswith("A demonstration with a simulated person shows nothing about anybody.")
