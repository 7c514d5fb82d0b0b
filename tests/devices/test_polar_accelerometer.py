"""devices/polar_accelerometer.py against bytes built from Polar's documents, and against any bytes."""

from __future__ import annotations

import struct
from math import sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import polar_accelerometer as polar
from devices.polar_accelerometer import Answer, Frame, Sample, Settings, choose, decode, encode, read_answer
from tests.devices import pmd

H10_SETTINGS = bytes.fromhex("f001020000" + pmd.SETTINGS)
STAMP = bytes.fromhex("e0f1a2b3c4d5e608")
STAMP_NS = int.from_bytes(STAMP, "little")

# A frame of a Verity Sense as its maker took it apart, up to the end of its first block (polar-ble-sdk issue 187).
VERITY = bytes.fromhex(
    "02607a287d9f26800980"
    "87f2b4fa92f8"
    "081b"
    "0a05ffea18ffe9fff829e90328fd02130a03dffd19e1e5e5e600071c020e0e10f4fceb0efe25e7faf3f4f5050a011216f414"
    "f21eccf7060d000609fe0cf800e9eef8f0ff01071b16fdf105fc1afb12ef06"
)
VERITY_FACTOR = 2.44140625e-4
"""8 g in 15 bits."""

values = st.integers(-(2**15), 2**15 - 1)
samples = st.tuples(values, values, values)


def head(kind: int) -> bytes:
    return b"\x02" + STAMP + bytes((kind,))


def packed(bits: int, numbers: list[int]) -> bytes:
    """Signed numbers of so many bits, lowest bit first, bit by bit: slow and plain."""
    stream = [number >> place & 1 for number in numbers for place in range(bits)]
    stream += [0] * (-len(stream) % 8)
    return bytes(sum(bit << place for place, bit in enumerate(stream[at : at + 8])) for at in range(0, len(stream), 8))


def test_an_answer_with_the_settings_of_an_h10_is_read() -> None:
    answer = read_answer(H10_SETTINGS)
    assert (answer.op, answer.status, answer.more) == (polar.GET_SETTINGS, polar.OK, False)
    assert polar.read_settings(answer.settings) == Settings(
        {polar.RATE: (25, 50, 100, 200), polar.RESOLUTION: (16,), polar.RANGE: (2, 4, 8)}
    )


def test_25_hz_16_bits_and_8_g_are_chosen_and_asked_for_as_documented() -> None:
    chosen = choose(polar.read_settings(read_answer(H10_SETTINGS).settings))
    assert chosen is not None
    assert chosen == {polar.RATE: 25, polar.RESOLUTION: 16, polar.RANGE: 8}
    assert polar.start_command(chosen).hex() == "0202" + "00011900" + "01011000" + "02010800"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ({polar.RATE: (52,), polar.RESOLUTION: (16,), polar.RANGE: (8,), polar.AXES: (3,)}, (52, 8)),
        ({polar.RATE: (200, 13, 26), polar.RANGE: (2, 4)}, (26, 4)),
        ({polar.RATE: (50,), polar.RANGE: (16, 32)}, (50, 16)),
    ],
)
def test_the_least_rate_of_25_or_more_and_the_range_next_to_8_g(
    offered: dict[int, tuple[int, ...]], chosen: tuple[int, int]
) -> None:
    found = choose(Settings(offered))
    assert found is not None
    assert (found[polar.RATE], found[polar.RANGE]) == chosen
    assert found.keys() == offered.keys(), "a strap wants each of its settings named"


@pytest.mark.parametrize("offered", [{}, {polar.RATE: (10, 13)}, {polar.RESOLUTION: (16,)}])
def test_no_rate_that_is_fast_enough_is_no_acceleration(offered: dict[int, tuple[int, ...]]) -> None:
    assert choose(Settings(offered)) is None


@pytest.mark.parametrize(
    ("raw", "offers"),
    [(pmd.FEATURES, True), (pmd.ECG_ONLY, False), (b"", False), (b"\x0f", False), (b"\x0e\x04", False)],
)
def test_bit_2_of_the_features_is_acceleration(raw: bytes, offers: bool) -> None:
    assert polar.offers_acceleration(raw) is offers


