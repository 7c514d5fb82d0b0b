"""Somebody who wears a strap: sends notifications at their times, from a thread of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import takewhile
from threading import Event, Thread
from time import monotonic
from typing import Self

from devices.events import Acceleration, Packet
from devices.people import person_named
from devices.simulated import SimulatedStrap
from tests.bluez.rig import Strap


def wearing(person: str = "calm", seed: int = 1, **keys: str) -> Iterator[Packet | Acceleration]:
    """What a simulated strap sends, without end, with the times at which it does; `keys` are the person's."""
    source = SimulatedStrap(person_named(person, keys)[0], seed=seed)
    while True:
        event = source.take()
        if isinstance(event, Packet | Acceleration):
            yield event


def packets(seconds: float, person: str = "calm", seed: int = 1) -> list[Packet]:
    """What a simulated strap sends in its first seconds."""
    said = takewhile(lambda event: event.stamp_us <= seconds * 1e6, wearing(person, seed))
    return [event for event in said if isinstance(event, Packet)]


class Wearer:
    """A context manager: inside it, `strap` sends these packets, `speed` times as fast as their stamps say."""

    def __init__(self, strap: Strap, said: Iterable[Packet | Acceleration], speed: float = 1.0) -> None:
        self._strap = strap
        self._said = said
        self._speed = speed
        self._over = Event()
        self._thread = Thread(target=self._send, name="wearer", daemon=True)
        self.delivered: list[bytes] = []
        """What went to a subscriber; the rest was sent to nobody."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def finished(self) -> bool:
        """All packets have been sent."""
        return not self._thread.is_alive()

    def _send(self) -> None:
        begun = monotonic()
        for packet in self._said:
            wait_s = begun + packet.stamp_us / 1e6 / self._speed - monotonic()
            if self._over.wait(max(0.0, wait_s)):
                return
            if isinstance(packet, Acceleration):
                self._strap.accelerate(packet.raw)
            elif self._strap.notify(packet.raw):
                self.delivered.append(packet.raw)
