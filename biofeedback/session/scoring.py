"""Reads a recording whole for the library: is it what was written, do its numbers come out again, what are they."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from biofeedback.errors import RecordingError
from biofeedback.recording.catalogue import quality_of
from biofeedback.recording.library import Scored
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.rewriting import sha256_of
from biofeedback.recording.sealing import Keys
from biofeedback.session.replay import Verification, check, verify
from biofeedback.session.rescoring import phase_values
from biofeedback.session.spans import is_imported


def score(path: Path, keys: Keys | None = None) -> tuple[Verification, Scored]:
    """Verify a recording and gather what the index keeps of it. Raises UnreadableError when it is none."""
    checked = check(path, keys)
    found, recording = checked.found, checked.recording
    beats = [line.body.get("ok") is True for line in recording.lines if line.kind == "beat"]
    return found, Scored(
        sha256_of(path),
        _word(found),
        len(beats),
        quality_of(beats.count(False), len(beats)),
        _parts(recording),
        [
            (row.metric, row.phase, row.name, row.stored, row.stored_rule, row.now, row.now_rule)
            for row in phase_values(recording, checked.again)
        ],
        suds_of(recording),
    )


def _parts(recording: StoredRecording) -> list[str]:
    if is_imported(recording):
        return []
    return [str(line.body["name"]) for line in recording.lines if line.kind == "phase" and line.body.get("on")]


def suds_of(recording: StoredRecording) -> list[tuple[int, str, int | None]]:
    """How strong it felt, as answered: (time in microseconds, before/epoch/after, 0-10 or None)."""
    return [
        (line.t, str(line.body.get("when")), line.body.get("value")) for line in recording.lines if line.kind == "suds"
    ]


def check_copy_of(original: Path, keys: Keys | None = None) -> Callable[[Path], None]:
    """A check of a copy from which something was taken out: it verifies, if the original does.

    Raises RecordingError naming the first difference.
    """

    def check_copy(copy: Path) -> None:
        found = verify(copy, keys)
        if (found.differences or not found.intact) and not verify(original, keys).differences:
            raise RecordingError(
                f"The copy of {original} does not give the same numbers: {found.first_difference or found.damage}.",
                "The recording is left as it was; report this.",
            )

    return check_copy


def _word(found: Verification) -> str:
    """What came of it, in the word of `Scored.verified`."""
    if not found.intact:
        return "damaged"
    if found.locked:
        return "locked"
    if found.differences:
        return "differs"
    if found.rescored:
        return "rescored"
    if not found.compared:
        return "nothing"
    if not found.complete:
        return "partial"
    return "exact" if found.exact else "equal"
