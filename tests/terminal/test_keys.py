"""Keys from a terminal's bytes, and what each of them does."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.events import Ask, Notice
from biofeedback.session.runner import RunningSession
from biofeedback.presenter.keys import (
    END,
    ESC,
    HOME,
    LEFT,
    PAGE_DOWN,
    PAGE_UP,
    RIGHT,
    SHIFT_LEFT,
    SHIFT_RIGHT,
    press,
)
from biofeedback.terminal.keys import KeyDecoder
from biofeedback.presenter.picture import Picture
from devices.choosing import Sight, StrapQuestion


NAMED = {END, ESC, HOME, LEFT, PAGE_DOWN, PAGE_UP, RIGHT, SHIFT_LEFT, SHIFT_RIGHT}


def keys(*chunks: bytes) -> list[str]:
    """The keys of chunks that come 10 ms apart, and of the silence after them."""
    decoder, found = KeyDecoder(), list[str]()
    for number, chunk in enumerate((*chunks, b"", b"")):
        found += decoder.feed(chunk, number * (0.01 if number < len(chunks) else 1.0))
    return found


def test_letters_are_small_and_a_space_is_a_space() -> None:
    assert keys(b"S mT9") == ["s", " ", "m", "t", "9"]


def test_an_escape_alone_is_the_key() -> None:
    assert keys(b"\x1b") == [ESC]
    assert keys(b"\x1b\x1b") == [ESC, ESC]


def test_an_escape_waits_a_moment_for_what_may_follow() -> None:
    decoder = KeyDecoder()
    assert decoder.feed(b"\x1b", 0.0) == []
    assert decoder.feed(b"", 0.05) == []
    assert decoder.feed(b"", 0.11) == [ESC]
    assert decoder.feed(b"", 9.0) == []


@pytest.mark.parametrize(
    ("sequence", "key"),
    [
        (b"[D", LEFT), (b"[C", RIGHT), (b"OD", LEFT), (b"OC", RIGHT), (b"[1;2D", SHIFT_LEFT), (b"[1;2C", SHIFT_RIGHT),
        (b"[5~", PAGE_UP), (b"[6~", PAGE_DOWN), (b"[H", HOME), (b"OF", END), (b"[1~", HOME), (b"[4~", END),
    ],
)  # fmt: skip
def test_keys_that_seek_have_names_however_they_arrive(sequence: bytes, key: str) -> None:
    whole = b"\x1b" + sequence
    assert keys(whole) == keys(*(whole[i : i + 1] for i in range(len(whole)))) == [key]
    assert keys(whole + whole + b"s") == [key, key, "s"]


@pytest.mark.parametrize("sequence", [b"\x1b[A", b"\x1bOP", b"\x1b[1;5C", b"\x1b[200~", b"\x1b[<0;10;10M"])
def test_other_keys_that_send_a_sequence_say_nothing_however_they_arrive(sequence: bytes) -> None:
    assert keys(sequence) == []
    assert keys(*(sequence[i : i + 1] for i in range(len(sequence)))) == []
    assert keys(sequence + b"s") == ["s"]


def test_a_key_with_alt_is_the_key() -> None:
    assert keys(b"\x1bs") == ["s"]


def test_an_endless_sequence_is_given_up() -> None:
    assert keys(b"\x1b[" + b"1" * 40, b"s") == ["s"]


@given(st.lists(st.binary(max_size=12), max_size=8))
def test_any_bytes_give_only_known_keys(chunks: list[bytes]) -> None:
    assert all(key in NAMED or (len(key) == 1 and key.isascii() and key.isprintable()) for key in keys(*chunks))


class Listener:
    """A session that only notes what it is told."""

    def __init__(self, straps: StrapQuestion | None = None) -> None:
        self.told: list[object] = []
        self.playback = None
        self.straps = straps

    def now(self) -> int:
        return 1_000_000

    def command(self, what: str) -> None:
        self.told.append(what)

    def answer(self, question: str, value: int) -> None:
        self.told.append((question, value))

    def choose_strap(self, address: str) -> None:
        self.told.append(address)


def pressed(text: str, picture: Picture, straps: StrapQuestion | None = None) -> list[object]:
    listener = Listener(straps)
    for key in text:
        press(ESC if key == "\x1b" else key, picture, cast(RunningSession, listener))
    return listener.told


def test_each_key_does_its_thing() -> None:
    picture = Picture({}, hide_numbers=False)
    assert pressed(" sm\x1bxq", picture) == ["pause", "strong", "mark", "end"]
    picture.see(Notice(0, "paused", ""))
    assert pressed(" ", picture) == ["resume"]


def test_figures_and_t_answer_only_an_open_question() -> None:
    picture = Picture({}, hide_numbers=False)
    assert pressed("5t", picture) == []
    picture.see(Ask(0, "suds-2", "suds", 25_000_000))
    assert pressed("05t", picture) == [("suds-2", 0), ("suds-2", 5), ("suds-2", 10)]
    picture.see(Ask(0, "suds-3", "suds", 500_000))
    assert pressed("5", picture) == []


def test_while_it_is_asked_for_a_strap_figures_choose_one_and_all_else_is_as_ever() -> None:
    straps = StrapQuestion(tuple(Sight(f"address {number}", "", -60, False) for number in range(1, 12)))
    picture = Picture({}, hide_numbers=False)
    picture.see(Ask(0, "suds-2", "suds", 25_000_000))
    assert pressed("1920", picture, straps) == ["address 1", "address 9", "address 2"]
    assert pressed(" sm\x1b", picture, straps) == ["pause", "strong", "mark", "end"]
    assert pressed("3", picture, StrapQuestion(straps.sights[:2])) == []
