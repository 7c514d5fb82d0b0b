"""A copy of a damaged recording with every line that can still be read; the damaged file itself stays as it is."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from biofeedback.errors import RecordingError
from biofeedback.events import Json
from biofeedback.recording.naming import SUFFIX
from biofeedback.recording.reader import DAMAGED, read_recording
from biofeedback.recording.rewriting import content, copy_to
from biofeedback.recording.sealing import CIPHER, Keys


def repair(path: Path, keys: Keys | None = None, *, folder: Path | None = None, subject: str | None = None) -> Path:
    """Write the readable lines of a damaged recording as a new one beside it, or into `folder`; where it is.

    `subject`: whose it is by now, when that is not who stands in its head.

    The copy is a session of its own, for the damaged file stays: its head has a new id, and under `parent` the
    SHA-256 and the id of what it was made from. Where lines are missing stands an `err` line. Raises RecordingError
    when the recording is whole or nothing of it can be read, UnreadableError when it is no recording.
    """
    source = read_recording(path, keys)
    if source.locked:
        raise RecordingError(f"{path} is encrypted.", "Give its passphrase.")
    if source.damage is None:
        raise RecordingError(f"{path} is not damaged.", "There is nothing to repair.")
    session = str(uuid.uuid4())
    start = path.name.partition("_")[0].partition(".")[0]
    target = (folder or path.parent) / f"{start}_{session[:8]}{SUFFIX}"
    more: dict[str, Json] = {"session": session, "parent": {"session": first_session_of(source.head)}}
    if subject is not None:
        more["subject"] = subject
    return copy_to(target, source, content(source), [DAMAGED], keys if CIPHER in source.head else None, more_head=more)


def first_session_of(head: Mapping[str, Any]) -> str:
    """The id under which a recording was made, which its coins are sealed with; a repaired copy has another."""
    parent = head.get("parent")
    first = cast("dict[str, object]", parent).get("session") if isinstance(parent, dict) else None
    return str(first or head["session"])
