"""Made ECGs and pulse waves whose beats are known, and noise to spoil them; everything from a seed."""

from __future__ import annotations

from math import pi, sin, sqrt
from random import Random
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Wave: TypeAlias = npt.NDArray[np.float64]
NoiseName: TypeAlias = Literal["white", "muscle", "pink", "motion", "qrs band", "wander", "hum", "bursts"]

P_QRS_T: Final = (
    (0.12, -0.17, 0.02),
    (-0.12, -0.03, 0.009),
    (1.0, 0.0, 0.011),
    (-0.25, 0.03, 0.01),
    (0.28, 0.26, 0.045),
)
"""Height, place and width in s of the waves of one heartbeat; R is at 0."""
EDGE_S: Final = 0.6
"""Beats keep so far from both ends that the signal holds all of each."""
RISE_S: Final = 0.07
"""The pulse's upstroke is half a Gaussian of this width: it is steepest so long before its top."""


def beat_times(seconds: float, seed: int, mean_s: float = 0.9, breath_s: float = 0.05) -> Wave:
    """Beats of a breathing heart."""
    random = Random(seed)
    times = [EDGE_S]
    while times[-1] < seconds - EDGE_S:
        times.append(times[-1] + mean_s + breath_s * sin(2 * pi * times[-1] / 4) + random.gauss(0, 0.012))
    return np.array(times[:-1])


def ecg(times: Wave, hz: float, seconds: float, heights: Wave | None = None) -> Wave:
    wave = np.zeros(round(seconds * hz))
    at = np.arange(wave.size) / hz
    for beat, tall in zip(times, np.ones(times.size) if heights is None else heights, strict=True):
        near = slice(max(0, int((beat - 0.4) * hz)), int((beat + 0.6) * hz))
        for height, place, width in P_QRS_T:
            wave[near] += tall * height * np.exp(-((at[near] - beat - place) ** 2) / (2 * width**2))
    return wave


def pulse(times: Wave, hz: float, seconds: float, second_wave: float = 0.35) -> Wave:
    """Pulses with a second, lower wave; they lie on a slow swing, as the pressure of a finger makes it."""
    at = np.arange(round(seconds * hz)) / hz
    wave = 0.1 * np.sin(2 * pi * at / 11)
    for beat in times:
        near = slice(max(0, int((beat - 0.4) * hz)), int((beat + 1.2) * hz))
        since = at[near] - beat
        wave[near] += np.exp(-(since**2) / (2 * np.where(since < 0, RISE_S, 0.13) ** 2))
        wave[near] += second_wave * np.exp(-((since - 0.33) ** 2) / (2 * 0.1**2))
    return wave


def noise(name: NoiseName, count: int, hz: float, seed: int) -> Wave:
    """Noise with a root mean square of 1 (bursts: of 1 while they last)."""
    random = Random(f"{name} {seed}")
    at = np.arange(count) / hz
    if name == "hum":
        hum: Wave = sqrt(2) * np.sin(2 * pi * 50 * at + random.uniform(0, 2 * pi))
        return hum
    spectrum = np.fft.rfft(np.array([random.gauss(0, 1) for _ in range(count)]))
    f = np.fft.rfftfreq(count, 1 / hz)
    gains = {
        "white": np.ones(f.size),
        "muscle": 1.0 * (f > 15),
        "pink": 1 / np.sqrt(np.maximum(f, 0.05)),
        "qrs band": 1.0 * ((f > 5) & (f < 15)),
        "wander": 1.0 * (f < 0.4),
    }
    made = np.fft.irfft(spectrum * gains.get(name, 1.0 * ((f > 1) & (f < 10))), count)
    made /= made.std()
    if name == "bursts":
        starts = [random.uniform(0, at[-1]) for _ in range(max(1, int(at[-1] / 12)))]
        made = made * np.any([(at >= start) & (at < start + 3) for start in starts], axis=0)
    return made


def matched(found: Wave, truth: Wave, within_s: float) -> tuple[float, float, float]:
    """Sensitivity, positive predictive value and the largest error in s, after the usual shift is taken off."""
    nearest = np.array([(truth - at)[np.abs(truth - at).argmin()] for at in found])
    errors = nearest - np.median(nearest)
    hit = np.abs(errors) <= within_s
    partners = {int(np.abs(truth - at).argmin()) for at, good in zip(found, hit, strict=True) if good}
    return len(partners) / truth.size, len(partners) / found.size, float(np.abs(errors[hit]).max())
