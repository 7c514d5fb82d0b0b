"""An example plug-in: RR intervals that arrive as text on a UDP port of this computer, `--source udp:9123`.

Whatever can send "812 830" (milliseconds, oldest first) to 127.0.0.1 becomes a source: a bridge for a sensor of your
own, a script. How to write and install one: docs/adding_a_device.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, Self

from devices.errors import DeviceError, Reason, SourceSpecError
from devices.events import Heard, LinkState, SourceEvent, StrapInfo
from devices.heart_rate_measurement import encode
from devices.inbox import Inbox
from devices.source import Clock, SourceSpec

LOOPBACK: Final = "127.0.0.1"
LONGEST_MS: Final = 60_000


class UdpSource(asyncio.DatagramProtocol):
    """The source "udp:PORT"; `kind="strap"` says that a heart beats behind it now, at its own speed."""

    def __init__(self, port: int) -> None:
        self.info = StrapInfo(name=f"UDP port {port}", kind="strap")
        self._port = port
        self._inbox = Inbox()
        self._clock: Clock | None = None
        self._heard = False
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        """Take the port. What is raised here is told to the person, and nothing is recorded."""
        loop = asyncio.get_running_loop()
        try:
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, (LOOPBACK, self._port))
        except OSError as error:
            raise DeviceError(
                Reason.LINK_FAILED, f"UDP port {self._port} cannot be used: {error.strerror}", "Choose another one."
            ) from error
        return self

    async def __aexit__(self, *_: object) -> None:
        """Give the port back; `events` comes to its end."""
        if self._transport is not None:
            self._transport.close()
        self._clock = None
        self._inbox.close()

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """A packet for each datagram, stamped with the session's clock when it came."""
        self._clock = clock
        yield LinkState(clock.now(), "waiting", f"Waiting for intervals on UDP port {self._port}.")
        while (event := await self._inbox.next()) is not None:
            yield event

    def hear(self, heard: Heard) -> None:
        """A sensor does not listen."""

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - asyncio gives it
        """Something came. It is passed on as a strap would send it; what is no list of intervals is not."""
        intervals_ms = _numbers(data)
        if self._clock is None or not intervals_ms:
            return
        now_us = self._clock.now()
        if not self._heard:
            self._heard = True
            self._inbox.put(LinkState(now_us, "streaming", "Intervals arrive."))
        rr_1024 = [round(ms * 1.024) for ms in intervals_ms]
        self._inbox.packet(now_us, "udp", encode(round(60_000 / intervals_ms[-1]), rr_1024=rr_1024))


def _numbers(data: bytes) -> list[float]:
    """Intervals in ms; none when one of them is no number or no interval."""
    try:
        found = [float(word) for word in data.decode("ascii").split()]
    except ValueError:
        return []
    return found if all(1 <= ms <= LONGEST_MS for ms in found) else []


def open_udp(spec: SourceSpec) -> UdpSource:
    """What the entry point names: from the words of `--source` to a source that is not entered yet."""
    if not spec.name.isdecimal() or not 0 < int(spec.name) <= 65535 or spec.options:
        raise SourceSpecError(Reason.BAD_SPEC, f"'{spec.text}' names no UDP port.", "Write for example udp:9123.")
    return UdpSource(int(spec.name))
