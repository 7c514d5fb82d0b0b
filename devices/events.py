"""The words for what a strap says, and for what a simulated person hears.

Every value is frozen. Stamps are whole microseconds since the session began, read from the session's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

LinkName = Literal["off", "scanning", "connecting", "streaming", "stale", "waiting", "closed"]
BodyLocation = Literal["other", "chest", "wrist", "finger", "hand", "ear lobe", "foot"]
"""Where a sensor is worn, in the order of the values of the Body Sensor Location characteristic (0x2A38)."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """The installed package that a source comes from, when it is not one of ours."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class StrapInfo:
    """What is known of a source before its first packet."""

    name: str
    kind: Literal["strap", "simulated", "file"]
    address: str = ""
    spec: str = ""
    """The words that open the same source again, e.g. "sim:calm?seed=1"."""
    plugin: Plugin | None = None
    """Filled in by the program; a plug-in leaves it alone."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One Heart Rate Measurement notification, as it came; decode with `heart_rate_measurement.decode`."""

    stamp_us: int
    device: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Intervals:
    """RR intervals that come from a file rather than from a strap, in 1/1 024 000 s: 1 ms is 1024, 1/1024 s is 1000.

    `lost`: time before them of which the file knows nothing, in the same unit; None: nobody knows how long it was.
    """

    stamp_us: int
    ticks: tuple[int, ...]
    lost: int | None = 0


@dataclass(frozen=True, slots=True)
class LinkState:
    """The connection changed. `why` is one sentence for the person, `advice` one on what to do where that helps."""

    stamp_us: int
    state: LinkName
    why: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What a sensor says of itself once it is connected: where it is worn, None when it does not say."""

    stamp_us: int
    device: str
    location: BodyLocation | None


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge in percent, or None when the strap does not say or says nonsense."""

    stamp_us: int
    percent: int | None


@dataclass(frozen=True, slots=True)
class Acceleration:
    """One notification of a strap's accelerometer, as it came; decode with `polar_accelerometer.decode`.

    `fs_hz` is the rate it was asked for, None when it was running already; `factor` goes to `decode`.
    """

    stamp_us: int
    device: str
    raw: bytes
    fs_hz: int | None
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """A simulated person's answer to a question it heard."""

    stamp_us: int
    question: str
    value: int | None


@dataclass(frozen=True, slots=True)
class Dropped:
    """So many packets were lost inside the program, which was too slow for them."""

    stamp_us: int
    packets: int


SourceEvent: TypeAlias = Packet | Acceleration | Intervals | LinkState | Battery | Sensor | Answered | Dropped


@dataclass(frozen=True, slots=True)
class HeardPacer:
    """The pacer changed: from `at_us` on it is at `at_phase` (0-1) of a breath and runs at `rate` breaths a minute.

    `rate` is None when the pacer stops and breathing is free.
    """

    at_us: int
    rate: float | None
    inhale: float = 0.4
    at_phase: float = 0.0


@dataclass(frozen=True, slots=True)
class HeardPhase:
    """A part of the session began. `visualization` is the script shown in it, None when there is none."""

    at_us: int
    name: str
    visualization: str | None = None
    control: bool = False


@dataclass(frozen=True, slots=True)
class HeardCue:
    """A line was said."""

    at_us: int
    script: str
    index: int
    say: str


@dataclass(frozen=True, slots=True)
class HeardQuestion:
    """A question was asked, e.g. what="suds"; an `Answered` with the same id answers it."""

    at_us: int
    question: str
    what: str


Heard: TypeAlias = HeardPacer | HeardPhase | HeardCue | HeardQuestion
