"""The door for other people's importers: entry points in the group `biofeedback.importers`.

An entry point is named as the importer and holds a `formats.reading.Reader`, or what makes one when it is called
(docs/adding_an_importer.md). Their code runs where files are read, in the child process. One that raises what is no
refusal, or answers what no reader may, is told of once, by the package's name, and left out from then on.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeVar

from biofeedback.entry_points import Registered, complaint, loaded, registered
from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.checking import content_fault
from biofeedback.formats.reading import Choices, Progress, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from biofeedback.formats.content import Content
    from biofeedback.formats.foreign import Foreign

Answer = TypeVar("Answer")

IMPORTERS: Final = "biofeedback.importers"
NAME: Final = re.compile(r"[a-z][a-z0-9_-]{1,31}\Z")
"""What an importer may be called."""


def installed_importers() -> tuple[Registered, ...]:
    """All that are installed, by name; none of their code runs."""
    return registered(IMPORTERS, _name_fault)


def importer_plugins() -> Importers:
    """The importers of this process, loaded once for a path to look for packages on."""
    return _importer_plugins(tuple(sys.path))


@lru_cache(maxsize=4)
def _importer_plugins(_path: tuple[str, ...]) -> Importers:
    return Importers(installed_importers())


class Importers:
    """Readers of plug-ins, held to their word: `readers` raise nothing but ImportRefused.

    What went wrong with one of them is said once, by `drain`.
    """

    def __init__(self, installed: Sequence[Registered]) -> None:
        """Load them; `failed` are those that cannot be used, by name."""
        self.failed: dict[str, str] = {}
        self._untold: list[str] = []
        held = [(each, self._load(each)) for each in installed]
        self.readers: tuple[Reader, ...] = tuple(self._guarded(each, reader) for each, reader in held if reader)

    def drain(self) -> list[str]:
        """Sentences on what failed since this was asked last."""
        told, self._untold = self._untold, []
        return told

    def _load(self, each: Registered) -> Reader | None:
        if each.trouble:
            self._give_up(each, each.trouble)
            return None
        try:
            found = loaded(each.entry)
            if not isinstance(found, Reader) and callable(found):
                with redirect_stdout(sys.stderr):
                    found = found()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody else's code
            self._give_up(each, f"it cannot be imported: {complaint(error)}")
            return None
        if not isinstance(found, Reader) or not all(callable(part) for part in (found.claims, found.read)):
            self._give_up(each, f"{each.entry.value} is no Reader, nor makes one")
            return None
        return found

    def _guarded(self, each: Registered, reader: Reader) -> Reader:
        def claims(file: Foreign) -> bool:
            if each.name in self.failed:
                return False
            try:
                return self._asked(each, lambda: reader.claims(file) is True)
            except ImportRefused:
                return False

        def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
            content = self._asked(each, lambda: reader.read(file, choices, progress))
            if (fault := content_fault(content)) is not None:
                raise self._given_up(each, fault)
            made_by: dict[str, Json] = {"name": each.plugin.name, "version": each.plugin.version}
            said = (*content.decisions, f"read by {_spoken(each)}")
            return replace(content, decisions=said, about={**content.about, "plugin": made_by})

        return Reader(each.name, claims, read)

    def _asked(self, each: Registered, ask: Callable[[], Answer]) -> Answer:
        """What a plug-in answers; what it prints is not what the program says."""
        try:
            with redirect_stdout(sys.stderr):
                return ask()
        except ImportRefused:
            raise
        except (Exception, SystemExit) as error:
            raise self._given_up(each, complaint(error)) from error

    def _given_up(self, each: Registered, why: str) -> ImportRefused:
        self._give_up(each, why)
        return ImportRefused(f"{_spoken(each)} failed: {why}.", f"Tell whoever made {each.plugin.name}.")

    def _give_up(self, each: Registered, why: str) -> None:
        if each.name not in self.failed:
            self.failed[each.name] = why
            said = f"{_spoken(each)} failed: {why.rstrip('.')}. It is left out from here on."
            self._untold.append(said[0].upper() + said[1:])


def _name_fault(name: str) -> str | None:
    if NAME.match(name):
        return None
    return f"'{name}' cannot be the name of an importer: it takes small letters, digits, - and _"


def _spoken(each: Registered) -> str:
    """Which one it is, in a sentence."""
    return f"the importer '{each.name}' of {each.plugin.name} {each.plugin.version}"
