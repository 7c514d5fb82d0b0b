"""A real strap as a source: found, connected, listened to, and found again when the link is lost.

One task keeps the link (STRAP 5): look for the strap, connect with a client made anew, listen until the link is gone,
leave the client, wait a little, look again. Leaving the client before the next attempt matters: a client that was
left behind makes every later notification arrive twice. The call-back of a notification stamps it and puts it into
the inbox, nothing else.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final, Literal, Self, TypeAlias, get_args

from devices.accelerometer import Accelerometer
from devices.bluetooth import (
    BATTERY_LEVEL,
    BODY_SENSOR_LOCATION,
    CANNOT_CONNECT,
    CANNOT_SEARCH,
    HEART_RATE_MEASUREMENT,
    NEEDS_PAIRING,
    NO_ANSWER,
    PAIRS,
    SYSTEM_RADIO,
    Radio,
    Trouble,
    bluetooth_errors,
    characteristic_of,
    may_be_the_strap,
    nobody_is_there,
    trouble_of,
)
from devices.discovery import FoundStrap, connected_straps
from devices.errors import Reason
from devices.events import (
    Acceleration,
    Battery,
    BodyLocation,
    Heard,
    LinkName,
    LinkState,
    Sensor,
    SourceEvent,
    StrapInfo,
)
from devices.finding import Aids, Finder
from devices.inbox import Inbox
from devices.names import is_address, spoken
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
SILENT_S: Final = 40
"""A silence that cannot be a stall any more: a link holds out without a word for 32 s at most (Bluetooth Core 5.4,
Vol 6 Part B 4.5.2), so nothing that was sent is still on its way, and the link is made anew."""
ASK_S: Final = 2.0
MANY: Final = 3
"""So many failures in a row are more than bad luck (fault case 13)."""
PATIENCE: Final = 2
"""So many failures in a row show that Bluetooth has gone for longer than a restart of its service takes."""
UNPAIRS: Final = sys.platform == "win32"
"""Windows does not connect again to a strap that a program has paired and left (bleak issue 1943)."""

DEVICE: Final = "s1"
"""What the packets of the session's strap are marked with: a label, not its address."""
FULL_PCT: Final = 100
LOCATIONS: Final[tuple[BodyLocation, ...]] = get_args(BodyLocation)

LOOKING: Final = "Looking for the strap."
NOT_SEEN: Final = "The strap is not in sight."
NOT_SEEN_ADVICE: Final = (
    "Wet its electrodes, wear it and keep it close; another program or phone may hold it. The search goes on."
)
QUIET: Final = "The strap has gone quiet."
QUIET_ADVICE: Final = "Check that it sits firmly and its electrodes are wet, and stay near the computer."
BACK: Final = "The strap sends again."
LOST: Final = "The link to the strap was lost."
LOST_ADVICE: Final = "It is made anew by itself; keep the strap close."
SILENT: Final = "The strap has been silent for too long."
SILENT_ADVICE: Final = "The link is made anew; check that the strap sits firmly."


