"""Bare numbers: strict, units never guessed silently, exact ticks (FORMATS 1.2, 1.3, RULINGS A7, A9)."""

from __future__ import annotations

import math
import time
from array import array
from decimal import Decimal
from fractions import Fraction
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import foreign
from biofeedback.formats.content import Content
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers import plain
from biofeedback.formats.readers.plain import READERS
from tests.formats.refusals import only_refusals
from tests.formats.samples import check, expected, read, read_bytes, sample, refusal

BAD = ["1_000", "٨٠٠", "８００", "nan", "inf", "1e400", "8e2", "-800", "+800", "0x320", "800.", ".8", "8,0,0",
       "800 810", "800;", "1000000000000000", "80\u00a00", "800\x0b", "670, wat"]  # fmt: skip


def content(text: str | bytes, unit: str | None = None, name: str = "rr.txt") -> Content:
    return read_bytes(name, text if isinstance(text, bytes) else text.encode(), Choices(unit=unit))


def ms(found: Content) -> list[float]:
    return [ticks / 1024 for ticks in found.ticks]


@pytest.mark.parametrize("cell", BAD)
def test_1_3_a_cell_that_is_no_number_is_refused_with_its_line(cell: str) -> None:
    found = refusal("rr.txt", f"800\n\n{cell}\n810\n".encode())
    assert found.where == "line 3"
    assert found.what.startswith("this is no interval: '")
    assert found.advice == "Mend or remove that line; nothing was read."
    assert refusal("rr.txt", f"{cell}\n800\n810\n820\n".encode()).where == "line 1"


def test_partial_takes_what_stands_before_the_fault_and_says_so() -> None:
    found = read_bytes("rr.txt", b"800\n810\nwat\n820\n", Choices(partial=True))
    assert ms(found) == [800, 810]
    assert "line 3 is no interval: 'wat': only what stands before it was read" in found.decisions
    assert refusal("rr.txt", b"wat\n800\n810\n", Choices(partial=True)).where == "line 1"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_lf_crlf_or_cr(end: str) -> None:
    assert content(end.join(["800", " 810\t", "", "805"]) + end).ticks.tolist() == [819200, 829440, 824320]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_byte_order_marks(encoding: str) -> None:
    bom = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert content(bom + "800\r\n810\r\n805".encode(encoding)).ticks.tolist() == [819200, 829440, 824320]


@pytest.mark.parametrize("parting", [",", ", ", ";", "; ", " ", "  ", "\t", " \t"])
def test_all_numbers_may_stand_in_one_line(parting: str) -> None:
    values = ["800", "810.5", "805", "795.25"]
    for text in (parting.join(values), f"\n {parting.join(values)}{parting}\r\n\r\n"):
        assert ms(content(text)) == [800, 810.5, 805, 795.25]


@pytest.mark.parametrize("parting", [", ", "; ", ";", " ", "\t"])
def test_numbers_of_one_line_may_have_decimal_commas(parting: str) -> None:
    found = content(parting.join(["0,8", "0,81", "0,805"]))
    assert (ms(found), found.unit) == ([800, 810, pytest.approx(805)], "s")


def test_one_line_longer_than_a_line_of_a_table_may_be() -> None:
    values = [800 + at % 50 for at in range(60_000)]
    assert ms(content(", ".join(map(str, values)))) == values
    found = refusal("rr.txt", (", ".join(map(str, values)) + ", wat, 800").encode())
    assert found.where == "line 1"
    assert "'wat'" in found.what


def test_a_hole_in_a_list_of_one_line_is_no_number() -> None:
    assert refusal("rr.txt", b"800,,810").where == refusal("rr.txt", b"800;;810").where == "line 1"


@pytest.mark.parametrize(
    "data", [b"", b" \r\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\x00\r\x00", b"\xef\xbb\xbf \t\n"]
)
@pytest.mark.parametrize("unit", [None, "ms"])
def test_a_file_without_a_number_is_empty(data: bytes, unit: str | None) -> None:
    with pytest.raises(ImportRefused, match="empty"):
        content(data, unit)


