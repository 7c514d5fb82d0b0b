"""Errors the user meets. Each says in one line what happened and in one line what to do."""

from __future__ import annotations

from typing import ClassVar, Final


class BiofeedbackError(Exception):
    """Raised when a job cannot be done; carries the advice and the exit code of the command line (CLI contract)."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what)
        self.what = what
        self.advice = advice


class UsageError(BiofeedbackError):
    """Raised when the words of a command do not fit together."""

    exit_code = 2


class UnreadableError(BiofeedbackError):
    """Raised when a file is not what it should be, or is damaged."""

    exit_code = 4


EXPORT_AGAIN: Final = "Export it again from the program it comes from."


class ImportRefused(UnreadableError):  # noqa: N818 - the word of whoever reads it
    """Raised when a file of another program cannot be read: `what` is wrong, `where` in it, and what to do.

    `what` is a sentence without the file's name, which `named` puts before it; `where` is such as "line 3", or empty.
    `format`: what the file is taken for, empty where nobody knows; a reader need not say it.
    """

    format: str = ""

    def __init__(self, what: str, advice: str, where: str = "") -> None:
        super().__init__(what, advice)
        self.where = where

    def named(self, file: str) -> ImportRefused:
        """The same with the file's name, for whoever gave several."""
        place = f"{file}, {self.where}" if self.where else file
        return ImportRefused(f"{place}: {self.what}", self.advice)


class LockedError(UnreadableError):
    """Raised when something is encrypted and what was given does not open it."""


class ScriptError(BiofeedbackError):
    """Raised when an imagery script cannot be used."""


class RecordingError(BiofeedbackError):
    """Raised when a recording cannot be written."""


class OutputError(BiofeedbackError):
    """Raised when what was worked out cannot be written."""


class SourceFailedError(BiofeedbackError):
    """Raised when what brings the heartbeats raises, or says what may not be said. Its cause is what was raised."""
