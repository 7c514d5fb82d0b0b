"""The wall clock beside the session's: when a recording needs a `clock` line (RECORDING 1.5, RULINGS A4).

Session time never looks at the wall clock. It is kept beside it, so that a reader can say when something was, and
that the machine slept, that the clock was set, or that it came into another zone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from biofeedback.events import Clock, ClockReason
from devices.clock import awake_ns, system_ns

TICK_US: Final = 30_000_000
STEP_NS: Final = 250_000_000
"""By more than this no clock drifts in half a minute, nor is one steered: it was set."""
SLEPT_US: Final = 1_000_000
OVERSLEPT_US: Final = 10_000_000
"""Where no clock tells a sleep: what comes so much later than it was due."""
CLOSE_NS: Final = 1_000_000
TRIES: Final = 5
"""Two clocks cannot be read at once; whoever was interrupted for longer than `CLOSE_NS` between them reads again."""
_IANA: Final = re.compile(r"UTC|[A-Z][A-Za-z]+(/[A-Za-z0-9_+-]+)+")


@dataclass(frozen=True, slots=True)
class Reading:
    """All clocks at one moment, in ns. `awake_ns` stands still while the machine sleeps, None where nothing does."""

    wall_ns: int
    mono_ns: int
    awake_ns: int | None
    utc_off_s: int


def read_clocks() -> Reading:
    """The clocks of this machine now."""
    tries = 0
    while True:
        before_ns, awake, wall_ns, after_ns = system_ns(), awake_ns(), time.time_ns(), system_ns()
        tries += 1
        if after_ns - before_ns < CLOSE_NS or tries == TRIES:
            return Reading(wall_ns, (before_ns + after_ns) // 2, awake, utc_offset_s(wall_ns))


def utc_offset_s(wall_ns: int) -> int:
    """The offset of the local zone at that time, s; 0 where the system cannot tell."""
    if hasattr(time, "tzset"):
        time.tzset()  # the zone may have been changed since
    try:
        return time.localtime(wall_ns // 1_000_000_000).tm_gmtoff
    except (OSError, OverflowError, ValueError):
        return 0


def zone_name() -> str | None:
    """The IANA name of the local zone, such as "Europe/Oslo", where the system tells it by name."""
    said = os.environ.get("TZ", "").removeprefix(":")
    if not said:
        with suppress(OSError):
            said = str(Path("/etc/localtime").readlink())
    name = said.rpartition("zoneinfo/")[2]
    return name if _IANA.fullmatch(name) else None


class WallWatch:
    """Says which `Clock` is due.

    `due_us`: session time at which it wants to be asked again at the latest; `slept_us`: for how long the machine
    slept before the last "suspend".
    """

    def __init__(self, read: Callable[[], Reading] = read_clocks) -> None:
        self.due_us = 0
        self.slept_us = 0
        self._read = read
        self._last: Reading | None = None
        self._awake_ns: int | None = None
        """Steady time less the time awake: grows by what the machine slept."""

    def look(self, at_us: int) -> Clock | None:
        """Read the clocks at that session time; what there is to be kept, None when all goes its way."""
        now, last = self._read(), self._last
        step_ns = 0 if last is None else now.wall_ns - now.mono_ns - (last.wall_ns - last.mono_ns)
        why = self._why(at_us, now, step_ns)
        self._awake_ns = None if now.awake_ns is None else now.mono_ns - now.awake_ns
        if why is None:
            return None
        self._last, self.due_us = now, at_us + TICK_US
        return Clock(at_us, now.wall_ns, now.mono_ns, step_ns, why, now.utc_off_s)

    def _why(self, at_us: int, now: Reading, step_ns: int) -> ClockReason | None:
        """The first of the reasons; the others are in the numbers that go with it."""
        if self._last is None:
            return "tick"
        if self._has_slept(at_us, now):
            return "suspend"
        if abs(step_ns) > STEP_NS:
            return "step"
        if now.utc_off_s != self._last.utc_off_s:
            return "zone"
        return "tick" if at_us >= self.due_us else None

    def _has_slept(self, at_us: int, now: Reading) -> bool:
        if now.awake_ns is None or self._awake_ns is None:
            self.slept_us = at_us - self.due_us
            return self.slept_us > OVERSLEPT_US
        self.slept_us = (now.mono_ns - now.awake_ns - self._awake_ns) // 1000
        return self.slept_us >= SLEPT_US
