"""The calm text view of a session or a replay, for a terminal or as plain lines."""

from biofeedback.terminal.view import watch

__all__ = ["watch"]
