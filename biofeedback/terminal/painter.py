"""Paints a picture as the lines of a screen: the breath in one place, words above and below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from biofeedback.breathing.pacer import Position
from biofeedback.presenter import replaying, words
from biofeedback.presenter.picture import HIDDEN, Picture
from biofeedback.presenter.sentences import sentences
from biofeedback.presenter.straps import HOW, Prompt, Row, prompt
from biofeedback.session.playback import Playback
from devices.choosing import StrapQuestion

WIDEST: Final = 100
NARROW: Final = 60
TALL: Final = 18
KEYS: Final = ("S something strong", "M mark", "Esc end gently")
NO_KEYS: Final = "Ctrl-C ends"
REPLAY_KEYS: Final = ("{arrows} 10 s", "Page Up, Page Down 1 min", "Home, End", "+ {minus} speed", "Esc close")
LEAST_LINE: Final = 12
"""A position line shorter than this tells nothing."""
ANSWER_BY: Final = "Press 0–9, or T for ten."


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs of a bar and of the signal; `left` and `right` are half cells."""

    full: str
    left: str
    right: str
    track: str
    good: str
    lost: str
    dot: str
    passed: str
    arrows: str
    minus: str


FINE: Final = Glyphs("█", "▐", "▌", "─", "●", "○", "·", "━", "← →", "−")
PLAIN: Final = Glyphs("#", "#", "#", "-", "*", "o", "-", "=", "Left, Right", "-")


