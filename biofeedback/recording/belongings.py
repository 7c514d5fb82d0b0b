"""What of a data folder belongs to a person: recordings with what lies beside them, and their deletion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from biofeedback.errors import RecordingError
from biofeedback.recording.library import Session, is_running, open_library
from biofeedback.recording.sealing import Keys
from biofeedback.recording.side_files import remove_recording, side_files


@dataclass(frozen=True, slots=True)
class OwnedRecording:
    """A recording of a person, finished or not."""

    session: Session
    path: Path

    @property
    def beside(self) -> list[Path]:
        """The page made of it, torn ends, parts left behind: all that goes with it."""
        return side_files(self.path)

    @property
    def bytes(self) -> int:
        """Of the recording and all that lies beside it."""
        total = 0
        for path in (self.path, *self.beside):
            with suppress(OSError):
                total += path.stat().st_size
        return total


@dataclass(frozen=True, slots=True)
class Belongings:
    """Recordings, newest first. `locked`: encrypted and not opened; `unknown`: damaged too far to say whose it is."""

    recordings: tuple[OwnedRecording, ...] = ()
    locked: tuple[Path, ...] = ()
    unknown: tuple[Path, ...] = ()
    running: bool = False
    """One of them is being recorded at this moment."""


def belongings_of(home: Path, person: str, keys: Keys | None) -> Belongings:
    """What there is of a person, whose pseudonym may be written in another case. Raises BiofeedbackError."""
    if not home.is_dir():
        return Belongings()
    with open_library(home, keys) as library:
        sessions = library.sessions()
        theirs = [each for each in sessions if each.person is not None and each.person.casefold() == person.casefold()]
        strangers = [each for each in sessions if each.person is None]
        return Belongings(
            tuple(OwnedRecording(each, library.path(each)) for each in theirs),
            tuple(library.path(each) for each in strangers if each.facts.encrypted),
            tuple(library.path(each) for each in strangers if not each.facts.encrypted),
            any(is_running(library, each) for each in theirs),
        )


def check_idle(belongings: Belongings) -> None:
    """Raises RecordingError when one of the recordings is being written."""
    if belongings.running:
        raise RecordingError("A session of this person is being recorded now.", "End it, then try again.")


def delete_recordings(home: Path, belongings: Belongings) -> None:
    """Delete them with what lies beside them, and their rows of the index. Raises RecordingError."""
    with open_library(home) as library:
        for owned in belongings.recordings:
            remove_recording(owned.path)
            library.forget(owned.path.name)


def forget_words(home: Path) -> None:
    """Make the index anew, so that nothing is left in it of what is gone. Raises BiofeedbackError."""
    if home.is_dir():
        with open_library(home, anew=True):
            pass
