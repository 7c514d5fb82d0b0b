"""The course of each plan (RULINGS C1), by whole sessions of made-up and simulated hearts."""

from __future__ import annotations

from math import log
from pathlib import Path

import pytest

from biofeedback.breathing.pacer import MINUTE_US
from biofeedback.events import Ask, Cue, End, Epoch, Notice, Pacer, Phase, Reveal, Safety, Suds, Verdict
from biofeedback.evidence.trial import commitment
from biofeedback.session.plan import demo_plan, free_plan, practice_plan, trial_plan
from tests.session.sessions import SAFE_PLACE, Ran, at, heart, replayed, run_session, simulated, steady


def course(ran: Ran) -> list[tuple[str, float]]:
    """Each part with its length in seconds."""
    begun: dict[int, Phase] = {phase.index: phase for phase in ran.of(Phase) if phase.on}
    ended = [phase for phase in ran.of(Phase) if not phase.on]
    return [(phase.name, (phase.at - begun[phase.index].at) / 1e6) for phase in ended]


def test_c1_demo_is_settle_20_baseline_60_one_pair_close_20(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm?seed=4"), demo_plan(SAFE_PLACE), demo=True)
    names = [name for name, _ in course(ran)]
    assert {names[3], names[5]} == {"image", "control"}
    assert [name for name in names if name not in ("image", "control")] == [
        "settle", "baseline", "washout", "washout", "close",
    ]  # fmt: skip
    assert [length for _, length in course(ran)] == pytest.approx([20, 60, 30, 60, 30, 60, 20], abs=1e-6)
    assert ran.of(End)[0].why == "planned end"


def test_c1_trial_has_three_pairs_of_washout_30_and_epoch_90(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 1200)), trial_plan((SAFE_PLACE,) * 3), seed=2)
    lengths = course(ran)
    assert [name for name, _ in lengths[:3]] == ["settle", "ramp", "baseline"]
    assert [length for _, length in lengths[:3]] == pytest.approx([60, 67.432812, 60], abs=1e-5)
    pairs = lengths[3:-1]
    assert [length for _, length in pairs] == pytest.approx([30, 90] * 6, abs=1e-5)
    assert [name for name, _ in pairs[::2]] == ["washout"] * 6
    for first, second in zip(pairs[1::4], pairs[3::4], strict=True):
        assert {first[0], second[0]} == {"image", "control"}
    name, length = lengths[-1]
    assert (name, round(length, 5)) == ("close", 60)


def test_c1_time_zero_is_the_first_beat(tmp_path: Path) -> None:
    late = (event for event in heart(steady(60), 300) if event.stamp_us > 40_000_000)
    ran = run_session(tmp_path, replayed(late), free_plan(2))
    assert ran.of(Phase)[0].at == 41_000_000
    assert ran.of(End)[0].at == 41_000_000 + 120_000_000


def test_c1_free_has_no_pacer_no_cues_no_questions(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), free_plan(3))
    assert not [event for event in ran.events if isinstance(event, (Pacer, Cue, Ask, Verdict))]


def test_e4_epochs_are_whole_breaths_at_every_pace(tmp_path: Path) -> None:
    for pace, epoch_s in ((4.5, 7 * 60 / 4.5), (5.4, 8 * 60 / 5.4), (7.0, 11 * 60 / 7)):
        ran = run_session(tmp_path, replayed(heart(steady(66), 1300)), trial_plan((SAFE_PLACE,), pace))
        lengths = [length for name, length in course(ran) if name in ("image", "control")]
        assert lengths == pytest.approx([epoch_s, epoch_s], abs=2e-6)


def test_e4_epochs_begin_at_phase_zero_of_the_pacer(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 1300)), trial_plan((SAFE_PLACE,) * 3, 5.7))
    origin = next(pacer for pacer in ran.of(Pacer) if pacer.rate == 5.7).at
    for phase in ran.of(Phase):
        if phase.on and phase.name in ("washout", "image", "control", "close"):
            breaths = (phase.at - origin) / (MINUTE_US / 5.7)
            assert breaths == pytest.approx(round(breaths), abs=1e-6)


def test_e4_cues_sound_on_the_first_exhale_at_or_after_their_time(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm?seed=2"), practice_plan("safe_place", 3, pace=5.4, inhale=0.45))
    origin = next(pacer for pacer in ran.of(Pacer) if pacer.rate == 5.4).at
    breath = MINUTE_US / 5.4
    start = next(phase.at for phase in ran.of(Phase) if phase.name == "practice")
    *cues, closing = ran.of(Cue)
    assert [cue.index for cue in cues] == [0, 1, 2, 3]
    assert closing.say.startswith("Feet, room")
    for cue in cues:
        phase = ((cue.at - origin) / breath) % 1
        assert phase == pytest.approx(0.45, abs=1e-6)
        assert 0 <= cue.at - (start + cue.plan_s * 1e6) < breath


def test_c1_baseline_goes_on_while_the_heart_still_rises(tmp_path: Path) -> None:
    def climbing(t: float) -> float:
        return 60 + 0.1 * min(t, 200)

    ran = run_session(tmp_path, replayed(heart(climbing, 1300)), trial_plan((SAFE_PLACE,)))
    baseline = dict(course(ran))["baseline"]
    assert baseline == pytest.approx(120, abs=1e-5)
    assert [notice.at for notice in ran.of(Notice) if notice.code == "settling"]


def test_c1_a_heart_that_never_settles_gets_five_minutes_and_no_index(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(lambda t: 50 + 0.08 * t, 1300)), trial_plan((SAFE_PLACE,)))
    assert dict(course(ran))["baseline"] == pytest.approx(300, abs=1e-5)
    from biofeedback.events import Arousal

    assert all(level.delta_bpm is None for level in ran.of(Arousal))