_Blind: TypeAlias = Literal["allowed", "tried", "used up"]
"""Whether the strap of a session may be connected though it is not in sight: once after each link."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How long is waited; tests let it pass faster."""

    scale: float = 1.0

    def of(self, seconds: float) -> float:
        """Seconds to wait."""
        return seconds * self.scale

    def before_attempt(self, failures: int, rng: Random) -> float:
        """Seconds before the next attempt, after so many that failed in a row."""
        return self.of(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * rng.uniform(1 - JITTER, 1))


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
        acceleration: bool = True,
    ) -> None:
        """`aids`: without them no strap is remembered, nobody is asked, and other sessions are not heeded.

        `acceleration`: a strap that has an accelerometer is asked for it.
        """
        shown = "" if is_address(words) else words  # the info is recorded, and an address never is
        self.info = StrapInfo(name=shown or "heart-rate strap", kind="strap", spec=spec)
        self._radio = radio
        self._delays = delays or Delays()
        self._finder = Finder(words, radio, self._delays.of, aids or Aids())
        self._accelerometer = Accelerometer() if acceleration else None
        self._chosen: FoundStrap | None = None
        self._blind: _Blind = "used up"
        self._keeper: asyncio.Task[None] | None = None
        self._leaving = False
        self._failures = _Failures()
        self._pairing = _Pairing()

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
                with _no_stray_cancellation():
                    strap = await self._find(voice, held_first=held_first)
                    await self._listen(strap, voice)
                held_first = True
            except errors as error:
                # A service that died may go on naming a link that is gone: only a scan can tell.
                held_first = strap is None or not (strap.connected or voice.streamed)
                await self._tell(error, strap, voice)
            await asyncio.sleep(self._delays.before_attempt(self._failures.attempts, rng))

    async def _find(self, voice: _Voice, *, held_first: bool) -> FoundStrap:
        """The strap: one that is connected already, else one that advertises, else once the last one as it was known.

        The last one may hold a link that is up, but whose services this computer does not know (RULINGS D4).
        """
        await self._finder.begin()
        held = await connected_straps(self._radio)  # fails while Bluetooth is off: nothing is looked for then
        voice.step("scanning", LOOKING)
        while True:
            found = await self._finder.look(held if held_first else (), self._delays.of(SCAN_S), voice.link)
            if found is not None:
                return found
            held_first = True
            held = await connected_straps(self._radio)
            if not self._finder.sees_some:
                voice.link("scanning", NOT_SEEN, NOT_SEEN_ADVICE)
            if self._chosen is not None and self._blind == "allowed":
                self._blind, voice.hushed = "tried", True
                return self._chosen

    async def _listen(self, strap: FoundStrap, voice: _Voice) -> None:
        """Connect and pass on what comes, until the link is gone."""
        voice.streamed = False
        voice.step("connecting", f"{'Pairing with' if self._pairing.due else 'Connecting to'} {spoken(strap.name)}.")
        gone, before = asyncio.Event(), voice.packets
        async with self._connected(strap, gone) as client:
            measurement = characteristic_of(client, HEART_RATE_MEASUREMENT) or HEART_RATE_MEASUREMENT
            await client.start_notify(measurement, voice.notification)
            self._begin_streaming(strap)
            voice.link("streaming", f"Connected to {spoken(strap.name)}.")
            await self._finder.stay_with(strap)
            await self._ask_location(client, voice)
            await self._follow_battery(client, voice)
            async with self._acceleration(client, voice):
                await self._watch(client, gone, voice, before)

    def _acceleration(self, client: BleakClient, voice: _Voice) -> AbstractAsyncContextManager[None]:
        """Acceleration for as long as this link lasts; nothing of the heart waits for it."""
        if self._accelerometer is None:
            return nullcontext()
        return self._accelerometer.following(client, voice.frame, voice.aside)

    @asynccontextmanager
    async def _connected(self, strap: FoundStrap, gone: asyncio.Event) -> AsyncGenerator[BleakClient]:
        """A client with a link, which is closed on the way out; `gone` is set when it is lost before.

        A link that fails as it is made is tried again by bleak without end; after some of these it is given up.
        """
        from bleak import BleakClient

        lost: list[BleakClient] = []

        def lose(client: BleakClient) -> None:
            lost.append(client)
            gone.set()
            if len(lost) == MANY and connecting:
                limit.reschedule(asyncio.get_running_loop().time())

        client = BleakClient(
            strap.device,
            disconnected_callback=lose,
            timeout=self._delays.of(CONNECT_S),
            pair=self._pairing.due,
            backend=self._radio.client,
        )
        async with AsyncExitStack() as link:
            connecting = True
            async with asyncio.timeout(None) as limit:
                try:
                    await link.enter_async_context(client)
                finally:
                    connecting = False
            if client.is_connected:
                gone.clear()
            try:
                yield client
            finally:
                if self._leaving and self._pairing.done and UNPAIRS:
                    await self._unpair(client)

    async def _unpair(self, client: BleakClient) -> None:
        with suppress(*bluetooth_errors()):
            async with asyncio.timeout(ASK_S):
                await client.unpair()

    async def _watch(self, client: BleakClient, gone: asyncio.Event, voice: _Voice, before: int) -> None:
        """Return when the link is gone. A Bluetooth service that died tells nobody, so a silence is looked into.

        It may also be a stall, after which everything comes at once: such a link is not given up before SILENT_S.
        `before`: how many packets earlier links had brought.
        """
        asked = _free_to_read(client)
        heard, silent_s = voice.packets, 0
        while not await _within(gone, self._delays.of(1.0)):
            if voice.packets != heard:
                heard, silent_s = voice.packets, 0
                voice.streaming_again()
                continue
            silent_s += 1
            if silent_s >= STALE_S:
                voice.link("stale", QUIET, QUIET_ADVICE)
            if silent_s % STALE_S == 0 and asked is not None and await self._is_dead(client, asked):
                break
            # A link made anew that brings nothing either is not made anew again, unless that is all one can try.
            if silent_s >= SILENT_S and (heard > before or asked is None):
                voice.link("waiting", SILENT, SILENT_ADVICE)
                return
        voice.link("waiting", LOST, LOST_ADVICE)

    async def _is_dead(self, client: BleakClient, asked: BleakGATTCharacteristic) -> bool:
        """Ask for something: a strap out of reach leaves that open, a service that died or came back refuses it."""
        try:
            async with asyncio.timeout(self._delays.of(ASK_S)):
                await client.read_gatt_char(asked)
        except bluetooth_errors() as error:
            return nobody_is_there(error)
        return False

    async def _ask_location(self, client: BleakClient, voice: _Voice) -> None:
        """Where the strap is worn, as far as it says; it may lack that, say nonsense or not answer."""
        said, location = b"", characteristic_of(client, BODY_SENSOR_LOCATION)
        if location is not None:
            with suppress(*bluetooth_errors()):
                async with asyncio.timeout(ASK_S):
                    said = bytes(await client.read_gatt_char(location))
        voice.location(said)

    async def _follow_battery(self, client: BleakClient, voice: _Voice) -> None:
        """The charge now and whenever it changes; a strap may lack it, say nonsense or not answer."""
        charge = characteristic_of(client, BATTERY_LEVEL)
        if charge is None:
            voice.battery(b"")
            return
        with suppress(*bluetooth_errors()):
            async with asyncio.timeout(ASK_S):
                voice.battery(await client.read_gatt_char(charge))
                await client.start_notify(charge, lambda _, level: voice.battery(level))

    def _begin_streaming(self, strap: FoundStrap) -> None:
        self._chosen = strap
        self._blind = "allowed"
        self._failures = _Failures()
        self._pairing.succeeded()

    async def _tell(self, error: Exception, strap: FoundStrap | None, voice: _Voice) -> None:
        """Say what is in the way. A search or an attempt that fails is begun anew; many in a row get more words."""
        trouble = await self._why(error, searching=strap is None)
        self._failures.attempts += 1
        blind = self._blind == "tried"
        self._blind = "used up" if blind else self._blind
        if trouble.radio_is_off:
            self._tell_off(trouble, voice)
        elif strap is None:
            self._failures.searches += 1
            if self._failures.searches >= MANY:
                voice.trouble("waiting", CANNOT_SEARCH)
        elif voice.streamed:
            voice.step("waiting", LOST, LOST_ADVICE)
        elif not blind or trouble.reason is not Reason.LINK_FAILED:
            self._failures.connects += 1
            voice.trouble("waiting", self._connect_trouble(trouble))
        voice.hushed = not trouble.radio_is_off and (self._failures.many or self._pairing.in_vain)

    def _tell_off(self, trouble: Trouble, voice: _Voice) -> None:
        """Bluetooth cannot be used. A service that is merely started anew is back before the second attempt."""
        if trouble.reason is Reason.BLUETOOTH_OFF:  # asking whether it is on again costs nothing
            self._failures.attempts = 1
        elif self._failures.attempts < PATIENCE:
            return
        voice.trouble("off", trouble)

    def _connect_trouble(self, trouble: Trouble) -> Trouble:
        """What an attempt to connect came to, given those before it."""
        if self._pairing.due:  # whatever it failed by: not every system says that it was the pairing
            trouble = NEEDS_PAIRING
        self._pairing.failed(trouble)
        if self._pairing.due:
            return PAIRS
        often = self._failures.connects >= MANY and trouble.reason is Reason.LINK_FAILED
        return CANNOT_CONNECT if often else trouble

    async def _why(self, error: Exception, *, searching: bool) -> Trouble:
        """The reason behind a failure: what Bluetooth says of itself counts more than what it said of one attempt.

        A service that has just started, for one, refuses to search as if it were off (STRAP 1, its table).
        """
        trouble = trouble_of(error)
        if trouble.reason in {Reason.NO_BLUETOOTH, Reason.NOT_ALLOWED} and not may_be_the_strap(error):
            return trouble
        deeper = await bluetooth_trouble(self._radio)
        if deeper is not None and deeper.radio_is_off:
            return deeper
        if trouble.radio_is_off:
            return CANNOT_SEARCH if searching else NO_ANSWER
        return trouble


