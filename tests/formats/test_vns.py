"""VNS Analyse: the raw block in seconds with its notes; the corrected one is left out and said (FORMATS 1.2)."""

from __future__ import annotations

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.vns import READERS
from tests.formats.refusals import only_refusals
from tests.formats.samples import read_bytes

NAME = "VNS - 0001, 0001 (0) - 15.03.2025 09.07 Langzeit, 1h 46min KORRIGIERT.txt"
RAW = "RR-Intervalle - Rohwerte (Nicht aktiv)\n"
CORRECTED = "RR-Intervalle - Korrigierte Werte (Aktiv)\n"
TOP = "Korrektur\tAktiv\n\nHauptparameter der VNS Analyse - Rohwerte (Nicht aktiv)\nmainParameterRMSSD\n31.20\t\n\n"
BLOCK = "0.666\tNotiz: Start Ruhe\n0.838\t\n0.851\n2.900\tNotiz: Ende Größe\n0.807\n"


def vns(text: str, name: str = NAME, encoding: str = "utf-8", **choices: str) -> Content:
    return read_bytes(name, text.encode(encoding), Choices(**choices))  # type: ignore[arg-type]


def ms(found: Content) -> list[float]:
    return [ticks / 1024 for ticks in found.ticks]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_raw_block_is_read_and_notes_are_markers(encoding: str, end: str) -> None:
    text = (TOP + RAW + BLOCK + "\n" + CORRECTED + "0.700\n0.701\n").replace("\n", end)
    found = vns(text, encoding=encoding)
    assert (found.format, found.verdict, found.unit) == ("vns analyse", "rr", "s")
    assert ms(found) == [666, 838, 851, 2900, 807]
    assert [(marker.at / 1024, marker.text) for marker in found.markers] == [(0, "Start Ruhe"), (2355, "Ende Größe")]
    assert "the block of 2 corrected intervals was left out" in found.decisions
    assert "a note was put where the interval beside it begins" in found.decisions


def test_the_order_of_the_blocks_does_not_matter_and_other_sections_end_one() -> None:
    text = TOP + CORRECTED + "0.700\n\n" + RAW + BLOCK + "\nHauptparameter\n99\t98\n"
    assert ms(vns(text)) == [666, 838, 851, 2900, 807]


def test_the_start_is_from_the_name() -> None:
    found = vns(RAW + BLOCK)
    assert found.start is not None
    assert (found.start.text, found.start.zone) == ("2025-03-15T09:07:00", None)
    assert "the start is from the file's name, which says no zone" in found.decisions
    assert vns(RAW + BLOCK, name="vns.txt").start is None
    assert vns(RAW + BLOCK, name="VNS 35.03.2025 09.07.txt").start is None


def test_a_file_with_only_corrected_intervals_is_read_and_said() -> None:
    found = vns(TOP + CORRECTED + BLOCK)
    assert ms(found)[:2] == [666, 838]
    assert "it holds only intervals corrected by VNS Analyse" in found.decisions


def test_decimal_commas_are_read() -> None:
    assert ms(vns(RAW + BLOCK.replace(".", ","))) == [666, 838, 851, 2900, 807]


def test_text_among_the_intervals_is_refused_with_its_line() -> None:
    with pytest.raises(ImportRefused) as caught:
        vns(RAW + "0.666\nwat\n0.838\n")
    assert (caught.value.where, caught.value.what) == ("line 3", "this is no interval: 'wat'.")
    assert caught.value.advice == "Mend or remove that line; nothing was read."


def test_a_file_without_a_block_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no block of RR intervals"):
        vns(TOP)


def test_1_3_values_that_look_like_ms_ask() -> None:
    text = RAW + "666\n838\n851\n807\n"
    assert vns(text).verdict == "ask"
    assert ms(vns(text, unit="ms")) == [666, 838, 851, 807]


def test_r7_damaged_files_give_content_or_a_refusal_and_nothing_else() -> None:
    data = (TOP + RAW + BLOCK * 30 + "\n" + CORRECTED + BLOCK * 20).encode()
    assert only_refusals(READERS, NAME, data) > 10
