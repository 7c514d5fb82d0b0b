"""A recording as part of a BIDS data set (Gorgolewski 2016, Sci Data 3:160044): a session of a subject, in `beh`.

The folder is the data set; each export adds a session to it, and nothing that is there is changed but the lists of
subjects. Layout of `*_events.tsv`: `onset duration trial_type value label pair script`; every beat is an event `beat`
at its closing beat with its exact interval in ms as value.
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterable
from contextlib import suppress
from math import isnan
from pathlib import Path
from typing import Final

from biofeedback.errors import OutputError
from biofeedback.events import Json
from biofeedback.formats.exports.cells import json_text, number_cell, seconds_cell, tab_cell
from biofeedback.formats.exports.dictionary import ARTEFACT, KINDS
from biofeedback.formats.exports.gathered import ExportedBeat, Gathered, Moment
from biofeedback.formats.exports.grid import GRID_HZ, paced_breath, tachogram
from biofeedback.formats.exports.whole import check_free, whole_folder, write_private
from biofeedback.recording.private import make_private_folder
from biofeedback.recording.whole_file import replace_whole

VERSION: Final = "1.10.0"
PARTICIPANTS: Final = ("participant_id", "pseudonym")
NOTHING: Final = "n/a"
EVENT_COLUMNS: Final = ("onset", "duration", "trial_type", "value", "label", "pair", "script")


def write_bids(gathered: Gathered, root: Path) -> Path:
    """Add the recording to the data set in `root`; returns the session's folder.

    Raises OutputError when the session is there already, the subject's label stands for somebody else, or the folder
    is not a data set of ours; OSError when it cannot be written.
    """
    subject, session = f"sub-{_subject(gathered)}", f"ses-{_session(gathered)}"
    known = _participants(root)
    pseudonym = NOTHING if gathered.anonymised else gathered.subject
    if known.get(subject, pseudonym) != pseudonym:
        raise OutputError(
            f"{root} has another person as {subject} already.",
            "Choose another folder: of a pseudonym only letters and digits are left there.",
        )
    target = root / subject / session
    check_free(target)
    _make_data_set(root, gathered)
    make_private_folder(target.parent)
    try:
        with whole_folder(target) as folder:
            _write_session(gathered, folder, f"{subject}_{session}")
    except BaseException:
        with suppress(OSError):
            target.parent.rmdir()  # it is empty when this was the subject's first session
        raise
    if subject not in known:
        rows = {**known, subject: pseudonym}
        replace_whole(root / "participants.tsv", _tsv(PARTICIPANTS, rows.items()).encode())
    return target


def _subject(gathered: Gathered) -> str:
    """A label of letters and digits; without a pseudonym each session stands for itself."""
    return gathered.session if gathered.anonymised else _label(gathered.subject)


def _session(gathered: Gathered) -> str:
    return gathered.session if gathered.start is None else f"{gathered.start:%Y%m%dT%H%M%S}"


def _label(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z]", "", text) or "unknown"


def _participants(root: Path) -> dict[str, str]:
    """The subjects of the data set with their pseudonyms. Raises OutputError when it is not one of ours."""
    path = root / "participants.tsv"
    if not path.exists():
        if (root / "dataset_description.json").exists():
            raise OutputError(f"{root} is a data set of another program.", "Choose another folder.")
        return {}
    lines = path.read_text("utf-8", errors="replace").splitlines()
    rows = [line.split("\t") for line in lines if line]
    if not rows or tuple(rows[0]) != PARTICIPANTS or any(len(row) != len(PARTICIPANTS) for row in rows):
        raise OutputError(f"{path} is not a list of this program's.", "Choose another folder.")
    return {row[0]: row[1] for row in rows[1:]}


def _make_data_set(root: Path, gathered: Gathered) -> None:
    """The files at the top, where they are not there yet."""
    texts = {
        "dataset_description.json": json_text(
            {
                "Name": "Heart beats of practice sessions",
                "BIDSVersion": VERSION,
                "DatasetType": "raw",
                "GeneratedBy": [_program(gathered)],
            }
        ),
        "README": README,
        "participants.json": json_text(
            {"pseudonym": {"Description": "What the person is called in the recordings; n/a when that was taken out"}}
        ),
    }
    for name, text in texts.items():
        if not (root / name).exists():
            replace_whole(root / name, text.encode())


def _write_session(gathered: Gathered, folder: Path, prefix: str) -> None:
    stem = f"{prefix}_task-{_label(gathered.plan)}"
    make_private_folder(folder / "beh")
    files = {
        f"beh/{stem}_physio.tsv.gz": zipped(physio_tsv(gathered)),
        f"beh/{stem}_physio.json": json_text(physio_json(gathered)).encode(),
        f"beh/{stem}_events.tsv": events_tsv(gathered).encode(),
        f"beh/{stem}_events.json": json_text(events_json(gathered)).encode(),
    }
    for name, data in files.items():
        write_private(folder / name, data)
    if start := _start(gathered):
        rows = [(name, start) for name in files if not name.endswith(".json")]
        write_private(folder / f"{prefix}_scans.tsv", _tsv(("filename", "acq_time"), rows).encode())


def _start(gathered: Gathered) -> str:
    """When session time 0 was: UTC where the zone is known, else local time."""
    if gathered.start is None:
        return ""
    return gathered.utc(0) or f"{gathered.start.replace(tzinfo=None).isoformat(timespec='seconds')}"


def physio_tsv(gathered: Gathered) -> str:
    """Interval (ms) and pacer (0 to 1), a line for each point of the 4 Hz grid from session time 0 on; no header."""
    columns = zip(tachogram(gathered).tolist(), paced_breath(gathered).tolist(), strict=True)
    return "".join(f"{_grid_cell(rr, 3)}\t{_grid_cell(breath, 4)}\n" for rr, breath in columns)


def _grid_cell(value: float, digits: int) -> str:
    return NOTHING if isnan(value) else f"{value:.{digits}f}"


def zipped(text: str) -> bytes:
    """The same bytes for the same text, whenever and wherever."""
    data = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=data, mtime=0) as file:
        file.write(text.encode())
    return data.getvalue()


def physio_json(gathered: Gathered) -> dict[str, Json]:
    """What the columns of the physio file are."""
    start = {} if gathered.start is None else {"RecordingStart": gathered.start.isoformat(timespec="seconds")}
    return {
        "SamplingFrequency": GRID_HZ,
        "StartTime": 0,
        "Columns": ["rr", "pacer"],
        "PhysioType": "generic",
        "TaskName": gathered.plan,
        "rr": {
            "Description": "RR interval, cubic spline through unflagged intervals at their closing beats; n/a in gaps",
            "Units": "ms",
        },
        "pacer": {
            "Description": "Fullness of the chest by the breathing pacer, 0 to 1, not measured; n/a without pacer",
            "Units": "arbitrary",
        },
        "ManufacturersModelName": gathered.device or NOTHING,
        "SoftwareVersions": gathered.program,
        **start,
    }


def events_json(gathered: Gathered) -> dict[str, Json]:
    """What the columns of the events file are."""
    levels: dict[str, Json] = {"beat": "a heartbeat"}
    levels |= {kind: words for kind, words in KINDS.items() if kind != "phase"}
    parts = ("settle", "ramp", "baseline", "washout", "image", "control", "recovery", "close", "rest", "practice")
    levels |= dict.fromkeys(parts, "a part of the session")
    program = _program(gathered)
    return {
        "TaskName": gathered.plan,
        "StimulusPresentation": {"SoftwareName": program["Name"], "SoftwareVersion": program["Version"]},
        "trial_type": {"Description": "A heartbeat, a part of the session, or what else happened", "Levels": levels},
        "value": {"Description": "Of a beat the interval that it closes, in ms, exact; of others their number"},
        "label": {"Description": f"Of a beat {ARTEFACT}; of others their words"},
        "pair": {"Description": "The pair of a trial it belongs to, from 0"},
        "script": {"Description": "The script it belongs to"},
    }


def events_tsv(gathered: Gathered) -> str:
    """Beats and everything else in order of time."""
    rows = [_beat_row(beat) for beat in gathered.beats] + [_event_row(moment) for moment in gathered.moments]
    return _tsv(EVENT_COLUMNS, (row for _, row in sorted(rows, key=lambda each: each[0])))


def _beat_row(beat: ExportedBeat) -> tuple[int, tuple[str, ...]]:
    value, nothing = number_cell(beat.rr_ms), NOTHING
    return beat.t_us, (seconds_cell(beat.t_us), "0", "beat", value, beat.why or nothing, nothing, nothing)


def _event_row(moment: Moment) -> tuple[int, tuple[str, ...]]:
    is_part = moment.kind == "phase"
    return moment.at_us, (
        seconds_cell(moment.at_us),
        seconds_cell(max(0, moment.duration_us or 0)) if moment.duration_us is not None else "0",
        tab_cell(moment.label if is_part else moment.kind),
        NOTHING if is_part else number_cell(moment.value) or NOTHING,
        NOTHING if is_part else tab_cell(moment.label),
        number_cell(moment.pair) or NOTHING,
        tab_cell(moment.script or ""),
    )


def _tsv(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in [columns, *rows])


def _program(gathered: Gathered) -> dict[str, Json]:
    name, _, version = gathered.program.rpartition(" ")
    return {"Name": name, "Version": version}


README: Final = """Heart beats of practice sessions, exported for sharing.

Each session has in `beh`: `*_physio.tsv.gz`, the RR intervals resampled at 4 Hz and the breath of the pacer, and
`*_events.tsv`, every heartbeat with its exact RR interval in ms beside the parts of the session and what else happened.
Onset 0 and the first line of the physio file are the beginning of the session. The intervals come from a chest strap or
an imported file, not from an ECG of medical quality. Resampling is for looking and for spectra: take RMSSD and the like
from the events, without intervals that have a label, and never across a gap.
"""
