"""From the words that name a source to the source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from devices.errors import Reason, SourceSpecError
from devices.people import person_named
from devices.simulated import SimulatedStrap
from devices.source import Source, SourceSpec

if TYPE_CHECKING:
    from devices.finding import Aids


def open_source(spec: SourceSpec, aids: Aids | None = None) -> Source:
    """The source that a spec names, not yet entered. `aids` help to find the right strap.

    Raises SourceSpecError when the kind, the name or an option is unknown or out of range.
    """
    if spec.kind == "strap":
        return _open_strap(spec, aids)
    if spec.kind != "sim":
        raise SourceSpecError(
            Reason.UNKNOWN_KIND,
            f"There is no kind of source '{spec.kind}'.",
            "Choose one of: sim:, strap:.",
        )
    person, seed = person_named(spec.name, spec.options)
    return SimulatedStrap(person, name=spec.name, seed=seed, spec=spec.text)


def _open_strap(spec: SourceSpec, aids: Aids | None) -> Source:
    from devices.names import is_address
    from devices.strap import Strap

    advice = "Write strap:, strap:NAME, or strap:NAME?acc=0 to leave its accelerometer alone."
    for key, value in spec.options.items():
        if key != "acc":
            raise SourceSpecError(Reason.BAD_SPEC, f"A strap has no option '{key}'.", advice)
        if value not in ("0", "1"):
            raise SourceSpecError(Reason.BAD_SPEC, f"acc={value} is not possible.", advice)
    recorded = replace(spec, name="") if is_address(spec.name) else spec  # an address never is
    return Strap(spec.name, spec=recorded.text, aids=aids, acceleration=spec.options.get("acc") != "0")
