"""Cells of exported tables: numbers as they are, texts so that no spreadsheet takes them for a formula.

RECORDING 2.3 row 6: a text that begins with `= + - @`, a tab or a line end gets a `'` before it, whatever blanks and
signs that nobody sees come first. So does what follows a semicolon, a tab or a line end within a text: a spreadsheet
that parts cells there, whatever quotes say, would begin a cell with it. Numbers are never quoted and never get one.
"""

from __future__ import annotations

import json
import re
from typing import Final

STEERING: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take for the beginning of a formula, the wide forms of East Asian keyboards among them."""
_UNSEEN: Final = r"[\s\x01-\x1f\x7f-\xa0\xad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*+"
_BEGINS: Final = re.compile(rf"{_UNSEEN}[=+\-@＝＋－＠]")
_NEXT: Final = re.compile(rf"([;\t\r\n])(?={_UNSEEN}[=+\-@＝＋－＠])")
_QUOTED: Final = frozenset(',"\r\n')


def text_cell(text: str) -> str:
    """A text as a cell of comma-separated values (RFC 4180)."""
    safe = harmless(text)
    return '"' + safe.replace('"', '""') + '"' if _QUOTED & set(safe) else safe


def tab_cell(text: str) -> str:
    """A text as a cell of a BIDS table: tabs and line ends become blanks, `n/a` stands for none."""
    return " ".join(harmless(text).split()) or "n/a"


def harmless(text: str) -> str:
    """A text that is no formula, in signs that UTF-8 can write; a NUL, which ends texts in other programs, is shown."""
    written = _NEXT.sub(r"\1'", encodable(text).replace("\0", "\N{REPLACEMENT CHARACTER}"))
    return f"'{written}" if written.startswith(STEERING) or _BEGINS.match(written) else written


def encodable(text: str) -> str:
    """A text in signs that UTF-8 can write: half of a pair of UTF-16 becomes a question mark."""
    return text.encode("utf-8", "replace").decode()


def json_text(value: object) -> str:
    """A JSON document for people to read. Raises ValueError for a number that JSON does not have."""
    return encodable(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)) + "\n"


def number_cell(value: float | None) -> str:
    """A number that reads back to the same bits, with a point; empty for none."""
    if value is None:
        return ""
    return repr(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def seconds_cell(at_us: int | None) -> str:
    """Microseconds as seconds with six decimals, exact; empty for none."""
    if at_us is None:
        return ""
    sign, whole = "-" if at_us < 0 else "", abs(at_us)
    return f"{sign}{whole // 1_000_000}.{whole % 1_000_000:06d}"


def truth_cell(value: bool) -> str:
    """true or false."""
    return "true" if value else "false"
