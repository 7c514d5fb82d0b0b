"""What a reader is: one format, how it is told by its content, and how it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody said about a file, where it cannot be told from the file.

    `unit`: of bare numbers (ms, s, 1/1024, samples@HZ). `signal`: the label of the waveform to use. `partial`: take
    what stands before a fault. `look`: only say what it is; beats of a waveform are not looked for then.
    """

    unit: str | None = None
    signal: str | None = None
    partial: bool = False
    look: bool = False


Progress: TypeAlias = Callable[[float], None]
"""Told now and then what share of the file has been read, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One format. `claims` looks at name, head and neighbours and is quick; it never raises but ImportRefused.

    `read` gives the content, or raises ImportRefused; whatever else it raises is a refusal too, told by the door.
    """

    name: str
    claims: Callable[[Foreign], bool]
    read: Callable[[Foreign, Choices, Progress], Content]
