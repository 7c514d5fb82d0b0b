"""The log of a person: consent, profile, journal and later words about sessions, as lines like those of a session.

`<home>/people/<pseudonym>/person.jsonl`; `t` is microseconds since its head by the wall clock, never backwards. What
each line says is in `person_state`. Nothing is edited: what is removed is removed by writing the file anew without it.
"""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import Json
from biofeedback.recording.chain import LONGEST_LINE, SEALED, Line, LineError, SealedError, open_line
from biofeedback.recording.consents import CONSENTS
from biofeedback.recording.line_file import LineFile
from biofeedback.recording.naming import VERSION
from biofeedback.recording.people import PEOPLE, WAIT_S, People, checked_pseudonym, free_name, wait_for
from biofeedback.recording.person_state import REPAIR, PersonState, fold
from biofeedback.recording.private import make_private_folder
from biofeedback.recording.reader import StoredLines, read_lines
from biofeedback.recording.relock import relock
from biofeedback.recording.scan import head_of, scan
from biofeedback.recording.sealing import CIPHER, Keys
from biofeedback.recording.syncer import sync_file, sync_folder
from devices.file_lock import take_lock

FORMAT: Final = "biofeedback-person"
FILE: Final = "person.jsonl"
LOCK: Final = "person.lock"
NewLine: TypeAlias = tuple[str, Mapping[str, Json]]
"""A line to be written: its kind and its keys besides `at` and `utc_off_s`."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ASK_AGAIN: Final = [
    (kind, {**body, "why": REPAIR}) for text in CONSENTS.values() for kind, body in [text.line(given=False)]
]
_SEALED_KEY: Final = f'"{SEALED}":'.encode()
_LOCK_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def local_now() -> datetime:
    """The time with the offset of this place."""
    return datetime.now().astimezone()


@dataclass(frozen=True, slots=True)
class PersonLog:
    """The log of one person; nothing is open between calls. `now` gives a time with its offset from UTC.

    With `keys` a log that is still plain is encrypted when it is next written.
    """

    home: Path
    person: str
    keys: Keys | None = None
    now: Callable[[], datetime] = local_now

    def __post_init__(self) -> None:
        """Raises UsageError when this cannot be a pseudonym."""
        checked_pseudonym(self.person)

    @property
    def path(self) -> Path:
        """Where it is, written or not."""
        return self.home / PEOPLE / self.person / FILE

    def read(self) -> StoredLines | None:
        """Its lines, None when there are none yet.

        Raises UnreadableError when it is no log of this person or has other keys, RecordingError when its folder is a
        link.
        """
        _refuse_link(self.path.parent)
        try:
            if not self.path.exists() or never_begun(self.path):
                return None
            stored = read_lines(self.path, self.keys, format_=FORMAT)
        except OSError as error:
            raise UnreadableError(f"{self.path} cannot be read: {error.strerror}.", "Check its rights.") from error
        except UnreadableError as error:
            if _headless(self.path):
                raise UnreadableError(error.what, f"Mend it: person repair {self.person}") from error
            raise
        if (other := whose(stored.head)) and other.casefold() != self.person.casefold():
            raise UnreadableError(
                f"The log in {self.path.parent} is not of {self.person}, but of {other}.",
                f"Move it back, or delete the folder {self.path.parent} if it is a copy.",
            )
        return stored

    def state(self) -> PersonState:
        """What it says; of a damaged log all that can be read. Raises UnreadableError, also while it is locked."""
        stored = self.read()
        if stored is None:
            return PersonState()
        if stored.locked:
            raise UnreadableError(f"What {self.person} has written here is encrypted.", "Give the passphrase.")
        return replace(fold([*stored.lines, *stored.beyond]), holed=stored.holed)

    def write(self, *said: NewLine) -> None:
        """Add lines and bring them to the disk. Raises RecordingError when that cannot be done."""
        self.update(lambda _: said)

    def update(self, say: Callable[[PersonState], Sequence[NewLine]]) -> None:
        """Add the lines that `say` makes of the state; nobody else writes in between. Raises RecordingError."""
        with self._alone():
            self._set_unbegun_aside()
            said = say(self._whole_state())
            if not said and self.path.exists():
                return
            if self.path.exists():
                self._encrypt_plain()
                file, found = LineFile.reopen(self.path, self.keys)
                wall_ns, t = _wall_ns(head_of(found.lines)), found.lines[-1].t
            else:
                wall_ns, t = _ns(self.now()), 0
                file = self._create(self.path, wall_ns)
            self._finish(file, self._stamped(said, wall_ns, t), self.path)

    def rewrite(
        self, kept: Callable[[Line], Mapping[str, Any] | None], removed: Sequence[str], more: Sequence[NewLine] = ()
    ) -> None:
        """Write the log anew: of each line what `kept` leaves of it, None for nothing, and `more` at the end.

        The new file has a chain of its own and says in `head.parent` from what it was made and what was `removed`. It
        is read again before it takes the place of the old one, which is gone then with all that lies beside it since it
        was torn or damaged: what is removed may stand there too. Raises RecordingError.
        """
        with self._alone():
            self._set_unbegun_aside()
            if not self.path.exists():
                return
            self._whole_state()
            LineFile.reopen(self.path, self.keys)[0].close()  # moves a torn end aside
            stored = read_lines(self.path, self.keys, format_=FORMAT)
            self._replace(stored.head, stored.lines, kept, removed, more, beside_too=True)

    def drop(self, unwanted: Callable[[Line], bool], removed: Sequence[str], words: Collection[str]) -> bool:
        """Write the log anew without these lines, which hold one of the `words`; whether there were any.

        Raises as `rewrite`, UnreadableError when it cannot be read.
        """
        stored = self.read()
        if stored is None:
            return False
        if not self._beside_holds(words) and not any(map(unwanted, [*stored.lines, *stored.beyond])):
            return False
        self.rewrite(lambda line: None if unwanted(line) else line.body, removed)
        return True

    def repair(self) -> Path | None:
        """Make a damaged log one that can be written: all its readable lines, chained anew. None when it is whole.

        The damaged file is kept beside it; its path is returned. No consent is given any more: one may have been taken
        back in what cannot be read. Of a log in which nothing can be read a new one is begun. Raises RecordingError
        when it is encrypted and there is no key, or a log of another sort.
        """
        with self._alone():
            if not self.path.exists() or never_begun(self.path):
                return None
            stored = None if _headless(self.path) else self.read()
            if stored is not None and not stored.holed:
                return None
            data = self.path.read_bytes()
            try:
                found = scan(data, self.keys)
            except SealedError as error:
                raise RecordingError(f"{self.path} does not open: {error}.", "It is left as it is.") from error
            if found.locked or (found.lines and found.lines[0].body.get("format") != FORMAT):
                raise RecordingError(f"{self.path} cannot be mended.", "It is left as it is.")
            lines = [*found.lines, *found.beyond]
            head = head_of(found.lines) if found.lines else _head_from(self.person, [*lines, Line(0, 0, "", {})][0])
            aside = free_name(self.path.with_name(f"{FILE}.damaged"))
            _copy(data, aside)
            self._replace(head, lines, lambda line: line.body, ["damaged"], _ASK_AGAIN)
            return aside

    def relock(self, new: Keys | None) -> None:
        """Write the log anew under other keys, None: plain. Raises RecordingError, and changes nothing then."""
        with self._alone():
            relock(self.path, self.keys, new)

    def forget_side_files(self) -> None:
        """Delete what lies beside the log since it was torn or damaged: it may hold what was removed."""
        with self._alone():
            for path in self.path.parent.glob(f"{FILE}.*"):
                path.unlink(missing_ok=True)

    def _beside_holds(self, words: Collection[str]) -> bool:
        """Whether one of these words is in what lies beside the log, or may be, because that is encrypted."""
        wanted = [_SEALED_KEY, *(word.encode() for word in words)]
        found = [path.read_bytes() for path in self.path.parent.glob(f"{FILE}.*") if path.is_file()]
        return any(word in data for word in wanted for data in found)

    def _encrypt_plain(self) -> None:
        """A log from before there were keys is encrypted before more is written into it."""
        if self.keys is None or CIPHER in read_lines(self.path, self.keys, format_=FORMAT).head:
            return
        LineFile.reopen(self.path)[0].close()  # moves a torn end aside
        relock(self.path, None, self.keys)

    def _whole_state(self) -> PersonState:
        """The state of a log that can be written. Raises RecordingError."""
        stored = self.read()
        if stored is None:
            return PersonState()
        if stored.holed:
            what = f"What is kept of {self.person} is damaged: {stored.damage}."
            raise RecordingError(what, f"Nothing was changed. Mend it with: person repair {self.person}")
        if stored.locked:
            raise RecordingError(f"What {self.person} has written here is encrypted.", "Give the passphrase.")
        return fold(stored.lines)

    def _create(self, path: Path, wall_ns: int, parent: Mapping[str, Json] | None = None) -> LineFile:
        ident = uuid.uuid4().hex
        head: dict[str, Json] = {"format": FORMAT, "v": VERSION, "min_reader": VERSION, "person_log": ident}
        head |= {"person": self.person, "wall_ns": wall_ns}
        if parent is not None:
            head["parent"] = dict(parent)
        return LineFile.create(path, head, None if self.keys is None else self.keys.new_file(ident))

    def _stamped(self, said: Sequence[NewLine], wall_ns: int, t: int) -> list[Line]:
        """The lines with their time, that of now, and never before `t`."""
        now = self.now()
        t = max(t, (_ns(now) - wall_ns) // 1000)
        at = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        offset = now.utcoffset() or timedelta()
        stamp: dict[str, Json] = {"at": at, "utc_off_s": round(offset.total_seconds())}
        return [Line(-1, t, kind, {**stamp, **body}) for kind, body in said]

    def _finish(self, file: LineFile, lines: Sequence[Line], path: Path) -> None:
        """Write, seal and sync. A disk that failed may have moved the log to another file; it gets its name back."""
        try:
            for line in lines:
                file.write(line.t, line.kind, line.body)
            file.seal(lines[-1].t if lines else 0)
        except LineError as error:
            raise RecordingError("That is too long to be kept.", "Say it in fewer words.") from error
        finally:
            file.close()
        if file.failed is not None:
            raise RecordingError(
                f"This could not be kept for certain. {file.failed}", "Make room, and look: person show"
            )
        if file.path != path:
            file.path.replace(path)
            _sync(path.parent)

    def _replace(
        self,
        head: Mapping[str, Any],
        lines: Sequence[Line],
        kept: Callable[[Line], Mapping[str, Any] | None],
        removed: Sequence[str],
        more: Sequence[NewLine],
        *,
        beside_too: bool = False,
    ) -> None:
        new = self.path.with_name(f"{FILE}.new")
        new.unlink(missing_ok=True)  # of an attempt that was interrupted; the old file has all of it
        said = [line for line in lines if line.kind not in {"head", "seal"}]
        left = [Line(-1, line.t, line.kind, body) for line in said if (body := kept(line)) is not None]
        wall_ns = _wall_ns(head)
        left += self._stamped(more, wall_ns, lines[-1].t if lines else 0)
        sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        try:
            file = self._create(new, wall_ns, {"sha256": sha256, "removed": list(removed)})
            self._finish(file, left, new)
            self._check(new, left)
            if beside_too:  # first: whoever is interrupted here can do it again, for the old log has all of it
                for beside in self.path.parent.glob(f"{FILE}.*"):
                    if beside != new:
                        beside.unlink(missing_ok=True)
            new.replace(self.path)
        finally:
            new.unlink(missing_ok=True)
        _sync(self.path.parent)

    def _check(self, path: Path, left: Sequence[Line]) -> None:
        stored = read_lines(path, self.keys, format_=FORMAT)
        again = [(line.t, line.kind, dict(line.body)) for line in stored.lines if line.kind not in {"head", "seal"}]
        if stored.damage is not None or again != [(line.t, line.kind, dict(line.body)) for line in left]:
            raise RecordingError(f"{path} is not what was written.", "Nothing was changed; the disk may be failing.")

    def _set_unbegun_aside(self) -> None:
        """A program died while it wrote the head: what there is of it is kept, and the log begins."""
        if self.path.exists() and never_begun(self.path):
            self.path.replace(free_name(self.path.with_name(f"{FILE}.torn0")))

    @contextmanager
    def _alone(self) -> Generator[None]:
        """The only one who writes this log; waits a moment for another. Raises RecordingError."""
        folder = self.path.parent
        descriptor = -1
        try:
            _refuse_link(folder)
            make_private_folder(folder)
            until = time.monotonic() + WAIT_S
            while descriptor < 0 or not _still_there(folder / LOCK, descriptor):
                if descriptor >= 0:
                    os.close(descriptor)
                descriptor = os.open(folder / LOCK, _LOCK_FLAGS, 0o600)
                busy = f"Another program is writing for {self.person}."
                wait_for(partial(take_lock, descriptor), busy, until - time.monotonic())
            yield
        except OSError as error:
            raise RecordingError(
                f"{folder} cannot be used: {error.strerror}.", "Check its rights and the room on the disk."
            ) from error
        finally:
            if descriptor >= 0:
                os.close(descriptor)


def hide_names(home: Path, keys: Keys) -> None:
    """Take the names out of the open table and keep each in its person's encrypted log. Raises RecordingError."""
    people = People(home)
    for person, name in people.names().items():
        log = PersonLog(home, person, keys)
        with suppress(UnreadableError):  # damaged, or of another home: the name stays where it is
            stored = log.read()
            if stored is None or CIPHER not in stored.head:
                continue
            if log.state().profile.name != name:
                log.write(("profile", {"name": name}))
            people.name(person, None)


