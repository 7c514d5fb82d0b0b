"""XDF: streams, clocks, markers, files that end in the middle, and each lie of a chunk refused in words."""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Start
from biofeedback.formats.detect import content_of, reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.waves import Wave, beat_times, ecg, pulse

HZ, SECONDS = 130, 60
TRUTH = beat_times(SECONDS, seed=9)
ECG = ecg(TRUTH, HZ, SECONDS) * 1000
AT = 5000 + np.arange(ECG.size) / HZ
LOOK = Choices(look=True)
BOUNDARY = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
RR = (1000.0, 1012.5, 987.0, 2750.0, 905.0, 911.0)
FORMS = {"float32": "<f", "double64": "<d", "int16": "<h", "int32": "<i", "int64": "<q"}


def counted(number: int, size: int = 4) -> bytes:
    return bytes([size]) + number.to_bytes(size, "little")


def chunk(tag: int, content: bytes, length: int | None = None) -> bytes:
    body = struct.pack("<H", tag) + content
    return counted(len(body) if length is None else length) + body


def header(number: int, name: str, kind: str, form: str, hz: float, channels: str = "1", desc: str = "") -> bytes:
    xml = (
        f'<?xml version="1.0"?><info><name>{name}</name><type>{kind}</type><channel_count>{channels}</channel_count>'
        f"<nominal_srate>{hz}</nominal_srate><channel_format>{form}</channel_format><desc>{desc}</desc></info>"
    )
    return chunk(2, struct.pack("<I", number) + xml.encode())


def labelled(*labels: str, unit: str = "") -> str:
    return (
        "<channels>"
        + "".join(f"<channel><label>{label}</label><unit>{unit}</unit></channel>" for label in labels)
        + "</channels>"
    )


def samples(number: int, form: str, stamps: Sequence[float], rows: Sequence[Sequence[object]]) -> bytes:
    """One chunk; each sample has its stamp."""
    content = b""
    for stamp, row in zip(stamps, rows, strict=True):
        content += b"\x08" + struct.pack("<d", stamp)
        for value in row:
            if form == "string":
                text = str(value).encode()
                content += counted(len(text), 1) + text
            else:
                content += struct.pack(FORMS[form], value)
    return chunk(3, struct.pack("<I", number) + counted(len(rows)) + content)


def many(number: int, stamps: Wave, values: Wave, size: int = 73) -> bytes:
    """An ECG in packets, as a strap sends it, with a boundary between them now and then."""
    parts: list[bytes] = []
    for start in range(0, stamps.size, size):
        rows = [[value] for value in values[start : start + size].tolist()]
        parts.append(samples(number, "float32", stamps[start : start + size].tolist(), rows))
        if start % (10 * size) == 0:
            parts.append(chunk(5, BOUNDARY))
    return b"".join(parts)


def offset(number: int, at: float, value: float) -> bytes:
    return chunk(4, struct.pack("<Idd", number, at, value))


BEGIN = chunk(1, b"<info><version>1.0</version><datetime>2024-02-12T14:50:43+0100</datetime></info>")
ECG_HEADER = header(1, "Polar H10 0", "ECG", "float32", HZ, desc=labelled("", unit="microvolts"))
MARKER_HEADER = header(2, "Task", "Markers", "string", 0)
MARKERS = samples(2, "string", [AT[0] + 10, AT[0] + 20.5], [["begin"], ["pause é"]])
WHOLE = b"XDF:" + BEGIN + ECG_HEADER + MARKER_HEADER + many(1, AT, ECG) + MARKERS
INTERVALS = [1000 + sum(RR[: index + 1]) / 1000 for index in range(len(RR))]


def rr_file(
    values: Sequence[float] = RR, *, form: str = "double64", kind: str = "RR", desc: str = "", stamps: object = None
) -> bytes:
    times = [1000 + sum(RR[: index + 1]) / 1000 for index in range(len(values))] if stamps is None else stamps
    rows = [[int(value) if form.startswith("int") else value] for value in values]
    body = samples(1, form, times, rows)  # type: ignore[arg-type]
    return b"XDF:" + BEGIN + header(1, "strap", kind, form, 0, desc=desc) + body


@pytest.fixture(scope="module", autouse=True)
def heartpy_is_loaded() -> None:
    """Its second of import is nobody's."""
    read_bytes("a.xdf", WHOLE)


def refused(data: bytes, choices: Choices | None = None) -> ImportRefused:
    with pytest.raises(ImportRefused) as found:
        read_bytes("a.xdf", data, choices)
    assert found.value.what.endswith(".")
    assert found.value.advice.endswith(".")
    return found.value


