"""What a source of RR intervals is, and how its name is read.

A source is an async context manager. Inside it, `events` yields what the strap says; `hear` tells a simulated
person what a real one would see and hear (straps and files ignore it).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Self
from urllib.parse import parse_qsl

from devices.errors import Reason, SourceSpecError
from devices.events import Heard, SourceEvent, StrapInfo


class Clock(Protocol):
    """Session time: whole microseconds since the session began, never backwards."""

    def now(self) -> int:
        """The time now, in microseconds."""
        ...

    async def sleep_until(self, at_us: int) -> None:
        """Return when `at_us` is reached; at once if it has passed."""
        ...


class Source(Protocol):
    """Where RR intervals come from."""

    info: StrapInfo

    async def __aenter__(self) -> Self:
        """Open what has to be open before events can flow."""
        ...

    async def __aexit__(self, *_: object) -> None:
        """Close it again, whatever happened."""
        ...

    def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """What the source says, in order. Ends when the source has no more; a strap never ends by itself."""
        ...

    def hear(self, heard: Heard) -> None:
        """Tell a simulated person what a real one would see and hear now."""
        ...


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """The parts of "kind:name?key=value&..."."""

    kind: str
    name: str
    options: Mapping[str, str]

    @property
    def text(self) -> str:
        """The words again, as a person would type them."""
        query = "&".join(f"{key}={value}" for key, value in self.options.items())
        return f"{self.kind}:{self.name}" + (f"?{query}" if query else "")


def parse_spec(text: str) -> SourceSpec:
    """Read "sim:calm?seed=1", "file:rest.txt?speed=20" or "strap:".

    Raises SourceSpecError when there is no kind, or an option is not key=value or comes twice.
    """
    kind, colon, rest = text.partition(":")
    if not colon or not kind:
        raise SourceSpecError(
            Reason.BAD_SPEC,
            f"'{text}' does not say what kind of source it is.",
            "Write for example sim:calm or file:my_recording.txt.",
        )
    name, _, query = rest.partition("?")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query))
    except ValueError as error:
        raise SourceSpecError(
            Reason.BAD_SPEC, f"The options '{query}' cannot be read.", "Write them as key=value&key=value."
        ) from error
    options: dict[str, str] = {}
    for key, value in pairs:
        if key in options:
            raise SourceSpecError(Reason.BAD_SPEC, f"The option '{key}' is given twice.", "Leave one of them out.")
        options[key] = value
    return SourceSpec(kind, name, options)