def test_the_factor_comes_with_the_answer_to_a_start() -> None:
    raw = bytes.fromhex("f002020000" + "0501") + struct.pack("<f", VERITY_FACTOR)
    assert polar.read_settings(read_answer(raw).settings) == Settings({}, VERITY_FACTOR)


@pytest.mark.parametrize(
    ("raw", "answer"),
    [
        ("f002020a", Answer(2, polar.BAD_MTU)),
        ("f002020600", Answer(2, polar.ALREADY_ON)),
        ("f002020d0001", Answer(2, polar.IN_CHARGER, settings=b"\x01")),
        ("f00102000100", Answer(1, 0, more=True, settings=b"\x00")),
        ("f0020000", Answer()),
        ("f00202", Answer()),
        ("0102", Answer()),
        ("", Answer()),
    ],
)
def test_answers(raw: str, answer: Answer) -> None:
    assert read_answer(bytes.fromhex(raw)) == answer


@pytest.mark.parametrize(
    ("raw", "settings"),
    [
        ("0001190001", Settings({polar.RATE: (25,)}, problems=("torn setting",))),
        ("000119000601", Settings({polar.RATE: (25,)}, problems=("unknown setting",))),
        ("0002190032", Settings(problems=("torn setting",))),
        ("03010040000004010300", Settings({polar.RANGE_MG: (16384,), polar.AXES: (3,)}, problems=("torn setting",))),
        ("0500", Settings()),
    ],
)
def test_settings_are_kept_up_to_the_first_that_is_not_whole(raw: str, settings: Settings) -> None:
    assert polar.read_settings(bytes.fromhex(raw)) == settings


@pytest.mark.parametrize(
    ("kind", "body", "xyz_mg"),
    [
        (0, "01ff7f", ((1, -1, 127),)),
        (1, "e803 18fc 0000 0080 ff7f 0100", ((1000, -1000, 0), (-32768, 32767, 1))),
        (2, "e80300 18fcff 000080", ((1000, -1000, -(2**23)),)),
    ],
)
def test_frame_types_0_1_and_2_hold_mg_in_8_16_and_24_bits(kind: int, body: str, xyz_mg: tuple[Sample, ...]) -> None:
    assert decode(head(kind) + bytes.fromhex(body)) == Frame(STAMP_NS, xyz_mg)


def test_a_frame_of_an_h10_at_25_hz_holds_36_samples_in_226_bytes() -> None:
    xyz_mg = [(number, -number, 1000 + number) for number in range(36)]
    raw = encode(STAMP_NS, xyz_mg)
    assert len(raw) == 226
    assert raw[:10] == head(1)
    assert decode(raw) == Frame(STAMP_NS, tuple(xyz_mg))


@pytest.mark.parametrize(
    ("raw", "frame"),
    [
        (b"", Frame(problems=("empty",))),
        (b"\x00" + STAMP + b"\x01", Frame(problems=("no acceleration",))),
        (head(1)[:9], Frame(problems=("no acceleration",))),
        (head(1), Frame(STAMP_NS)),
        (head(1) + b"\x01\x00\x02\x00\x03\x00\x04", Frame(STAMP_NS, ((1, 2, 3),), ("torn sample",))),
        (head(3), Frame(STAMP_NS, problems=("unknown frame type",))),
        (head(0x82) + bytes(40), Frame(STAMP_NS, problems=("unknown frame type",))),
        (head(0x80) + bytes(40), Frame(STAMP_NS, problems=("no factor",))),
        (head(0x81) + b"\x01\x00\x02", Frame(STAMP_NS, problems=("torn sample",))),
        (head(0x81) + struct.pack("<hhh", 1, 2, 3) + b"\x08", Frame(STAMP_NS, ((1, 2, 3),), ("torn block",))),
    ],
)
def test_what_is_whole_is_kept_and_the_rest_named(raw: bytes, frame: Frame) -> None:
    assert decode(raw) == frame


