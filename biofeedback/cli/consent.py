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
from biofeedback.recording.consents import CONSENTS, HEART_DATA, PRACTITIONER, RESEARCH, WORDS
from biofeedback.recording.naming import PART
from biofeedback.recording.people import is_pseudonym

if TYPE_CHECKING:
    from pathlib import Path

    from biofeedback.session.plan import Plan


WITHOUT_CONSENT: Final = frozenset({"breath_only", "neutral_image", "grounding", "micro_break"})
"""Scripts without an image of one's own (RULINGS C2)."""


def check_session(args: argparse.Namespace, config: Config, person: str, plan: Plan, source: str) -> None:
    """Before a session is recorded: the person agrees, or has agreed, that what it keeps is kept.

    With a strap heart data need consent where there is imagery; elsewhere only one that was taken back is in the way
    (RULINGS C2). A session that asks how strong something feels is not recorded for somebody who took back consent to
    words. A simulated person (`source` "simulated") is nobody. Raises UsageError when nobody can be asked or the answer
    is no; no answer is kept but a yes.
    """
    if source == "simulated":
        return
    state = log_of(args, config, person).state()
    silent = getattr(args, "view", None) == "none"
    without = "Without keeping anything: --no-record"
    if state.took_back(HEART_DATA) or (source == "strap" and _has_imagery(plan)):
        _check(args, config, person, HEART_DATA, can_be_asked=not silent, without=without)
    if getattr(args, "practitioner", False) and state.took_back(PRACTITIONER):
        _check(
            args,
            config,
            person,
            PRACTITIONER,
            can_be_asked=not silent,
            without="Without a practitioner: leave out --practitioner",
        )
    if state.took_back(WORDS) and plan.name != "free":
        _check(args, config, person, WORDS, can_be_asked=not silent, without=without)


def check_export(args: argparse.Namespace, config: Config, person: str) -> None:
    """Before a recording is handed out: its person has not taken that back. Raises UsageError."""
    if not config.home.is_dir() or not is_pseudonym(person):
        return
    if log_of(args, config, person).state().took_back(RESEARCH):
        raise UsageError(
            f"{person} has taken this back: {CONSENTS[RESEARCH].sentence}",
            f"Ask, and when they agree: {called()} person consent {person} --give {RESEARCH}",
        )


def takes_words_out(args: argparse.Namespace, config: Config, person: str, recording: Path | None, source: str) -> None:
    """After a session of somebody who took back consent to words: marks and notes of it are not kept."""
    if recording is None or source == "simulated" or recording.name.endswith(PART):
        return
    if log_of(args, config, person).state().took_back(WORDS):
        from biofeedback.cli.withdrawing import words_out_of

        words_out_of(args, config, recording)


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
        not_yet = "has taken this back" if state.took_back(consent) else "has not agreed to this yet"
        raise UsageError(f"{person} {not_yet}: {text.sentence}", f"Agree once: {how}")
    sys.stderr.write(f"{text.sentence}\nYou can take this back at any time: {how.replace('--give', '--withdraw')}\n")
    if not agreed("Do you agree?"):
        raise UsageError("Without your consent nothing is kept.", without)
    log.write(text.line(given=True))
