"""Looks for the strap of a session among those in sight, asks where it must, and keeps other sessions off it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Protocol

from devices.bluetooth import Radio
from devices.choosing import Chooser, Sight, StrapQuestion, Take, decide, strength
from devices.discovery import FoundStrap, advertising
from devices.events import LinkName
from devices.known_straps import KnownStrap, KnownStraps
from devices.names import is_address, is_named, spoken, words_of
from devices.shared_scan import listening
from devices.strap_lock import StrapLock, StrapLocks

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

SETTLE_S: Final = 1.5
"""A strap advertises about once a second: a second one has shown by then. A crashed run's is adopted within 2 s."""
LOOK_UP_S: Final = 0.25
"""How often is looked up whether another session has let go of a strap."""
MOST_NAMED: Final = 3

SEVERAL: Final = "Several straps are in sight."
OTHERS: Final = "Others are in sight."
CHOOSE: Final = "Choose yours."
STRONGEST: Final = "has the strongest signal"
HELD: Final = "is connected to this computer"
TAKEN: Final = "{} {} and is taken. Also in sight: {}."
READ: Final = "Another session on this computer is reading {}."
GOES_ON: Final = "End that session, and this one goes on by itself."
NAME_IT: Final = "To use another one, name it: strap:NAME."
NEVER_USED: Final = KnownStrap("", "", "")


@dataclass(frozen=True, slots=True)
class Aids:
    """What helps to find the right strap: which ones were used, who can be asked, which ones are being read."""

    known: KnownStraps = field(default_factory=KnownStraps)
    chooser: Chooser = field(default_factory=Chooser)
    locks: StrapLocks = field(default_factory=lambda: StrapLocks(None))


class Tell(Protocol):
    """Says how the search goes."""

    def __call__(self, state: LinkName, why: str, advice: str = "", /) -> None:
        """The link is in this state, for this reason, and this can be done."""
        ...


class Finder:
    """Finds the strap `words` mean: one of that name or address, or any. Use it in one event loop."""

    def __init__(self, words: str, radio: Radio, delay: Callable[[float], float], aids: Aids) -> None:
        """`delay`: turns seconds to wait into those that are really waited."""
        self._words = words_of(words)
        self._radio = radio
        self._delay = delay
        self._aids = aids
        self._mine: KnownStrap | None = None
        """The one that was chosen, or that is this session's."""
        self._stays = False
        """Whether it has sent: from then on no other one is looked for."""
        self._taken = ""
        """What was said last of taking one among several."""
        self._lock: StrapLock | None = None
        self._straps: dict[str, FoundStrap] = {}
        self._known: Sequence[KnownStrap] = ()
        self._order: list[str] = []
        self._met_s: float | None = None
        self._changed = asyncio.Event()

    async def begin(self) -> None:
        """Begin a search: what was in sight before may have gone, but not what a person has chosen of it."""
        self._hear_answer()
        self._aids.chooser.withdraw()
        if not self._stays:
            self._free()
        self._straps.clear()
        self._order.clear()
        self._met_s = None
        self._known = await asyncio.to_thread(self._aids.known.newest_first)

    @property
    def sees_some(self) -> bool:
        """Whether a strap that would do is in sight, whoever reads it."""
        return bool(self._straps)

    async def look(self, held: Sequence[FoundStrap], seconds: float, tell: Tell) -> FoundStrap | None:
        """The strap to connect to, kept from other sessions from now on; None when there is none after `seconds`.

        `held`: straps that are connected to this computer. Raises one of `bluetooth_errors`.
        """
        for strap in held:
            self._see(strap)
        loop, changed = asyncio.get_running_loop(), self._changed
        self._aids.chooser.wake_by(lambda: loop.call_soon_threadsafe(changed.set))
        if (found := self._decide(loop.time(), tell)) is not None:
            return found
        until_s = loop.time() + seconds
        async with listening(self._met, self._radio):
            while (now_s := loop.time()) < until_s:
                changed.clear()
                if (found := self._decide(now_s, tell)) is not None:
                    return found
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(self._delay(LOOK_UP_S), until_s - now_s)):
                        await changed.wait()
        return None

    async def stay_with(self, strap: FoundStrap) -> None:
        """It sends: no other strap is taken in this session, and the next session begins with it."""
        mine = KnownStrap(strap.address, strap.name, "")
        if not (self._stays and mine == self._mine):
            self._mine, self._stays = mine, True
            await asyncio.to_thread(self._aids.known.remember, strap.address, strap.name)

    def close(self) -> None:
        """Ask nobody any more, and let others read the strap."""
        self._aids.chooser.withdraw()
        self._aids.chooser.wake_by(None)
        self._free()

    # What is in sight

    def _met(self, device: BLEDevice, said: AdvertisementData) -> None:
        self._see(advertising(device, said))

    def _see(self, strap: FoundStrap) -> None:
        if self._stays and self._mine is not None:
            wanted = strap.address == self._mine.address
        else:
            wanted = is_named(self._words, strap.name, strap.address)
        if wanted:
            before = self._straps.get(strap.address)
            # A name may come after the first advertisement and be missing from a later one.
            named = replace(strap, name=strap.name or before.name) if before else strap
            self._straps[strap.address] = named
            if before is None or before.name != named.name:
                self._changed.set()

    def _last(self) -> KnownStrap | None:
        """The strap to prefer: this session's, the one that was named by its address, the one that was used last."""
        if self._mine is not None:
            return self._mine
        if is_address(self._words):
            return KnownStrap(self._words, "", "")
        return next((known for known in self._known if is_named(self._words, known.name, known.address)), None)

    def _read_elsewhere(self, address: str) -> bool:
        """Whether another session on this computer reads this strap."""
        held_here = self._lock is not None and self._lock.address == address
        return not held_here and self._aids.locks.in_use(address)

    # What to do about it

    def _decide(self, now_s: float, tell: Tell) -> FoundStrap | None:
        self._hear_answer()
        chooser = self._aids.chooser
        sights, last = sights_of(self._straps.values(), self._known, self._read_elsewhere), self._last()
        wished = last.address.casefold() if last is not None else None
        last_address = next((each.address for each in sights if each.address.casefold() == wished), wished)
        if self._met_s is None and any(not sight.in_use for sight in sights):
            self._met_s = now_s
        settled = self._met_s is not None and now_s - self._met_s >= self._delay(SETTLE_S)
        match decide(sights, last_address, settled=settled, can_ask=chooser.can_ask):
            case Take(address):
                return self._take(address, sights, last, tell)
            case "ask":
                self._ask(sights, last, tell)
            case _:
                chooser.withdraw()
                _tell_waiting(sights, last, self._reads_last(last), settled=settled, tell=tell)
        return None

    def _hear_answer(self) -> None:
        if (answer := self._aids.chooser.answer()) is not None and answer in self._straps:
            self._mine = KnownStrap(answer, self._straps[answer].name, "")

    def _reads_last(self, last: KnownStrap | None) -> bool:
        return last is not None and self._read_elsewhere(last.address)

    def _take(self, address: str, sights: Sequence[Sight], last: KnownStrap | None, tell: Tell) -> FoundStrap | None:
        """The strap, once it is kept from others; None when another session was quicker."""
        if self._lock is None or self._lock.address != address:
            self._free()
            self._lock = self._aids.locks.take(address)
        if self._lock is None:
            return None
        taken = next(sight for sight in sights if sight.address == address)
        others = [sight for sight in sights if sight is not taken and not sight.in_use]
        if last is None and others:
            why = HELD if taken.connected else STRONGEST
            self._tell_taken(TAKEN.format(spoken(taken.name), why, listed(others)), tell)
        self._aids.chooser.withdraw()
        return replace(self._straps[address], name=taken.name)

    def _tell_taken(self, words: str, tell: Tell) -> None:
        """Once, though it may take many attempts to connect it."""
        if words != self._taken:
            self._taken = words
            tell("scanning", words, NAME_IT)

    def _ask(self, sights: Sequence[Sight], last: KnownStrap | None, tell: Tell) -> None:
        """Those that were used before come first, the newest in front, then the strongest; what comes later, behind."""
        by_address = {sight.address: sight for sight in sights}
        new = [sight for sight in sights if sight.address not in self._order]
        new.sort(key=lambda sight: (sight.last_used, sight.connected, strength(sight.rssi)), reverse=True)
        self._order += [sight.address for sight in new]
        ordered = tuple(by_address[address] for address in self._order)
        reads_last = self._reads_last(last)
        self._aids.chooser.ask(StrapQuestion(ordered, None if last is None else last.name, reads_last))
        if last is None:
            tell("scanning", SEVERAL, CHOOSE)
        else:
            read = f"{READ.format(yours(last.name))} {OTHERS}"
            tell("scanning", read if reads_last else absent(last.name), CHOOSE)

    def _free(self) -> None:
        if self._lock is not None:
            self._lock.free()
            self._lock = None


