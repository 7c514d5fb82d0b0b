"""EDF, EDF+ and BDF: what is read, what is told of it, and each lie of a header refused in words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.detect import content_of, reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from tests.cli.programs import ROOT
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.waves import Wave, beat_times, ecg, pulse

HZ, SECONDS = 200, 60
TRUTH = beat_times(SECONDS, seed=7)
ECG = np.round(ecg(TRUTH, HZ, SECONDS) * 1000)
LOOK = Choices(look=True)


class Made(NamedTuple):
    """A channel to be written: label, whole-number samples of one data record after the other, samples in each."""

    label: str
    samples: Wave
    each: int
    unit: str = "uV"


def edf_bytes(
    channels: Sequence[Made],
    notes: Sequence[str] = (),
    *,
    kind: str = "",
    record_s: str = "1",
    width: int = 2,
    date: str = "10.12.2412.44.02",
    recorded: str = "Startdate 10-DEC-2024 X X X",
) -> bytes:
    """A file written by the letter of the specification; `notes`: the annotations of each data record."""
    records = channels[0].samples.size // channels[0].each if channels else len(notes)
    size = max((len(note.encode()) for note in notes), default=0)
    size += -size % width
    name = "BDF" if width == 3 else "EDF"
    labels = [made.label for made in channels] + [f"{name} Annotations"] * bool(notes)
    top = 8388607 if width == 3 else 32767
    columns = [
        (16, labels),
        (80, [""] * len(labels)),
        (8, [made.unit for made in channels] + [""]),
        (8, [str(-top - 1)] * len(labels)),
        (8, [str(top)] * len(labels)),
        (8, [str(-top - 1)] * len(labels)),
        (8, [str(top)] * len(labels)),
        (80, [""] * len(labels)),
        (8, [str(made.each) for made in channels] + [str(size // width)]),
        (32, [""] * len(labels)),
    ]
    version = b"\xffBIOSEMI" if width == 3 else b"0       "
    texts = (
        f"{'X X X X':<80}{recorded:<80}{date}{256 * (len(labels) + 1):<8}{kind:<44}{records:<8}{record_s:<8}"
        f"{len(labels):<4}"
    )
    head = version + texts.encode("latin-1")
    head += b"".join(
        text.ljust(length).encode("latin-1") for length, texts_ in columns for text in texts_[: len(labels)]
    )
    body = bytearray()
    for record in range(records):
        for made in channels:
            part = made.samples[record * made.each : (record + 1) * made.each].astype(np.int32)
            body += part.astype("<i4").tobytes() if width == 4 else _packed(part, width)
        if notes:
            body += notes[record].encode().ljust(size, b"\0")
    return head + bytes(body)


def _packed(part: np.ndarray[tuple[int, ...], np.dtype[np.int32]], width: int) -> bytes:
    return part.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()


def kept(second: float, *others: str) -> str:
    """The annotations of a data record that begins so many seconds after the start."""
    return f"+{second:g}\x14\x14\0" + "".join(f"{other}\x14\0" for other in others)


PLAIN = edf_bytes([Made("EEG Fpz-Cz", ECG * 0, HZ), Made("ECG", ECG, HZ)])
PLUS = edf_bytes([Made("ECG", ECG, HZ)], [kept(second) for second in range(SECONDS)], kind="EDF+C")


@pytest.fixture(scope="module", autouse=True)
def heartpy_is_loaded() -> None:
    """Its second of import is nobody's."""
    read_bytes("a.edf", PLAIN)


def refused(data: bytes, choices: Choices | None = None) -> ImportRefused:
    with pytest.raises(ImportRefused) as found:
        read_bytes("a.edf", data, choices)
    assert found.value.advice.endswith(".")
    return found.value


def apart_s(content: Content, truth: Wave) -> float:
    """The largest error of the intervals, against those that were made."""
    return float(np.abs(np.array(content.ticks) / TICKS_PER_S - np.diff(truth)).max())


@pytest.mark.parametrize("name", ["edf/ecg_200hz_60s.edf", "edf/annotations_only.edf"])
def test_the_samples_are_what_they_should_be(name: str) -> None:
    wanted, content = expected(name), read(sample(name), LOOK)
    check(content, wanted)
    found = content.to_json()
    assert {key: found[key] for key in ("format", "signals", "seconds", "annotations")} == {
        key: wanted[key] for key in ("format", "signals", "seconds", "annotations")
    }


