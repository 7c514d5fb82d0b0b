"""Runs a session on a thread of its own, so that a view can live on the main one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from biofeedback.errors import SourceFailedError
from biofeedback.events import Answer, Command, CommandName
from biofeedback.session.hub import Seen, ViewQueue
from biofeedback.session.loop import Posted
from devices.choosing import Chooser, StrapQuestion

if TYPE_CHECKING:
    from biofeedback.session.playback import Playback

LOOK_UP_S: Final = 0.1
"""A signal that comes just before a wait begins, or to another thread, does not end it; it is handled after so long."""


class RunningSession:
    """A session or a replay under way, as a view sees it: events to drain, commands to give."""

    def __init__(
        self,
        queue: ViewQueue,
        now: Callable[[], int],
        post: Callable[[Posted], None] | None,
        *,
        by: str = "trainee",
        chooser: Chooser | None = None,
        playback: Playback | None = None,
    ) -> None:
        """`post` is None for a replay: it takes no commands, but its `playback` can be paused and sought through.

        `chooser`: where a strap asks which it should be.
        """
        self.playback = playback
        self._queue = queue
        self._post = post
        self._by = by
        self._chooser = chooser or Chooser()
        self._done = threading.Event()
        self._left = threading.Event()
        self._leave: Callable[[], object] | None = None
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self.now = now
        self.interrupted = False
        """Whether a signal ended it; a window then closes by itself."""

    @property
    def live(self) -> bool:
        """Whether commands have an effect."""
        return self._post is not None

    @property
    def done(self) -> bool:
        """Whether it has ended; events may still wait."""
        return self._done.is_set()

    @property
    def failed(self) -> bool:
        """Whether it has ended by a failure, which `join` raises."""
        return self.done and self._failure is not None

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` to its end on another thread."""
        self._thread = threading.Thread(target=self._run, args=(work,), name="session", daemon=True)
        self._thread.start()

    @property
    def over(self) -> bool:
        """Whether nothing more comes by itself; events may still wait. A replay can stay to be sought through again."""
        return self.done or (self.playback is not None and self.playback.over)

    def drain(self) -> list[Seen]:
        """What happened since the last call."""
        return self._queue.drain()

    def command(self, what: CommandName, text: str = "") -> None:
        """Press something."""
        if self._post is not None:
            self._post(lambda at: Command(at, what, self._by, text))

    def answer(self, question: str, value: int | None) -> None:
        """Answer the question with this id."""
        if self._post is not None:
            self._post(lambda at: Answer(at, question, "suds", value, self._by))

    @property
    def straps(self) -> StrapQuestion | None:
        """The straps in sight while it is asked which one is the person's; not asked any more when it has ended."""
        return None if self.done else self._chooser.question

    def can_be_asked(self, able: bool, /) -> None:
        """Whether a person can say now which strap is theirs."""
        self._chooser.can_ask = able

    def choose_strap(self, address: str) -> None:
        """Say that the strap with this address is theirs."""
        self._chooser.choose(address)

    def leave(self) -> None:
        """Stop a replay that nobody watches any more; a live session is ended by a command."""
        if self.live:
            return
        self._left.set()
        if self._leave is not None:
            with suppress(RuntimeError):  # its loop is closed: the replay has just ended
                self._leave()

    def join(self) -> None:
        """Wait for the end and raise what went wrong, if anything did."""
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(LOOK_UP_S)
        if self._failure is not None:
            raise self._failure

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            working = asyncio.ensure_future(work())
            asyncio_loop = asyncio.get_running_loop()
            self._leave = lambda: asyncio_loop.call_soon_threadsafe(working.cancel)
            if self._left.is_set():
                working.cancel()
            try:
                await working
            except asyncio.CancelledError:
                if not self._left.is_set():
                    raise

        try:
            asyncio.run(whole())
        except BaseException as failure:  # noqa: BLE001 - handed to the main thread by join
            # A cancellation that nobody asked for came from inside a source: an error like another.
            strayed = isinstance(failure, asyncio.CancelledError | GeneratorExit)
            self._failure = _strayed() if strayed else failure
        finally:
            self._done.set()


def _strayed() -> SourceFailedError:
    return SourceFailedError(
        "The session was cancelled from inside.", "A plug-in may have done that; run it again with -vv to see which."
    )
