"""A real strap as a source: found, connected, listened to, and found again when the link is lost.

One task keeps the link (STRAP 5): look for the strap, connect with a client made anew, listen until the link is gone,
leave the client, wait a little, look again. Leaving the client before the next attempt matters: a client that was
left behind makes every later notification arrive twice. The call-back of a notification stamps it and puts it into
the inbox, nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Self

from devices.bluetooth import (
    BATTERY_LEVEL,
    BODY_SENSOR_LOCATION,
    HEART_RATE_MEASUREMENT,
    SYSTEM_RADIO,
    Radio,
    Trouble,
    bluetooth_errors,
    nobody_is_there,
    trouble_of,
)
from devices.discovery import FoundStrap, connected_straps, is_address, spoken
from devices.errors import Reason
from devices.events import Battery, Heard, LinkName, LinkState, SourceEvent, StrapInfo
from devices.finding import Aids, Finder
from devices.inbox import Inbox
from devices.source import Clock

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.characteristic import BleakGATTCharacteristic

SCAN_S: Final = 15.0
"""A first scan was seen to take ten seconds (STRAP 1)."""
CONNECT_S: Final = 20.0
BACK_OFF_S: Final = (0.5, 1.0, 2.0, 5.0)
JITTER: Final = 0.2
CLOSE_S: Final = 5.0
"""A link is closed within so long when a session ends (RULINGS G)."""
START_S: Final = 2.0
"""A Bluetooth service that is just starting is given so long before there is said to be none."""
LOOK_AGAIN_S: Final = 0.25
STALE_S: Final = 3
"""A strap that was silent for so long is said to be (STRAP 1: a lost link may show after six seconds only)."""
ASK_S: Final = 2.0

DEVICE: Final = "s1"
"""What the packets of the session's strap are marked with: a label, not its address."""
FULL_PCT: Final = 100
UNHEARD: Final = -1

LOOKING: Final = "Looking for the strap."
NOT_SEEN: Final = (
    "No strap is in sight yet. Wet its electrodes and put it on; another program or phone may hold it."
    " The search goes on."
)

QUIET: Final = "The strap has gone quiet."
BACK: Final = "The strap sends again."


@dataclass(frozen=True, slots=True)
class Delays:
    """How long is waited; tests let it pass faster."""

    scale: float = 1.0

    def of(self, seconds: float) -> float:
        """Seconds to wait."""
        return seconds * self.scale

    def before_attempt(self, failures: int, rng: Random) -> float:
        """Seconds before the next attempt, after so many that failed in a row."""
        return self.of(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * rng.uniform(1 - JITTER, 1 + JITTER))