def test_the_ecg_of_a_patient_simulator_is_found_though_all_its_intervals_are_equal() -> None:
    content = read(sample("edf/ecg_200hz_60s.edf"))
    assert set(content.ticks) == {TICKS_PER_S}
    assert 58 <= len(content.ticks) <= 59
    assert content.start is not None
    assert content.start.text.startswith("2009-12-10T12:44:0")


def test_annotations_alone_are_no_heartbeats_and_the_sentence_counts_them() -> None:
    content = read(sample("edf/annotations_only.edf"))
    assert content.why == "it holds 856 annotations and no signal, so no heartbeats."
    assert content.start is None


def test_the_beats_of_an_ecg_are_found_and_start_and_channel_are_told() -> None:
    content = read_bytes("a.edf", PLAIN)
    assert content.verdict == "ecg"
    assert apart_s(content, TRUTH) < 0.004
    assert content.waveforms[0].label == "ECG"
    assert content.start is not None
    assert content.start.zone is None
    assert content.start.text.startswith("2024-12-10T12:44:02.")


def test_samples_are_those_that_were_written() -> None:
    ramp = np.arange(-32768, 32767, 257.0)[:250]
    data = edf_bytes([Made("ECG", np.tile(ramp, 8), 250)])
    twice = edf_bytes([Made("ECG", np.tile(ramp, 8), 250, "mV")])
    assert read_bytes("a.edf", data, LOOK).to_json()["signals"] == [["ECG", 250.0, "uV"]]
    assert read_bytes("a.edf", twice, LOOK).unit == "mV"


@pytest.mark.parametrize("label", ["ECG", "EKG", "ecg II", "ECG EKG-REF", "Lead II", "II", "V5", "MLII", "aVF"])
def test_an_ecg_has_many_names(label: str) -> None:
    data = edf_bytes([Made("Resp", ECG * 0, HZ), Made("Pulse rate", ECG * 0, HZ), Made(label, ECG, HZ)])
    assert read_bytes("a.edf", data, LOOK).waveforms[0].label == label


@pytest.mark.parametrize("label", ["EEG Fp1", "Flow", "SpO2", "ECG rate", "HR", "VI", "Status"])
def test_other_channels_are_no_ecg_and_are_named(label: str) -> None:
    content = read_bytes("a.edf", edf_bytes([Made(label, ECG, HZ)]))
    assert content.verdict == "refuse"
    assert content.why is not None
    assert f"'{label}' (200 Hz)" in content.why
    assert content.about["signals"] == [[label, 200.0, "uV"]]


def test_any_channel_can_be_chosen_and_one_that_is_not_there_is_answered_with_all_names() -> None:
    data = edf_bytes([Made("Aux 1", ECG, HZ)])
    assert len(read_bytes("a.edf", data, Choices(signal="aux 1")).ticks) == TRUTH.size - 1
    found = refused(data, Choices(signal="ECG"))
    assert found.what == "it has no channel 'ECG'."
    assert found.advice == "Choose one of its channels: 'Aux 1'."


