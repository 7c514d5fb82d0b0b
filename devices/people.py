"""Who can be simulated: a table of people and the keys that change them ("sim:tense?seed=3&effect_bpm=-2").

The people are made up to exercise the program; docs/simulation.md says what they assume.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from devices.errors import Reason, SourceSpecError

DEFAULT_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class StrapHabits:
    """How the simulated strap sends, and what goes wrong with it."""

    reports_contact: bool = False
    loss_pct: float = 0.0
    """Percent of notifications lost while the link stays up."""
    drop_s: float = 0.0
    """Length of a link drop in s; 0 for a link that holds."""
    contact_gaps: bool = False
    stalls: bool = False
    odd_pct: float = 0.0
    """Percent of notifications with something odd about their bytes."""
    accelerometer: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """The constants of one person. Rates of breath are per minute, amplitudes are half of peak to trough."""

    hr_bpm: float
    effect_bpm: float
    """What an image that is not a control adds to the heart rate."""
    spike_pct: float = 0.0
    """Chance in percent, in each minute of imagery, of an excursion of arousal."""
    ectopic_pct: float = 0.0
    drift_bpm: float = 1.3
    """Standard deviation of the slow drift."""
    breath_rate: float = 14.0
    follows: bool = True
    rsa_fast_bpm: float = 2.0
    """RSA far from the resonance."""
    rsa_peak_bpm: float = 6.0
    """RSA at the resonance."""
    resonance_rate: float = 5.6
    resonance_sharpness: float = 0.2
    """k of exp(-k (rate - resonance)^2), per (breath a minute) squared."""
    mayer_bpm: float = 0.7
    beat_noise: float = 0.004
    """Standard deviation of a beat's place, in parts of an interval."""
    move_pct: float = 0.0
    """Chance in percent, in each minute, of a spell of movement; it moves the chest and not the heart."""
    suds: float = 2.5
    """Distress at rest on the scale of 0 to 10."""
    strap: StrapHabits = field(default_factory=StrapHabits)


PEOPLE: Final[Mapping[str, Person]] = {
    "calm": Person(hr_bpm=66.0, effect_bpm=-1.5),
    "tense": Person(
        hr_bpm=82.0,
        effect_bpm=-2.0,
        spike_pct=10.0,
        drift_bpm=1.7,
        breath_rate=15.0,
        rsa_fast_bpm=1.5,
        rsa_peak_bpm=4.0,
        resonance_rate=5.9,
        suds=4.5,
        strap=StrapHabits(reports_contact=True),
    ),
    "flat": Person(hr_bpm=70.0, effect_bpm=-1.0, rsa_fast_bpm=2.5, rsa_peak_bpm=2.5),
    "nonfollower": Person(
        hr_bpm=68.0, effect_bpm=-1.0, follows=False, breath_rate=13.0, strap=StrapHabits(reports_contact=True)
    ),
    "ectopic": Person(hr_bpm=64.0, effect_bpm=-1.0, ectopic_pct=4.0, resonance_rate=5.4),
    "faulty": Person(
        hr_bpm=68.0,
        effect_bpm=-1.0,
        strap=StrapHabits(reports_contact=True, loss_pct=2.0, drop_s=8.0, contact_gaps=True, stalls=True, odd_pct=3.0),
    ),
}

RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "hr": (35.0, 180.0),
    "effect_bpm": (-20.0, 20.0),
    "spike_pct": (0.0, 100.0),
    "ectopic_pct": (0.0, 30.0),
    "loss_pct": (0.0, 90.0),
    "drop_s": (0.0, 600.0),
    "acc": (0.0, 1.0),
    "move_pct": (0.0, 100.0),
    "seed": (0.0, 2.0**53),
}
"""The keys of a simulated person and what they may be."""
WHOLE: Final = frozenset({"acc", "seed"})
"""Those whose values are whole numbers."""


def person_named(name: str, options: Mapping[str, str]) -> tuple[Person, int]:
    """The person of that name with the keys applied, and the seed.

    Raises SourceSpecError that names what is unknown or out of range and what is allowed.
    """
    if name not in PEOPLE:
        raise SourceSpecError(
            Reason.BAD_SPEC,
            f"There is no simulated person '{name}'.",
            f"Choose one of: {', '.join(PEOPLE)}.",
        )
    values = {key: _number(key, text) for key, text in options.items()}
    return _changed(PEOPLE[name], values), int(values.get("seed", DEFAULT_SEED))


def _changed(person: Person, values: Mapping[str, float]) -> Person:
    strap = person.strap
    return replace(
        person,
        hr_bpm=values.get("hr", person.hr_bpm),
        effect_bpm=values.get("effect_bpm", person.effect_bpm),
        spike_pct=values.get("spike_pct", person.spike_pct),
        ectopic_pct=values.get("ectopic_pct", person.ectopic_pct),
        move_pct=values.get("move_pct", person.move_pct),
        strap=replace(
            strap,
            loss_pct=values.get("loss_pct", strap.loss_pct),
            drop_s=values.get("drop_s", strap.drop_s),
            accelerometer=bool(values.get("acc", values.get("move_pct", 0) > 0 or strap.accelerometer)),
        ),
    )


def _number(key: str, text: str) -> float:
    if key not in RANGES:
        raise SourceSpecError(
            Reason.BAD_SPEC,
            f"A simulated person has no key '{key}'.",
            f"The keys are: {', '.join(RANGES)}.",
        )
    low, high = RANGES[key]
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high or (key in WHOLE and not value.is_integer()):
        kind = "a whole number" if key in WHOLE else "a number"
        raise SourceSpecError(
            Reason.BAD_SPEC, f"{key}={text} is not possible.", f"Give {kind} from {low:.16g} to {high:.16g}."
        )
    return value
