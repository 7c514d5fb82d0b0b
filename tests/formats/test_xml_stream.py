"""XML without trust and without limit of size: RECORDING 2.3 rows 1 and 4."""

from __future__ import annotations

import io
import re
import tracemalloc
from collections.abc import Iterable
from itertools import chain, repeat
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import xml_stream
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.xml_stream import CHUNK, Elements, guarded_parser, root_of, walk

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Event = tuple[str, ...]


def events(
    data: bytes | Foreign, *, skip: re.Pattern[bytes] | None = None, parts: bool = False, ends: bool = True
) -> list[Event]:
    """What is met on a walk: starts with their attributes, ends and pieces of text put together."""
    found: list[Event] = []

    def text(piece: str) -> None:
        if found and found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + piece)
        else:
            found.append(("text", piece))

    wanted = Elements(
        start=lambda name, attributes: found.append(("start", name, *attributes)),
        end=(lambda name: found.append(("end", name))) if ends else None,
        text=text,
        skip=skip,
        parts=parts,
    )
    walk(in_memory("x.xml", data) if isinstance(data, bytes) else data, wanted, lambda _: None)
    return found


class Pieces(io.RawIOBase):
    """A stream made up while it is read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces, self._rest = iter(pieces), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._rest and (piece := next(self._pieces, b"")):
            self._rest = piece
        view = memoryview(buffer).cast("B")
        taken = self._rest[: len(view)]
        view[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        return len(taken)


def made_up(*pieces: Iterable[bytes]) -> Foreign:
    """A file of these pieces, made while it is read; its size is never needed."""
    return Foreign("x.xml", 0, lambda: io.BufferedReader(Pieces(chain(*pieces))), lambda _: None)


def refusal(data: bytes | Foreign, *, parts: bool = False) -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        events(data, parts=parts)
    return caught.value


PLAIN = b'<a x="1"><b/>two<c y="&amp;">three</c></a>'
WANTED: list[Event] = [
    ("start", "a", "x", "1"), ("start", "b"), ("end", "b"), ("text", "two"), ("start", "c", "y", "&"),
    ("text", "three"), ("end", "c"), ("end", "a"),
]  # fmt: skip


@pytest.mark.parametrize(
    "before",
    [
        b"",
        b'<?xml version="1.0" encoding="UTF-8"?>\n',
        b"\xef\xbb\xbf<?xml version='1.0'?>\r\n<!-- a [comment] > with <!DOCTYPE in it -->\n",
        b"<?xml version='1.0'?>\n<!DOCTYPE a>\n",
        b"<!DOCTYPE a SYSTEM 'http://example.org/a.dtd'>\n<!-- after -->",
        b"<?xml version='1.0'?><?style x?>\n<!DOCTYPE a [\n<!ELEMENT a (b|c)*>\n]  >\n",
    ],
)
def test_what_stands_before_the_first_element_is_no_part_of_it(before: bytes) -> None:
    assert events(before + PLAIN) == WANTED
    assert root_of(in_memory("x", before + PLAIN)) == "a"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "iso-8859-1"])
def test_texts_in_other_encodings(encoding: str) -> None:
    bom = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    name = "utf-16" if bom else encoding.removesuffix("-sig")
    document = f'<?xml version="1.0" encoding="{name}"?>\n<!DOCTYPE ä [\n]>\n<ä x="é"/>'
    found = events(bom + document.encode(encoding))
    assert found == [("start", "ä", "x", "é"), ("end", "ä")]


def test_an_unknown_encoding_and_broken_bytes_are_refused() -> None:
    assert "encoding" in refusal(b'<?xml version="1.0" encoding="x-none"?><a/>').what
    assert "encoding" in refusal(b"\xff\xfe<\0a\0/\0>").what
    assert "broken or cut off" in refusal(b"<a>\xff\xfe</a>").what


# Row 4.


BOMB = b"<!DOCTYPE a [<!ENTITY l0 'lol'>" + b"".join(
    b"<!ENTITY l%d '%s'>" % (number, b"&l%d;" % (number - 1) * 10) for number in range(1, 10)
)
ENTITIES = [
    BOMB + b"]><a>&l9;</a>",
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:1/">]><a>&x;</a>',
    b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/hostname"> %p;]><a/>',
    b"<!DOCTYPE a [<!entity x 'y'>]><a/>",
    b"<!DOCTYPE a [<!ENTITY q '" + b"q" * 50_000 + b"'>]><a>" + b"&q;" * 50_000 + b"</a>",
]


@pytest.mark.parametrize("data", ENTITIES, ids=["bomb", "XXE", "XXE over the net", "parameter", "small", "quadratic"])
def test_row_4_a_bomb_an_external_entity_and_a_quadratic_blow_up_are_refused(data: bytes) -> None:
    tracemalloc.start()
    try:
        assert refusal(data).what == "it defines XML entities, which no export of heartbeats does."
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("data", ENTITIES[:4] + ENTITIES[5:])
def test_row_4_expat_itself_refuses_entities_should_a_document_type_come_through(data: bytes) -> None:
    with pytest.raises(ImportRefused, match="entities"):
        guarded_parser().Parse(data, True)


def test_row_4_an_entity_that_nobody_defines_is_broken_xml() -> None:
    error = refusal(b"<a>\n&l9;</a>")
    assert (error.what, error.where) == ("its XML is broken or cut off here: undefined entity.", "line 2")


def test_row_4_a_real_document_type_and_a_broken_one_are_cut_out() -> None:
    real = b"<!DOCTYPE a [\n<!-- Version: 12 -->\n<!ELEMENT a (b|c)*>\n<!ATTLIST a\n  x CDATA #REQUIRED\n>\n]>\n"
    broken = real.replace(b"#REQUIRED\n>", b"#REQUIRED\n<!ELEMENT v ((r|l)*)>").replace(b"<!--", b"<!ELEMENT w (")
    for each in (real, broken):
        assert events(b'<?xml version="1.0"?>\n' + each + PLAIN) == WANTED
        error = refusal(b'<?xml version="1.0"?>\n' + each + b"<a>\n<b></a>")
        assert error.where == f"line {3 + each.count(bytes([10]))}", "lines are numbered as in the file"
    with pytest.raises(ET.ParseError):
        ET.fromstring(broken + PLAIN)


def test_row_4_a_document_type_in_pieces_is_cut_out_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"<?xml version='1.0'?>\n<!-- x -->\n<!DOCTYPE a [\n<!ELEMENT a ANY>\n]\n>\n<!-- y -->" + PLAIN
    for size in range(1, 60):
        monkeypatch.setattr(xml_stream, "CHUNK", size)
        assert events(data) == WANTED, size
        assert refusal(ENTITIES[4]).what.startswith("it defines XML entities")


def test_row_4_a_million_attributes_are_refused_before_they_fill_the_memory() -> None:
    tag = made_up([b"<a"], (b' a%06d="x"' % number for number in range(1_000_000)), [b"/>"])
    tracemalloc.start()
    try:
        assert refusal(tag).what == "it has a tag of more than 1 MiB."
        assert tracemalloc.get_traced_memory()[1] < 16_000_000
    finally:
        tracemalloc.stop()


def test_row_4_a_document_type_without_an_end_is_refused_after_1_mib() -> None:
    endless = made_up([b"<!DOCTYPE a ["], repeat(b"<!ELEMENT a ANY>" * 1000))
    assert refusal(endless).what == "nothing but a beginning is in the first 1 MiB of it."
    assert refusal(made_up(repeat(b"<!-- " * 1000))).what == "nothing but a beginning is in the first 1 MiB of it."


def test_row_4_elements_within_elements_without_end_are_refused() -> None:
    for name in (b"<a>", b"<a>" * 50_000):
        assert refusal(made_up(repeat(name))).what == "its XML is nested more than 1000 deep."
    fine = b"<a>" * 900 + b"</a>" * 900
    assert events(fine, ends=False) == [("start", "a")] * 900


def test_row_4_a_second_document_type_brings_no_entities_either() -> None:
    assert "entities" in refusal(b"<!DOCTYPE a []><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>").what
    assert "broken" in refusal(b"<!DOCTYPE a [<!-- ]> --><!ELEMENT a ANY>]><a/>").what


# Row 1.


def test_row_1_more_elements_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert xml_stream.MOST_ELEMENTS == 20_000_000
    monkeypatch.setattr(xml_stream, "MOST_ELEMENTS", 100)
    skip = re.compile(rb"<b/>")
    for count, said in ((99, ""), (100, "it has more than 100 XML elements.")):
        for how in (None, skip):
            data = b"<a>" + b"<b/>" * count + b"</a>"
            try:
                events(data, skip=how)
                told = ""
            except ImportRefused as error:
                told = error.what
            assert told == said


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_row_1_a_long_file_takes_no_more_memory_than_a_short_one() -> None:
    line = b'<b x="1234567890" y="1234567890"/>\n<c>words</c>\n' * 1000

    def peak(times: int) -> int:
        tracemalloc.start()
        try:
            wanted = Elements(start=lambda name, attributes: None, skip=re.compile(rb"<b\s[^<>]*+(?<=/)>"))
            walk(made_up([b"<a>"], repeat(line, times), [b"</a>"]), wanted, lambda _: None)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(500) < peak(50) + 200_000


def test_a_nul_is_refused_at_once() -> None:
    endless = made_up([b"<a>"], repeat(bytes(100_000)))
    for data in (endless, b"\xff\xfe" + "<a>\0</a>".encode("utf-16-le"), b"<a\0/>"):
        assert refusal(data).what == "it holds a NUL, which no text does."


def test_control_signs_are_cut_out_wherever_they_stand() -> None:
    for sign in range(1, 32):
        if sign not in b"\t\n\r":
            data = PLAIN.replace(b"two", b"t%bwo" % bytes([sign])).replace(b'"1"', b'"%b1"' % bytes([sign]))
            assert events(b"<!DOCTYPE%b a []>" % bytes([sign]) + data) == WANTED


def test_the_end_of_a_file_that_was_cut_off_is_told_by_its_line() -> None:
    error = refusal(b"<a>\n<b>\n</b>\n<b")
    assert error.where == "line 4"
    assert error.what.startswith("its XML is broken or cut off here: ")


PIECES = [b"<s/>", b'<s x="/>"/>', b"<s x='/>'/>", b"<b x='1'>", b"</b>", b"<c/>", b"text", b"\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_elements_that_are_skipped_are_missing_and_nothing_else(pieces: list[bytes]) -> None:
    data = b"<a>%b</a>" % b"".join(pieces)
    whole = without_s(data, None)
    for size in (1, 7, CHUNK):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(xml_stream, "CHUNK", size)
            assert without_s(data, re.compile(rb'<s(?:\s++x="[^"<]*+")*+/>')) == whole


def without_s(data: bytes, skip: re.Pattern[bytes] | None) -> list[Event] | None:
    """What is met but for elements called s; None when it is broken."""
    try:
        found = [each for each in events(data, skip=skip) if each[1] != "s"]
    except ImportRefused:
        return None
    joined: list[Event] = []
    for each in found:
        if each[0] == "text" and joined and joined[-1][0] == "text":
            joined[-1] = ("text", joined[-1][1] + each[1])
        else:
            joined.append(each)
    return joined


def test_several_outermost_elements_are_read_as_parts_of_one() -> None:
    data = b'<?xml version="1.0" encoding="utf-8"?>\n<a/>\n<b>x</b>'
    found = events(data, parts=True)
    assert [each for each in found if each[0] != "text"] == [
        ("start", "parts"), ("start", "a"), ("end", "a"), ("start", "b"), ("end", "b"), ("end", "parts"),
    ]  # fmt: skip
    assert "junk after document element" in refusal(data).what


@pytest.mark.parametrize("data", [b"", b"   ", b"no", b"<", b"<!", b"<?xml", b"<!DOCTYPE", b"< a>", b"\0\0", b"</a>"])
def test_what_is_no_xml_has_no_root(data: bytes) -> None:
    assert root_of(in_memory("x.xml", data)) == ""
    refusal(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_walked_or_refused(data: bytes) -> None:
    for begin in (b"", b"<a>", b"<!DOCTYPE a [", b"\xff\xfe", b"<?xml version='1.0' encoding='"):
        file = in_memory("x.xml", begin + data)
        assert isinstance(root_of(file), str)
        for parts in (False, True):
            try:
                events(file, parts=parts)
            except ImportRefused:
                continue


def test_progress_is_told_from_0_to_1() -> None:
    shares: list[float] = []
    data = b"<a>" + b"<b/>\n" * 300_000 + b"</a>"
    walk(in_memory("x.xml", data), Elements(lambda name, attributes: None), shares.append)
    assert shares == sorted(shares)
    assert (len(shares), shares[-1]) == (6, 1.0)