def ms(content: Content) -> list[float]:
    return [ticks / TICKS_PER_MS for ticks in content.ticks]


@pytest.mark.parametrize("name", ["xdf/empty_streams.xdf", "xdf/h10_ecg_markers_cut.xdf", "xdf/minimal.xdf"])
def test_the_samples_are_what_they_should_be(name: str) -> None:
    wanted, content = expected(name), read(sample(name), LOOK)
    check(content, wanted)
    assert content.about["streams"] == wanted["streams"]


def test_a_real_strap_that_was_cut_off_is_described() -> None:
    content = read(sample("xdf/h10_ecg_markers_cut.xdf"), LOOK)
    assert content.start == Start("2024-02-12T14:50:43", "+01:00")
    assert content.to_json()["signals"] == [["Polar H10 00000000 ECG", 130.0, "microvolts"]]
    assert content.waveforms[0].seconds == pytest.approx(149.4, abs=0.1)


def test_a_real_ecg_is_read_where_it_is_calm_and_not_while_the_strap_is_put_on() -> None:
    """Railed from 20.8 to 71.6 s; the strap is tugged at 85.8 and 87.5 s, moved at 109.9 and 115 s (seen by eye)."""
    content = read(sample("xdf/h10_ecg_markers_cut.xdf"))
    assert any("93 of 149 s hold no heartbeat that can be trusted" in words for words in content.decisions)
    assert len(content.holes) == 2
    spans = [sum(content.ticks[a:b]) / TICKS_PER_S for a, b in pairwise([0, *[h.before for h in content.holes], 88])]
    assert [round(span) for span in spans] == [11, 12, 33]
    steps = np.array(content.ticks) / TICKS_PER_S
    assert np.abs(np.median(steps) - 0.62) < 0.02
    odd = [place for place, step in enumerate(steps) if not 0.53 < step < 0.87]
    assert [round(1000 * steps[place]) for place in odd] == [362]  # a premature ventricular beat, by its shape
    assert content.why is None


def test_the_beats_of_an_ecg_stream_are_found() -> None:
    content = read_bytes("a.xdf", WHOLE)
    assert content.verdict == "ecg"
    assert np.abs(np.array(content.ticks) / TICKS_PER_S - np.diff(TRUTH)).max() < 0.004
    assert content.waveforms[0].unit == "microvolts"
    assert content.about["streams"] == [["Polar H10 0", "ECG", ECG.size], ["Task", "Markers", 2]]


def test_markers_are_counted_from_the_first_beat() -> None:
    content = read_bytes("a.xdf", WHOLE)
    assert [marker.text for marker in content.markers] == ["begin", "pause é"]
    assert [marker.at / TICKS_PER_S for marker in content.markers] == pytest.approx(
        [10 - TRUTH[0], 20.5 - TRUTH[0]], abs=0.005
    )


def test_streams_of_two_clocks_are_put_on_one() -> None:
    offsets = b"".join(offset(2, 90_000 + second, -85_000.0) for second in range(0, 60, 5))
    zero = b"".join(offset(1, 5000 + second, 0.0) for second in range(0, 60, 5))
    marks = samples(2, "string", [90_010.0], [["begin"]])
    content = read_bytes("a.xdf", b"XDF:" + ECG_HEADER + MARKER_HEADER + many(1, AT, ECG) + marks + offsets + zero)
    assert content.markers[0].at / TICKS_PER_S == pytest.approx(10 - TRUTH[0], abs=0.01)


