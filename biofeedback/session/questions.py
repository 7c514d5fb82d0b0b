"""Questions to the person: each is asked once, has a deadline, and may stay open without harm (RULINGS C2)."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from biofeedback.events import Answer, Ask, Suds
from biofeedback.hrv.beats import NEVER

ANSWER_WITHIN_US: Final = 25_000_000
When: TypeAlias = Literal["before", "epoch", "after"]


class Questions:
    """The one question that is open, if any. Only SUDS so far: how strong it feels, 0 to 10."""

    def __init__(self) -> None:
        self._open: Ask | None = None
        self._when: When = "before"
        self._asked = 0

    @property
    def deadline(self) -> int:
        """When the open question closes by itself."""
        return self._open.until_us if self._open else NEVER

    def ask_suds(self, at: int, when: When) -> list[Ask | Suds]:
        """Ask how strong it feels; an older question that is still open is closed first."""
        closed = self.close(at)
        self._asked += 1
        self._open = Ask(at, f"suds-{self._asked}", "suds", at + ANSWER_WITHIN_US)
        self._when = when
        return [*closed, self._open]

    def answer(self, answer: Answer) -> list[Suds]:
        """Take an answer; one to a question that is not open is ignored, as is a value outside 0-10."""
        if self._open is None or answer.id != self._open.id:
            return []
        if answer.value is not None and not 0 <= answer.value <= 10:
            return []
        self._open = None
        return [Suds(answer.at, answer.value, self._when, answer.by)]

    def close(self, at: int) -> list[Ask | Suds]:
        """Leave the open question unanswered."""
        if self._open is None:
            return []
        self._open = None
        return [Suds(at, None, self._when, "nobody")]
