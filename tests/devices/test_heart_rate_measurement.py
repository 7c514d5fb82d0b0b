"""0x2A37: clauses of the Heart Rate Service 1.0 and of docs on straps (STRAP §3.1, fault cases 21 to 27)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.heart_rate_measurement import HeartRateMeasurement, decode, encode
from tests.devices.slow_reader import check, every_string, random_strings, slowly

U16 = st.integers(0, 0xFFFF)


def decode_hex(text: str) -> HeartRateMeasurement:
    return decode(bytes.fromhex(text))


def test_0x2a37_real_packet_with_two_intervals() -> None:
    assert decode_hex("10 43 72 03 8a 03") == HeartRateMeasurement(hr=67, rr_1024=(882, 906))


def test_0x2a37_real_packet_without_intervals_says_nothing_of_contact() -> None:
    assert decode_hex("00 40") == HeartRateMeasurement(hr=64, contact=None)


@pytest.mark.parametrize(("flags", "contact"), [("00", None), ("02", None), ("04", False), ("06", True)], ids=str)
def test_0x2a37_bit_1_counts_only_with_bit_2(flags: str, contact: bool | None) -> None:
    assert decode_hex(f"{flags} 48").contact is contact


def test_0x2a37_bit_0_widens_the_heart_rate() -> None:
    assert decode_hex("01 2c 01") == HeartRateMeasurement(hr=300)
    assert decode_hex("01 40 00").hr == 64


def test_0x2a37_bit_3_energy_moves_the_intervals() -> None:
    assert decode_hex("18 40 34 12 00 04") == HeartRateMeasurement(hr=64, energy_kj=0x1234, rr_1024=(1024,))


def test_0x2a37_energy_is_kept_at_its_end_stop() -> None:
    assert decode_hex("08 40 ff ff").energy_kj == 65535


@pytest.mark.fault(26, "unit")
def test_case_26_wide_rate_and_energy_and_intervals_all_in_order() -> None:
    assert decode_hex("1f 2c 01 05 00 01 00 02 00") == HeartRateMeasurement(300, True, 5, (1, 2))


@pytest.mark.fault(26, "unit")
@pytest.mark.parametrize("count", [9, 20, 254])
def test_case_26_intervals_are_read_to_the_end_of_the_packet(count: int) -> None:
    rr_1024 = tuple(range(800, 800 + count))
    assert decode(encode(70, rr_1024=rr_1024)).rr_1024 == rr_1024


@pytest.mark.fault(21, "unit")
@pytest.mark.parametrize("flags", [0x00, 0x04, 0x06])
def test_case_21_a_sensor_without_intervals_is_no_problem(flags: int) -> None:
    assert decode(bytes([flags, 70])).problems == ()


@pytest.mark.fault(23, "unit")
def test_case_23_a_heart_rate_of_zero_is_kept() -> None:
    assert decode_hex("00 00") == HeartRateMeasurement(hr=0)


@pytest.mark.fault(24, "unit")
def test_case_24_absurd_intervals_are_kept() -> None:
    rr_1024 = (0, 1, 0xFFFF, 28, 200, 2500)
    assert decode(encode(70, rr_1024=rr_1024)) == HeartRateMeasurement(hr=70, rr_1024=rr_1024)


@pytest.mark.fault(27, "unit")
@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", HeartRateMeasurement(problems=("empty",))),
        ("10", HeartRateMeasurement(problems=("no heart rate",))),
        ("06", HeartRateMeasurement(contact=True, problems=("no heart rate",))),
        ("01 40", HeartRateMeasurement(problems=("no heart rate",))),
        ("10 40", HeartRateMeasurement(64, problems=("rr flag without intervals",))),
        ("10 40 00 04 07", HeartRateMeasurement(64, rr_1024=(1024,), problems=("torn interval",))),
        ("10 40 07", HeartRateMeasurement(64, problems=("torn interval",))),
        ("08 40", HeartRateMeasurement(64, problems=("torn energy",))),
        ("18 40 07", HeartRateMeasurement(64, problems=("torn energy",))),
        ("18 40 07 00", HeartRateMeasurement(64, energy_kj=7, problems=("rr flag without intervals",))),
        ("00 40 07 00", HeartRateMeasurement(64, problems=("bytes without rr flag",))),
        ("30 40 00 04", HeartRateMeasurement(64, rr_1024=(1024,), problems=("reserved flags",))),
        ("ff 40 00 01", HeartRateMeasurement(64, True, problems=("reserved flags", "torn energy"))),
    ],
)
def test_case_27_whole_fields_are_kept_and_the_rest_is_named(raw: str, expected: HeartRateMeasurement) -> None:
    assert decode_hex(raw) == expected


@pytest.mark.fault(27, "unit")
def test_any_bytes_all_strings_up_to_two_bytes() -> None:
    for raw in every_string(2):
        check(raw)


@pytest.mark.fault(27, "unit")
@pytest.mark.parametrize("flags", range(32))
def test_any_bytes_strings_of_three_bytes(flags: int) -> None:
    """A sixty-fourth of them; `benchmarks/codec.py` goes through all 16 777 216."""
    for second, third in product(range(flags % 8, 256, 8), repeat=2):
        check(bytes([flags, second, third]))


@pytest.mark.slow
@pytest.mark.fault(27, "unit")
def test_any_bytes_a_hundred_thousand_random_strings_up_to_forty() -> None:
    """A tenth of what `benchmarks/codec.py` goes through."""
    for raw in random_strings(100_000):
        check(raw)


@pytest.mark.parametrize(
    "raw", ["18 40 34 12 00 04", "1f 2c 01 05 00 01 00 02 00", "ff 40 00 01", "10 40 07", "00 40 07"]
)
def test_the_slow_reader_is_another_one(raw: str) -> None:
    """It would notice a codec that forgets energy, reads the wrong width or loses the last interval."""
    packet = bytes.fromhex(raw)
    said = decode(packet)
    assert slowly(packet) == said
    for wrong in (
        replace(said, rr_1024=(*said.rr_1024, 1)),
        replace(said, energy_kj=1),
        replace(said, hr=1),
        replace(said, contact=None if said.contact else True),
        replace(said, problems=(*said.problems, "empty")),
    ):
        assert slowly(packet) != wrong


@given(st.binary(max_size=600))
def test_any_bytes_found_by_hypothesis(raw: bytes) -> None:
    check(raw)


@given(U16, st.sampled_from([None, False, True]), st.none() | U16, st.lists(U16, max_size=30).map(tuple))
def test_reencoding_what_was_whole_gives_it_back(
    hr: int, contact: bool | None, energy_kj: int | None, rr_1024: tuple[int, ...]
) -> None:
    raw = encode(hr, contact=contact, energy_kj=energy_kj, rr_1024=rr_1024)
    assert decode(raw) == HeartRateMeasurement(hr, contact, energy_kj, rr_1024)
    cut = decode(raw[:-1])
    assert cut.problems or not rr_1024
    assert rr_1024[: len(cut.rr_1024)] == cut.rr_1024


@pytest.mark.parametrize("raw", ["10 43 72 03 8a 03", "00 40", "16 48 a1 03", "14 48 a1 03", "18 40 34 12 00 04"])
def test_reencoding_a_plain_packet_gives_its_bytes(raw: str) -> None:
    m = decode_hex(raw)
    assert m.hr is not None
    assert encode(m.hr, contact=m.contact, energy_kj=m.energy_kj, rr_1024=m.rr_1024) == bytes.fromhex(raw)


def test_encoding_refuses_what_does_not_fit_and_names_it() -> None:
    with pytest.raises(ValueError, match="hr must be 0 to 65535, not -1"):
        encode(-1)
    with pytest.raises(ValueError, match=r"energy_kj .* 65536"):
        encode(60, energy_kj=65536)
    with pytest.raises(ValueError, match=r"rr_1024 .* 70000"):
        encode(60, rr_1024=(800, 70000))