def test_late_packets_do_not_move_beats() -> None:
    random = Random(3)
    late = np.repeat([random.random() * 0.3 for _ in range(ECG.size // 73 + 1)], 73)[: ECG.size]
    last = np.minimum(np.arange(ECG.size) // 73 * 73 + 72, ECG.size - 1)
    arrived = AT[last] + late - (last - np.arange(ECG.size)) / HZ
    content = read_bytes("a.xdf", b"XDF:" + ECG_HEADER + many(1, arrived, ECG))
    assert np.abs(np.array(content.ticks) / TICKS_PER_S - np.diff(TRUTH)).max() < 0.008
    assert not content.holes


@pytest.mark.parametrize("late_s", [0.0, 0.3])
@pytest.mark.parametrize("packet", [20, 44, 73])
def test_a_lost_packet_is_a_hole_and_no_short_interval(packet: int, late_s: float) -> None:
    """A strap's packet holds 73 samples, 0.56 s. One that is late just before the loss may be taken for lost, too."""
    random = Random(packet)
    late = np.repeat([random.random() * late_s for _ in range(ECG.size // 73 + 1)], 73)[: ECG.size]
    last = np.minimum(np.arange(ECG.size) // 73 * 73 + 72, ECG.size - 1)
    arrived = AT[last] + late - (last - np.arange(ECG.size)) / HZ
    there = np.arange(ECG.size) // 73 != packet
    content = read_bytes("a.xdf", b"XDF:" + ECG_HEADER + many(1, arrived[there], ECG[there]))
    assert 1 <= len(content.holes) <= (2 if late_s else 1)
    assert sum(hole.ticks for hole in content.holes) / TICKS_PER_S > 0.56
    kept = TRUTH[(packet * 73 / HZ - 0.1 > TRUTH) | ((packet + 1) * 73 / HZ + 0.1 < TRUTH)]
    assert len(content.ticks) >= kept.size - (5 if late_s else 2)
    true = np.diff(TRUTH)
    assert max(float(np.abs(true - ticks / TICKS_PER_S).min()) for ticks in content.ticks) < 0.008
    assert content.span_ticks / TICKS_PER_S == pytest.approx(TRUTH[-1] - TRUTH[0], abs=0.12 if late_s else 0.02)


def test_lost_seconds_are_a_hole() -> None:
    there = (np.arange(ECG.size) < 30 * HZ) | (np.arange(ECG.size) >= 33 * HZ)
    content = read_bytes("a.xdf", b"XDF:" + ECG_HEADER + many(1, AT[there], ECG[there]))
    (hole,) = content.holes
    assert hole.ticks / TICKS_PER_S > 3
    assert content.span_ticks / TICKS_PER_S == pytest.approx(TRUTH[-1] - TRUTH[0], abs=0.02)
    assert max(content.ticks) / TICKS_PER_S < np.diff(TRUTH).max() + 0.01


def test_an_ecg_channel_within_another_stream_is_found_by_its_label() -> None:
    rows = np.stack([ECG * 0 + 1, ECG], axis=1).tolist()
    data = header(1, "amp", "EEG", "float32", HZ, "2", labelled("Fp1", "EKG", unit="uV"))
    content = read_bytes("a.xdf", b"XDF:" + data + samples(1, "float32", AT.tolist(), rows), LOOK)
    assert content.waveforms[0].label == "amp EKG"
    nothing = read_bytes(
        "a.xdf", b"XDF:" + data + samples(1, "float32", AT.tolist(), rows), Choices(signal="Fp1", look=True)
    )
    assert nothing.waveforms[0].label == "amp Fp1"
    assert nothing.decisions[0] == "of several channels 'Fp1' is used; there are also EKG"
    assert (
        "'Fp1', 'EKG', 'amp', 'amp'"
        in refused(b"XDF:" + data + samples(1, "float32", AT.tolist(), rows), Choices(signal="Oz")).advice
    )


def test_a_pulse_wave_is_labelled() -> None:
    wave = pulse(TRUTH, HZ, SECONDS)
    content = read_bytes("a.xdf", b"XDF:" + header(1, "finger", "PPG", "float32", HZ) + many(1, AT, wave))
    assert any("not RR" in word for word in content.decisions)


@pytest.mark.parametrize("kind", ["RR", "rr", "IBI", "RRI", "RR intervals", "R-R", "PPI"])
@pytest.mark.parametrize("form", ["double64", "float32"])
def test_intervals_of_a_stream_are_taken_as_they_are(kind: str, form: str) -> None:
    content = read_bytes("a.xdf", rr_file(kind=kind, form=form))
    assert content.verdict == "rr"
    assert content.unit == "ms"
    assert ms(content) == list(RR)
    assert content.why is None
    assert any("not RR" in word for word in content.decisions) == (kind == "PPI")


def test_seconds_are_told_by_the_rule_and_by_the_stream_itself() -> None:
    seconds = [value / 1000 for value in RR]
    for data in (rr_file(seconds, form="float32"), rr_file(seconds, desc=labelled("RR", unit="seconds"))):
        content = read_bytes("a.xdf", data)
        assert content.unit == "s"
        assert ms(content) == list(RR)
    assert read_bytes("a.xdf", rr_file(desc=labelled("x", unit="ms"))).rule == "unit 'ms' of the stream"


def test_numbers_that_may_be_anything_are_asked_about_and_taken_as_told() -> None:
    data = rr_file([72.0, 73.0, 71.0, 72.0])
    content = read_bytes("a.xdf", data)
    assert content.verdict == "ask"
    assert content.why is not None
    assert content.why.startswith("the unit is not clear: their median is 72, which is no usual interval in ms or s")
    assert read_bytes("a.xdf", data, Choices(unit="samples@100")).ticks[0] == 72 * TICKS_PER_S // 100


def test_a_sum_that_does_not_fill_the_time_is_doubted() -> None:
    content = read_bytes("a.xdf", rr_file(stamps=[1000.0, 1001.0, 1002.0, 1010.0, 1040.0, 1041.0]))
    assert content.verdict == "rr"
    assert content.why is not None
    assert "sum up to 6.6 s, but they arrived within 41.0 s" in content.why


@pytest.mark.parametrize("stamp", [float("nan"), float("inf"), 0.0, -9e30, 9e30])
def test_time_stamps_that_cannot_be_are_refused_in_a_look_too(stamp: float) -> None:
    wrong = samples(1, "float32", [stamp], [[0.0]])
    data = b"XDF:" + BEGIN + header(1, "x", "ECG", "float32", 0) + many(1, AT, ECG) + wrong
    assert "time stamps" in refused(data, LOOK).what


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -800.0])
def test_what_is_no_interval_is_refused_with_its_place(value: float) -> None:
    found = refused(rr_file([900.0, value, 900.0]))
    assert found.what.startswith("this is no interval")
    assert found.where == "sample 2"


def test_markers_of_intervals_are_counted_from_the_first_opening_beat() -> None:
    data = rr_file() + MARKER_HEADER + samples(2, "string", [1001.5], [["now"]])
    assert read_bytes("a.xdf", data).markers[0].at == 3 * TICKS_PER_S // 2


@pytest.mark.parametrize("stamp", [float("nan"), 1e30])
def test_times_that_cannot_be_cost_markers_but_no_intervals(stamp: float) -> None:
    marks = samples(2, "string", [1001.5, stamp], [["now"], ["never"]])
    content = read_bytes("a.xdf", rr_file() + MARKER_HEADER + marks)
    assert [marker.text for marker in content.markers] == ["now"]
    assert "1 markers are left out, whose times cannot be" in content.decisions
    odd = read_bytes("a.xdf", rr_file(stamps=[*INTERVALS[:-1], stamp]))
    assert ms(odd) == list(RR)
    assert odd.why == "its time stamps cannot be; only the intervals themselves are used."


@pytest.mark.parametrize("lost", [1, 5, 200, 3000])
def test_a_file_that_ends_in_the_middle_is_read_to_its_last_whole_chunk(lost: int) -> None:
    data = b"XDF:" + BEGIN + ECG_HEADER + many(1, AT, ECG)
    content = read_bytes("a.xdf", data[:-lost])
    assert content.decisions[0] == "it ends in the middle, as after a crash; its last chunk is left out"
    assert len(content.ticks) >= TRUTH.size - 1 - 7
    assert content.ticks[0] / TICKS_PER_S == pytest.approx(TRUTH[1] - TRUTH[0], abs=0.005)


def test_every_cut_of_a_file_is_read_or_refused() -> None:
    data = rr_file()
    for size in range(len(data)):
        try:
            content = content_of(in_memory("a.xdf", data[:size]), Choices(), lambda _: None)
        except ImportRefused:
            continue
        assert content.verdict == "refuse", size


def test_a_fault_in_the_middle_is_refused_or_ends_the_reading_when_told_to() -> None:
    first, second = many(1, AT[: 40 * HZ], ECG[: 40 * HZ]), many(1, AT[40 * HZ :], ECG[40 * HZ :])
    start = b"XDF:" + BEGIN + ECG_HEADER + first
    data = start + b"\x03\xff\xff\xff" + second
    found = refused(data)
    assert found.what == f"it is damaged: a chunk's length is wrong, at byte {len(start)} of {len(data)}."
    assert "--partial" in found.advice
    content = read_bytes("a.xdf", data, Choices(partial=True))
    assert content.decisions[0].startswith("partial: it is damaged")
    assert len(content.ticks) == int((TRUTH < 39.9).sum()) - 1


ONE = struct.pack("<I", 1)
LIES = [
    ("a chunk longer than the file", chunk(3, ONE, 2**32 - 1) + chunk(5, BOUNDARY), "a chunk's length is wrong"),
    (
        "a chunk of 2**63 bytes",
        counted(2**63, 8) + struct.pack("<HI", 3, 1) + chunk(5, BOUNDARY),
        "a chunk's length is wrong",
    ),
    ("more samples than a chunk holds", chunk(3, ONE + counted(2**40, 8) + b"\x00" * 40), "speaks of 1099511627776"),
    ("fewer samples than a chunk holds", chunk(3, ONE + counted(1) + b"\x00" * 400), "speaks of 1 samples in 400"),
    ("samples of a stream without a header", chunk(3, struct.pack("<I", 7) + counted(1)), "a stream has no header"),
    ("a stream with two headers", ECG_HEADER, "a stream has two headers"),
    ("a thousand million channels", header(3, "x", "ECG", "float32", 1, "1000000000"), "has '1000000000' channels"),
    ("less than no channels", header(3, "x", "ECG", "float32", 1, "-1"), "has '-1' channels"),
    ("a rate that is no number", header(3, "x", "ECG", "float32", float("nan")), "has 'nan' samples a second"),
    ("a rate without end", header(3, "x", "ECG", "float32", float("inf")), "has 'inf' samples a second"),
    ("values of no kind", header(3, "x", "ECG", "float16", 1), "of the kind 'float16'"),
    ("a clock offset that is cut", chunk(4, ONE + b"\0" * 8), "a clock offset has the wrong length"),
    ("XML that is none", chunk(2, struct.pack("<I", 3) + b"<info><name>"), "a header is broken XML"),
    (
        "XML entities",
        chunk(2, struct.pack("<I", 3) + b'<!DOCTYPE a [<!ENTITY b "c">]><info><name>&b;</name></info>'),
        "a header declares XML entities",
    ),
]


@pytest.mark.parametrize(("lie", "wrong", "sentence"), LIES, ids=[lie[0] for lie in LIES])
def test_threat_row_8_a_chunk_of_xdf_that_lies_is_refused(lie: str, wrong: bytes, sentence: str) -> None:
    assert lie
    data = b"XDF:" + BEGIN + ECG_HEADER + many(1, AT, ECG) + wrong + chunk(5, BOUNDARY)
    assert sentence in refused(data).what
    assert len(read_bytes("a.xdf", data, Choices(partial=True)).ticks) == TRUTH.size - 1


def test_threat_row_8_a_string_longer_than_its_chunk_loses_its_samples_and_says_so() -> None:
    wrong = chunk(3, struct.pack("<I", 2) + counted(1) + b"\x00" + counted(2**31) + b"abc")
    data = b"XDF:" + BEGIN + MARKER_HEADER + wrong + ECG_HEADER + many(1, AT, ECG)
    try:
        content = read_bytes("a.xdf", data, LOOK)
    except ImportRefused as error:
        found = error.what
    else:
        found = " ".join(content.decisions)
    assert "damaged" in found


def test_a_file_without_streams_is_refused() -> None:
    assert read_bytes("a.xdf", b"XDF:" + BEGIN).why == "it holds no stream."
    assert read_bytes("a.xdf", b"XDF:").why == "it holds no stream."


def test_streams_without_samples_are_nothing_to_read() -> None:
    content = read_bytes("a.xdf", b"XDF:" + ECG_HEADER + header(2, "strap", "RR", "float32", 0))
    assert content.verdict == "refuse"
    assert content.why is not None
    assert "'Polar H10 0' (ECG, 0), 'strap' (RR, 0)" in content.why


def test_pyxdf_says_nothing_by_itself(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    read_bytes("a.xdf", WHOLE + offset(1, 1.0, 2.0) + offset(1, 1.0, 2.0), LOOK)
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_without_pyxdf_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyxdf", None)
    found = refused(WHOLE)
    assert "pyxdf" in found.what
    assert found.advice == 'Install it: pip install "biofeedback[formats]".'


def test_no_other_sample_is_taken_for_xdf() -> None:
    root = sample("expected.json").parent
    for path in root.rglob("*"):
        if path.is_file() and path.suffix != ".xdf":
            try:
                assert reader_of(in_memory(path.name, path.read_bytes())).name != "xdf", path.name
            except ImportRefused:
                continue


@pytest.mark.parametrize("base", [WHOLE[:9_000], rr_file() + MARKER_HEADER + MARKERS], ids=["ecg", "rr"])
def test_mutants_are_read_or_refused_and_nothing_else(base: bytes) -> None:
    random = Random(f"xdf {len(base)}")
    for _ in range(300):
        data = bytearray(base)
        for _ in range(random.choice((1, 3, 20))):
            data[random.randrange(min(len(data), random.choice((200, 1200, len(data)))))] = random.randrange(256)
        try:
            content = content_of(
                in_memory("a.xdf", b"XDF:" + bytes(data[4:])), Choices(look=True, partial=True), lambda _: None
            )
        except ImportRefused:
            continue
        assert content.to_json()["verdict"] in ("ecg", "rr", "refuse", "ask")