def test_differences_of_the_makers_own_example_come_out_and_weigh_1_g() -> None:
    frame = decode(VERITY, VERITY_FACTOR)
    assert (frame.problems, len(frame.xyz_mg)) == ((), 28)
    x, y, z = frame.xyz_mg[0]
    assert frame.xyz_mg[0] == tuple(round(count * VERITY_FACTOR * 1000) for count in (-3449, -1356, -1902))
    assert frame.xyz_mg[1] == tuple(round(count * VERITY_FACTOR * 1000) for count in (-3439, -1351, -1903))
    assert sqrt(x * x + y * y + z * z) == pytest.approx(1000, rel=0.03)


@given(
    samples,
    st.lists(st.tuples(st.integers(1, 16), st.lists(samples, max_size=20)), max_size=4),
    st.integers(0, 2**64 - 1),
)
def test_differences_add_up(first: Sample, blocks: list[tuple[int, list[Sample]]], dev_ns: int) -> None:
    body, expected = struct.pack("<hhh", *first), [first]
    for bits, wanted in blocks:
        least, most = -(1 << bits - 1), (1 << bits - 1) - 1
        steps = [tuple(min(max(step, least), most) for step in sample) for sample in wanted]
        body += bytes((bits, len(steps))) + packed(bits, [step for sample in steps for step in sample])
        for dx, dy, dz in steps:
            x, y, z = expected[-1]
            expected.append((x + dx, y + dy, z + dz))
    raw = b"\x02" + dev_ns.to_bytes(8, "little") + b"\x81" + body
    assert decode(raw) == Frame(dev_ns, tuple(expected))


@given(st.lists(st.tuples(*[st.integers(-(2**23), 2**23 - 1)] * 3), max_size=60), st.integers(0, 2**64 - 1))
def test_decode_undoes_encode(xyz_mg: list[Sample], dev_ns: int) -> None:
    assert decode(encode(dev_ns, xyz_mg)) == Frame(dev_ns, tuple(xyz_mg))


@given(st.binary(max_size=600), st.none() | st.floats())
def test_any_bytes_give_a_result(raw: bytes, factor: float | None) -> None:
    frame = decode(raw, factor)
    assert frame.dev_ns is not None or frame.problems
    assert len(frame.xyz_mg) <= polar.MOST_SAMPLES
    assert all(abs(value) < 2**63 for sample in frame.xyz_mg for value in sample)
    polar.read_settings(read_answer(raw).settings)
    choose(polar.read_settings(raw))


@given(st.sampled_from((0, 1, 2, 0x80, 0x81)), st.binary(max_size=300), st.integers(0, 2**64 - 1))
def test_any_samples_give_a_result_that_can_be_recorded(kind: int, body: bytes, dev_ns: int) -> None:
    frame = decode(b"\x02" + dev_ns.to_bytes(8, "little") + bytes((kind,)) + body, 10.0)
    assert frame.dev_ns == dev_ns
    assert all(abs(value) < 2**63 for sample in frame.xyz_mg for value in sample)


@pytest.mark.parametrize(
    ("raw", "cut"),
    [
        (encode(STAMP_NS, [(1, 2, 3)] * 36), False),
        (encode(STAMP_NS, [(1, 2, 3)] * 36)[:20], True),
        (encode(STAMP_NS, [(1, 2, 40_000)])[:-1], True),
        (VERITY[:-1], False),
        (head(1), False),
        (b"", False),
    ],
)
def test_a_frame_that_a_narrow_link_cut_off_is_known(raw: bytes, cut: bool) -> None:
    assert polar.is_cut_off(raw) is cut


def test_a_frame_of_differences_without_bits_cannot_grow_without_end() -> None:
    frame = decode(head(0x81) + bytes(6) + b"\x00\xff" * 200)
    assert frame.problems == ("too many samples",)
    assert len(frame.xyz_mg) <= polar.MOST_SAMPLES


@pytest.mark.slow
def test_200_000_random_frames_raise_nothing() -> None:
    rng = Random(5)
    for _ in range(200_000):
        raw = bytes((2,)) + rng.randbytes(rng.randrange(40))
        decode(raw, 0.001)
        read_answer(b"\xf0\x02\x02" + raw)