@dataclass(slots=True)
class _Failures:
    """What came to nothing since the strap last streamed."""

    attempts: int = 0
    searches: int = 0
    """Those of the attempts that could not even look."""
    connects: int = 0
    """Those of the attempts that found a strap, which could not be connected."""

    @property
    def many(self) -> bool:
        return max(self.searches, self.connects) >= MANY


@dataclass(slots=True)
class _Pairing:
    """A strap that asks to be paired is paired once by this program; then it is the person's turn (fault case 39)."""

    due: bool = False
    done: bool = False
    tried: bool = False

    @property
    def in_vain(self) -> bool:
        return self.tried and not self.due

    def failed(self, trouble: Trouble) -> None:
        """An attempt to connect failed."""
        self.due = trouble.reason is Reason.NEEDS_PAIRING and not self.tried
        self.tried = self.tried or self.due

    def succeeded(self) -> None:
        """The strap streams."""
        self.done = self.done or self.due
        self.due = self.tried = False


async def bluetooth_trouble(radio: Radio = SYSTEM_RADIO) -> Trouble | None:
    """Why no strap can be reached on this computer now; None when one can."""
    try:
        await connected_straps(radio)
    except bluetooth_errors() as error:
        return trouble_of(error)
    return None


@contextmanager
def _no_stray_cancellation() -> Generator[None]:
    """Turn a cancellation that nobody asked for into an error.

    bleak lets one out on Windows, where the system cancels what is under way when a strap leaves.
    """
    try:
        yield
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise EOFError from error


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event, but not longer; whether it came."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # asyncio.wait_for may swallow the cancellation that ends a session
            await event.wait()
    return event.is_set()


