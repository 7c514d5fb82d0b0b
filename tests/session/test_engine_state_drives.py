"""The live state drives the cues from the first day: waiting, grounding, pausing - each with its reason on file."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

import pytest

from biofeedback.events import Arousal, Beat, Cue, Epoch, Gap, Mark, Notice, Pacer, Phase, Safety, Verdict
from biofeedback.session.plan import demo_plan, free_plan, practice_plan, trial_plan
from biofeedback.session.scripts import shelf_with
from devices.events import SourceEvent
from devices.notifications import Truth
from devices.people import person_named
from devices.simulated import SimulatedStrap
from tests.session.sessions import SAFE_PLACE, Ran, at, heart, replayed, run_session, simulated, steady


def notices(ran: Ran, code: str) -> list[Notice]:
    return [notice for notice in ran.of(Notice) if notice.code == code]


def practice_start(ran: Ran) -> int:
    return next(phase.at for phase in ran.of(Phase) if phase.name == "practice")


def test_cues_wait_while_the_signal_is_lost_and_say_why(tmp_path: Path) -> None:
    # Practice begins near 188 s; its second cue is due 40 s later, in the middle of the silence.
    ran = run_session(
        tmp_path, replayed(heart(steady(66), 600, silent=(220, 250))), practice_plan("safe_place", 4, inhale=0.4)
    )
    (waits,) = notices(ran, "cues_wait")
    assert "no heartbeat has come for 3 seconds" in waits.text
    assert 220e6 < waits.at < 250e6
    (goes_on,) = notices(ran, "cues_go_on")
    assert goes_on.at >= 250e6
    assert not [cue for cue in ran.of(Cue) if waits.at <= cue.at < goes_on.at]
    origin = ran.of(Pacer)[-1].at
    after = [cue for cue in ran.of(Cue) if cue.at >= goes_on.at]
    assert ((after[0].at - origin) / 10e6) % 1 == pytest.approx(0.4, abs=1e-6)
    assert after[1].at - after[0].at == pytest.approx(40e6, abs=1)


def test_a_silence_is_told_once_and_its_end_once(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 300, silent=(100, 110))), practice_plan("safe_place", 1))
    assert [notice.at / 1e6 for notice in notices(ran, "signal_lost")] == pytest.approx([102.0])
    assert [notice.at / 1e6 for notice in notices(ran, "signal_back")] == pytest.approx([110.0])
    (gap,) = ran.of(Gap)
    assert gap.why == "silence"
    assert 8e6 < gap.to_us - gap.from_us < 12e6


def test_cues_wait_when_the_level_is_8_bpm_above_baseline_for_10_s(tmp_path: Path) -> None:
    ran = run_session(
        tmp_path, replayed(heart(lambda t: 66 + 12 * (200 <= t < 260), 600)), practice_plan("safe_place", 5)
    )
    high = [safety for safety in ran.of(Safety) if safety.on]
    assert [safety.tier for safety in high] == ["amber"]
    levels = [level for level in ran.of(Arousal) if level.delta_bpm is not None and level.t_us <= high[0].at]
    ten_seconds = [level for level in levels if level.t_us >= high[0].at - 12_000_000]
    assert all(level.delta_bpm is not None and level.delta_bpm >= 8 for level in ten_seconds)
    assert 210 <= high[0].at / 1e6 <= 230
    let_go = next(safety for safety in ran.of(Safety) if not safety.on)
    assert 280 <= let_go.at / 1e6 <= 300
    (waits,) = notices(ran, "cues_wait")
    assert "8 bpm" in waits.text
    assert not [cue for cue in ran.of(Cue) if high[0].at < cue.at < let_go.at]
    assert [cue for cue in ran.of(Cue) if cue.at > let_go.at]


def test_a_rise_below_8_bpm_or_shorter_than_10_s_lets_the_cues_go_on(tmp_path: Path) -> None:
    for rise, until in ((6.5, 300), (12, 208)):
        ran = run_session(
            tmp_path,
            replayed(heart(lambda t, rise=rise, until=until: 66 + rise * (200 <= t < until), 600)),  # type: ignore[misc]
            practice_plan("safe_place", 5),
        )
        assert not ran.of(Safety)
        assert not notices(ran, "cues_wait")


def test_c3_in_a_trial_a_rise_interrupts_its_pair_and_leaves_the_time_line_alone(tmp_path: Path) -> None:
    ran = run_session(
        tmp_path, replayed(heart(lambda t: 66 + 14 * (230 <= t < 290), 1300)), trial_plan((SAFE_PLACE,) * 2)
    )
    epochs = ran.of(Epoch)
    assert [epoch.kept for epoch in epochs] == [False, False, True, True]
    assert epochs[0].interrupted
    assert "baseline" in (epochs[0].why or "")
    assert ran.of(Verdict)[0].this_session[0] is None
    lengths = [phase.plan_s for phase in ran.of(Phase) if phase.on and phase.name in ("image", "control")]
    assert lengths == pytest.approx([90] * 4)


@pytest.mark.parametrize("when", [30, 100, 130, 190, 215.5, 300])
def test_something_strong_goes_to_grounding_at_once_from_every_part(tmp_path: Path, when: float) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,) * 3), [at(when, "strong")])
    red = ran.of(Safety)[-1]
    assert (red.tier, red.on, red.at) == ("red", True, round(when * 1e6))
    recovery = next(phase for phase in ran.of(Phase) if phase.name == "recovery")
    grounding = [cue for cue in ran.of(Cue) if cue.script == "grounding"]
    assert recovery.at == red.at == grounding[0].at
    assert [round(cue.at / 1e6 - when) for cue in grounding] == [0, 18, 36, 54, 72]
    assert not [cue for cue in ran.of(Cue) if cue.at > red.at and cue.script != "grounding"]
    assert not [pacer for pacer in ran.of(Pacer) if pacer.at > red.at]
    assert [phase.name for phase in ran.of(Phase) if phase.on][-2:] == ["recovery", "rest"]
    assert all(difference is None for verdict in ran.of(Verdict) for difference in verdict.this_session)


def test_grounding_does_not_wait_for_the_signal(tmp_path: Path) -> None:
    silent = replayed(heart(steady(66), 600, silent=(210, 400)))
    ran = run_session(tmp_path, silent, practice_plan("safe_place", 5), [at(230, "strong")])
    assert [round(cue.at / 1e6) for cue in ran.of(Cue) if cue.script == "grounding"] == [230, 248, 266, 284, 302]


def test_something_strong_before_the_first_beat_still_grounds(tmp_path: Path) -> None:
    late = (event for event in heart(steady(60), 300) if event.stamp_us > 40_000_000)
    ran = run_session(tmp_path, replayed(late), practice_plan("safe_place", 3), [at(5, "strong")])
    assert [phase.name for phase in ran.of(Phase) if phase.on] == ["recovery", "rest"]
    assert ran.of(Cue)[0].at == 5_000_000


def test_c3_a_pause_in_practice_stops_pacer_and_cues_and_goes_on_where_it_was(tmp_path: Path) -> None:
    ran = run_session(
        tmp_path,
        simulated("sim:calm"),
        practice_plan("safe_place", 3),
        [at(203, "pause"), at(263, "resume")],
    )
    stopped = [pacer for pacer in ran.of(Pacer) if pacer.rate is None]
    assert stopped[0].at == 203_000_000
    assert not [cue for cue in ran.of(Cue) if 203e6 < cue.at < 263e6]
    ended = next(phase.at for phase in ran.of(Phase) if phase.name == "practice" and not phase.on)
    assert 180e6 + 60e6 <= ended - practice_start(ran) < 180e6 + 60e6 + 10e6
    again = next(pacer for pacer in ran.of(Pacer) if pacer.at == 263_000_000)
    assert (again.rate, again.at_phase) == (6.0, 0.0)


def test_c3_a_pause_in_a_trial_drops_the_pair_and_goes_on_with_the_next(tmp_path: Path) -> None:
    ran = run_session(
        tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,) * 2), [at(260, "pause"), at(280, "resume")]
    )
    first, second = ran.of(Verdict)[0].this_session
    assert first is None
    assert second is not None
    pairs = [phase.pair for phase in ran.of(Phase) if phase.on and phase.at >= 280e6 and phase.pair is not None]
    assert set(pairs) == {1}


def test_a_mark_is_kept_where_it_was_made(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE), [at(33, "mark", "noise outside")])
    assert [(mark.at, mark.text) for mark in ran.of(Mark)] == [(33_000_000, "noise outside")]


def test_lost_beats_in_an_epoch_drop_the_pair_and_say_so(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 1300, silent=(270, 280))), trial_plan((SAFE_PLACE,) * 2))
    first = ran.of(Epoch)[0]
    assert (first.kept, first.y, first.why) == (False, None, "the signal was lost")


def test_flagged_beats_in_an_epoch_drop_the_pair(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:ectopic?ectopic_pct=9"), trial_plan((SAFE_PLACE,) * 2))
    dropped = [epoch for epoch in ran.of(Epoch) if not epoch.kept]
    assert dropped
    assert any("cannot be trusted" in (epoch.why or "") for epoch in dropped)
    assert any(not beat.ok for beat in ran.of(Beat))


def test_pause_and_resume_at_the_same_moment_in_any_part(tmp_path: Path) -> None:
    for when in (30.0, 90.0, 160.0, 205.0, 260.0):
        keys = [at(when, "pause"), at(when, "resume"), at(when, "pause"), at(when, "resume")]
        ran = run_session(tmp_path, replayed(heart(steady(66), 900)), trial_plan((SAFE_PLACE,) * 2), keys)
        assert ran.of(Phase)[-1].name == "close"


def test_an_epoch_that_was_cut_short_has_no_level(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,) * 3), [at(240, "strong")])
    (epoch,) = ran.of(Epoch)
    assert (epoch.y, epoch.kept, epoch.why) == (None, False, "something strong came up")


def cues_of(ran: Ran, name: str) -> list[int]:
    """When the cues of the first epoch of that name were said, microseconds after it began."""
    begun, ended = (
        next(phase.at for phase in ran.of(Phase) if phase.name == name and phase.on is on) for on in (True, False)
    )
    return [cue.at - begun for cue in ran.of(Cue) if begun <= cue.at < ended]


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_e3_a_silence_moves_the_cues_of_image_and_control_alike(tmp_path: Path, seed: int) -> None:
    def silent_in_both() -> Iterator[SourceEvent]:
        for event in heart(steady(66), 1300):
            if not (240 <= event.stamp_us / 1e6 < 252 or 360 <= event.stamp_us / 1e6 < 372):
                yield event

    ran = run_session(tmp_path, replayed(silent_in_both()), trial_plan((SAFE_PLACE,)), seed=seed)
    assert cues_of(ran, "image") == cues_of(ran, "control")
    assert len(cues_of(ran, "image")) == 5


def test_c3_an_epoch_that_begins_far_above_the_baseline_is_interrupted_and_says_nothing(tmp_path: Path) -> None:
    excited = replayed(heart(lambda t: 66 + 14 * (t >= 190), 1300))
    ran = run_session(tmp_path, excited, trial_plan((SAFE_PLACE,)))
    assert [epoch.interrupted for epoch in ran.of(Epoch)] == [True, True]
    assert not ran.of(Cue)
    assert ran.of(Verdict)[0].this_session == (None,)


def test_c3_no_further_cues_in_an_epoch_after_a_rise(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(lambda t: 66 + 14 * (230 <= t < 245), 1300)), trial_plan((SAFE_PLACE,)))
    high = ran.of(Safety)[0]
    first_end = next(phase.at for phase in ran.of(Phase) if phase.name in ("image", "control") and not phase.on)
    assert not [cue for cue in ran.of(Cue) if high.at < cue.at < first_end]
    assert [cue for cue in ran.of(Cue) if cue.at > first_end]


@pytest.mark.parametrize("slope", [-0.1, 0.1])
def test_a_heart_that_falls_has_no_more_settled_than_one_that_rises(tmp_path: Path, slope: float) -> None:
    moving = replayed(heart(lambda t: 80 + slope * (min(t, 400) - 200), 1500))
    ran = run_session(tmp_path, moving, trial_plan((SAFE_PLACE,)))
    assert len(notices(ran, "settling")) >= 4


def test_c1_a_session_without_a_baseline_is_marked_unsettled(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(lambda t: 50 + 0.08 * t, 1300)), trial_plan((SAFE_PLACE,)))
    (notice,) = notices(ran, "unsettled")
    assert "did not settle" in notice.text


def test_a_pause_in_practice_leaves_the_time_between_cues_as_it_was(tmp_path: Path) -> None:
    for begin, long in ((192.5, 31.0), (200.0, 7.0), (229.0, 60.0)):
        script = [at(begin, "pause"), at(begin + long, "resume")]
        ran = run_session(tmp_path, simulated("sim:calm"), practice_plan("safe_place", 4), script)
        cues = [cue.at / 1e6 for cue in ran.of(Cue)][:-1]
        breathed = [late - early - long * (early < begin < late) for early, late in pairwise(cues)]
        assert all(35 <= wait <= 50 for wait in breathed), breathed


def test_grounding_is_always_the_one_that_comes_with_the_program(tmp_path: Path) -> None:
    text = (files("biofeedback.imagery") / "library" / "grounding.toml").read_text("utf-8")
    own = tmp_path / "own.toml"
    own.write_text(text.replace('id = "grounding"', 'id = "own"').replace("Press your feet", "My own words"))
    shelf, _ = shelf_with([str(own)])
    ran = run_session(tmp_path, simulated("sim:calm"), practice_plan("own", 3), [at(200, "strong")], shelf=shelf)
    said = [cue for cue in ran.of(Cue) if cue.at >= 200e6]
    assert {cue.script for cue in said} == {"grounding"}


def test_esc_in_the_ramp_closes_for_twenty_seconds(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,)), [at(75, "end")])
    close = next(phase for phase in ran.of(Phase) if phase.name == "close")
    assert 20 <= (ran.of(Phase)[-1].at - close.at) / 1e6 < 32


@pytest.mark.parametrize("bpm", [45, 58, 59.5, 60, 60.2, 61, 75, 90, 119.7])
def test_a_heart_that_beats_in_step_with_the_packets_has_no_gaps(tmp_path: Path, bpm: float) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(bpm), 900)), free_plan(14))
    assert not ran.of(Gap)


@pytest.mark.parametrize("who", ["calm?hr=59", "calm?hr=60", "calm?hr=120", "ectopic?ectopic_pct=6"])
def test_no_gap_is_invented_where_no_packet_was_lost(tmp_path: Path, who: str) -> None:
    for seed in (1, 2, 3):
        assert not run_session(tmp_path, simulated(f"sim:{who}&seed={seed}"), free_plan(15)).of(Gap)


def test_nine_in_ten_lost_packets_are_found(tmp_path: Path) -> None:
    found = lost = 0
    for seed in (1, 2, 3):
        person, _ = person_named("calm", {"loss_pct": "1", "hr": "68"})
        truth = Truth()
        ran = run_session(tmp_path, SimulatedStrap(person, seed=seed, truth=truth), free_plan(30))
        found, lost = found + len(ran.of(Gap)), lost + truth.lost_packets
    assert lost > 40
    assert 0.85 * lost <= found <= lost
