"""BIDS: physio tables by their side files, wherever these lie, and the beats of our own export."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from random import Random

import numpy as np
import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.detect import content_of, reader_of
from biofeedback.formats.foreign import Foreign, in_memory, on_disk
from biofeedback.formats.reading import Choices
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from tests.formats.samples import check, expected, read, sample
from tests.formats.waves import beat_times, ecg, pulse

HZ, SECONDS = 100, 60
TRUTH = beat_times(SECONDS, seed=11)
ECG = ecg(TRUTH, HZ, SECONDS)
PULSE = pulse(TRUTH, HZ, SECONDS)
LOOK = Choices(look=True)
NAME = "sub-01_ses-02_task-rest_run-1_physio"
SIDE = {"SamplingFrequency": HZ, "StartTime": 0, "Columns": ["respiratory", "cardiac", "trigger"]}


def foreign(name: str, data: bytes | str, beside: Mapping[str, str] = {}, *above: Mapping[str, str]) -> Foreign:
    """A file with texts beside it and in the folders above it."""

    def found(level: int, wanted: str) -> Foreign | None:
        empty: Mapping[str, str] = {}
        folder = (beside, *above, empty, empty, empty)[level]
        return in_memory(wanted, folder[wanted].encode()) if wanted in folder else None

    raw = data.encode() if isinstance(data, str) else data
    file = in_memory(name, raw, lambda wanted: found(0, wanted))
    return Foreign(file.name, file.size, file.opener, file.neighbours, higher=found)


def table(*columns: object, digits: int = 6) -> str:
    """Columns of numbers, NaN as n/a."""
    rows = zip(*(np.asarray(column) for column in columns), strict=True)
    cells = (("n/a" if np.isnan(value) else f"{value:.{digits}g}" for value in row) for row in rows)
    return "".join("\t".join(row) + "\n" for row in cells)


TABLE = table(PULSE * 0, PULSE, PULSE * 0)


def physio(text: str = TABLE, side: object = SIDE, choices: Choices | None = None) -> Content:
    return read(foreign(f"{NAME}.tsv", text, {f"{NAME}.json": json.dumps(side)}), choices)


def refused(text: str = TABLE, side: object = SIDE) -> ImportRefused:
    with pytest.raises(ImportRefused) as found:
        physio(text, side, LOOK)
    assert found.value.what.endswith(".")
    return found.value


def test_the_sample_is_what_it_should_be() -> None:
    name = "bids/sub-01_ses-01_task-rest_physio.tsv.gz"
    path = sample(name)
    near = on_disk(path).neighbours
    file = in_memory(path.name.removesuffix(".gz"), gzip.decompress(path.read_bytes()), near)
    content = read(file, LOOK)
    check(content, expected(name))
    assert content.about["rows"] == expected(name)["rows"]
    assert content.to_json()["signals"] == [["cardiac", 10.0, ""]]
    with pytest.raises(ImportRefused, match="10 samples a second are too few"):
        read(file)


def test_a_side_file_is_skipped() -> None:
    content = read(sample("bids/task-rest_physio.json"))
    check(content, expected("bids/task-rest_physio.json"))


def test_the_beats_of_a_cardiac_column_are_found_and_told_to_be_a_pulse() -> None:
    content = physio()
    assert content.verdict == "ecg"
    assert np.abs(np.array(content.ticks) / TICKS_PER_S - np.diff(TRUTH)).max() < 0.01
    assert any("not RR" in word for word in content.decisions)


def test_the_signal_tells_when_a_cardiac_column_is_an_ecg() -> None:
    content = physio(table(ECG * 0, ECG, ECG * 0))
    assert len(content.ticks) == TRUTH.size - 1
    assert not any("not RR" in word for word in content.decisions)


@pytest.mark.parametrize("column", ["ecg", "ECG", "ekg", "ppg", "pleth", "cardiac", "cardiac_2"])
def test_columns_have_many_names(column: str) -> None:
    side = {**SIDE, "Columns": ["x", column, "trigger"], column: {"Units": "mV", "Description": "…"}}
    content = physio(side=side, choices=LOOK)
    assert content.waveforms[0].label == column
    assert content.unit == "mV"


def test_a_column_can_be_chosen_and_others_are_named() -> None:
    side = {**SIDE, "Columns": ["ecg", "cardiac", "trigger"]}
    content = physio(table(ECG, PULSE, ECG * 0), side)
    assert content.waveforms[0].label == "ecg"
    assert "of several columns 'ecg' is used; there are also cardiac" in content.decisions
    assert physio(side=side, choices=Choices(signal="Cardiac", look=True)).waveforms[0].label == "cardiac"
    with pytest.raises(ImportRefused, match="no channel 'ekg'"):
        physio(side=side, choices=Choices(signal="ekg", look=True))


def test_no_cardiac_column_is_a_refusal_that_names_them() -> None:
    content = physio(side={**SIDE, "Columns": ["respiratory", "gsr", "trigger"]})
    assert content.verdict == "refuse"
    assert content.why is not None
    assert "'respiratory', 'gsr', 'trigger'" in content.why


def test_what_is_not_available_is_a_hole() -> None:
    at = np.arange(PULSE.size) / HZ
    content = physio(table(PULSE * 0, np.where((at > 20) & (at < 24), np.nan, PULSE), PULSE * 0))
    assert len(content.holes) == 1
    assert content.holes[0].ticks / TICKS_PER_S > 4
    assert content.span_ticks / TICKS_PER_S == pytest.approx(TRUTH[-1] - TRUTH[0], abs=0.02)


def test_side_files_are_inherited_and_the_nearest_and_most_special_wins() -> None:
    top = {"task-rest_physio.json": json.dumps({**SIDE, "SamplingFrequency": 1})}
    middle = {"sub-01_physio.json": json.dumps({"SamplingFrequency": 2}), "physio.json": '{"SamplingFrequency": 3}'}
    near = {
        "sub-01_task-rest_physio.json": '{"SamplingFrequency": 100}',
        "task-rest_physio.json": '{"SamplingFrequency": 5, "StartTime": -2.5}',
        "sub-01_task-rest_bold.json": '{"SamplingFrequency": 7}',
        "sub-02_physio.json": '{"SamplingFrequency": 8}',
    }
    content = read(foreign(f"{NAME}.tsv", TABLE, near, {}, middle, top), LOOK)
    assert content.waveforms[0].hz == 100
    assert content.decisions[0].endswith(
        "task-rest_physio.json, physio.json, sub-01_physio.json, task-rest_physio.json, sub-01_task-rest_physio.json"
    )
    assert content.decisions[1] == "it begins -2.5 s after the scan it belongs to"


@pytest.mark.parametrize(
    "side",
    [
        {},
        {"SamplingFrequency": HZ},
        {"Columns": ["cardiac"]},
        {**SIDE, "SamplingFrequency": 0},
        {**SIDE, "SamplingFrequency": -1},
        {**SIDE, "SamplingFrequency": "100"},
        {**SIDE, "SamplingFrequency": True},
        {**SIDE, "SamplingFrequency": 1e12},
        {**SIDE, "Columns": []},
        {**SIDE, "Columns": "cardiac"},
        {**SIDE, "Columns": ["cardiac", 1]},
    ],
)
def test_without_columns_and_rate_the_sentence_says_where_to_put_them(side: object) -> None:
    found = refused(side=side)
    assert found.what == "its columns or its rate are not known."
    assert found.advice == f"Put {NAME}.json beside it, with SamplingFrequency and Columns."


def test_a_side_file_that_is_broken_is_refused() -> None:
    assert refused(side=[1]).what == f"its side file {NAME}.json is no JSON object."
    with pytest.raises(ImportRefused, match="JSON"):
        read(foreign(f"{NAME}.tsv", TABLE, {f"{NAME}.json": "{"}), LOOK)
    with pytest.raises(ImportRefused, match="larger than 1 MiB"):
        read(foreign(f"{NAME}.tsv", TABLE, {f"{NAME}.json": "{" + " " * 2**20 + "}"}), LOOK)


@pytest.mark.parametrize("cell", ["1_000", "٣", "nan", "", "1,5", "1e4000x", "--1"])
def test_a_cell_that_is_no_number_is_refused_with_its_line(cell: str) -> None:
    found = refused(f"0\t1\t0\n0\t{cell}\t0\n0\t1\t0\n")
    assert found.what == f"this is no number: '{cell}'."
    assert found.where == "line 2"


def test_a_line_with_other_columns_is_refused_with_its_number() -> None:
    found = refused("0\t1\t0\n0\t1\n")
    assert found.what == "it has 2 columns where 3 are told."
    assert found.where == "line 2"


RR = (1000.0, 1012.5, 987.0009765625, 2750.0, 905.0, 911.0)
EVENTS = "sub-01_task-practice_events.tsv"


def events(*, gap: bool = False) -> str:
    """Our own export: the recording began two seconds before the first beat."""
    lines = ["onset\tduration\ttrial_type\tvalue\tlabel\tpair\tscript", "0\t60\tsettle\tn/a\tn/a\tn/a\tn/a"]
    at = 2.0
    for index, rr in enumerate(RR):
        if gap and index == 4:
            lines.append(f"{at:.6f}\t3.5\tgap\tn/a\tcontact\tn/a\tn/a")
            at += 3.5
        at += rr / 1000
        lines.append(f"{at:.6f}\t0\tbeat\t{rr!r}\t{'ectopic' if index == 1 else 'n/a'}\tn/a\tn/a")
    lines.append(f"{at:.6f}\t0\tsuds\t4\tn/a\tn/a\tn/a")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("gap", [False, True])
def test_our_own_events_give_the_intervals_back_to_the_tick(gap: bool) -> None:
    side = {"RecordingStart": "2026-11-25T09:30:00.250+01:00", "SamplingFrequency": 4, "Columns": ["rr", "pacer"]}
    beside = {EVENTS.replace("events.tsv", "physio.json"): json.dumps(side)}
    content = read(foreign(EVENTS, events(gap=gap), beside))
    assert content.verdict == "rr"
    assert list(content.ticks) == [round(rr * TICKS_PER_MS) for rr in RR]
    assert content.start == Start("2026-11-25T09:30:02.250", "+01:00")
    assert content.markers[0] == Marker(-2 * TICKS_PER_S, "settle")
    assert [marker.text for marker in content.markers[1:]] == ["suds 4"]
    if gap:
        (hole,) = content.holes
        assert hole.before == 4
        assert hole.ticks == pytest.approx(3.5 * TICKS_PER_S, abs=2)
        assert content.decisions[-1] == "events of the program itself, left out: 1"
    else:
        assert content.holes == ()


def test_times_of_beats_that_differ_from_their_intervals_make_no_hole() -> None:
    text = "onset\tduration\ttrial_type\tvalue\n1.0\t0\tbeat\t1000\n2.3\t0\tbeat\t1000\n3.4\t0\tbeat\t1000\n"
    content = read(foreign(EVENTS, text))
    assert content.holes == ()
    assert list(content.ticks) == [TICKS_PER_S] * 3
    assert content.start is None


def test_our_own_tachogram_is_no_source_of_beats_and_says_where_they_are() -> None:
    name = EVENTS.replace("events", "physio")
    side = {name.replace("tsv", "json"): json.dumps({"SamplingFrequency": 4, "Columns": ["rr", "pacer"]})}
    content = read(foreign(name, "1000\t0.5\n1001\t0.6\n", {**side, EVENTS: events()}))
    assert (content.verdict, content.why) == ("skip", f"its beats are in {EVENTS}.")
    alone = read(foreign(name, "1000\t0.5\n1001\t0.6\n", side))
    assert alone.verdict == "refuse"


def test_events_of_another_program_are_skipped() -> None:
    content = read(foreign("sub-01_task-go_events.tsv", "onset\tduration\ttrial_type\n1\t0\tgo\n2\t0\tstop\n"))
    assert content.verdict == "skip"


@pytest.mark.parametrize(
    ("line", "sentence", "where"),
    [
        ("1.0\t0\tbeat\tn/a", "this is no number: 'n/a'.", "line 2"),
        ("1.0\t0\tbeat\tnan", "this is no number: 'nan'.", "line 2"),
        ("n/a\t0\tbeat\t800", "this is no time: 'n/a'.", "line 2"),
        ("1e300\t0\tbeat\t800", "this is no time: '1e300'.", "line 2"),
        ("1.0\t0\tbeat", "it has 3 columns where the heading has 4.", "line 2"),
    ],
)
def test_a_row_that_is_wrong_is_refused_with_its_line(line: str, sentence: str, where: str) -> None:
    with pytest.raises(ImportRefused) as found:
        read(foreign(EVENTS, f"onset\tduration\ttrial_type\tvalue\n{line}\n"))
    assert (found.value.what, found.value.where) == (sentence, where)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sub-01_scans.tsv", "filename\tacq_time\nx\t2026\n"),
        ("participants.tsv", "participant_id\tage\n"),
        ("dataset_description.json", '{"BIDSVersion": "1.8"}'),
        ("sub-01_events.json", "{}"),
    ],
)
def test_what_tells_of_other_files_is_skipped(name: str, text: str) -> None:
    assert read(foreign(name, text)).verdict == "skip"


def test_no_other_sample_is_taken_for_bids() -> None:
    root = sample("expected.json").parent
    for path in root.rglob("*"):
        if path.is_file() and path.parent.name != "bids":
            try:
                assert not reader_of(in_memory(path.name, path.read_bytes())).name.startswith("bids"), path.name
            except ImportRefused:
                continue


def test_a_table_under_another_name_is_not_bids() -> None:
    try:
        name = reader_of(foreign("physio.csv", TABLE[:1000], {"physio.json": json.dumps(SIDE)})).name
    except ImportRefused:
        name = "none"
    assert not name.startswith("bids")


@pytest.mark.parametrize(
    ("name", "base"),
    [(f"{NAME}.tsv", TABLE[:3000]), (EVENTS, events(gap=True)), (f"{NAME}.json", json.dumps(SIDE))],
    ids=["physio", "events", "side"],
)
def test_mutants_are_read_or_refused_and_nothing_else(name: str, base: str) -> None:
    random = Random(f"bids {name}")
    signs = b"\t\n\r\0 0123456789.-+eEn/a\"'{}[]\xff\xef\xbb"
    for _ in range(300):
        data = bytearray(base.encode())
        for _ in range(random.choice((1, 3, 20))):
            data[random.randrange(min(len(data), random.choice((60, 300, len(data)))))] = random.choice(signs)
        side = (
            {f"{NAME}.json": bytes(data).decode("latin-1")}
            if name.endswith("json")
            else {f"{NAME}.json": json.dumps(SIDE)}
        )
        file = foreign(f"{NAME}.tsv", TABLE[:3000], side) if name.endswith("json") else foreign(name, bytes(data), side)
        try:
            content = content_of(file, LOOK, lambda _: None)
        except ImportRefused:
            continue
        assert content.verdict in ("ecg", "rr", "refuse", "skip", "summary", "ask")


def test_a_hole_has_the_length_that_the_times_tell() -> None:
    text = (
        "onset\tduration\ttrial_type\tvalue\n1.0\t0\tbeat\t1000\n1.0\t9\tgap\tn/a\n11.0\t0\tbeat\t1000\n"
        "12.0\t0\tbeat\t1000\n"
    )
    assert read(foreign(EVENTS, text)).holes == (Hole(1, 9 * TICKS_PER_S),)
