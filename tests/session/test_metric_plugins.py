"""Metrics of plug-ins in a session: live = replay to the bit, a failure told once, a missing one no difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from biofeedback.events import Hrv, Notice
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.window import window_of
from biofeedback.recording.reader import read_recording
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.plan import demo_plan, free_plan
from biofeedback.session.plugins import metric_plugins
from biofeedback.session.replay import refold, verify
from tests.plugged import METRIC, install, install_metric, use_metric
from tests.session.sessions import SAFE_PLACE, Ran, replayed_at_once, run_session, simulated
from tests.session.test_replay import first_difference

FAILS = (
    METRIC
    + """
usual = compute
def compute(window): return 1 / 0 if window.t_us[-1] > 100_000_000 else usual(window)
"""
)


def ran_with(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str = METRIC, minutes: float = 3) -> Ran:
    """A session on a computer where this plug-in is installed; it stays so."""
    use_metric(monkeypatch, install_metric(folder / "site", code))
    found = metric_plugins()
    assert [each.metric.name for each in found.metrics] == ["range_ms"]
    return run_session(folder, simulated("sim:calm?seed=4"), free_plan(minutes), metrics=found.metrics)


def test_a_plug_in_s_metric_is_among_the_live_numbers_after_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = ran_with(tmp_path, monkeypatch)
    last = ran.of(Hrv)[-1]
    assert list(last.values) == [*METRICS, "range_ms"]
    assert 20 < (last.values["range_ms"] or 0) < 600
    early = ran.of(Hrv)[0]
    assert (early.values["range_ms"], early.reasons["range_ms"][:5]) == (None, "needs")


def test_live_is_replay_to_the_bit_with_a_plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = ran_with(tmp_path, monkeypatch)
    assert first_difference(refold(read_recording(ran.path)), ran.events) is None
    assert first_difference(replayed_at_once(read_recording(ran.path)), ran.events) is None
    found = verify(ran.path)
    assert (found.exact, found.differences, found.rescored) == (True, 0, ())
    assert found.compared == found.outputs > 100


def test_the_recording_names_metric_version_and_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = ran_with(tmp_path, monkeypatch)
    (rule,) = [
        line.body for line in read_recording(ran.path).lines if line.kind == "alg" and "range_ms" in line.body["a"]
    ]
    assert rule == {"a": "range_ms/1", "params": {"plugin": {"name": "acme-metric", "version": "2.1"}}}


def test_one_that_fails_is_told_once_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = ran_with(tmp_path, monkeypatch, FAILS)
    (told,) = [notice for notice in ran.of(Notice) if notice.code == "metric_failed"]
    assert told.text == (
        "The metric 'range_ms' of acme-metric 2.1 failed: ZeroDivisionError. It is left out from here on."
    )
    place = ran.events.index(told) - 1  # the notice follows the numbers in which it is missing first
    before, after = ([hrv for hrv in some if isinstance(hrv, Hrv)] for some in (ran.events[:place], ran.events[place:]))
    assert any(hrv.values["range_ms"] for hrv in before)
    assert {hrv.values["range_ms"] for hrv in after} == {None}
    assert {hrv.reasons["range_ms"] for hrv in after} == {
        "the metric 'range_ms' of acme-metric 2.1 failed: ZeroDivisionError"
    }
    assert sum(hrv.values["rmssd_ms"] is not None for hrv in after) > 50
    assert verify(ran.path).exact
    (error,) = [line.body for line in read_recording(ran.path).lines if line.kind == "err"]
    assert (error["code"], error["error"][-35:]) == ("metric_failed", "ZeroDivisionError: division by zero")
    assert "/" not in "".join(error["trace"])


def test_where_it_is_not_installed_its_values_are_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in (METRIC, FAILS):
        with monkeypatch.context() as here:
            ran = ran_with(tmp_path / str(len(code)), here, code)
        assert metric_plugins().metrics == ()
        found = verify(ran.path)
        assert (found.intact, found.differences, found.exact) == (True, 0, False)
        assert found.rescored == ("range_ms/1 of acme-metric 2.1",)
        assert found.compared >= found.outputs - 1
        hrv = [event for event in refold(read_recording(ran.path)) if isinstance(event, Hrv)]
        assert hrv[-1].values == {key: value for key, value in ran.of(Hrv)[-1].values.items() if key != "range_ms"}


@pytest.mark.parametrize(
    ("change", "differences"),
    [
        (('"ms", 1', '"ms", 2'), 0),  # another version says so
        (("nn.max() - nn.min()", "nn.max()"), 1),  # changed without saying so
    ],
)
def test_another_version_is_not_compared_and_a_change_without_one_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str], differences: int
) -> None:
    with monkeypatch.context() as here:
        ran = ran_with(tmp_path, here)
    use_metric(monkeypatch, install_metric(tmp_path / "newer", METRIC.replace(*change)))
    found = verify(ran.path)
    assert min(found.differences, 1) == differences
    assert found.rescored == (() if differences else ("range_ms/1 of acme-metric 2.1",))


def test_verify_names_the_value_that_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        ran = ran_with(tmp_path, here)
    use_metric(monkeypatch, install_metric(tmp_path / "newer", METRIC.replace("nn.max() - nn.min()", "nn.max()")))
    first = next(hrv for hrv in ran.of(Hrv) if hrv.values["range_ms"] is not None)
    said = verify(ran.path).first_difference or ""
    assert f"hrv at {first.at / 1e6:.3f} s, values.range_ms was {first.values['range_ms']}, now " in said


def test_one_that_fails_only_now_differs_in_its_own_values_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        ran = ran_with(tmp_path, here)
    use_metric(monkeypatch, install_metric(tmp_path / "broken", FAILS))
    found = verify(ran.path)
    late = [hrv for hrv in ran.of(Hrv) if hrv.t_us > 100_000_000]
    assert found.differences == len(late) + 1
    assert "only now: The metric 'range_ms' of acme-metric 2.1 failed: ZeroDivisionError" in str(found.first_difference)
    assert not found.exact


def test_one_that_failed_only_then_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as here:
        ran = ran_with(tmp_path, here, FAILS)
    use_metric(monkeypatch, install_metric(tmp_path / "mended", METRIC))
    assert "only then: The metric 'range_ms'" in str(verify(ran.path).first_difference)


def test_a_metric_of_the_same_name_from_another_package_is_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as here:
        ran = ran_with(tmp_path, here)
    site = install_metric(tmp_path / "other")
    metadata = site / "acme_metric-2.1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text("utf-8").replace("acme-metric", "best-metric"), "utf-8")
    use_metric(monkeypatch, site)
    assert [each.package for each in metric_plugins().metrics] == ["best-metric"]
    assert verify(ran.path).rescored == ("range_ms/1 of acme-metric 2.1",)


def test_one_that_is_installed_later_adds_nothing_to_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), demo_plan(SAFE_PLACE))
    use_metric(monkeypatch, install_metric(tmp_path / "site"))
    assert metric_plugins().metrics
    assert first_difference(refold(read_recording(ran.path)), ran.events) is None
    assert verify(ran.path).exact


def test_one_that_no_live_window_holds_is_no_part_of_a_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = ran_with(tmp_path, monkeypatch, METRIC.replace("live_beats=8", "live_s=None"), minutes=1.5)
    assert set(ran.of(Hrv)[-1].values) == set(METRICS)
    assert "range_ms" not in read_recording(ran.path).algorithms


NINETY = """
from biofeedback.hrv.registry import Metric
from biofeedback.hrv.tachogram import tachogram


