"""What of a data folder belongs to a person: recordings with what lies beside them, and their deletion."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from biofeedback.errors import RecordingError
from biofeedback.recording.library import Session, is_running, open_library
from biofeedback.recording.person_marks import person_logs_in
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
    """Recordings of a person, newest first, and what keeps more of them from being known.

    `locked`: encrypted and not opened, person logs among them; `unknown`: recordings damaged too far to say whose they
    are; `in_doubt`: people whose logs cannot be read whole, so that nobody knows whose any recording is.
    """

    recordings: tuple[OwnedRecording, ...] = ()
    locked: tuple[Path, ...] = ()
    unknown: tuple[Path, ...] = ()
    in_doubt: tuple[str, ...] = ()
    running: bool = False
    """One of them is being recorded at this moment."""

    @property
    def ids(self) -> frozenset[str]:
        """Of the sessions whose id is known."""
        return frozenset(each.session.id for each in self.recordings if each.session.id)


def belongings_of(home: Path, person: str, keys: Keys | None) -> Belongings:
    """What there is of a person, whose pseudonym may be written in another case. Raises BiofeedbackError."""
    if not home.is_dir():
        return Belongings()
    logs = [(log, log.read(keys)) for log in person_logs_in(home)]
    with open_library(home, keys) as library:
        sessions = library.sessions()
        theirs = [each for each in sessions if each.person is not None and each.person.casefold() == person.casefold()]
        strangers = [each for each in sessions if each.person is None]
        return Belongings(
            tuple(OwnedRecording(each, library.path(each)) for each in theirs),
            (
                *(log.path for log, said in logs if said.locked),
                *(library.path(each) for each in strangers if each.facts.state == "locked"),
            ),
            tuple(library.path(each) for each in strangers if each.facts.state != "locked"),
            tuple(log.person for log, said in logs if not said.whole and not said.locked),
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
