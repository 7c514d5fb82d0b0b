"""A recording in Python: `biofeedback.read(path)`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from math import isfinite
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
import numpy.typing as npt

from biofeedback.errors import BiofeedbackError, LockedError
from biofeedback.events import Epoch, Event, Open
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.summary import Summary, asked_s, cut, summarise
from biofeedback.hrv.window import Detrend
from biofeedback.recording.chain import Line
from biofeedback.recording.reader import StoredRecording, is_recording, open_recording, read_recording
from biofeedback.recording.sealing import Keys
from biofeedback.session.analysis import beats_as_they_came, recorded_beats, start_of
from biofeedback.session.metrics import AllMetrics
from biofeedback.session.spans import PhaseSpan, parts_of

if TYPE_CHECKING:
    from biofeedback.recording.keys import Lock

BEAT: Final = np.dtype(
    [
        ("t_s", np.float64),
        ("rr_ms", np.float64),
        ("ticks", np.int64),
        ("ok", np.bool_),
        ("why", "U10"),
        ("gap_before", np.bool_),
    ]
)
"""One beat: see `Recording.beats`."""


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """One recorded session, whole or as far as it is undamaged; made by `biofeedback.read`. It is never changed.

    All times are seconds since the session began, on a clock that no change of the wall clock moves.
    """

    stored: StoredRecording
    """The recording as lines."""

    @property
    def path(self) -> Path:
        """The file it was read from."""
        return self.stored.path

    @property
    def head(self) -> Mapping[str, Any]:
        """The first line: session, wall clock, zone, program, computer, the person's pseudonym."""
        return self.stored.head

    @property
    def lines(self) -> tuple[Line, ...]:
        """Every readable line as it stands in the file, those of kinds this version does not know among them."""
        return self.stored.lines

    @property
    def damage(self) -> str | None:
        """Where the good part ends and why, in words; None when all of it is good."""
        return self.stored.damage

    @property
    def finished(self) -> bool:
        """Whether the session came to its end before the file did."""
        return self.stored.finished

    @cached_property
    def events(self) -> tuple[Event, ...]:
        """What was recorded, inputs and outputs in order: the frozen classes of `biofeedback.events`.

        The outputs are those of the version that recorded them. Kinds this version does not know are left out.
        """
        return tuple(self.stored.events())

    @property
    def start(self) -> str | None:
        """When it began: ISO 8601, local time of the recording with its offset from UTC, as far as known."""
        return start_of(self.stored)

    @property
    def duration_s(self) -> float:
        """From the beginning of the session to its last event, in seconds."""
        return self._length_us / 1e6

    @cached_property
    def beats(self) -> npt.NDArray[np.void]:
        """The beats, (n,) structured and read-only, made of the packets with today's artefact rule.

        `t_s` the closing beat in seconds; `rr_ms` the interval before it, exact, and `ticks` the same in
        1/1 024 000 s; `ok` whether it may be used; `why` the flag (missed, extra, ectopic, misplaced, range), empty
        for none; `gap_before`: no successive difference crosses it (true for the first).
        """
        rows = [
            (beat.t_us / 1e6, beat.ticks / 1024, beat.ticks, beat.ok, beat.why or "", beat.gap_before)
            for beat in self._timed
        ]
        table = np.array(rows, BEAT)
        table.flags.writeable = False
        return table

    @property
    def phases(self) -> tuple[PhaseSpan, ...]:
        """The parts of the session in order, none of an import; `start_s` and `end_s` of one suit `analyze`."""
        return parts_of(self.events, self._length_us)

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """What the heart did in each epoch of a trial, as recorded.

        `label` image or control, `pair`, `bpm` the mean heart rate over its last whole breaths and `y` its natural
        logarithm (None when it could not be had), `kept` and `why` not. Empty for sessions of other plans.
        """
        return tuple(event for event in self.events if isinstance(event, Epoch))

    def analyze(
        self,
        *,
        from_s: float | None = None,
        to_s: float | None = None,
        window_s: float | None = None,
        correction: bool = True,
        detrend: Detrend = "linear",
    ) -> Summary:
        """Every metric over the beats, or over those that open in [from_s, to_s): the numbers of `analyze FILE`.

        `window_s`: only the last so many seconds of them. `correction=False` takes every interval as it is.
        `detrend`: "linear", or "smoothness-priors" (lambda 500, as Kubios), for the spectrum. Raises ValueError when
        a time is below nought or no number, when `detrend` is none of these, or when no beat is left.
        """
        if detrend not in get_args(Detrend):
            raise ValueError(f"detrend is {detrend!r}; it can be {' or '.join(get_args(Detrend))}")
        for name, value in (("from_s", from_s), ("to_s", to_s), ("window_s", window_s)):
            if value is not None and not (isfinite(value) and value >= 0 and (value or name != "window_s")):
                raise ValueError(f"{name} cannot be {value:g}; give seconds")
        beats = self._timed if correction else beats_as_they_came(self.stored)
        held = cut(beats, from_s, to_s, window_s)
        if not held:
            raise ValueError("there are no beats in this stretch" if beats else "this recording holds no heartbeat")
        return summarise(held, asked_s(beats, from_s, to_s, window_s), detrend, AllMetrics().by_name)

    def __repr__(self) -> str:
        """One line: when, which plan, how long, how many beats, in what state."""
        plan = next((event.plan.get("name") for event in self.events if isinstance(event, Open)), "unknown")
        minutes, seconds = divmod(round(self.duration_s), 60)
        state = "finished" if self.finished else "not finished"
        if self.damage is not None:
            state += f", damaged {self.damage}"
        start, length = self.start or "start not known", f"{minutes}:{seconds:02} min"
        return f"<Recording {start} {plan}, {length}, {len(self._timed)} beats, {state}>"

    @cached_property
    def _timed(self) -> list[TimedBeat]:
        return recorded_beats(self.stored)

    @cached_property
    def _length_us(self) -> int:
        return max((line.t for line in self.stored.event_lines), default=0)


