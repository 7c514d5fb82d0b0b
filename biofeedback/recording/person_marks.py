"""What person logs say of sessions: whose each is, its tags, and that it was deleted (RULINGS C2, C4)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from biofeedback.errors import UnreadableError
from biofeedback.recording.people import PEOPLE
from biofeedback.recording.person import FILE, FORMAT, never_begun, whose
from biofeedback.recording.person_state import MOVED, fold
from biofeedback.recording.reader import read_lines
from biofeedback.recording.sealing import Keys


@dataclass(frozen=True, slots=True)
class Said:
    """What one person log says: (session, tag), (session, what, value, order), and deleted sessions.

    `whole`: all of it could be read; where not, it may have said more.
    """

    tags: Sequence[tuple[str, str]] = ()
    edits: Sequence[tuple[str, str, str | None, int]] = ()
    deleted: Sequence[str] = ()
    whole: bool = True
    locked: bool = False


@dataclass(frozen=True, slots=True)
class LogFile:
    """A person log as a file."""

    person: str
    path: Path
    bytes: int
    mtime_ns: int

    def read(self, keys: Keys | None = None) -> Said:
        """What it says; nothing when it cannot be read, or not without its key."""
        if never_begun(self.path):
            return Said()
        with suppress(UnreadableError):
            stored = read_lines(self.path, keys, format_=FORMAT)
            if stored.locked:
                return Said(whole=False, locked=True)
            if (whose(stored.head) or self.person).casefold() != self.person.casefold():
                return Said(whole=False)
            state = fold([*stored.lines, *stored.beyond])
            return Said(
                [(session, word) for session, words in state.tags.items() for word in words],
                [
                    (edit.session, edit.what, None if edit.value is None else str(edit.value), edit.order)
                    for edit in state.edits
                ],
                sorted(state.deleted),
                not stored.holed,
            )
        return Said(whole=False)


@dataclass(frozen=True, slots=True)
class Marks:
    """What all person logs together say, by the full id of a session.

    `whole`: every log could be read. Where not, nobody knows whose a session is: the missing line may have moved it.
    """

    owners: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    deleted: frozenset[str] = frozenset()
    orders: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of the newest move of each session."""
    whole: bool = True

    def owner(self, session: str, subject: str | None) -> str | None:
        """Whose a session is that was recorded under `subject`; None when that cannot be known."""
        return self.owners.get(session, subject) if self.whole else None

    def next_order(self, session: str, now_ms: int) -> int:
        """The order of a move that is to count, whatever the clock of this computer says."""
        return max(now_ms, self.orders.get(session, 0) + 1)

    @staticmethod
    def of(
        tags: Iterable[tuple[str, str]],
        edits: Iterable[tuple[str, str, str | None, int]],
        deleted: Iterable[str],
        *,
        whole: bool,
    ) -> Marks:
        """Of two edits the one with the higher order counts, whoever's log it is in."""
        words: dict[str, dict[str, None]] = {}
        for session, word in tags:
            words.setdefault(session, {})[word] = None
        moved = sorted((edit for edit in edits if edit[1] == MOVED and edit[2]), key=lambda edit: edit[3])
        owners = {session: str(value) for session, _, value, _ in moved}
        orders = {session: order for session, _, _, order in moved}
        tagged = {session: tuple(each) for session, each in words.items()}
        return Marks(owners, tagged, frozenset(deleted), orders, whole)


def person_logs_in(home: Path) -> Iterator[LogFile]:
    """The person logs of a home, in the order of their pseudonyms."""
    folder = home / PEOPLE
    try:
        with os.scandir(folder) as entries:
            people = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return
    for person in people:
        path = folder / person / FILE
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        except OSError:  # it may say much, and nobody can look
            yield LogFile(person, path, -1, -1)
        else:
            yield LogFile(person, path, found.st_size, found.st_mtime_ns)


def marks_of(logs: Iterable[LogFile], keys: Keys | None) -> Marks:
    """What these logs say together, read now."""
    said = [log.read(keys) for log in logs]
    return Marks.of(
        [tag for each in said for tag in each.tags],
        [edit for each in said for edit in each.edits],
        [session for each in said for session in each.deleted],
        whole=all(each.whole for each in said),
    )