class Strap:
    """The source "strap:NAME", "strap:ADDRESS" or "strap:" (any; `devices.choosing` has the rules).

    Use its `events` once. Once a strap has been connected the session stays with it, whatever else is in the room.
    """

    def __init__(
        self,
        words: str = "",
        *,
        spec: str = "",
        radio: Radio = SYSTEM_RADIO,
        delays: Delays | None = None,
        aids: Aids | None = None,
    ) -> None:
        """`aids`: without them no strap is remembered, nobody is asked, and other sessions are not heeded."""
        shown = "" if is_address(words) else words  # the info is recorded, and an address never is
        self.info = StrapInfo(name=shown or "heart-rate strap", kind="strap", spec=spec)
        self._radio = radio
        self._delays = delays or Delays()
        self._finder = Finder(words, radio, self._delays.of, aids or Aids())
        self._chosen: FoundStrap | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._leaving = False
        self._failures = 0
        """Attempts in a row that came to nothing."""

    async def __aenter__(self) -> Self:
        """Make sure that there is Bluetooth at all. Raises BluetoothError when there is none.

        Bluetooth that is merely off is waited for in `events`.
        """
        deadline = asyncio.get_running_loop().time() + self._delays.of(START_S)
        while (trouble := await bluetooth_trouble(self._radio)) is not None:
            if trouble.reason is Reason.BLUETOOTH_OFF:
                break
            if asyncio.get_running_loop().time() >= deadline:
                raise trouble.error()
            await asyncio.sleep(self._delays.of(LOOK_AGAIN_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the link; give up on a system that does not answer."""
        self._leaving = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper}, timeout=CLOSE_S)
        self._finder.close()

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """What the strap and its link say, without end."""
        inbox = Inbox()
        self._keeper = asyncio.create_task(self._keep_link(_Voice(inbox, clock)), name="strap")
        self._keeper.add_done_callback(lambda _: inbox.close())
        while (event := await inbox.next()) is not None:
            yield event
        if not self._keeper.cancelled():
            self._keeper.result()

    def hear(self, heard: Heard) -> None:
        """A strap does not listen."""

    async def _keep_link(self, voice: _Voice) -> None:
        """Look, connect, listen; again and again."""
        errors = bluetooth_errors()
        rng = Random()  # noqa: S311 - spreads attempts, keeps no secret
        held_first = True
        while not self._leaving:  # a library below may swallow the cancellation
            strap: FoundStrap | None = None
            try:
                strap = await self._find(voice, held_first=held_first)
                await self._listen(strap, voice)
                voice.link("waiting", f"The link to {spoken(strap.name)} was lost. It is tried again.")
                held_first = True
            except errors as error:
                self._failures += 1
                # A service that died may go on naming a link that is gone: only a scan can tell.
                held_first = strap is None or not strap.connected
                trouble = trouble_of(error)
                if strap is not None and not trouble.radio_is_off:
                    trouble = await self._why_not(trouble)
                _tell(trouble, voice, connecting=strap is not None)
            await asyncio.sleep(self._delays.before_attempt(self._failures, rng))

    async def _find(self, voice: _Voice, *, held_first: bool) -> FoundStrap:
        """The strap: one that is connected already, else one that advertises, else the last one as it was known."""
        await self._finder.begin()
        held = await connected_straps(self._radio)  # fails while Bluetooth is off: nothing is looked for then
        voice.link("scanning", LOOKING)
        while True:
            found = await self._finder.look(held if held_first else (), self._delays.of(SCAN_S), voice.link)
            if found is not None:
                return found
            if not self._finder.sees_some:
                voice.link("scanning", NOT_SEEN)
            held_first = True
            if self._chosen is not None:
                return self._chosen
            held = await connected_straps(self._radio)

    async def _why_not(self, trouble: Trouble) -> Trouble:
        """Why a strap could not be connected: when there is no Bluetooth at all, that is the reason."""
        deeper = await bluetooth_trouble(self._radio)
        return deeper if deeper is not None and deeper.radio_is_off else trouble

    async def _listen(self, strap: FoundStrap, voice: _Voice) -> None:
        """Connect and pass on what comes, until the link is gone."""
        from bleak import BleakClient

        voice.link("connecting", f"Connecting to {spoken(strap.name)}.")
        gone = asyncio.Event()
        async with BleakClient(
            strap.device,
            disconnected_callback=lambda _: gone.set(),
            timeout=self._delays.of(CONNECT_S),
            backend=self._radio.client,
        ) as client:
            await client.start_notify(HEART_RATE_MEASUREMENT, voice.notification)
            self._chosen, self._failures = strap, 0
            voice.link("streaming", f"Connected to {spoken(strap.name)}.")
            await self._finder.stay_with(strap)
            await self._follow_battery(client, voice)
            await self._watch(client, gone, voice)

    async def _watch(self, client: BleakClient, gone: asyncio.Event, voice: _Voice) -> None:
        """Return when the link is gone. A Bluetooth service that died tells nobody, so a silence is looked into.

        It may also be a stall, after which everything comes at once: such a link is not given up.
        """
        heard, silent_s = voice.packets, 0
        while not await _within(gone, self._delays.of(1.0)):
            if voice.packets != heard:
                heard, silent_s = voice.packets, 0
                voice.streaming_again()
                continue
            silent_s += 1
            if silent_s >= STALE_S:
                voice.link("stale", QUIET)
            if silent_s % STALE_S == 0 and await self._is_dead(client):
                return

    async def _is_dead(self, client: BleakClient) -> bool:
        """Ask for something: a strap out of reach leaves that open, a service that died or came back refuses it."""
        readable = [each for each in client.services.characteristics.values() if "read" in each.properties]
        if not readable:
            return False
        # Those two are free to read; reading others might ask the person to pair.
        asked = min(readable, key=lambda each: each.uuid not in (BATTERY_LEVEL, BODY_SENSOR_LOCATION))
        try:
            async with asyncio.timeout(self._delays.of(ASK_S)):
                await client.read_gatt_char(asked)
        except bluetooth_errors() as error:
            return nobody_is_there(error)
        return False

    async def _follow_battery(self, client: BleakClient, voice: _Voice) -> None:
        """The charge now and whenever it changes; a strap may lack it, say nonsense or not answer."""
        if client.services.get_characteristic(BATTERY_LEVEL) is None:
            voice.battery(b"")
            return
        with suppress(*bluetooth_errors()):
            async with asyncio.timeout(ASK_S):
                voice.battery(await client.read_gatt_char(BATTERY_LEVEL))
                await client.start_notify(BATTERY_LEVEL, lambda _, level: voice.battery(level))


async def bluetooth_trouble(radio: Radio = SYSTEM_RADIO) -> Trouble | None:
    """Why no strap can be reached on this computer now; None when one can."""
    try:
        await connected_straps(radio)
    except bluetooth_errors() as error:
        return trouble_of(error)
    return None


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, but not longer; whether it came."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # asyncio.wait_for may swallow the cancellation that ends a session
            await event.wait()
    return event.is_set()


def _tell(trouble: Trouble, voice: _Voice, *, connecting: bool) -> None:
    """Say what is in the way. A search that merely broke off is begun anew without a word."""
    if trouble.radio_is_off:
        voice.link("off", trouble.words)
    elif connecting:
        voice.link("waiting", trouble.words)


class _Voice:
    """Puts what happens into the inbox, stamped with the session's clock."""

    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self.packets = 0
        self._inbox = inbox
        self._clock = clock
        self._said: tuple[LinkName, str, str] | None = None
        self._charge: int | None = UNHEARD

    def notification(self, _: BleakGATTCharacteristic, raw: bytearray) -> None:
        """The strap sent a measurement."""
        self.packets += 1
        self._inbox.packet(self._clock.now(), DEVICE, bytes(raw))

    def link(self, state: LinkName, why: str, advice: str = "", /) -> None:
        """The link changed; what was said last is not said again."""
        if (state, why, advice) != self._said:
            self._said = state, why, advice
            self._inbox.put(LinkState(self._clock.now(), state, why, advice))

    def streaming_again(self) -> None:
        """Packets come after a silence."""
        if self._said is not None and self._said[0] == "stale":
            self.link("streaming", BACK)

    def battery(self, level: bytes | bytearray) -> None:
        """The strap told its charge, one byte of percent; said when it changed."""
        percent = level[0] if len(level) == 1 and level[0] <= FULL_PCT else None
        if percent != self._charge:
            self._charge = percent
            self._inbox.put(Battery(self._clock.now(), percent))