def test_e12_every_coin_was_sealed_before_it_was_opened(tmp_path: Path) -> None:
    from biofeedback.recording.reader import read_recording

    ran = run_session(tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,) * 3), seed=None)
    recording = read_recording(ran.path)
    session = recording.head["session"]
    sealed = {line.body["pair"]: line for line in recording.lines if line.kind == "commit"}
    settle = next(line.n for line in recording.lines if line.kind == "phase")
    assert len(ran.of(Reveal)) == 3
    for reveal in ran.of(Reveal):
        assert sealed[reveal.pair].n < settle
        assert sealed[reveal.pair].body["sha256"] == commitment(session, reveal.pair, reveal.coin, reveal.nonce)


def test_e12_the_coin_decides_what_comes_first(tmp_path: Path) -> None:
    for seed in range(6):
        ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE), seed=seed)
        first = next(phase.name for phase in ran.of(Phase) if phase.name in ("image", "control"))
        assert first == ("image" if ran.of(Reveal)[0].coin == 0 else "control")


def test_epoch_level_is_the_rate_of_the_heart(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 1300)), trial_plan((SAFE_PLACE,)))
    for epoch in ran.of(Epoch):
        assert epoch.kept, epoch.why
        assert epoch.y == pytest.approx(log(66), abs=2e-4)


def test_this_session_is_told_as_this_session_and_never_as_an_effect(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm?effect_bpm=-3"), trial_plan((SAFE_PLACE,) * 3))
    (verdict,) = ran.of(Verdict)
    level = {(epoch.pair, epoch.label): epoch.y for epoch in ran.of(Epoch)}
    differences = [level[pair, "image"] - level[pair, "control"] for pair in range(3)]  # type: ignore[operator]
    assert list(verdict.this_session) == pytest.approx(differences)
    assert verdict.mean == pytest.approx(sum(differences) / 3)
    assert verdict.state == "not_enough"
    assert (verdict.theta, verdict.bpm, verdict.cs_low, verdict.sessions_needed) == (None, None, None, None)
    assert "This session" in verdict.words
    assert "One session cannot show an effect" in verdict.words
    assert not {"lowers", "raises", "calms"} & set(verdict.words.lower().split())


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_the_words_name_the_difference_in_beats_a_minute(tmp_path: Path, seed: int) -> None:
    slower_in_the_second_epoch = replayed(heart(lambda t: 66 if t < 335 else 63, 1300))
    ran = run_session(tmp_path, slower_in_the_second_epoch, trial_plan((SAFE_PLACE,)), seed=seed)
    (verdict,) = ran.of(Verdict)
    how = "slower" if ran.of(Epoch)[1].label == "image" else "faster"
    assert f"3.0 bpm {how} with 'A safe place' than with 'Breath only'" in verdict.words


def test_a_difference_that_rounds_to_nothing_is_not_called_faster(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 1300)), trial_plan((SAFE_PLACE,)))
    assert "as fast with 'A safe place' as with 'Breath only'" in ran.of(Verdict)[0].words


def test_c2_suds_is_asked_before_and_after_each_epoch_and_silence_is_an_answer(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 1300)), trial_plan((SAFE_PLACE,)))
    assert [(suds.when, suds.value, suds.by) for suds in ran.of(Suds)] == [
        ("before", None, "nobody"),
        ("epoch", None, "nobody"),
        ("epoch", None, "nobody"),
    ]
    answered = run_session(tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,)))
    assert all(suds.value is not None and suds.by == "sim" for suds in answered.of(Suds))


def test_c1_esc_ends_gently_and_a_second_time_at_once(tmp_path: Path) -> None:
    once = run_session(tmp_path, simulated("sim:calm"), practice_plan("safe_place", 8), [at(200, "end")])
    assert [name for name, _ in course(once)][-1] == "close"
    assert once.of(Cue)[-1].say.startswith("Feet, room")
    assert 15 < course(once)[-1][1] <= 25
    origin = next(pacer for pacer in once.of(Pacer) if pacer.rate == 6).at
    assert ((once.of(End)[0].at - origin) / 10e6) % 1 == pytest.approx(0, abs=1e-6), "the breath is not cut short"
    twice = run_session(
        tmp_path, simulated("sim:calm"), practice_plan("safe_place", 8), [at(200, "end"), at(203, "end")]
    )
    assert twice.of(End)[0].at == 203_000_000


def test_a_session_that_ends_in_an_epoch_does_not_count_it(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE), [at(160, "stop")])
    assert [(epoch.kept, epoch.interrupted) for epoch in ran.of(Epoch)] == [(False, True)]
    assert ran.of(Verdict)[0].this_session == (None,)
    assert ran.of(Verdict)[0].sessions == 0


def test_safety_is_quiet_in_a_calm_session(tmp_path: Path) -> None:
    assert not run_session(tmp_path, simulated("sim:calm"), trial_plan((SAFE_PLACE,))).of(Safety)