def compute(window):
    points = [int(tachogram(piece).sum()) for piece in window.stretches]
    return sum(points) / 1e6


RANGE = Metric("range_ms", "ms", 1, compute, least_s=10, live_s=90)
"""


def test_a_live_window_of_a_length_that_none_of_ours_has_is_the_window_of_its_beats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = ran_with(tmp_path, monkeypatch, NINETY)
    beats = recorded_beats(read_recording(ran.path))
    compute = metric_plugins().metrics[0].metric.compute
    compared = 0
    for hrv in ran.of(Hrv)[-40:]:
        held = [beat for beat in beats if beat.t_us <= hrv.t_us and beat.opening_us >= hrv.t_us - 90_000_000]
        if all(beat.ok for beat in held):
            assert hrv.values["range_ms"] == compute(window_of(held, 90.0))
            compared += 1
    assert compared > 20
    assert verify(ran.path).exact


REFUSED: list[tuple[str, dict[str, str], str]] = [
    ("raise OSError('no library')", {}, "it cannot be imported: OSError: no library"),
    ("import sys; sys.exit(3)", {}, "it cannot be imported: SystemExit: 3"),
    ("RANGE = 5", {}, "it is a int, not a Metric"),
    ("def RANGE(): raise KeyError('x')", {}, "it cannot be imported: KeyError: 'x'"),
    (METRIC.replace('"ms", 1', '"ms", 0'), {}, "its version is 0"),
    (METRIC, {"rmssd_ms": "acme_metric:RANGE"}, "'rmssd_ms' is a metric of the program itself"),
    (METRIC, {"Range": "acme_metric:RANGE"}, "cannot be a metric's name"),
    (METRIC, {"span_ms": "acme_metric:RANGE"}, "its name is 'range_ms', but it is registered as 'span_ms'"),
]


@pytest.mark.parametrize(("code", "held", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_what_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, held: dict[str, str], said: str
) -> None:
    use_metric(monkeypatch, install_metric(tmp_path, code, **held))
    found = metric_plugins()
    assert found.metrics == ()
    (refused,) = found.refused
    assert said in refused.words
    assert "acme-metric 2.1" in refused.words


def test_a_function_may_make_the_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = METRIC + "\ndef made(): return RANGE\n"
    use_metric(monkeypatch, install_metric(tmp_path, code, range_ms="acme_metric:made"))
    (found,) = metric_plugins().metrics
    assert (found.metric.name, found.described) == ("range_ms", "the metric 'range_ms' of acme-metric 2.1")


def test_two_packages_that_claim_one_name_are_both_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_metric(tmp_path)
    install(
        tmp_path, METRIC, {"range_ms": "acme2:RANGE"}, name="acme-clone", module="acme2", group="biofeedback.metrics"
    )
    use_metric(monkeypatch, tmp_path)
    found = metric_plugins()
    assert (found.metrics, len(found.refused)) == ((), 2)
    assert all("several packages claim 'range_ms'" in refused.words for refused in found.refused)
