"""How a simulated strap turns beats into notifications, and loses, delays or spoils some of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

from devices.body import Beat, BodySecond
from devices.chance import stream
from devices.heart_rate_measurement import encode
from devices.people import StrapHabits
from devices.strap_faults import Spells, with_odd_bytes

Undelivered = Literal["first", "loss", "link", "contact"]


@dataclass(slots=True)
class Truth:
    """What really happened, for tests and benchmarks. Give an empty one to be filled in."""

    beats: list[Beat] = field(default_factory=list[Beat])
    """Every beat since the session began."""
    seconds: list[BodySecond] = field(default_factory=list[BodySecond])
    undelivered: dict[int, Undelivered] = field(default_factory=dict[int, Undelivered])
    """Why the interval that ends with `beats[key]` never came; beats that are not here were sent once."""
    lost_packets: int = 0
    movements: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """From when to when the person moved, where the strap has an accelerometer."""


@dataclass(frozen=True, slots=True)
class Notification:
    """Bytes that arrive at the program at `at_us`."""

    at_us: int
    raw: bytes


LEAST_DELAY_US: Final = 15_000
MEAN_JITTER_US: Final = 15_000
LARGEST_JITTER_US: Final = 60_000


class Notifier:
    """The electronics of a strap: call `notify` about once a second with the beats since the last call."""

    # Notifications that were held back come this far apart.
    BUNCH_US: Final = 3_000
    AVERAGED_INTERVALS: Final = 5
    CONTACT_PAUSE_S: Final = (60.0, 240.0)
    CONTACT_GAP_S: Final = (3.0, 6.0)
    STALL_PAUSE_S: Final = (50.0, 180.0)
    STALL_S: Final = (1.5, 4.0)
    DROP_PAUSE_S: Final = (70.0, 200.0)

    def __init__(self, habits: StrapHabits, seed: int, truth: Truth | None = None) -> None:
        self.drops = Spells(
            stream(seed, "drops"),
            pause_s=self.DROP_PAUSE_S,
            spell_s=(habits.drop_s, habits.drop_s),
            ever=habits.drop_s > 0,
        )
        self._no_contact = Spells(
            stream(seed, "contact"),
            pause_s=self.CONTACT_PAUSE_S,
            spell_s=self.CONTACT_GAP_S,
            ever=habits.contact_gaps,
        )
        self._stalls = Spells(
            stream(seed, "stalls"), pause_s=self.STALL_PAUSE_S, spell_s=self.STALL_S, ever=habits.stalls
        )
        self._delay = stream(seed, "delay")
        self._loss = stream(seed, "loss")
        self._odd = stream(seed, "odd")
        self._habits = habits
        self._truth = truth
        self._beats = 0
        self._last_tick: int | None = None
        self._pending: list[int] = []
        self._recent_1024: deque[int] = deque(maxlen=self.AVERAGED_INTERVALS)
        self._last_arrival_us = 0

    def notify(self, created_us: int, beats: list[Beat]) -> list[Notification]:
        """What arrives of the notification made at `created_us`, and when."""
        contact = not self._no_contact.covers(created_us)
        first = self._beats
        rr_1024 = self._intervals(beats, contact=contact)
        if not self._recent_1024:
            return []
        arrival_us = self._arrival(created_us)
        lost = self._lost(arrival_us)
        if lost:
            self._mark(range(first, self._beats), lost)
            return []
        self._last_arrival_us = arrival_us
        packets = self._packets(rr_1024, contact=contact)
        return [Notification(arrival_us + place, raw) for place, raw in enumerate(packets)]

    def _intervals(self, beats: list[Beat], *, contact: bool) -> list[int]:
        """Differences of the strap's own count of 1/1024 s, cut off and not rounded: no time is ever lost."""
        rr_1024: list[int] = []
        for beat in beats:
            tick = beat.at_us * 1024 // 1_000_000
            if not contact or self._last_tick is None:
                self._mark(range(self._beats, self._beats + 1), "contact" if self._beats else "first")
            else:
                rr_1024.append(tick - self._last_tick)
            self._last_tick = tick if contact else None
            self._beats += 1
        self._recent_1024.extend(rr_1024)
        if self._truth is not None:
            self._truth.beats.extend(beats)
        return rr_1024

    def _arrival(self, created_us: int) -> int:
        ready_us = self._stalls.until_us if self._stalls.covers(created_us) else created_us
        return max(ready_us + delay_us(self._delay), self._last_arrival_us + self.BUNCH_US)

    def _lost(self, arrival_us: int) -> Literal["loss", "link"] | None:
        lost = self._loss.random() * 100 < self._habits.loss_pct
        if arrival_us >= self.drops.from_us:
            return "link"
        return "loss" if lost else None

    def _mark(self, beats: range, why: Undelivered) -> None:
        if self._truth is None:
            return
        for number in beats:
            self._truth.undelivered.setdefault(number, why)
        self._truth.lost_packets += why in ("loss", "link")

    def _packets(self, rr_1024: list[int], *, contact: bool) -> tuple[bytes, ...]:
        recent = self._recent_1024
        hr = round(60 * 1024 * len(recent) / sum(recent))
        raw = encode(hr, contact=contact if self._habits.reports_contact else None, rr_1024=rr_1024)
        if self._odd.random() * 100 < self._habits.odd_pct:
            return with_odd_bytes(raw, self._odd)
        return (raw,)


def delay_us(rng: Random) -> int:
    """How long a notification is on its way."""
    return LEAST_DELAY_US + min(LARGEST_JITTER_US, round(rng.expovariate(1 / MEAN_JITTER_US)))
