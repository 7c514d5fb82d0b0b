"""Tables as the pages of docs/ have them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def figure(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, never in powers of ten; "-" for none."""
    if value is None or isnan(value):
        return "-"
    if value == 0:
        return "0"
    if abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:#.{digits}g}".rstrip(".") if abs(value) >= 1e-4 else f"{value:.6f}"
