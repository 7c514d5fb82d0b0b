"""The door of the session: a source is held to its word, and whatever it gets wrong comes out as one error.

Plug-ins are somebody else's code, and ours has mistakes too. Neither may spoil a recording or end a session with a
traceback, so every source goes through here (DESIGN 5).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from typing import Final, Self

from biofeedback.entry_points import complaint, one_line
from biofeedback.errors import SourceFailedError
from devices.checking import event_fault
from devices.errors import BluetoothError, DeviceError, SourceSpecError
from devices.events import Heard, SourceEvent, StrapInfo
from devices.source import Clock, Source

LEAVE_S: Final = 10.0
"""A source has 5 s to be left (RULINGS G); one that takes so much longer is not waited for."""

_KEPT: Final = "The session is over; what was recorded until then is kept."
_OUR_MISTAKE: Final = "This is a mistake in the program: run it again with -vv and report what it prints."


class Door:
    """A source behind its checks.

    Only SourceFailedError comes out, and on entering what is the person's to put right: words that cannot be
    understood (SourceSpecError) and Bluetooth that cannot be used (BluetoothError).
    """

    def __init__(self, source: Source, info: StrapInfo) -> None:
        """`info` is what the recording says of the source."""
        self.info = info
        self._source = source

    async def __aenter__(self) -> Self:
        """Open the source."""
        with _held(self.info, (SourceSpecError, BluetoothError), advice=""):
            await self._source.__aenter__()
        return self

    async def __aexit__(self, *why: object) -> None:
        """Close it, or give up on it."""
        with _held(self.info):
            limit = asyncio.timeout(LEAVE_S)
            try:
                async with limit:
                    await self._source.__aexit__(*why)
            except TimeoutError as error:
                if not limit.expired():
                    raise
                raise failure_of(self.info, None, f"it was not closed within {LEAVE_S:.0f} s") from error

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """What the source says, each event checked before anybody sees it."""
        with _held(self.info):
            async for event in self._source.events(clock):
                fault = event_fault(event, clock.now())
                if fault is not None:
                    raise failure_of(self.info, None, fault)
                yield event

    def hear(self, heard: Heard) -> None:
        """Tell the source what a person would see and hear."""
        with _held(self.info):
            self._source.hear(heard)


@contextmanager
def _held(info: StrapInfo, passing: tuple[type[Exception], ...] = (), advice: str = _KEPT) -> Generator[None]:
    """Turn whatever the source raises in here into a failure that names it; leave alone what is `passing`."""
    let_through: tuple[type[Exception], ...] = (SourceFailedError, *passing)
    try:
        yield
    except let_through:
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # the session is leaving; otherwise a task inside the source was cancelled and let it out
        raise failure_of(info, error, advice=advice) from error
    except (Exception, SystemExit) as error:
        raise failure_of(info, error, advice=advice) from error


def door_of(source: Source) -> Door:
    """The source behind a door; one that is behind it already stays as it is."""
    return source if isinstance(source, Door) else Door(source, source.info)


def failure_of(info: StrapInfo, error: BaseException | None, said: str = "", advice: str = _KEPT) -> SourceFailedError:
    """What to tell when a source fails: by `error`, or by what is `said` of it."""
    plugin = info.plugin
    if isinstance(error, DeviceError):
        said, whose = said or one_line(error.what), error.advice
    else:
        said = said or complaint(error)
        whose = f"Tell whoever made {plugin.name}; -vv shows where it failed." if plugin else _OUR_MISTAKE
    who = f"The plug-in {plugin.name} {plugin.version}" if plugin else f"The source {info.spec or info.name}"
    return SourceFailedError(f"{who} failed: {said.rstrip('.')}.", " ".join(filter(None, (advice, whose))))
