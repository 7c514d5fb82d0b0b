"""A recording as one HTML page that needs nothing else: no script, no request, no font of its own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from biofeedback.errors import BiofeedbackError
from biofeedback.recording.whole_file import replace_whole
from biofeedback.recording.reader import StoredRecording, is_recording
from biofeedback.report import sections
from biofeedback.report.facts import gather
from biofeedback.report.strip import draw_strip
from biofeedback.report.words import began

INTENDED_USE: Final = (
    "For adults who want to practise paced breathing and self-chosen imagery and see their own heart-rate response."
    " Not a medical device. Not for diagnosis, treatment or emergencies."
)
EMERGENCY: Final = (
    "In an emergency call your local emergency number: 112 in the EU, 911 in the US and Canada, 999 in the UK."
)


def session_report(recording: StoredRecording) -> str:
    """The page. Whatever a person wrote is shown as the words it is, never as HTML."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    facts = gather(recording)
    strip = draw_strip(facts)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((files("biofeedback.report") / "session.html").read_text("utf-8"))
    return template.render(
        demo=facts.demo,
        when=began(recording.head),
        lead=sections.lead(facts),
        svg=Markup(strip.svg),  # noqa: S704 - drawn here, without a word of anybody's
        unlabelled=strip.unlabelled,
        described=sections.described(facts),
        has={part.name for part in facts.parts},
        flagged=facts.whole.excluded,
        blocks=sections.blocks(facts),
        verdicts=sections.verdicts(facts),
        epochs=sections.epochs(facts),
        differences=sections.differences(facts),
        answers=sections.answers(facts),
        marks=sections.marks(facts),
        notices=sections.notices(facts),
        gaps=sections.gaps(facts),
        cues=sections.cues(facts),
        numbers=sections.numbers(facts),
        computed=sections.computed(facts),
        unfinished=not recording.finished,
        damage=recording.damage,
        intended_use=INTENDED_USE,
        emergency=EMERGENCY,
    )


def write_report(recording: StoredRecording, path: Path) -> Path:
    """Write the page whole or not at all. Raises BiofeedbackError; never writes over a recording."""
    text = session_report(recording)
    advice = "Choose another place with --output."
    try:
        if path.is_dir() or (path.is_file() and is_recording(path)):
            what = "a folder" if path.is_dir() else "a recording"
            raise BiofeedbackError(f"The report cannot be written to {path}: that is {what}.", advice)
        replace_whole(path, text.encode())
    except OSError as error:
        raise BiofeedbackError(f"The report cannot be written to {path}: {error.strerror or error}.", advice) from error
    return path
