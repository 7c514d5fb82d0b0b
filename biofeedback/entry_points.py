"""Other people's packages: what they register, who made it, and what it says when it fails, in one printable line.

What is done with it is for the doors: `session/plugins.py` for sources and metrics, `formats/plugins.py` for importers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from importlib.metadata import EntryPoint, distributions
from typing import Final, cast

from devices.events import Plugin
from devices.names import printable, without_addresses

LONGEST_COMPLAINT: Final = 300


def entries_of(group: str) -> list[EntryPoint]:
    """The registered entry points; a package that is on the path twice counts once.

    Package by package, because `importlib.metadata.entry_points` gives up at the first one whose list is torn.
    """
    found: dict[tuple[str, str], EntryPoint] = {}
    for package in distributions():
        with suppress(Exception):  # what cannot be read registers nothing
            for entry in package.entry_points.select(group=group):
                found.setdefault((entry.name, entry.value), entry)
    return [found[key] for key in sorted(found)]


def plugin_of(entry: EntryPoint) -> Plugin:
    """The package behind an entry point, by its module where its metadata cannot be read."""
    plugin = Plugin(entry.module, "(version not told)")
    with suppress(Exception):
        if entry.dist is not None and entry.dist.name and entry.dist.version:
            plugin = Plugin(str(entry.dist.name), str(entry.dist.version))
    return plugin


@dataclass(frozen=True, slots=True)
class Registered:
    """One entry point of a group. `trouble` says why it cannot be used, empty when nothing is known against it."""

    name: str
    plugin: Plugin
    entry: EntryPoint
    trouble: str = ""

    @property
    def described(self) -> str:
        """Its name, who made it, and what is known against it."""
        said = f"{self.name}: from {self.plugin.name} {self.plugin.version}"
        return f"{said} ({self.trouble})" if self.trouble else said


def registered(group: str, fault: Callable[[str], str | None], colon: str = "") -> tuple[Registered, ...]:
    """All of a group by name; none of their code runs. `fault`: what is wrong with a name; `colon`: what ends one."""
    entries = entries_of(group)
    names = [entry.name for entry in entries]

    def trouble(name: str) -> str:
        several = f"several packages claim '{name}{colon}'" if names.count(name) > 1 else ""
        return fault(name) or several

    return tuple(Registered(each.name, plugin_of(each), each, trouble(each.name)) for each in entries)


def loaded(entry: EntryPoint) -> object:
    """What an entry point holds; what it prints while it is imported is not what the program says."""
    with redirect_stdout(sys.stderr):
        return cast("object", entry.load())


def complaint(error: BaseException | None) -> str:
    """An exception in one printable line."""
    return one_line(f"{type(error).__name__}: {error}".rstrip(": ").encode("ascii", "backslashreplace").decode())


def one_line(text: str) -> str:
    """What somebody else's code says, as one line that can be recorded and shown."""
    line = " ".join(printable(without_addresses(text)).split())
    return line if len(line) <= LONGEST_COMPLAINT else f"{line[: LONGEST_COMPLAINT - 1]}…"
