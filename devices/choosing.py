"""Which of the straps in sight is read: the rules, and the question to a person where the rules cannot know.

Never silently another strap than last time (STRAP 4, case 17): the one that was used last is taken wherever it is in
sight; others only when a person says so, or when there is nobody to be asked and no last time either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final, Literal, TypeAlias

WEAKEST_DBM: Final = -127


@dataclass(frozen=True, slots=True)
class Sight:
    """A strap in sight. `rssi` in dBm, None while it is connected to this computer and so does not advertise.

    `last_used`: UTC in ISO 8601, "" when it never was. `in_use`: another session on this computer reads it.
    """

    address: str
    name: str
    rssi: int | None
    connected: bool
    last_used: str = ""
    in_use: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """Read the strap with this address."""

    address: str


Decision: TypeAlias = Take | Literal["ask", "wait"]


def decide(sights: Sequence[Sight], last: str | None, *, settled: bool, can_ask: bool) -> Decision:
    """What to do about the straps in sight.

    `last`: the address of the one that was used last, as far as it may be read now; None when there was none.
    `settled`: enough time has passed for a second strap to show. `can_ask`: somebody can be asked.
    """
    free = [sight for sight in sights if not sight.in_use]
    if last is not None and any(sight.address == last for sight in free):
        return Take(last)
    if not free or not settled:
        return "wait"
    if last is None and len(free) == 1:
        return Take(free[0].address)
    if can_ask:
        return "ask"
    return "wait" if last is not None else Take(nearest(free).address)


def nearest(sights: Sequence[Sight]) -> Sight:
    """The one that is connected to this computer already, else the one with the strongest signal."""
    return max(sights, key=lambda sight: (sight.connected, strength(sight.rssi)))


def strength(rssi: int | None) -> int:
    """A signal to compare, in dBm."""
    return WEAKEST_DBM if rssi is None else rssi


@dataclass(frozen=True, slots=True)
class StrapQuestion:
    """Which strap is yours? The order of `sights` stays while the question is open; new ones come at the end.

    `missing`: the strap that was used last and is not in sight, or is read by another session (`missing_in_use`);
    "" when it has no name, None when there is none.
    """

    sights: tuple[Sight, ...]
    missing: str | None = None
    missing_in_use: bool = False


class Chooser:
    """Where a strap that looks for itself and the face of a session meet, each on its own thread.

    The strap asks and withdraws, the face reads `question` and chooses. `can_ask`: whether a person is at the face.
    """

    def __init__(self, *, can_ask: bool = False) -> None:
        self.can_ask = can_ask
        self._turn = Lock()
        self._question: StrapQuestion | None = None
        self._answer: str | None = None
        self._wake: Callable[[], object] | None = None

    @property
    def question(self) -> StrapQuestion | None:
        """What is asked now."""
        return self._question

    def ask(self, question: StrapQuestion) -> None:
        """Ask, or ask with what is known now; not while an answer waits to be heard."""
        with self._turn:
            if self._answer is None:
                self._question = question

    def withdraw(self) -> None:
        """Ask no more; an answer that nobody has heard is forgotten."""
        with self._turn:
            self._question = self._answer = None

    def choose(self, address: str) -> None:
        """Answer with the address of one of the straps; it is not obeyed unless it can be read."""
        with self._turn:
            open_for = self._question.sights if self._question is not None else ()
            if not any(sight.address == address and not sight.in_use for sight in open_for):
                return
            self._answer, self._question = address, None
            wake = self._wake
        if wake is not None:
            with suppress(RuntimeError):  # its loop is closed: the session has just ended
                wake()

    def answer(self) -> str | None:
        """The address that was chosen since the last call, if any."""
        with self._turn:
            answer, self._answer = self._answer, None
        return answer

    def wake_by(self, wake: Callable[[], object] | None) -> None:
        """What to call when somebody has chosen, from whichever thread."""
        self._wake = wake