def _free_to_read(client: BleakClient) -> BleakGATTCharacteristic | None:
    """What can be asked for over the link; None when nothing can be read."""
    readable = [each for each in client.services.characteristics.values() if "read" in each.properties]
    # Those two are free to read; reading others might ask the person to pair.
    return min(readable, key=lambda each: each.uuid not in (BATTERY_LEVEL, BODY_SENSOR_LOCATION), default=None)


class _Voice:
    """Puts what happens into the inbox, stamped with the session's clock; what was said last is not said again."""

    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self.packets = 0
        self.streamed = False
        """Whether the link of this attempt came about."""
        self.hushed = False
        """Whether attempts are so many that their steps are not told any more, until something changes."""
        self._inbox = inbox
        self._clock = clock
        self._link: tuple[LinkName, str, str] | None = None
        self._charge: tuple[int | None] | None = None
        self._location: tuple[BodyLocation | None] | None = None

    def notification(self, _: BleakGATTCharacteristic, raw: bytearray) -> None:
        """The strap sent a measurement."""
        self.packets += 1
        self._inbox.packet(self._clock.now(), DEVICE, bytes(raw))

    def link(self, state: LinkName, why: str, advice: str = "", /) -> None:
        """The link changed."""
        if state == "streaming":
            self.streamed, self.hushed = True, False
        if (state, why, advice) != self._link:
            self._link = state, why, advice
            self._inbox.put(LinkState(self._clock.now(), state, why, advice))

    def step(self, state: LinkName, why: str, advice: str = "") -> None:
        """An attempt has come this far; a better word for the same state is left standing."""
        if not self.hushed and (self._link is None or self._link[0] != state):
            self.link(state, why, advice)

    def trouble(self, state: LinkName, trouble: Trouble) -> None:
        """The link changed for this reason."""
        self.link(state, trouble.what, trouble.advice)

    def frame(self, raw: bytes, fs_hz: int | None, factor: float | None) -> None:
        """The strap sent acceleration."""
        self._inbox.frame(Acceleration(self._clock.now(), DEVICE, raw, fs_hz, factor))

    def aside(self, why: str) -> bool:
        """Something about the link that changes nothing; not said while there is more to say."""
        quiet = self._link is not None and self._link[0] == "streaming"
        if quiet:
            self.link("streaming", why)
        return quiet

    def streaming_again(self) -> None:
        """Packets come after a silence."""
        if self._link is not None and self._link[0] == "stale":
            self.link("streaming", BACK)

    def location(self, said: bytes) -> None:
        """The strap told where it is worn, one byte."""
        place = LOCATIONS[said[0]] if len(said) == 1 and said[0] < len(LOCATIONS) else None
        if (place,) != self._location:
            self._location = (place,)
            self._inbox.put(Sensor(self._clock.now(), DEVICE, place))

    def battery(self, level: bytes | bytearray) -> None:
        """The strap told its charge, one byte of percent."""
        percent = level[0] if len(level) == 1 and level[0] <= FULL_PCT else None
        if (percent,) != self._charge:
            self._charge = (percent,)
            self._inbox.put(Battery(self._clock.now(), percent))
