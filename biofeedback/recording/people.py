"""The people of a home: one folder each under its pseudonym, and one file that knows their names.

The folders are what counts. `people.json` ({"people": {pseudonym: {"name": ...}}}) may be missing or damaged; then the
names that cannot be read in it are unknown and nothing else. `last` in it is the highest number of somebody deleted.
"""

from __future__ import annotations

import json
import os
import re
import time
import unicodedata
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast

from biofeedback.errors import RecordingError, UsageError
from biofeedback.recording.whole_file import replace_whole
from biofeedback.recording.private import make_private_folder
from devices.file_lock import take_lock

PEOPLE: Final = "people"
NAMES: Final = "people.json"
LONGEST_NAME: Final = 64
LARGEST_FILE: Final = 16_000_000
WAIT_S: Final = 2.0
"""How long another program may be busy with the same file."""
_PSEUDONYM: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?")
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
"""Names that Windows keeps for itself, with any ending."""
_LAST: Final = "last"
_LOCK: Final = f"{NAMES}.lock"
_PAIR: Final = re.compile(r'"([A-Za-z0-9._-]{1,64})"\s*:\s*\{\s*"name"\s*:\s*("(?:[^"\\\x00-\x1f]|\\.)*")')
"""A pseudonym and its name as they are written in the table."""
_NUMBERED: Final = re.compile(r"P-([0-9]{1,9})", re.IGNORECASE)


def is_pseudonym(word: str) -> bool:
    """Whether it can name a person and a folder on every system: letters, digits, `-`, `_`, `.`, at most 64."""
    return _PSEUDONYM.fullmatch(word) is not None and _DEVICES.fullmatch(word) is None


def checked_pseudonym(word: str) -> str:
    """The word. Raises UsageError when it cannot name a person."""
    if is_pseudonym(word):
        return word
    advice = "Use up to 64 letters, digits, - _ and ., beginning with a letter or digit, for example P-001."
    advice += " To keep the name itself: biofeedback person new P-001 --name NAME"
    if _DEVICES.fullmatch(word):
        advice = "Windows keeps this name for itself; choose another, for example P-001."
    raise UsageError(f"'{word}' cannot be a pseudonym.", advice)


def checked_name(name: str) -> str:
    """A name on one line in normal form. Raises UsageError when there is none or it is too long."""
    line = " ".join(unicodedata.normalize("NFC", "".join(c if c.isprintable() else " " for c in name)).split())
    if not line or len(line) > LONGEST_NAME:
        raise UsageError("A name has 1 to 64 characters.", "Give a shorter one, or leave out --name.")
    return line