def show_names(home: Path) -> None:
    """Put names that stand in plain logs back into the open table. Raises RecordingError."""
    people = People(home)
    known = people.names()
    for person in people.pseudonyms():
        with suppress(UnreadableError):  # encrypted, or damaged
            name = PersonLog(home, person).state().profile.name
            if name and person not in known:
                people.name(person, name)


def _refuse_link(folder: Path) -> None:
    """Raises RecordingError when somebody put a link in the folder's place: it leads to a folder of others."""
    if folder.is_symlink():
        raise RecordingError(
            f"{folder} is a link, not the folder it should be.", "Move it away; the program makes its own."
        )


def whose(head: Mapping[str, Any]) -> str | None:
    """The person that a log says it is of; None where that is encrypted and not opened."""
    person = head.get("person")
    return person if isinstance(person, str) else None


def _headless(path: Path) -> bool:
    """Whether the first line is damaged."""
    with suppress(OSError), path.open("rb") as file:
        try:
            return open_line(file.readline(LONGEST_LINE + 1).removesuffix(b"\n"), 0)[0].kind != "head"
        except LineError:
            return True
    return False


def never_begun(path: Path) -> bool:
    """Whether its head is not whole, which of an encrypted one is two lines: its program died while it wrote that."""
    with suppress(OSError), path.open("rb") as file:
        first, *more = file.read(1 << 18).split(b"\n", 2)
        return not more or (len(more) < 2 and f'"{CIPHER}":'.encode() in first)
    return False


def _copy(data: bytes, path: Path) -> None:
    with os.fdopen(os.open(path, _LOCK_FLAGS | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())


def _still_there(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one with this name, and not one that was deleted meanwhile."""
    try:
        return os.path.samestat(path.stat(follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _ns(when: datetime) -> int:
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000


def _wall_ns(head: Mapping[str, Any]) -> int:
    wall_ns = head.get("wall_ns")
    return wall_ns if isinstance(wall_ns, int) else 0


def _head_from(person: str, line: Line) -> Mapping[str, Any]:
    """What can be known of a head that is damaged, by the first line behind it."""
    try:
        wall_ns = _ns(datetime.fromisoformat(str(line.body.get("at")))) - line.t * 1000
    except (ValueError, TypeError):
        wall_ns = 0
    return {"person": person, "wall_ns": wall_ns}


def _sync(folder: Path) -> None:
    with suppress(OSError):
        sync_folder(folder)
