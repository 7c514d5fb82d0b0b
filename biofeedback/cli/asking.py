"""Questions at a terminal. They go to stderr, since stdout is data; answers are read as lines and kept nowhere."""

from __future__ import annotations

import argparse
import sys

from biofeedback.errors import UsageError


def can_ask() -> bool:
    """Whether somebody sits there to answer."""
    return can_type() and sys.stderr is not None and sys.stderr.isatty()


def can_type() -> bool:
    """Whether the input is a terminal; a program that cron starts may have no input at all."""
    return sys.stdin is not None and sys.stdin.isatty()


def asked(question: str) -> str:
    """The line that is typed after a question, without blanks around it; empty when there is no more input."""
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line.endswith("\n"):
        sys.stderr.write("\n")
    return line.strip()


def agreed(question: str) -> bool:
    """Whether the answer to a question is yes; Enter is no."""
    while True:
        answer = asked(f"{question} [y/N] ").casefold()
        if answer in {"y", "yes", "n", "no", ""}:
            return answer in {"y", "yes"}
        sys.stderr.write("Type y for yes or n for no.\n")


def confirm(args: argparse.Namespace, question: str, word: str = "") -> None:
    """Go on only with --yes or a yes; with `word`, only when that is typed. Raises UsageError otherwise."""
    if args.yes:
        return
    if not can_ask():
        raise UsageError("This deletes, and there is nobody to ask.", "Add --yes when you are sure.")
    sure = agreed(question) if not word else asked(f"{question} Type {word} to go on: ") == word
    if not sure:
        raise UsageError("Nothing was deleted.", "Without questions: --yes")
