"""Asks for consent once, before anything of the sort is kept."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Final

from biofeedback.cli.asking import agreed, can_ask
from biofeedback.cli.common import called
from biofeedback.cli.person_logs import log_of
from biofeedback.config import Config
from biofeedback.errors import RecordingError, UsageError
from biofeedback.recording.consents import CONSENTS, HEART_DATA, WORDS

if TYPE_CHECKING:
    from biofeedback.session.plan import Plan


WITHOUT_CONSENT: Final = frozenset({"breath_only", "neutral_image", "grounding", "micro_break"})
"""Scripts without an image of one's own (RULINGS C2)."""


def check_consent(args: argparse.Namespace, config: Config, person: str, plan: Plan) -> None:
    """Before a session with a strap is recorded: the person agrees, or has agreed, that heart data are kept.

    A session without imagery needs no consent, unless it was taken back (RULINGS C2). Raises UsageError when nobody
    can be asked or the answer is no; no answer is kept but a yes.
    """
    if not _has_imagery(plan) and not log_of(args, config, person).state().took_back(HEART_DATA):
        return
    silent = getattr(args, "view", None) == "none"
    _check(args, config, person, HEART_DATA, can_be_asked=not silent, without="Without keeping anything: --no-record")


def _has_imagery(plan: Plan) -> bool:
    imagined = [pair.visualization for pair in plan.pairs] + ([plan.script] if plan.script else [])
    return any(script not in WITHOUT_CONSENT for script in imagined)


def check_words(args: argparse.Namespace, config: Config, person: str) -> None:
    """Before words are kept that a person hands in for the journal: they are asked, where they can be.

    Elsewhere the command itself is the wish, unless the consent was taken back. Raises UsageError then, and after a no.
    """
    if not can_ask() and not log_of(args, config, person).state().took_back(WORDS):
        return
    _check(args, config, person, WORDS, can_be_asked=True, without="Nothing was kept.")


def _check(
    args: argparse.Namespace, config: Config, person: str, consent: str, *, can_be_asked: bool, without: str
) -> None:
    log = log_of(args, config, person)
    state = log.state()
    if state.holds(consent):
        return
    if state.holed:
        raise RecordingError(
            f"What is kept of {person} is damaged, and a consent may have been taken back in what is lost.",
            f"Mend it, then agree again: {called()} person repair {person}",
        )
    text = CONSENTS[consent]
    how = f"{called()} person consent {person} --give {consent}"
    if not can_be_asked or not can_ask():
        raise UsageError(f"{person} has not agreed to this yet: {text.sentence}", f"Agree once: {how}")
    sys.stderr.write(f"{text.sentence}\nYou can take this back at any time: {how.replace('--give', '--withdraw')}\n")
    if not agreed("Do you agree?"):
        raise UsageError("Without your consent nothing is kept.", without)
    log.write(text.line(given=True))
