"""From the words of `--source` to a source: `file:` is known here, the rest is the devices' (RULINGS A3)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.errors import UnreadableError
from biofeedback.breathing.acceleration import samples_of
from biofeedback.events import Acc, Packet, Rr
from biofeedback.recording.reader import StoredRecording, is_recording, open_recording
from biofeedback.recording.sealing import Keys
from devices.errors import Reason, SourceSpecError
from devices.events import Acceleration, Intervals, SourceEvent, StrapInfo
from devices.events import Packet as StrapPacket
from devices.opening import open_source as open_device
from devices.polar_accelerometer import encode
from devices.replayed import Replayed
from devices.source import Source, SourceSpec

if TYPE_CHECKING:
    from devices.finding import Aids

FILE_OPTIONS: Final = ("speed", "unit")


def open_source(spec: SourceSpec, aids: Aids | None = None, keys: Keys | None = None) -> Source:
    """The source a spec names. `aids` help to find the right strap, `keys` open an encrypted recording.

    Raises SourceSpecError or UnreadableError, SourceFailedError when a plug-in fails.
    """
    if spec.kind == "file":
        unknown = sorted(set(spec.options) - set(FILE_OPTIONS))
        if unknown:
            known = ", ".join(FILE_OPTIONS)
            raise SourceSpecError(Reason.BAD_SPEC, f"A file has no option '{unknown[0]}'.", f"Options are: {known}.")
        return file_source(Path(spec.name), spec.options.get("unit"), keys)
    if spec.kind in ("sim", "strap"):
        return open_device(spec, aids)
    return _open_foreign(spec)


def _open_foreign(spec: SourceSpec) -> Source:
    """The source of a plug-in; the search for one is not for sessions without."""
    from biofeedback.session.plugins import described, open_plugin

    source = open_plugin(spec)
    if source is None:
        plugins = "".join(f" Or of a plug-in: {line}." for line in described())
        raise SourceSpecError(
            Reason.UNKNOWN_KIND,
            f"There is no kind of source '{spec.kind}:'.",
            f"Choose strap:, sim:PERSON or file:FILE.{plugins}",
        )
    return source


def speed_of(spec: SourceSpec) -> float | None:
    """The speed asked for in the spec itself, `file:...?speed=20`; infinity for max."""
    return parse_speed(spec.options["speed"]) if "speed" in spec.options else None


def parse_speed(text: str) -> float:
    """A speed as written, such as 1, 20 or max (infinity). Raises SourceSpecError."""
    if text == "max":
        return float("inf")
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed <= 1000:
        raise SourceSpecError(Reason.BAD_SPEC, f"'{text}' is no speed.", "Give a number from above 0 to 1000, or max.")
    return speed


def file_source(path: Path, unit: str | None = None, keys: Keys | None = None) -> Source:
    """A recording's packets, or the intervals of another program's file, as a source.

    Raises UnreadableError, ImportRefused, which is one, UsageError when several files lie there.
    """
    info = StrapInfo(name=path.name, kind="file", spec=f"file:{path}")
    if not path.is_dir() and is_recording(path):
        recording = open_recording(path, keys)
        if recording.damage is not None:
            raise UnreadableError(f"{path} is damaged, {recording.damage}.", "Replay shows what stands before it.")
        return Replayed(info, _recorded(recording))
    from biofeedback.formats.reading import Choices
    from biofeedback.session.foreign_files import foreign_at, intervals

    content = foreign_at(path, Choices(unit=unit)).content
    return Replayed(info, (Intervals(heard.at, heard.ticks, heard.lost) for heard in intervals(content)))


def _recorded(recording: StoredRecording) -> Iterator[SourceEvent]:
    for _, event in recording.timed_events(("packet", "acc", "rr")):
        if isinstance(event, Acc):
            if event.dev_ns is None or event.problems:
                continue
            with suppress(OverflowError):  # numbers that no strap sends: somebody wrote them
                yield Acceleration(event.at, event.dev, encode(event.dev_ns, samples_of(event)), event.fs)
        elif isinstance(event, Packet):
            yield StrapPacket(event.at, event.dev, bytes.fromhex(event.raw))
        elif isinstance(event, Rr):
            yield Intervals(event.at, event.ticks, event.lost)