def test_of_several_ecgs_the_first_that_is_fast_enough_is_used_and_the_others_are_named() -> None:
    slow = Made("ECG slow", ECG[::4], HZ // 4)
    data = edf_bytes([slow, Made("ECG I", ECG, HZ), Made("ECG II", ECG, HZ)])
    content = read_bytes("a.edf", data, LOOK)
    assert [wave.label for wave in content.waveforms] == ["ECG I", "ECG slow", "ECG II"]
    assert "of several channels 'ECG I' is used; there are also ECG slow, ECG II" in content.decisions


def test_a_pulse_wave_is_read_and_labelled() -> None:
    wave = np.round(pulse(TRUTH, HZ, SECONDS) * 1000)
    content = read_bytes("a.edf", edf_bytes([Made("Pleth", wave, HZ)]))
    assert any("not RR" in word for word in content.decisions)
    assert abs(len(content.ticks) - TRUTH.size + 1) <= 1


def test_24_bit_files_are_read_too() -> None:
    notes = [f"{kept(second)}+{second}.5\x14tick\x14\0" for second in range(SECONDS)]
    data = edf_bytes([Made("ECG", ECG * 200, HZ)], notes, width=3, kind="BDF+C")
    content = read_bytes("a.bdf", data)
    assert content.format == "bdf"
    assert apart_s(content, TRUTH) < 0.004
    assert [marker.text for marker in content.markers] == ["tick"] * SECONDS


def test_annotations_are_markers_counted_from_the_first_beat() -> None:
    notes = [kept(second, f"+{second}.25\x152\x14Lights off é") for second in range(SECONDS)]
    content = read_bytes("a.edf", edf_bytes([Made("ECG", ECG, HZ)], notes, kind="EDF+C"))
    assert content.markers[10].text == "Lights off é"
    assert content.markers[10].at / TICKS_PER_S == pytest.approx(10.25 - TRUTH[0], abs=0.005)


def test_a_later_first_record_moves_start_and_markers_with_it() -> None:
    notes = [kept(second + 0.5, f"+{second + 0.75:g}\x14here") for second in range(SECONDS)]
    content = read_bytes("a.edf", edf_bytes([Made("ECG", ECG, HZ)], notes, kind="EDF+C"), LOOK)
    assert content.start == Start("2024-12-10T12:44:02.500")
    assert content.markers[0] == Marker(TICKS_PER_S // 4, "here")
    assert not content.holes


def test_between_data_records_that_are_apart_there_is_a_hole() -> None:
    notes = [kept(second + (37.25 if second >= 30 else 0)) for second in range(SECONDS)]
    content = read_bytes("a.edf", edf_bytes([Made("ECG", ECG, HZ)], notes, kind="EDF+D"))
    (hole,) = content.holes
    assert content.span_ticks / TICKS_PER_S == pytest.approx(TRUTH[-1] - TRUTH[0] + 37.25, abs=0.01)
    assert hole.ticks / TICKS_PER_S > 37.25
    assert max(content.ticks) / TICKS_PER_S < np.diff(TRUTH).max() + 0.01
    assert content.waveforms[0].hz == HZ


def test_data_records_that_do_not_say_when_they_begin_are_refused() -> None:
    notes = [kept(0)] + ["+x\x14\x14\0 " for _ in range(SECONDS - 1)]
    data = edf_bytes([Made("ECG", ECG, HZ)], notes, kind="EDF+D")
    assert refused(data).what == "its data record 2 does not say when it begins."


def test_damaged_annotations_are_left_out_and_told() -> None:
    notes = ["\xff\xfe garbage".encode("latin-1").decode("latin-1")] * SECONDS
    content = read_bytes("a.edf", edf_bytes([Made("ECG", ECG, HZ)], notes, kind="EDF+C"), LOOK)
    assert any("annotations are damaged" in word for word in content.decisions)


@pytest.mark.parametrize(
    ("date", "recorded"),
    [("01.01.8500.00.00", "Startdate X X X X"), ("01.01.8500.00.00", ""), ("xx.yy.zz12.00.00", "")],
)
def test_no_date_is_no_start(date: str, recorded: str) -> None:
    data = edf_bytes([Made("ECG", ECG, HZ)], date=date, recorded=recorded)
    assert read_bytes("a.edf", data, LOOK).start is None


def test_a_date_without_the_longer_one_of_edf_plus_is_read() -> None:
    data = edf_bytes([Made("ECG", ECG, HZ)], date="09.02.9923.59.59", recorded="")
    assert read_bytes("a.edf", data, LOOK).start == Start("1999-02-09T23:59:59")


EXPORTED = (1000, 1012, 987, 2750, 905, 911)


def exported(*, gap: bool) -> bytes:
    """Our own export: intervals in ticks of 1/1 024 000 s as durations, with words for people among them."""
    rr = [TICKS_PER_MS * ms + index for index, ms in enumerate(EXPORTED)]
    notes = ["+0\x14\x14\0"] + [f"+{second}\x14\x14\0" for second in range(1, 30)]
    at = 2 * TICKS_PER_S
    for index, ticks in enumerate(rr):
        word = "RR ectopic" if index == 1 else "RR"
        if index == 4 and gap:
            notes[0] += f"+{at / TICKS_PER_S:.10f}\x153.5\x14gap contact\x14\0"
            at += 7 * TICKS_PER_S // 2
        notes[0] += f"+{at / TICKS_PER_S:.10f}\x15{ticks / TICKS_PER_S:.10f}\x14{word}\x14\0"
        at += ticks
        notes[0] += f"+{at / TICKS_PER_S:.6f}\x14beat\x14\0"
    notes[0] += "+1\x1560\x14phase settle\x14\0"
    return edf_bytes([Made("RR tachogram", np.full(120, 900.0), 4, "ms")], notes, kind="EDF+C")


@pytest.mark.parametrize("gap", [False, True])
def test_our_own_export_gives_its_intervals_back_to_the_tick(gap: bool) -> None:
    content = read_bytes("a.edf", exported(gap=gap))
    assert content.verdict == "rr"
    assert list(content.ticks) == [TICKS_PER_MS * ms + index for index, ms in enumerate(EXPORTED)]
    assert content.holes == ((Hole(4, 7 * TICKS_PER_S // 2),) if gap else ())
    texts = [marker.text for marker in content.markers]
    assert texts == ["phase settle"]  # a gap is a hole, and no mark too
    assert content.markers[0].at == -TICKS_PER_S
    assert content.start == Start("2024-12-10T12:44:04")


def changed(data: bytes, place: int, field: str) -> bytes:
    return data[:place] + field.encode("latin-1") + data[place + len(field) :]


LIES = [
    ("more data records than the file holds", 236, "99999999", "data records, and only 60 are there"),
    ("less than no data records", 236, "-7      ", "its header speaks of -7 data records."),
    ("more channels than the file holds", 252, "9999", "9999 channels, which does not fit its length"),
    ("no channels at all", 252, "0   ", "0 channels, which does not fit its length"),
    ("a header longer than the file", 184, "99999999", "does not fit its length"),
    ("a data record longer than the file", 256 * 3 - 64 - 16, "99999999", "one data record would take"),
    ("no samples in a data record", 256 * 3 - 64 - 16, "0       ", "has 0 samples in a data record"),
    ("a data record that takes no time", 244, "0       ", "gives '0' as seconds of a data record"),
    ("a data record that takes no number of time", 244, "nan     ", "gives 'nan' as seconds of a data record"),
    ("a time with a sign that only looks like a blank", 244, "1 \xa0     ", "as seconds of a data record"),
    ("a time with a line in it", 244, "1_0     ", "gives '1_0' as seconds of a data record"),
    ("numbers that are none", 236, "1_000   ", "no number for the number of data records: '1_000'"),
]


@pytest.mark.parametrize(("lie", "place", "field", "sentence"), LIES, ids=[lie[0] for lie in LIES])
def test_threat_row_8_a_header_of_edf_that_lies_is_refused(lie: str, place: int, field: str, sentence: str) -> None:
    assert lie
    assert sentence in refused(changed(PLAIN, place, field)).what


def test_threat_row_8_a_lie_costs_no_memory() -> None:
    """The largest numbers a header can hold, all at once, in a process that may use little more than it has."""
    script = (
        "import resource, sys\n"
        "from biofeedback.errors import ImportRefused\n"
        "from biofeedback.formats.detect import content_of\n"
        "from biofeedback.formats.foreign import in_memory\n"
        "from biofeedback.formats.reading import Choices\n"
        "import edfio, numpy\n"
        "data = sys.stdin.buffer.read()\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))\n"
        "try:\n"
        "    content_of(in_memory('a.edf', data), Choices(look=True), lambda _: None)\n"
        "except ImportRefused as error:\n"
        "    print(error.what)\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("needs /proc")
    lying = changed(changed(PLAIN, 236, "99999999"), 256 * 3 - 64 - 16, "99999999" * 2)
    done = subprocess.run([sys.executable, "-c", script], input=lying, capture_output=True, cwd=ROOT, check=True)
    assert done.stdout.decode().startswith("one data record would take")


def test_a_file_that_was_cut_is_refused_or_read_in_part_when_told_to() -> None:
    cut = PLAIN[:-20_001]
    found = refused(cut)
    assert found.what == "its header speaks of 60 data records, and only 34 are there."
    assert "--partial" in found.advice
    content = read_bytes("a.edf", cut, Choices(partial=True))
    assert content.decisions[0] == "partial: of 60 data records 34 are there"
    assert len(content.ticks) == int((TRUTH < 34 - 0.1).sum()) - 1


def test_a_header_that_was_never_finished_counts_by_the_size() -> None:
    content = read_bytes("a.edf", changed(PLAIN, 236, "-1      "), LOOK)
    assert content.waveforms[0].seconds == SECONDS
    assert "does not say how many data records" in content.decisions[0]


def test_what_stands_behind_the_last_record_is_left_out_and_told() -> None:
    content = read_bytes("a.edf", PLAIN + b"\0" * 801, LOOK)
    assert content.waveforms[0].seconds == SECONDS
    assert content.decisions[0] == "801 bytes behind the last data record are left out"


@pytest.mark.parametrize("size", [9, 100, 255, 256, 700])
def test_a_piece_of_a_header_is_refused(size: int) -> None:
    assert refused(PLAIN[:size]).what


def test_a_scale_that_is_none_is_no_reason_to_fail() -> None:
    place = 256 + 2 * (16 + 80 + 8)
    same = changed(changed(PLAIN, place, "0       " * 2), place + 16, "0       " * 2)
    assert len(read_bytes("a.edf", same).ticks) == TRUTH.size - 1


def test_nul_and_decimal_comma_in_a_header_are_read_as_they_are_meant() -> None:
    place = 256 + 2 * (16 + 80 + 8)
    odd = changed(PLAIN, 244, "1,0\0\0\0\0\0")
    odd = changed(changed(odd, place, "-100,5\0\0" * 2), place + 16, "100,5\0\0\0" * 2)
    content = read_bytes("a.edf", odd)
    assert len(content.ticks) == TRUTH.size - 1
    assert content.decisions == read_bytes("a.edf", PLAIN).decisions


def test_without_edfio_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edfio", None)
    found = refused(PLAIN)
    assert "edfio" in found.what
    assert found.advice == 'Install it: pip install "biofeedback[formats]".'


def test_no_other_sample_is_taken_for_edf() -> None:
    root = sample("expected.json").parent
    for path in root.rglob("*"):
        if path.is_file() and path.suffix not in (".edf", ".bdf"):
            head = path.read_bytes()
            file = in_memory(path.name, head)
            try:
                assert reader_of(file).name != "edf", path.name
            except ImportRefused:
                continue


@pytest.mark.parametrize("base", [PLAIN[:12_000], PLUS[:12_000], exported(gap=True)], ids=["edf", "edf+", "ours"])
def test_mutants_are_read_or_refused_and_nothing_else(base: bytes) -> None:
    random = Random(f"edf {len(base)}")
    for _ in range(300):
        data = bytearray(base)
        for _ in range(random.choice((1, 3, 20))):
            data[random.randrange(min(len(data), random.choice((300, 800, len(data)))))] = random.randrange(256)
        try:
            content = content_of(in_memory("a.edf", bytes(data)), Choices(look=True, partial=True), lambda _: None)
        except ImportRefused:
            continue
        assert content.to_json()["verdict"] in ("ecg", "rr", "refuse")


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_an_edf_of_200_mb_is_read_within_the_limit_of_the_child(tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("needs RLIMIT_AS")
    path = tmp_path / "night.edf"
    others = [Made(f"EEG {index}", np.zeros(1), 256) for index in range(15)]
    head = edf_bytes([Made("ECG", ECG[:200], 200), *others])[: 256 * 17]
    records = 200_000_000 // (2 * (200 + 15 * 256))
    wave = np.tile(ECG, records // SECONDS + 1)[: records * 200].reshape(records, 200).astype("<i2")
    with path.open("wb") as file:
        file.write(changed(head, 236, f"{records:<8}"))
        rest = bytes(2 * 15 * 256)
        for row in wave:
            file.write(row.tobytes() + rest)
    script = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))\n"
        "from pathlib import Path\n"
        "from biofeedback.formats.detect import content_of\n"
        "from biofeedback.formats.foreign import on_disk\n"
        "from biofeedback.formats.reading import Choices\n"
        "content = content_of(on_disk(Path(sys.argv[1])), Choices(), lambda _: None)\n"
        "print(len(content.ticks), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=ROOT, check=True, timeout=80
    )
    count, mib = (int(word) for word in done.stdout.split())
    assert count > records / SECONDS * (TRUTH.size - 2)
    assert mib < 1024
