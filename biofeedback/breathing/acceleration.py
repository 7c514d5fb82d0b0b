"""From the frames of a strap's accelerometer to samples on the session's time line (STRAP 3.2, RULINGS D3)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

from biofeedback.events import Acc

LEAST_DELAY_US: Final = 45_000_000
"""The least delay of so long places the strap's clock, as it does for beats (STRAP 3.4)."""
SLACK: Final = 0.5
"""A stamp may be off by so much of a sample for each frame, and by RATE_OFF of the frame's length."""
RATE_OFF: Final = 0.05
"""A strap keeps the rate it names within 2 % or so; more is a hole."""
RATES_HZ: Final = (21.0, 1000.0)
"""Outside of these a stream is not acceleration that can be used: movement is looked for up to 10 Hz."""

Sample: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Run:
    """Samples that follow each other without a hole; `new`: they do not follow those before."""

    xyz_mg: tuple[Sample, ...]
    last_us: int
    """When the last of them was taken, session time."""
    fs_hz: float
    """The rate of this run as far as its stamps tell it by now."""
    new: bool


def delta_coded(xyz_mg: Sequence[Sample]) -> tuple[int, ...]:
    """Samples as `Acc.xyz_mg` holds them."""
    before: list[Sample] = [(0, 0, 0), *xyz_mg[:-1]]
    return tuple(
        value - last
        for sample, old in zip(xyz_mg, before, strict=False)
        for value, last in zip(sample, old, strict=True)
    )


def samples_of(acc: Acc) -> tuple[Sample, ...]:
    """The samples of a frame in mg; the rest of a number that is no whole sample is left aside."""
    whole = len(acc.xyz_mg) // 3 * 3
    x, y, z = (accumulate(acc.xyz_mg[axis:whole:3]) for axis in range(3))
    return tuple(zip(x, y, z, strict=True))


class Sampler:
    """Puts the frames of one strap in order: finds holes, the true rate and when samples were taken."""

    def __init__(self) -> None:
        self._dev = ""
        self._last_ns: int | None = None
        self._run_ns = 0
        self._run_samples = 0
        self._period_ns: float | None = None
        self._delays: deque[tuple[int, int]] = deque()

    def take(self, acc: Acc) -> Run | None:
        """The samples of a frame; None when it cannot be used, or its rate is not known yet."""
        xyz_mg, dev_ns = samples_of(acc), acc.dev_ns
        if dev_ns is None or acc.problems or not xyz_mg:
            self._last_ns = None
            return None
        went_back = acc.dev != self._dev or (self._last_ns is not None and dev_ns <= self._last_ns)
        if went_back or (acc.fs is None and self._last_ns is None):
            self._period_ns = None
        if went_back:
            self._delays.clear()
        new = self._is_new(dev_ns, len(xyz_mg), acc.fs)
        self._dev, self._last_ns = acc.dev, dev_ns
        last_us = self._placed(acc.rx, dev_ns)
        if self._period_ns is None:
            return None
        fs_hz = 1e9 / self._period_ns
        return Run(xyz_mg, last_us, fs_hz, new) if RATES_HZ[0] <= fs_hz <= RATES_HZ[1] else None

    def _is_new(self, dev_ns: int, count: int, fs: int | None) -> bool:
        """Whether a run begins here; keeps the length of a sample of the run there is."""
        passed_ns = 0 if self._last_ns is None else dev_ns - self._last_ns
        if self._period_ns is None:
            self._period_ns = 1e9 / fs if fs else passed_ns / count if passed_ns > 0 else None
            self._run_ns, self._run_samples = dev_ns, 0
            return True
        expected_ns = count * self._period_ns
        if passed_ns <= 0 or abs(passed_ns - expected_ns) > RATE_OFF * expected_ns + SLACK * self._period_ns:
            self._run_ns, self._run_samples = dev_ns, 0
            return True
        self._run_samples += count
        self._period_ns = (dev_ns - self._run_ns) / self._run_samples
        return False

    def _placed(self, rx_us: int, dev_ns: int) -> int:
        """The session time of a stamp: a frame cannot have come before it was taken, and one came at once or nearly."""
        self._delays.append((rx_us, rx_us - dev_ns // 1000))
        while self._delays[0][0] < rx_us - LEAST_DELAY_US:
            self._delays.popleft()
        return dev_ns // 1000 + min(delay for _, delay in self._delays)
