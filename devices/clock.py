"""The steady clock of this machine as session time: whole microseconds since it was made (RULINGS A5)."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

BOOT_CLOCK: Final[int] = (
    getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC) if hasattr(time, "clock_gettime_ns") else -1
)
AWAKE_CLOCK: Final[int | None] = (
    time.CLOCK_MONOTONIC if hasattr(time, "CLOCK_BOOTTIME") else getattr(time, "CLOCK_UPTIME_RAW", None)
)
"""Linux: CLOCK_MONOTONIC leaves out what CLOCK_BOOTTIME counts; macOS: CLOCK_UPTIME_RAW what CLOCK_MONOTONIC does."""
CLOCK_NAME: Final = "boottime" if hasattr(time, "CLOCK_BOOTTIME") else "monotonic"


def system_ns() -> int:
    """The system's steady clock; on Linux the one that also counts while the machine sleeps."""
    return time.clock_gettime_ns(BOOT_CLOCK) if BOOT_CLOCK >= 0 else time.monotonic_ns()


if sys.platform == "win32":
    import ctypes

    def awake_ns() -> int | None:
        """A steady clock that stands still while the machine sleeps; None where there is none."""
        ticks = ctypes.c_ulonglong()  # of 100 ns
        return ticks.value * 100 if ctypes.windll.kernel32.QueryUnbiasedInterruptTime(ctypes.byref(ticks)) else None

else:

    def awake_ns() -> int | None:
        """A steady clock that stands still while the machine sleeps; None where there is none."""
        return None if AWAKE_CLOCK is None else time.clock_gettime_ns(AWAKE_CLOCK)


def boot_id() -> str | None:
    """What names the time since the machine was started, on which `system_ns` counts; None where it has no name."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() or None
    except (OSError, ValueError):
        return None


class SteadyClock:
    """A `devices.source.Clock` that runs by itself from `at_us`, `speed` times as fast as the machine's."""

    def __init__(self, speed: float = 1.0, at_us: int = 0) -> None:
        self.speed = speed
        self._at_us = at_us
        self._began_ns = system_ns()

    def now(self) -> int:
        """Microseconds since the session began."""
        return self._at_us + int((system_ns() - self._began_ns) * self.speed) // 1000

    async def sleep_until(self, at_us: int) -> None:
        """Return when `at_us` is reached."""
        left_us = at_us - self.now()
        if left_us > 0:
            await asyncio.sleep(left_us / 1e6 / self.speed)