def test_lines_of_comment_are_left_out_and_said() -> None:
    found = content("# made by a program\n% in ms\n800\n810\n")
    assert ms(found) == [800, 810]
    assert "lines that begin with # or % were left out" in found.decisions
    with pytest.raises(ImportRefused):
        content("# nothing else\n")


@pytest.mark.parametrize("data", [b"800\n\x00\n", b"\x89HDF\r\n", b"\xff\xfe8", b"8\x000\x000\x00"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(ImportRefused):
        content(data)


def test_letters_of_windows_1252_are_read_as_such_and_refused_as_numbers() -> None:
    assert refusal("rr.txt", b"800\n\xff\n").where == "line 2"


@pytest.mark.parametrize(
    ("text", "unit", "ticks_each"),
    [("800\n810\n805", "ms", 1024), ("0.8\n0.81\n0.805", "s", 1_024_000), ("0,8\n0,81\n0,805", "s", 1_024_000)],
)
def test_1_3_unit_by_the_median(text: str, unit: str, ticks_each: int) -> None:
    found = content(text)
    assert (found.verdict, found.unit) == ("rr", unit)
    assert found.ticks.tolist() == [round(Fraction(v.replace(",", ".")) * ticks_each) for v in text.split()]


@pytest.mark.parametrize("text", ["70\n70\n71", "225\n231\n228", "5000\n4000\n4500", "0\n0\n0", "800\n900\n1000"])
def test_1_3_what_may_be_something_else_asks_with_its_number_of_values(text: str) -> None:
    found = content(text)
    assert (found.verdict, found.about["n"], len(found.ticks)) == ("ask", 3, 0)
    assert found.why is not None
    assert found.why.startswith("the unit is not clear: ")
    assert found.why.endswith("say it with --unit ms, s, 1/1024 or samples@HZ (for example samples@256)")


def test_a_unit_that_is_told_answers() -> None:
    found = content("237\n231\n228", "samples@256")
    assert (found.verdict, found.unit, found.rule) == ("rr", "samples@256", "as told")
    assert ms(found) == [925.78125, 902.34375, 890.625]
    assert content("800\n900\n1000", "ms").verdict == "rr"
    with pytest.raises(ImportRefused, match="there is no unit 'bpm'"):
        content("800\n810", "bpm")


def test_rising_numbers_whose_unit_is_told_are_times_of_beats_where_intervals_make_no_sense() -> None:
    found = content("0.5\n1.3\n2.11\n2.9\n3.75\n", "s")
    assert (found.verdict, found.about["n"], found.about["span_s"]) == ("beats", 5, 3.25)
    assert ms(found) == [800, 810, 790, 850]
    assert any("times of beats" in words for words in found.decisions)
    assert content("100\n300\n510\n", "samples@256").verdict == "rr"
    assert content("1000\n1210\n1415\n", "samples@256").verdict == "beats"


def test_values_beyond_any_interval_stay() -> None:
    """FORMATS 1.3: over 2.5 s and under 0.25 s they become marks later, never dropped here."""
    assert ms(content("800\n19815\n12\n0\n810\n805\n")) == [800, 19815, 12, 0, 810, 805]


MIXED = ("most of its numbers look like ms, but 1 of 41, such as 1.012, like s, or like 1,012 with a sign for "
         "thousands")  # fmt: skip


@pytest.mark.parametrize("odd", ["1,012", "1.012"])
def test_a_sign_for_thousands_is_asked_about_and_never_a_beat_of_one_ms(odd: str) -> None:
    text = "812\n" * 20 + odd + "\n" + "830\n" * 20
    found = content(text)
    assert (found.verdict, MIXED in (found.why or "")) == ("ask", True)
    told = content(text, "ms")
    assert (told.verdict, told.why) == ("rr", MIXED)


def test_two_exports_in_one_file_with_two_units_are_asked_about() -> None:
    assert content("0.812\n" * 20 + "790\n805\n").verdict == "ask"
    assert content("812\n" * 20 + "0.79\n0.805\n").verdict == "ask"


def test_decimal_commas_between_commas_are_asked_about() -> None:
    found = content(",".join(f"0,{rr}" for rr in (812, 795, 820, 801)))
    assert (found.verdict, "4 of its 8 numbers are far from the others" in (found.why or "")) == ("ask", True)


@pytest.mark.parametrize("cell", ["812 ms", "812ms", "0.812 s", '"1,012"', "00:00:00.812"])
def test_what_is_almost_a_number_is_refused_with_its_line(cell: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_bytes("a.txt", f"{cell}\n{cell}\n".encode())
    assert (refused.value.what, refused.value.where) == (f"this is no interval: '{cell}'.", "line 1")


def test_a_comma_taken_for_a_decimal_one_is_told() -> None:
    said = "a comma within a number was taken for a decimal one"
    assert said in content("0,812\n0,795\n0,8\n").decisions
    assert said not in content("0.812\n0.795\n0.8\n").decisions


@pytest.mark.parametrize("end", [";", ",", ";;;", " ; "])
def test_separators_a_spreadsheet_puts_behind_every_number_are_no_part_of_it(end: str) -> None:
    text = "".join(f"{rr}{end}\n" for rr in (812, 795, 820))
    assert ms(content(text)) == [812, 795, 820]
    assert ms(content(text.rstrip("\n"))) == [812, 795, 820]


def test_samples_of_a_waveform_are_doubted_and_intervals_of_slow_breathing_are_not() -> None:
    wave = [round(500 + 100 * math.sin(at / 16)) for at in range(1000)]
    found = content("\n".join(map(str, wave)))
    assert (found.verdict, "samples of an ECG or a pulse wave" in (found.why or "")) == ("rr", True)
    phase, breathing = 0.0, list[int]()
    for _ in range(600):
        breathing.append(round(600 * (1 + 0.15 * math.sin(phase))))
        phase += 2 * math.pi * 0.1 * breathing[-1] / 1000
    assert content("\n".join(map(str, breathing))).verdict == "rr"


def test_a_name_as_elite_hrv_gives_is_the_start() -> None:
    found = content("800\n810\n805", name="2017-06-29 13-11-53.txt")
    assert found.start is not None
    assert (found.start.text, found.start.zone) == ("2017-06-29T13:11:53", None)
    assert "the start is from the file's name, which says no zone" in found.decisions
    for name in ("2017-02-30 13-11-53.txt", "2017-06-29 25-11-53.txt", "a 2017-06-29 13-11-53.txt", "2017-06-29.txt"):
        assert content("800\n810\n805", name=name).start is None


def from_ms(value: int) -> int:
    """What firmware that measures in ms and cuts sends."""
    return value * 1024 // 1000


def test_a9_whole_1024ths_that_show_it_are_doubted_and_ms_are_offered_it() -> None:
    beats = [900 + at * 7 % 200 for at in range(400)]
    doubted = content("\n".join(str(from_ms(beat)) for beat in beats))
    assert (doubted.verdict, doubted.unit, doubted.why) == ("rr", "ms", "could also be 1/1024 s: --unit 1/1024")
    plainly = content("\n".join(map(str, beats)))
    assert (plainly.why, plainly.decisions) == (None, (plain.OFFER,))
    assert content("\n".join(f"{beat}.5" for beat in beats)).decisions == ()
    assert content("\n".join(map(str, beats[20:40]))).why is None
    assert content("\n".join(str(from_ms(beat)) for beat in beats), "1/1024").why is None


def test_the_numbers_a_strap_that_cuts_can_never_send_are_24_of_1024() -> None:
    sent = {from_ms(value) for value in range(5000)}
    for value in range(4096):
        assert plain.looks_like_1024(array("d", [value] + [from_ms(at) for at in range(64)])) == (value in sent)
    assert len(set(range(1024)) - sent) == 24


@given(st.lists(st.from_regex(r"[0-9]{1,4}(?:[.,][0-9]{1,6})?", fullmatch=True), min_size=1, max_size=30),
       st.sampled_from(["\n", "\r", "\r\n", "\n\n"]))  # fmt: skip
def test_a7_any_list_of_numbers_is_read_as_decimals_say(cells: list[str], end: str) -> None:
    values = [Decimal(cell.replace(",", ".")) for cell in cells]
    found = content(end.join(cells) + end)
    middle = float(median(values))
    rises = len(values) > 2 and values == sorted(set(values))
    each = 1024 if 300 <= middle <= 2200 else 1_024_000 if 0.3 <= middle <= 2.2 else None
    far = sum(not middle <= 5 * float(value) <= 25 * middle for value in values)
    other = (
        any(Decimal("0.2") <= value < 10 and value % 1 for value in values)
        if each == 1024
        else any(300 <= value <= 2200 and not value % 1 for value in values)
    )
    if each is None or rises or other or (len(values) >= 8 and 4 * far > len(values)):
        assert found.verdict == "ask"
    else:
        assert found.ticks.tolist() == [round(Fraction(value) * each) for value in values]


def test_a_day_of_beats_is_read_in_a_third_of_a_second() -> None:
    data = "".join(f"{600 + at * 7919 % 500}\n" for at in range(100_000)).encode()
    began = time.process_time()
    assert len(content(data).ticks) == 100_000
    assert time.process_time() - began < 0.3


def test_size_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "LARGEST_BYTES", 11)
    assert len(content("800\n810\n805").ticks) == 3
    with pytest.raises(ImportRefused, match="larger than 512 MiB"):
        content("800\n810\n805\n")
    monkeypatch.setattr(plain, "MOST_BEATS", 2)
    with pytest.raises(ImportRefused, match="more than 5 million"):
        content("800\n810\n805")


def test_progress_rises_to_the_end() -> None:
    told: list[float] = []
    data = b"800\n" * 300_000
    plain.read(in_memory("rr.txt", data), Choices(), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert len(told) > 3


def test_text_of_other_kinds_is_not_claimed() -> None:
    for text in ("{}", "<a>", "Name,Sport\nx,y\n", "[Params]\nVersion=106\n800\n", "a\nb\n800\n"):
        assert not plain.claims(in_memory("x.txt", text.encode()))


def test_r7_damaged_files_give_content_or_a_refusal_and_nothing_else() -> None:
    data = "\r\n".join(f"{800 + at % 90}" for at in range(300)).encode()
    assert only_refusals(READERS, "rr.txt", data) > 10
    assert only_refusals(READERS, "rr.txt", data.replace(b"\r\n", b", ")) > 10


@pytest.mark.parametrize(
    "name",
    ["plain_ms_rest.txt", "elitehrv/2017-06-29 13-11-53.txt", "made_up/rr_1024ths.txt", "made_up/rr_ms_utf8_bom.txt",
     "made_up/rr_one_line_commas.txt", "rr_in_samples_256hz.csv"],
)  # fmt: skip
def test_a9_sample_files_of_plain_rr(name: str) -> None:
    wanted, found = expected(name), read(sample(name))
    check(found, wanted)
    assert found.format == "plain"
    assert (
        found.why == wanted["why"] if name == "made_up/rr_1024ths.txt" else found.verdict != "rr" or found.why is None
    )


def test_a9_intervals_in_samples_are_read_when_told() -> None:
    found = read(sample("rr_in_samples_256hz.csv"), Choices(unit="samples@256"))
    check(found, expected("rr_in_samples_256hz.csv")["if_256_hz"])
    assert sum(found.ticks) / 1_024_000 == pytest.approx(26.19, abs=0.005)


def test_a9_no_other_sample_is_read_as_bare_numbers() -> None:
    ours = {"plain", "empty"}
    folder = sample("")
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = str(path.relative_to(folder))
        if name in ("expected.json", "PROVENANCE.md") or expected(name).get("format") in ours:
            continue
        try:
            reader = reader_of(foreign.on_disk(path))
        except ImportRefused:
            continue
        assert reader.name != "plain" or expected(name)["verdict"] == "refuse", name
