"""The acceleration of a strap that offers it, beside its heart: asked for once a link is up, given up at any refusal.

A strap without an accelerometer, or one that refuses it, is read as if nobody had asked. What an H10 needs for it, an
MTU that takes whole frames, cannot be seen in advance on Linux, where bleak always says 23: the strap itself refuses
when it is too small, and one that sends pieces all the same is told to stop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias

from devices import polar_accelerometer as polar
from devices.bluetooth import NEEDS_PAIRING, bluetooth_errors, characteristic_of, trouble_of
from devices.polar_accelerometer import Answer, Settings

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.characteristic import BleakGATTCharacteristic

ANSWER_S: Final = 2.0
"""A strap has so long for each answer."""
STOP_S: Final = 0.5
"""Stopping is a courtesy to the strap's battery; nobody waits for it longer than this."""

MOST_ANSWERS: Final = 64
"""A strap may say more than it was asked, and nobody listens once it sends."""
MOST_CUT_OFF: Final = 3
"""So many frames in a row that are not whole are no accident."""

Take: TypeAlias = Callable[[bytes, int | None, float | None], None]
"""Takes a notification, the rate it was asked for and the factor of its counts."""
Tell: TypeAlias = Callable[[str], bool]
"""Says a sentence to the person; whether it was said."""

NOT_TO_BE_HAD: Final = "The strap's movement sensor cannot be used now: {why}. The heartbeats are not affected."
WHY: Final[Mapping[int, str]] = {
    polar.NOT_SUPPORTED: "the strap does not allow it",
    polar.BAD_MTU: "the Bluetooth link is too narrow for it",
    polar.IN_CHARGER: "the strap is being charged",
}
"""By the status of an answer; ALREADY_ON is no refusal."""
SILENT: Final = "the strap did not answer"
PAIRING: Final = "the strap would have to be paired"
REFUSED: Final = "the strap refused it"
TOO_SLOW: Final = "the strap offers no rate that is fast enough"


class Accelerometer:
    """The accelerometer of whatever strap a source is linked to. Why it cannot be used is told once at most."""

    def __init__(self) -> None:
        self._told = False

    @asynccontextmanager
    async def following(self, client: BleakClient, take: Take, tell: Tell) -> AsyncGenerator[None]:
        """Inside, the frames of this link's strap go to `take`, from whenever it has agreed to send them.

        What happens inside never waits for that.
        """
        control, data = characteristic_of(client, polar.CONTROL), characteristic_of(client, polar.DATA)
        if control is None or data is None:
            yield
            return
        stream = _Stream(client, control, data, take)
        beginning = asyncio.create_task(self._begin(stream, client, tell), name="acceleration")
        try:
            yield
        finally:
            beginning.cancel()
            await asyncio.wait({beginning})
            if client.is_connected:
                await stream.stop()
            if not beginning.cancelled():
                beginning.result()

    async def _begin(self, stream: _Stream, client: BleakClient, tell: Tell) -> None:
        try:
            why = await stream.start() or await stream.cut_off()
        except TimeoutError:
            why = SILENT
        except bluetooth_errors() as error:
            why = PAIRING if trouble_of(error) is NEEDS_PAIRING else REFUSED
        if why and client.is_connected and not self._told:
            self._told = tell(NOT_TO_BE_HAD.format(why=why))


class _Stream:
    """The conversation over one link."""

    def __init__(
        self, client: BleakClient, control: BleakGATTCharacteristic, data: BleakGATTCharacteristic, take: Take
    ) -> None:
        self._client = client
        self._control = control
        self._data = data
        self._take = take
        self._answers: asyncio.Queue[Answer] = asyncio.Queue(MOST_ANSWERS)
        self._asked_to_start = False
        self._in_pieces = 0
        self._given_up = asyncio.Event()
        self._fs_hz: int | None = None
        self._factor: float | None = None

    async def start(self) -> str:
        """Ask for acceleration; why there is none, empty when it comes. Raises what `bluetooth_errors` names.

        A strap that sends already, to a run that crashed or to somebody else on this link, is left as it is and
        listened to: its stamps tell the rate.
        """
        async with asyncio.timeout(ANSWER_S):
            if not polar.offers_acceleration(bytes(await self._client.read_gatt_char(self._control))):
                return WHY[polar.NOT_SUPPORTED]
            await self._client.start_notify(self._control, self._hear)
            await self._client.start_notify(self._data, self._pass_on)
        status, offered = await self._ask(polar.question(polar.GET_SETTINGS))
        if status != polar.OK:
            return WHY.get(status, REFUSED)
        chosen = polar.choose(offered)
        if chosen is None:
            return TOO_SLOW
        self._asked_to_start, self._fs_hz = True, chosen[polar.RATE]
        status, used = await self._ask(polar.start_command(chosen))
        self._factor = used.factor
        if status == polar.ALREADY_ON:
            self._fs_hz = None
            return ""
        return "" if status == polar.OK else WHY.get(status, REFUSED)

    async def cut_off(self) -> str:
        """Wait for as long as frames come whole, then stop them; why."""
        await self._given_up.wait()
        await self.stop()
        return WHY[polar.BAD_MTU]

    async def stop(self) -> None:
        """Let the strap stop sending."""
        if not self._asked_to_start:
            return
        with suppress(*bluetooth_errors()):
            async with asyncio.timeout(STOP_S):
                await self._client.write_gatt_char(self._control, polar.question(polar.STOP), response=True)

    async def _ask(self, asked: bytes) -> tuple[int, Settings]:
        """The status and the settings of the answer, which may come in parts."""
        said = b""
        async with asyncio.timeout(ANSWER_S):
            await self._client.write_gatt_char(self._control, asked, response=True)
            while True:
                answer = await self._answers.get()
                if answer.op != asked[0] or answer.status is None:
                    continue
                said += answer.settings
                if not answer.more:
                    return answer.status, polar.read_settings(said)

    def _hear(self, _: BleakGATTCharacteristic, raw: bytearray) -> None:
        with suppress(asyncio.QueueFull):
            self._answers.put_nowait(polar.read_answer(bytes(raw)))

    def _pass_on(self, _: BleakGATTCharacteristic, raw: bytearray) -> None:
        frame = bytes(raw)
        self._in_pieces = self._in_pieces + 1 if polar.is_cut_off(frame) else 0
        if self._in_pieces >= MOST_CUT_OFF:
            self._given_up.set()
        self._take(frame, self._fs_hz, self._factor)