def sights_of(straps: Iterable[FoundStrap], known: Sequence[KnownStrap], in_use: Callable[[str], bool]) -> list[Sight]:
    """Straps in sight with what is known of them; `in_use` tells by its address whether another session reads one."""
    used = {each.address.casefold(): each for each in known}
    sights: list[Sight] = []
    for strap in straps:
        before = used.get(strap.address.casefold(), NEVER_USED)
        name, address = strap.name or before.name, strap.address
        sights.append(Sight(address, name, strap.rssi, strap.connected, before.last_used, in_use(address)))
    return sights


def _tell_waiting(
    sights: Sequence[Sight], last: KnownStrap | None, reads_last: bool, *, settled: bool, tell: Tell
) -> None:
    """Say what is waited for, where that is not simply any strap."""
    free = [sight for sight in sights if not sight.in_use]
    if reads_last and last is not None and free and settled:
        tell("scanning", f"{READ.format(yours(last.name))} In sight: {listed(free)}.", f"{GOES_ON} {NAME_IT}")
    elif reads_last and last is not None:
        tell("scanning", READ.format(yours(last.name)), GOES_ON)
    elif sights and not free:
        tell("scanning", READ.format(listed(sights)), GOES_ON)
    elif free and last is not None and settled:
        tell("scanning", f"{absent(last.name)} In sight: {listed(free)}.", NAME_IT)


def yours(name: str) -> str:
    """The strap that was used last, in a sentence."""
    return f"your strap {name}" if name.strip() else "your strap"


def absent(name: str) -> str:
    """That it is not there."""
    return f"Y{yours(name)[1:]} is not in sight."


def listed(sights: Sequence[Sight]) -> str:
    """Straps by their names, not by their addresses: this is recorded."""
    names = [spoken(sight.name) for sight in sights[:MOST_NAMED]]
    if len(sights) > MOST_NAMED:
        names.append(f"{len(sights) - MOST_NAMED} more")
    return " and ".join(", ".join(part) for part in (names[:-1], names[-1:]) if part)
