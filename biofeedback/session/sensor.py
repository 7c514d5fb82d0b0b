"""What a sensor gives to know of itself: no intervals, where it is worn, a rate that does not fit, its charge.

Each is told once in a session. Pure; all of it from packets and what the sensor says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from biofeedback.events import Battery, Notice, NoticeCode, Packet, Sensor
from biofeedback.hrv.artefacts import is_interval
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_S

LOOKED_AT_US: Final = 10_000_000
"""So long a heart rate comes without intervals, or does not fit them, before it is told (STRAP 3.3, fault 32)."""
MOST_DIFFERENCE: Final = 0.30
LOW_BATTERY: Final = 15
WORN: Final[Mapping[str, str]] = {
    "wrist": "on the wrist",
    "finger": "on a finger",
    "hand": "on a hand",
    "ear lobe": "on an ear lobe",
    "foot": "on a foot",
}
"""Where a sensor sees the pulse instead of the heart."""
NO_RR: Final = (
    "This sensor sends no RR intervals: heart rate only, no HRV. A chest strap that sends them is needed for the rest."
)
DIFFERS: Final = (
    "The strap's heart rate does not fit its intervals. Wet the electrodes and see that it sits snugly; numbers are "
    "shown only while every heartbeat arrives."
)


class SensorWatch:
    """Follows what a sensor says. `differs`: its heart rate has not fitted its intervals for ten seconds."""

    def __init__(self) -> None:
        self.differs = False
        self._told: set[NoticeCode] = set()
        self._rate_only_since_us: int | None = None
        self._fitted_us: int | None = None
        self._recent: deque[tuple[int, int]] = deque()
        self._had_intervals = False

    def packet(self, packet: Packet) -> list[Notice]:
        """A packet came."""
        ticks = [value * TICKS_OF_STRAP for value in packet.ticks if is_interval(value * TICKS_OF_STRAP)]
        if not packet.hr or packet.contact is False:
            self._rate_only_since_us, self._fitted_us, self.differs = None, None, False
            self._recent.clear()
            return []
        self._recent.extend((packet.at, value) for value in ticks)
        while self._recent and self._recent[0][0] < packet.at - LOOKED_AT_US:
            self._recent.popleft()
        return [*self._look_for_intervals(packet), *self._compare(packet.at, packet.hr)]

    def sensor(self, sensor: Sensor) -> list[Notice]:
        """It said where it is worn."""
        worn = WORN.get(sensor.location or "")
        if worn is None:
            return []
        return self._tell(
            sensor.at,
            "not_chest",
            f"This sensor is worn {worn}. Sensors there see the pulse and smooth its intervals: "
            "heart rate and its level hold, HRV is a guess. A chest strap is better.",
        )

    def battery(self, battery: Battery) -> list[Notice]:
        """It said how much charge it has."""
        if battery.percent is None or battery.percent > LOW_BATTERY:
            return []
        return self._tell(
            battery.at,
            "battery_low",
            f"The battery of the strap is low, {battery.percent} %. Change it before the next session.",
        )

    def _look_for_intervals(self, packet: Packet) -> list[Notice]:
        self._had_intervals = self._had_intervals or bool(packet.ticks)
        if self._had_intervals:
            return []
        since_us = self._rate_only_since_us = self._rate_only_since_us or packet.at
        return self._tell(packet.at, "no_rr", NO_RR) if packet.at - since_us >= LOOKED_AT_US else []

    def _compare(self, at: int, hr: int) -> list[Notice]:
        """Compare the rate with that of the intervals of the last ten seconds."""
        if not self._recent:
            return []
        of_intervals = 60 * TICKS_PER_S * len(self._recent) / sum(value for _, value in self._recent)
        if self._fitted_us is None or abs(hr - of_intervals) <= MOST_DIFFERENCE * of_intervals:
            self._fitted_us, self.differs = at, False
        elif at - self._fitted_us >= LOOKED_AT_US:
            self.differs = True
            return self._tell(at, "hr_differs", DIFFERS)
        return []

    def _tell(self, at: int, code: NoticeCode, text: str) -> list[Notice]:
        if code in self._told:
            return []
        self._told.add(code)
        return [Notice(at, code, text)]