class Painter:
    """Knows the console's size and signs, and whether keys are heard (`keys`) and obeyed (`live`).

    `playback`: the replay that is shown, which obeys keys of its own.
    """

    def __init__(self, console: Console, *, live: bool, keys: bool, playback: Playback | None = None) -> None:
        self._console = console
        self._playback = playback
        self._live = live
        self._keys = keys
        self._signs = FINE if console.encoding.lower().startswith("utf") else PLAIN

    def paint(self, picture: Picture, now_us: int, straps: StrapQuestion | None = None) -> list[Text]:
        """All lines of the screen, none wider than it, no more than fit. `straps`: asked for in place of the breath."""
        width, height = self._console.size
        inner = max(1, min(width - 2, WIDEST))
        top = self._header(picture, now_us, inner)
        if straps is not None:
            lines = self._asking(prompt(straps), top, inner, height)
            return [_indented(line, (width - inner) // 2) for line in lines[:height]]
        breath = self._breath(picture, now_us, inner, tall=height >= TALL)
        below = self._below(picture, now_us, inner)
        foot = self._help(picture, inner)
        above = max(0, (height - len(top) - len(breath) - 11) // 2)
        lines = [*top, *_blank(above + (height >= TALL)), *breath, *_blank(height >= TALL), *below]
        room = height - len(lines)
        numbers = self._numbers(picture, inner, room - len(foot) - 1)
        if numbers:
            lines += [*_blank(room - len(numbers) - len(foot) - 1), *numbers, Text(), *foot]
        else:
            lines += [*_blank(room - len(foot)), *foot]
        return [_indented(line, (width - inner) // 2) for line in lines[:height]]

    def _asking(self, asked: Prompt, top: list[Text], width: int, height: int) -> list[Text]:
        """The straps to choose from in one block in the middle, as many as fit."""
        tall = height >= TALL
        top = [line for line in top if tall or line.plain.strip()]
        title, foot = self._wrapped(asked.title, width, "bold"), self._wrapped(HOW, width, "")
        foot += [*_blank(tall), *(Text(line, style="dim") for line in self._flow(KEYS[2:], width))]
        room = height - len(top) - len(title) - len(foot) - 3 * tall
        block = _rows(asked.rows, width, room)
        if asked.more and len(block) < room:
            block.append(Text(_cut(f"   {asked.more}", width), style="dim"))
        widest = max((line.cell_len for line in block), default=0)
        above = max(int(tall), (room - len(block)) // 3)
        lines = [*top, *_blank(above), *title, *_blank(tall)]
        lines += [_indented(line, (width - widest) // 2) for line in block]
        return [*lines, *_blank(max(int(tall), height - len(lines) - len(foot))), *foot]

    def _header(self, picture: Picture, now_us: int, width: int) -> list[Text]:
        sign = self._signs.good if picture.signal == "good" else self._signs.lost
        signal = f"{sign} {words.signal_words(picture)}"
        told = f" {self._signs.dot} ".join(words.part_and_time(picture, now_us))
        if width < NARROW:
            return [Text(_cut(line, width)) for line in (signal, told)]
        gap = max(2, width - cell_len(signal) - cell_len(told))
        return [Text(_cut(signal + " " * gap + told, width))]

    def _breath(self, picture: Picture, now_us: int, width: int, *, tall: bool) -> list[Text]:
        """The word and the bar; as many rows with a pacer as without, so that nothing below moves."""
        at = picture.breath(now_us)
        word = "" if picture.end else words.breath_words(picture, at)
        lines = [Text(_centred(_cut(word, width), width), style="bold")]
        return [*lines, *_blank(tall), *self._bar(at, width, rows=3 if tall else 1)]

    def _bar(self, at: Position | None, width: int, rows: int) -> list[Text]:
        side = width // 2
        if at is None or not side:
            return _blank(rows)
        halves = max(1, round(at.fullness * 2 * side))
        whole, half = divmod(halves, 2)
        empty = side - whole - half
        signs = self._signs
        filled = signs.left * half + signs.full * (2 * whole) + signs.right * half
        lines: list[Text] = []
        for row in range(rows):
            track = (signs.track if row == rows // 2 else " ") * empty
            lines.append(Text.assemble((track, "dim"), (filled, "cyan"), (track, "dim")))
        return lines

    def _below(self, picture: Picture, now_us: int, width: int) -> list[Text]:
        """What is said: the line of the script, what the program has to say, the open question."""
        said: list[Text] = []
        for text, style in self._sentences(picture, now_us):
            said += [*_blank(bool(said)), *self._wrapped(text, width, style)]
        return said

    def _sentences(self, picture: Picture, now_us: int) -> Iterator[tuple[str, str]]:
        for number, line in enumerate(words.closing(picture)):
            yield line, "" if number else "bold"
        hears = self._live and self._keys
        for sentence in sentences(picture, now_us, hears=hears):
            how = f" {ANSWER_BY}" if sentence.kind == "question" and hears else ""
            yield sentence.text + how, "" if sentence.kind == "program" else "bold"

    def _numbers(self, picture: Picture, width: int, room: int) -> list[Text]:
        """The numbers and what they are for, as much of it as there is room for; none if not even the first fits."""
        if picture.end or (picture.part is None and picture.signal != "rate only"):
            return []
        if picture.numbers_hidden:
            hidden = self._wrapped(HIDDEN, width, "dim")
            return hidden if len(hidden) <= room else []
        rate_only = picture.signal == "rate only"  # why there is no other number is said above
        numbers = words.numbers(picture)[: 1 if rate_only else None]
        told = [Text(line) for line in self._flow(numbers, width)]
        interim = [] if picture.is_test or rate_only or not self._live else self._wrapped(words.INTERIM, width, "dim")
        fewer = ([*told, *interim], told, [Text(line) for line in self._flow(numbers[:1], width)])
        return next((lines for lines in fewer if len(lines) <= room), list[Text]())

    def _help(self, picture: Picture, width: int) -> list[Text]:
        if self._playback is not None:
            return [self._position(self._playback, width), *self._replay_help(self._playback, width)]
        if not self._live:
            items: Sequence[str] = ("A replay: it runs as it was recorded", NO_KEYS)
        elif not self._keys:
            items = (NO_KEYS,)
        elif picture.part is not None and picture.part.name == "recovery":
            items = KEYS[1:]
        else:
            items = (("Space go on" if picture.paused else "Space pause"), *KEYS)
        return [Text(line, style="dim") for line in self._flow(items, width)]

    def _position(self, playback: Playback, width: int) -> Text:
        """Where the replay is, in words and as a mark on a line."""
        told = replaying.position_words(playback)
        long = width - cell_len(told) - 2
        if long < LEAST_LINE:
            return Text(_centred(_cut(told, width), width))
        mark = replaying.share(playback, replaying.shown_us(playback))
        passed, signs = round(mark * (long - 1)), self._signs
        ahead = (signs.track * (long - 1 - passed), "dim")
        return Text.assemble(f"{told}  ", (signs.passed * passed, "cyan"), (signs.good, "cyan"), ahead)

    def _replay_help(self, playback: Playback, width: int) -> list[Text]:
        if not self._keys:
            items: Sequence[str] = (NO_KEYS,)
        else:
            space = "Space again" if playback.over else "Space go on" if playback.paused else "Space pause"
            keys = (key.format(arrows=self._signs.arrows, minus=self._signs.minus) for key in REPLAY_KEYS)
            items = (space, *keys)
        return [Text(line, style="dim") for line in self._flow(items, width)]

    def _flow(self, items: Sequence[str], width: int) -> list[str]:
        """Items side by side as long as they fit, each kept whole where it can be, centred."""
        lines: list[str] = []
        for item in items:
            joined = f"{lines[-1]}  {self._signs.dot}  {item}" if lines else item
            if lines and cell_len(joined) <= width:
                lines[-1] = joined
            else:
                lines.append(item)
        whole = [part.plain for line in lines for part in Text(line).wrap(self._console, width)]
        return [_centred(line.rstrip(), width) for line in whole]

    def _wrapped(self, text: str, width: int, style: str) -> list[Text]:
        lines = Text(text).wrap(self._console, width)
        return [Text(_centred(line.plain.rstrip(), width), style=style) for line in lines]


def _rows(rows: Sequence[Row], width: int, room: int) -> list[Text]:
    """Number, name and facts of each strap, in columns, else the facts below; else in a line each, what fits of it.

    Where there is not room for every strap the last line says how many more there are; their numbers work too.
    """
    names = max((cell_len(row.name) for row in rows), default=0)
    columns = all(names + cell_len(row.facts) + 6 <= width for row in rows)
    lines: list[Text] = []
    for row in rows:
        named, style = f"{row.number if row.free else ' '}  {row.name}", "bold" if row.free else "dim"
        if columns:
            facts = " " * (names - cell_len(row.name) + 3) + row.facts
            lines.append(Text.assemble((named, style), (facts, "" if row.free else "dim")))
        elif 2 * len(rows) <= room:
            lines += [Text(_cut(named, width), style=style), Text(_cut(f"   {row.facts}", width), style="dim")]
        else:
            lines.append(Text(_cut(f"{named[:3]}{row.spoken}", width), style=style))
    shown = max(1, room)
    if len(lines) > shown:
        lines[shown - 1 :] = [Text(_cut(f"   and {len(rows) - shown + 1} more", width), style="dim")]
    return lines


def _blank(rows: int) -> list[Text]:
    return [Text() for _ in range(rows)]


def _centred(text: str, width: int) -> str:
    return " " * max(0, (width - cell_len(text)) // 2) + text


def _cut(text: str, width: int) -> str:
    shown = Text(text)
    shown.truncate(width, overflow="ellipsis")
    return shown.plain


def _indented(line: Text, by: int) -> Text:
    line.pad_left(by)
    return line
