"""Finds and reads script files: those that come with the program, and files a person names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from biofeedback.errors import ScriptError, UsageError
from biofeedback.imagery.script import Script, content_hash, parse_script

LARGEST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Shelf:
    """Scripts by id, with the hash that is their identity."""

    scripts: dict[str, Script]

    def find(self, id_: str) -> Script:
        """The script of that id. Raises UsageError naming those there are."""
        if id_ not in self.scripts:
            known = ", ".join(sorted(self.scripts))
            raise UsageError(f"There is no script '{id_}'.", f"Choose one of: {known}; or give a .toml file.")
        return self.scripts[id_]

    def hash_of(self, script: Script) -> str:
        """The content hash of a script, its control's hash included."""
        return content_hash(script, self.hash_of(self._control(script.id, script.control)) if script.control else None)

    def _control(self, of: str, id_: str) -> Script:
        control = self.find(id_)
        if control.kind != "control":
            raise ScriptError(
                f"'{of}' names '{id_}' as its control, which is no control.", 'Name a script of kind = "control".'
            )
        return control

    def with_script(self, script: Script) -> Shelf:
        """This shelf with one script more; a shipped id is not to be replaced by another text."""
        if script.id in self.scripts and script != self.scripts[script.id]:
            raise ScriptError(
                f"'{script.id}' is the id of a script that comes with the program.", "Give it another id."
            )
        return Shelf({**self.scripts, script.id: script})

    def needed(self, ids: Sequence[str]) -> list[Script]:
        """These scripts with their controls and rescues, each once, in order."""
        found: dict[str, Script] = {}
        waiting = list(ids)
        while waiting:
            script = self.find(waiting.pop(0))
            if script.id not in found:
                found[script.id] = script
                waiting += [id_ for id_ in (script.control, script.rescue) if id_ is not None]
        return list(found.values())


def shipped() -> Shelf:
    """The scripts that come with the program."""
    folder = files("biofeedback.imagery") / "library"
    texts = sorted((entry.name, entry.read_text("utf-8")) for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return Shelf({script.id: script for script in (parse_script(text, name) for name, text in texts)})


def read_script_file(path: Path) -> Script:
    """A person's own script. Raises ScriptError."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ScriptError(f"{path} is too large for a script.", "A script is a short text file.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ScriptError(f"{path} cannot be read: {error.strerror}.", "Check the name.") from error
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path} is not UTF-8 text.", "Save it as UTF-8 in your editor.") from error
    return parse_script(text, path.name)


def shelf_with(words: Sequence[str]) -> tuple[Shelf, list[str]]:
    """The shelf and the ids that `words` name, each the id of a script or a .toml file."""
    shelf, ids = shipped(), list[str]()
    for word in words:
        if word.endswith(".toml"):
            script = read_script_file(Path(word))
            shelf = shelf.with_script(script)
            ids.append(script.id)
        else:
            ids.append(shelf.find(word).id)
    return shelf, ids