class People:
    """The people of the home at `home`; the folder need not exist."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.folder = home / PEOPLE
        self._names = home / NAMES

    def pseudonyms(self) -> list[str]:
        """All of them, in the order of the alphabet."""
        try:
            with os.scandir(self.folder) as entries:
                found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unusable(self.folder, error) from error
        return sorted((name for name in found if is_pseudonym(name)), key=lambda name: (name.casefold(), name))

    def names(self) -> Mapping[str, str]:
        """The names that are known, by pseudonym; of a damaged file those that can still be read."""
        names = self._read()
        return self._salvaged() if names is None else names

    def find(self, word: str, more: Sequence[str] = (), names: Mapping[str, str] | None = None) -> str | None:
        """The person with this pseudonym, in whatever case, or with this name when only one has it.

        `more`: people without a folder; `names`: what else is known of names than what the table says.
        """
        known = {**self.names(), **(names or {})}
        people = [*dict.fromkeys([*self.pseudonyms(), *known, *more])]
        same = [person for person in people if person.casefold() == word.casefold()]
        if same:
            return next((person for person in same if person == word), same[0])
        named = [person for person in people if known.get(person, "").casefold() == word.casefold()]
        return named[0] if len(named) == 1 else None

    def named(self, word: str, names: Mapping[str, str]) -> list[str]:
        """All who are called so, by the table and by these names."""
        known = {**self.names(), **names}
        return sorted(person for person, name in known.items() if name.casefold() == word.casefold())

    def found(self, word: str) -> str:
        """The same. Raises UsageError when there is nobody."""
        person = self.find(word)
        if person is None:
            raise UsageError(f"There is nobody called '{word}' here.", "See who is there: person list")
        return person

    def next_free(self, more: Sequence[str] = ()) -> str:
        """P-001, P-002, ...: one more than the highest there is, `more` included."""
        people = [*self.pseudonyms(), *self.names(), *more]
        taken = [self._last(), *map(_number, people)]
        return f"P-{max(taken, default=0) + 1:03d}"

    def make(self, pseudonym: str) -> str:
        """A folder for somebody new. Raises UsageError when the word cannot be, or the person is there already."""
        checked_pseudonym(pseudonym)
        other = next((each for each in self.pseudonyms() if each.casefold() == pseudonym.casefold()), None)
        if other is not None:
            raise UsageError(f"There is a person called '{other}' already.", "Choose another pseudonym.")
        try:
            make_private_folder(self.folder)
            (self.folder / pseudonym).mkdir(mode=0o700)
        except FileExistsError as error:
            raise UsageError(f"{self.folder / pseudonym} exists already.", "Choose another pseudonym.") from error
        except OSError as error:
            raise _unusable(self.folder, error) from error
        return pseudonym

    def name(self, pseudonym: str, name: str | None, *, gone: bool = False) -> None:
        """Remember a name, or forget it. A file that cannot be read is kept aside. Raises RecordingError.

        With a name that is forgotten go the files that were kept aside: they may have it too. `gone`: the person is
        deleted, and nobody new gets the number.
        """
        with self._locked():
            names = self._read()
            found = self._salvaged() if names is None else names
            if names is None:
                with suppress(FileNotFoundError):
                    self._names.replace(free_name(self._names.with_name(f"{NAMES}.damaged")))
            others = {known: text for known, text in found.items() if known != pseudonym}
            wanted = others if name is None else {**others, pseudonym: name}
            last = self._last()
            highest = max(last, _number(pseudonym) if gone else 0)
            if wanted != (names or {}) or highest != last:
                table: dict[str, Any] = {"people": {known: {"name": wanted[known]} for known in sorted(wanted)}}
                if highest:
                    table[_LAST] = highest
                replace_whole(self._names, (json.dumps(table, ensure_ascii=False, indent=1) + "\n").encode())
            for beside in self.home.glob(f"{NAMES}.*"):
                if beside.name != _LOCK and (name is None or not beside.name.startswith(f"{NAMES}.damaged")):
                    beside.unlink(missing_ok=True)  # nobody is writing one: a program that was has died

    def _salvaged(self) -> dict[str, str]:
        """The names that can be read in a damaged file."""
        try:
            with self._names.open("rb") as file:
                text = file.read(LARGEST_FILE).decode(errors="replace")
        except OSError:
            return {}
        found: dict[str, str] = {}
        for person, quoted in _PAIR.findall(text):
            with suppress(ValueError):
                found[person] = json.loads(quoted)
        return {person: name for person, name in found.items() if is_pseudonym(person)}

    def _table(self) -> Mapping[str, Any]:
        """What is in the file, nothing when it is missing or no such file."""
        try:
            with self._names.open("rb") as file:
                table = json.loads(file.read(LARGEST_FILE))
        except (OSError, ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", table) if isinstance(table, dict) else {}

    def _last(self) -> int:
        """The highest number that somebody had who was deleted."""
        last = self._table().get(_LAST)
        return last if isinstance(last, int) and not isinstance(last, bool) and last > 0 else 0

    def _read(self) -> dict[str, str] | None:
        """The file's names, None when it is missing or no such file."""
        people = self._table().get("people")
        if not isinstance(people, dict):
            return None
        entries = cast("dict[str, object]", people).items()
        return {person: name for person, entry in entries if (name := _name_in(entry)) and is_pseudonym(person)}

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Alone with the names: what another program adds meanwhile is not lost."""
        try:
            make_private_folder(self.home)
            descriptor = os.open(self.home / _LOCK, os.O_RDWR | os.O_CREAT | _CAREFUL, 0o600)
        except OSError as error:
            raise _unusable(self.home, error) from error
        try:
            wait_for(lambda: take_lock(descriptor), f"{self._names} is in use by another program.")
            yield
        except OSError as error:
            raise _unusable(self._names, error) from error
        finally:
            os.close(descriptor)


_CAREFUL: Final = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


def _number(pseudonym: str) -> int:
    """Of P-001 and so on; 0 for others."""
    match = _NUMBERED.fullmatch(pseudonym)
    return int(match[1]) if match else 0


def _name_in(entry: object) -> str:
    name = cast("dict[str, object]", entry).get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) else ""


def _unusable(place: Path, error: OSError) -> RecordingError:
    return RecordingError(f"{place} cannot be used: {error.strerror}.", "Check its rights, or choose another --home.")


def wait_for(done: Callable[[], bool], why: str, patience_s: float = WAIT_S) -> None:
    """Ask again and again until it is done. Raises RecordingError with `why` when it takes too long."""
    until = time.monotonic() + patience_s
    while not done():
        if time.monotonic() >= until:
            raise RecordingError(why, "Try again in a moment.")
        time.sleep(0.02)


def free_name(path: Path) -> Path:
    """The path, with a number behind it where it is taken."""
    number = 1
    found = path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}{number}")
    return found