def read_session(path: str | PathLike[str], *, passphrase: str | None = None, unit: str | None = None) -> Recording:
    """Read a recording (`biofeedback.read`), also one that is still being written or is damaged.

    A file of another program is read as the recording that it would become: `head`, `beats`, `events` and `analyze` as
    of any other. `unit`: of bare numbers, where it cannot be told: "ms", "s", "1/1024" or "samples@HZ".

    A `.part` and a damaged file give what stands before the damage; `damage` and `finished` say so. `passphrase`: of
    an encrypted one, or its recovery code. Raises UnreadableError (`biofeedback.errors`) when the file is missing or
    no recording; LockedError, one of these, when it is encrypted and the passphrase is missing or another.
    """
    place = Path(path)
    if place.is_dir() or not is_recording(place):
        return Recording(_foreign(place, unit))
    stored = read_recording(place)
    if stored.locked:
        stored = open_recording(place, _keys(stored, passphrase))
    return Recording(stored)


def _foreign(path: Path, unit: str | None) -> StoredRecording:
    from biofeedback.formats.reading import Choices
    from biofeedback.session.foreign_files import foreign_at
    from biofeedback.session.importing import stored_of
    from biofeedback.session.plugins import metric_plugins

    return stored_of(foreign_at(path, Choices(unit=unit)), "me", metric_plugins())


def _keys(stored: StoredRecording, passphrase: str | None) -> Keys:
    """What opens an encrypted recording. The libraries for it are loaded for such a one only."""
    from biofeedback.recording.chain import SealedError
    from biofeedback.recording.keys import LockError, unlock
    from biofeedback.recording.recovery_code import CodeError

    if passphrase is None:
        raise LockedError(f"{stored.path} is encrypted.", "Give its passphrase: read(path, passphrase=...).")
    for lock in _locks(stored):
        try:
            return unlock(lock, passphrase)
        except SealedError:
            continue
        except (LockError, CodeError) as error:
            raise LockedError(f"{stored.path} cannot be opened: {error}.", "Compare what was given.") from error
    raise LockedError(f"{stored.path} does not open with this passphrase.", "The recovery code opens it too.")


def _locks(stored: StoredRecording) -> list[Lock]:
    """How it is opened: by the lock of this computer's data folder when it is the same home's, and by its own."""
    from biofeedback.config import load_config
    from biofeedback.recording.home_lock import read_home_lock
    from biofeedback.recording.keys import LockError, lock_of

    try:
        own = lock_of(stored.head)
    except LockError as error:
        raise LockedError(f"{stored.path} cannot be opened: {error}.", "Was it made by a newer version?") from error
    newest = None
    with suppress(BiofeedbackError):  # the file itself says how it is opened
        newest = read_home_lock(load_config().home)
    same = own is not None and newest is not None and newest.lock.ident == own.ident
    return [lock for lock in (newest.lock if newest is not None and same else None, own) if lock is not None]
