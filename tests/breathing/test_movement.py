"""D3: moving is an RMS of the 1-10 Hz band above 30 mg for 3 s; breath and posture are not movement."""

from __future__ import annotations

from cmath import exp as cexp
from math import pi, sin, sqrt

import pytest

from biofeedback.breathing.acceleration import Sample
from biofeedback.breathing.movement import Movement, Second, high_pass, low_pass
from tests.breathing.chests import Axes, still, swinging


def seconds(axes: Axes, length: int, fs: float = 25.0) -> list[Second]:
    def sample(number: int) -> Sample:
        x, y, z = axes(number / fs)
        return round(x), round(y), round(z)

    movement = Movement(fs, sample(0))
    told = (movement.step(sample(number)) for number in range(int(length * fs)))
    return [second for second in told if second is not None]


def response(hz: float, fs: float) -> float:
    """|H| of the whole band in closed form: Butterworth of fourth and second order at warped frequencies."""
    warped = [sin(pi * each / fs) / sqrt(1 - sin(pi * each / fs) ** 2) for each in (hz, 1.0, 10.0)]
    high = 1 / sqrt(1 + (warped[1] / warped[0]) ** 8)
    return high / sqrt(1 + (warped[0] / warped[2]) ** 4)


@pytest.mark.parametrize("fs", [25.0, 26.0, 50.0, 52.0, 200.0])
@pytest.mark.parametrize("hz", [0.3, 0.5, 0.7, 1.0, 2.0, 5.0, 9.0, 10.0])
def test_the_filter_has_the_response_that_is_stated(hz: float, fs: float) -> None:
    z = cexp(-2j * pi * hz / fs)
    passed = complex(1.0)
    for b0, b1, b2, a1, a2 in (
        high_pass(1.0, fs, 1.8477590650225735),
        high_pass(1.0, fs, 0.7653668647301795),
        low_pass(10.0, fs, sqrt(2)),
    ):
        passed *= (b0 + b1 * z + b2 * z * z) / (1 + a1 * z + a2 * z * z)
    assert abs(passed) == pytest.approx(response(hz, fs), rel=1e-9)


@pytest.mark.parametrize(("hz", "share"), [(0.3, 0.0081), (0.5, 0.062), (2.0, 0.998), (5.0, 0.998), (9.0, 0.903)])
def test_response_at_25_hz(hz: float, share: float) -> None:
    assert response(hz, 25.0) == pytest.approx(share, abs=0.002)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("hz", "size_mg"), [(0.3, 400.0), (0.5, 400.0), (2.0, 60.0), (5.0, 60.0), (9.0, 60.0)])
def test_the_rms_of_a_sine_is_its_size_by_the_response(hz: float, size_mg: float, axis: int) -> None:
    last = seconds(swinging((size_mg, hz), axis=axis), 40)[-1]
    # Whole mg add a noise of 0.29 mg an axis; 3 s hold no whole number of turns of the slow ones.
    assert last.rms_mg == pytest.approx(size_mg * response(hz, 25.0) / sqrt(2), rel=0.05, abs=0.7)


@pytest.mark.parametrize(("hz", "share"), [(2.0, 1.0), (5.0, 1.0), (9.0, 0.903)])
def test_moving_begins_at_an_rms_of_30_mg(hz: float, share: float) -> None:
    edge_mg = 30 * sqrt(2) / share
    assert seconds(swinging((1.05 * edge_mg, hz)), 20)[-1].moving
    assert not seconds(swinging((0.95 * edge_mg, hz)), 20)[-1].moving


@pytest.mark.parametrize(
    "axes",
    [
        still,
        swinging((60, 0.1)),
        swinging((60, 0.3)),
        swinging((60, 0.5)),
        swinging((100, 0.25), (40, 0.5), (10, 0.75)),
        swinging((15, 1.2), (10, 2.4)),
    ],
    ids=["still", "6 a minute", "18 a minute", "30 a minute", "deep breath", "heartbeat"],
)
def test_gravity_breath_and_heart_are_not_movement(axes: Axes) -> None:
    assert not any(second.moving for second in seconds(axes, 60))


def test_a_new_posture_is_not_movement_for_long() -> None:
    def bending(t: float) -> tuple[float, float, float]:
        share = min(max((t - 20) / 2, 0.0), 1.0)
        return -60.0, -985 * (1 - share) + -900 * share, 150 + 250 * share

    assert not any(second.moving for second in seconds(bending, 60))


def test_it_takes_3_s_to_begin_and_3_s_to_end() -> None:
    def walking(t: float) -> tuple[float, float, float]:
        return (-60.0, -985.0, 150.0 + (200 * sin(2 * pi * 2 * t) if 10 <= t < 20 else 0.0))

    moving = [second.moving for second in seconds(walking, 40)]
    assert moving == [False] * 12 + [True] * 10 + [False] * 18 or moving == [False] * 12 + [True] * 11 + [False] * 17


def test_a_jolt_of_two_seconds_is_not_movement() -> None:
    def jolted(t: float) -> tuple[float, float, float]:
        return (-60.0, -985.0, 150.0 + (300 * sin(2 * pi * 3 * t) if 10 <= t < 11.5 else 0.0))

    assert not any(second.moving for second in seconds(jolted, 30))


def test_a_run_begins_as_if_it_had_always_been_so() -> None:
    assert [second.rms_mg for second in seconds(still, 5)] == [0.0] * 5


def test_movement_goes_on_over_a_hole() -> None:
    shaking = [(0, 0, round(200 * sin(2 * pi * 2 * number / 25))) for number in range(50)]
    movement = Movement(25.0, shaking[0], moving=True)
    told = [movement.step(sample) for sample in shaking]
    assert [second.moving for second in told if second is not None] == [True, True]
