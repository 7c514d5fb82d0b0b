"""From the words that name a source to the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from devices.errors import Reason, SourceSpecError
from devices.people import person_named
from devices.simulated import SimulatedStrap
from devices.source import Source, SourceSpec


def open_source(spec: SourceSpec) -> Source:
    """The source that a spec names, not yet entered.

    Raises SourceSpecError when the kind, the name or an option is unknown or out of range.
    """
    opener = _OPENERS.get(spec.kind)
    if opener is None:
        raise SourceSpecError(
            Reason.UNKNOWN_KIND,
            f"There is no kind of source '{spec.kind}'.",
            f"Choose one of: {', '.join(f'{kind}:' for kind in _OPENERS)}.",
        )
    return opener(spec)


def _open_simulated(spec: SourceSpec) -> Source:
    person, seed = person_named(spec.name, spec.options)
    return SimulatedStrap(person, name=spec.name, seed=seed, spec=spec.text)


def _open_strap(spec: SourceSpec) -> Source:
    from devices.strap import Strap

    advice = "Write strap:, strap:NAME, or strap:NAME?acc=0 to leave its accelerometer alone."
    for key, value in spec.options.items():
        if key != "acc":
            raise SourceSpecError(Reason.BAD_SPEC, f"A strap has no option '{key}'.", advice)
        if value not in ("0", "1"):
            raise SourceSpecError(Reason.BAD_SPEC, f"acc={value} is not possible.", advice)
    return Strap(spec.name, spec=spec.text, acceleration=spec.options.get("acc") != "0")


_OPENERS: Final[Mapping[str, Callable[[SourceSpec], Source]]] = {"sim": _open_simulated, "strap": _open_strap}
