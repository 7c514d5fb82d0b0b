"""Whether beats arrive that can be trusted, and the one quiet sentence that says so."""

from __future__ import annotations

from typing import Final

from biofeedback.arousal.quality import TOO_MANY
from biofeedback.events import Link, Notice, Packet
from biofeedback.hrv.beats import NEVER
from biofeedback.hrv.coverage import LINKED

SILENT_US: Final = 3_000_000
"""No beat for so long is a lost signal (METHOD 1.4)."""
NO_BEATS: Final = "no heartbeat has come for 3 seconds"
NO_CONTACT: Final = "the strap has no contact with the skin"
NO_LINK: Final = "the strap is not connected"


class Signal:
    """Follows the strap. `lost` is the reason why its beats cannot be used now, None while they can.

    Before the first beat there is nothing to lose.
    """

    def __init__(self) -> None:
        self.lost: str | None = None
        self.deadline = NEVER
        self._began = False
        self._linked = True
        self._contact = True
        self._silent = False
        self._excessive = False
        self._doubtful: str | None = None

    def packet(self, packet: Packet, *, excessive: bool = False) -> list[Notice]:
        """A packet came, perhaps without beats; `excessive`: more arrives than there is time for."""
        self._contact = packet.contact is not False
        self._excessive = excessive
        return self._say(packet.at)

    def beats(self, at: int) -> list[Notice]:
        """At least one beat came."""
        self._began, self._silent, self._linked = True, False, True
        self.deadline = at + SILENT_US
        return self._say(at)

    def link(self, link: Link) -> list[Notice]:
        """The connection changed."""
        self._linked = link.state in LINKED
        return self._say(link.at)

    def doubt(self, at: int, why: str | None) -> list[Notice]:
        """The last beats cannot be trusted, or can again; a share that changes with every beat is no new reason."""
        if why is None or self._doubtful is None or _words(why) != _words(self._doubtful):
            self._doubtful = why
        return self._say(at)

    def wake(self, at: int) -> None:
        """The computer slept until now: the next beat has its three seconds from here."""
        if self.deadline != NEVER:
            self.deadline = at + SILENT_US

    def advance(self, now_us: int) -> list[Notice]:
        """No beat came in time."""
        if now_us < self.deadline:
            return []
        self._silent, self.deadline = True, NEVER
        return self._say(now_us)

    def _reason(self) -> str | None:
        if not self._began:
            return None
        if not self._linked:
            return NO_LINK
        if not self._contact:
            return NO_CONTACT
        if self._excessive:
            return TOO_MANY
        return NO_BEATS if self._silent else self._doubtful

    def _say(self, at: int) -> list[Notice]:
        before, self.lost = self.lost, self._reason()
        if self.lost == before or (before is not None and self.lost == NO_BEATS):
            return []
        if self.lost is None:
            return [Notice(at, "signal_back", "The signal is back.")]
        return [Notice(at, "signal_lost", f"Signal lost: {self.lost}.")]


def _words(why: str) -> str:
    """A reason without its numbers."""
    return "".join(sign for sign in why if not sign.isdigit())
