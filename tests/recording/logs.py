"""Session logs that are written and read with the same keys, or with none: one suite for both (issue 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from biofeedback.events import Event, Json
from biofeedback.recording.keys import Cost, HomeKeys, new_home
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.recording.scan import Scan, scan

PASSPHRASE = "vier Stühle am Fenster"
QUICK = Cost(1, 64, 1)
KEYS, CODE = new_home(PASSPHRASE, QUICK)


@dataclass(frozen=True)
class Logs:
    """Makes and reads logs under `keys`."""

    keys: HomeKeys | None

    def new(self, path: Path, head: Mapping[str, Json] | None = None) -> SessionLog:
        return SessionLog(path, {"session": "s", **(head or {})}, self.keys)

    def resume(self, part: Path) -> SessionLog:
        return SessionLog.resume(part, self.keys)

    def read(self, path: Path) -> StoredRecording:
        return read_recording(path, self.keys)

    def scan(self, data: bytes) -> Scan:
        return scan(data, self.keys)

    def written(self, folder: Path, events: tuple[Event, ...]) -> Path:
        with self.new(folder / "20261122T101500Z_0123abcd.session.jsonl") as log:
            for event in events:
                log.append(event)
        return log.path
