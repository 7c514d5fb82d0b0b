"""The contract of importers: kept by ours, and failed by importers that break one rule each."""

from __future__ import annotations

import importlib.util
import json
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats import contract
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.contract import ImporterContract, Sample, mutants
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.readers import apple_health, suunto
from tests.cli.programs import ROOT

RR = [800, 813, 2900, 241, 806] * 8
TICKS = [value * 1024 for value in RR]
LIST = " ".join(map(str, RR))


def apple() -> bytes:
    """One HRV value, whose beats are a second apart and then 0.8 s."""
    beats = [f'<InstantaneousBeatsPerMinute bpm="60" time="10:00:{second:02}.00"/>' for second in range(1, 30)]
    beats.append('<InstantaneousBeatsPerMinute bpm="75" time="10:00:29.80"/>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData (Record*)>\n]>\n'
        f'<HealthData locale="en_GB">\n<Record type="{apple_health.HRV}" startDate="2025-05-04 10:00:00 +0100" '
        'endDate="2025-05-04 10:00:40 +0100" value="40"><HeartRateVariabilityMetadataList>\n'
        + "\n".join(beats)
        + "\n</HeartRateVariabilityMetadataList></Record>\n</HealthData>\n"
    ).encode()


class TestAppleHealth(ImporterContract):
    akin = frozenset({"apple.xml"})

    def reader(self) -> Reader:
        return apple_health.READERS[0]

    def samples(self) -> Mapping[str, Sample]:
        return {"export.xml": Sample(apple(), [1024_000] * 28 + [819_200])}


class TestSuuntoSml(ImporterContract):
    akin = frozenset({"suunto.sml"})

    def reader(self) -> Reader:
        return suunto.READERS[0]

    def samples(self) -> Mapping[str, Sample]:
        head = '<?xml version="1.0"?>\n<sml xmlns="http://www.suunto.com/schemas/sml"><DeviceLog><Header>'
        start = "<DateTime>2014-10-07T05:01:41</DateTime></Header>"
        return {"run.sml": Sample(f"{head}{start}<R-R><Data>{LIST}</Data></R-R></DeviceLog></sml>".encode(), TICKS)}


class TestSuuntoAmbit(ImporterContract):
    def reader(self) -> Reader:
        return suunto.READERS[1]

    def samples(self) -> Mapping[str, Sample]:
        head = '<?xml version="1.0" encoding="utf-8"?>\n<header><DateTime>2012-10-07T05:01:41</DateTime></header>'
        return {"log-1.xml": Sample(f"{head}\n<Samples><Sample/></Samples>\n<IBI>{LIST}</IBI>\n".encode(), TICKS)}


class TestSuuntoJson(ImporterContract):
    akin = frozenset({"suunto.json"})

    def reader(self) -> Reader:
        return suunto.READERS[2]

    def samples(self) -> Mapping[str, Sample]:
        log = {"DeviceLog": {"Header": {"DateTime": "2025-05-01T10:00:00.000+02:00"}, "R-R": {"Data": RR}}}
        return {"move.json": Sample(json.dumps(log).encode(), TICKS)}


class TestSuuntoSdf(ImporterContract):
    def reader(self) -> Reader:
        return suunto.READERS[3]

    def samples(self) -> Mapping[str, Sample]:
        lines = ["[HEADER]", "NAME=x", "STARTTIME=01.05.2009 10:00.30", "[CUSTOM1]", *map(str, RR), ""]
        return {"t6.sdf": Sample("\r\n".join(lines).encode(), TICKS)}


def load_example() -> Any:  # noqa: ANN401 - a module that is not on the path
    path = ROOT / "examples" / "importer" / "biofeedback_rrlog.py"
    spec = importlib.util.spec_from_file_location("biofeedback_rrlog", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RRLOG = "RRLOG 1 2025-03-15T11:03:00 +01:00\n812.5\npause 4.2\npause 1\nnote window opened\n830\n805\n"


class TestRrLog(ImporterContract):
    def reader(self) -> Reader:
        reader: Reader = load_example().RRLOG
        return reader

    def samples(self) -> Mapping[str, Sample]:
        return {"rest.rrlog": Sample(RRLOG.encode(), [832_000, 849_920, 824_320])}


def test_the_example_keeps_holes_notes_and_the_start() -> None:
    file = contract.file_of("rest.rrlog", Sample(RRLOG.encode()))
    content = load_example().RRLOG.read(file, Choices(), lambda _: None)
    assert content.holes == (Hole(1, 5_324_800),)
    assert content.markers == (Marker(832_000 + 5_324_800, "window opened"),)
    assert content.start == Start("2025-03-15T11:03:00", "+01:00")


# Importers that break a rule.

GOOD = load_example().RRLOG
TEXT = RRLOG.encode()


class Broken(ImporterContract):
    """The example with a part of it broken."""

    damaged = 40

    def __init__(
        self,
        claims: Callable[[Foreign], bool] = GOOD.claims,
        after: Callable[[Content], Any] = lambda content: content,
        before: Callable[[Foreign, Progress], None] = lambda file, progress: None,
    ) -> None:
        def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
            before(file, progress)
            content: Content = after(GOOD.read(file, choices, progress))
            return content

        self._reader = Reader("broken", claims, read)

    def reader(self) -> Reader:
        return self._reader

    def samples(self) -> Mapping[str, Sample]:
        return {"rest.rrlog": Sample(TEXT, [832_000, 849_920, 824_320])}


def failure(tested: ImporterContract, name: str) -> str:
    """What one test of the contract says of an importer; empty when it passes."""
    try:
        getattr(tested, name)()
    except AssertionError as error:
        return str(error)
    return ""


def fails(tested: ImporterContract) -> dict[str, str]:
    """The same of all tests that fail, by name."""
    said = {name: failure(tested, name) for name in dir(tested) if name.startswith("test_")}
    return {name: words for name, words in said.items() if words}


READ, SOUND, BY_CONTENT, CLAIMS, DAMAGED, QUICK, MEMORY, QUIET, SAME = (
    "test_it_reads_its_samples_to_the_tick",
    "test_what_it_answers_is_what_the_program_can_use",
    "test_it_claims_its_samples_by_what_is_in_them",
    "test_it_claims_no_file_of_another_format",
    "test_a_damaged_file_is_read_or_refused_and_nothing_else",
    "test_to_claim_is_quick_and_never_fails",
    "test_a_damaged_file_takes_no_memory_that_it_does_not_fill",
    "test_it_prints_nothing_and_tells_its_progress_from_0_to_1",
    "test_one_file_has_one_answer",
)


def test_an_importer_that_keeps_to_it_passes() -> None:
    assert fails(Broken()) == {}


def turned(**changes: Any) -> Callable[[Content], Content]:  # noqa: ANN401 - wrong on purpose
    return lambda content: replace(content, **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ticks": [1, 2]}, "its ticks are no array('q')"),
        ({"ticks": array("d", [1.0])}, "its ticks are no array('q')"),
        ({"ticks": array("q", [-1])}, "an interval in it is less than nothing"),
        ({"ticks": array("q")}, "its verdict is rr, but it has no intervals"),
        ({"verdict": "yes"}, "its verdict is 'yes', which is none of rr, beats,"),
        ({"verdict": "ask"}, "it does not say why its verdict is ask"),
        ({"verdict": "ecg"}, "an ecg has none"),
        ({"format": ""}, "its format is '', which is no name"),
        ({"unit": None}, "it does not say the unit"),
        ({"rule": ""}, "it does not say the unit"),
        ({"why": "two\nlines"}, "its unit, rule or why is no line of text"),
        ({"decisions": ["a list"]}, "its decisions are no tuple of lines of text"),
        ({"decisions": ("\x1b[2J",)}, "its decisions are no tuple of lines of text"),
        ({"holes": [Hole(1)]}, "its holes are no tuple of Hole"),
        ({"holes": (Hole(2), Hole(1))}, "its holes do not stand before intervals"),
        ({"holes": (Hole(9),)}, "its holes do not stand before intervals"),
        ({"holes": (Hole(1, -5),)}, "a hole in it is less than nothing"),
        ({"holes": (Hole(1, 0.5),)}, "a hole in it is not of whole numbers"),  # type: ignore[arg-type]
        ({"markers": (Marker(5, ""),)}, "a marker in it is no line of text"),
        ({"markers": (Marker(0.5, "x"),)}, "a marker in it is no line of text"),  # type: ignore[arg-type]
        ({"start": "2025-05-01"}, "its start is str, which is no Start"),
        ({"start": Start("yesterday")}, "its start is 'yesterday', which is no ISO 8601"),
        ({"start": Start("2025-05-01T10:00:00+01:00")}, "its start names the zone in its text"),
        ({"start": Start("2025-05-01T10:00:00", "CET")}, "the zone of its start is 'CET'"),
        ({"about": {"n": float("nan")}}, "its about is nothing that JSON can hold"),
        ({"about": {"verdict": "rr"}}, "its about has the key 'verdict'"),
        ({"about": {"x": "y" * 5_000_000}}, "its about is too large"),
        ({"about": None}, "its about is no mapping"),
        ({"waveforms": None}, "its waveforms are no tuple of Waveform"),
    ],
)  # fmt: skip
def test_an_answer_that_the_program_cannot_use_is_told_in_words(changes: dict[str, Any], said: str) -> None:
    assert said in failure(Broken(after=turned(**changes)), SOUND)


def test_an_answer_that_is_no_content_is_told() -> None:
    said = failure(Broken(after=lambda content: content.ticks), SOUND)
    assert said == "rest.rrlog: it answers array, which is no Content"


def test_a_dropped_or_rounded_interval_is_seen() -> None:
    for ticks in ([832_000, 849_920], [832_512, 849_920, 824_320]):
        found = fails(Broken(after=turned(ticks=array("q", ticks), holes=(), markers=())))
        assert list(found) == [READ]


def test_an_importer_that_claims_what_is_not_its_own_is_told_which() -> None:
    found = fails(Broken(claims=lambda file: True))
    assert found[CLAIMS].startswith("it claims empty")
    by_name = fails(Broken(claims=lambda file: file.name.endswith(".rrlog")))
    assert by_name[BY_CONTENT] == "data: it does not claim rest.rrlog"


def test_an_importer_for_a_format_of_ours_is_told_that_it_is_never_asked() -> None:
    class Taken(Broken):
        def samples(self) -> Mapping[str, Sample]:
            return {"export.xml": Sample(apple(), [1])}

    found = fails(Taken(claims=lambda file: b"HealthData" in file.head))
    assert found[BY_CONTENT] == ("export.xml: the program's reader 'apple-health' claims it")


def slow(_: Foreign) -> bool:
    end = time.process_time() + 0.15
    while time.process_time() < end:
        pass
    return False


def test_a_slow_or_failing_claim_is_told() -> None:
    assert "takes 0." in failure(Broken(claims=slow), QUICK)
    assert "raises IndexError" in failure(Broken(claims=lambda file: file.data[3] == 7), QUICK)
    assert "answers 1" in failure(Broken(claims=lambda file: 1), QUICK)  # type: ignore[arg-type,return-value]


def test_an_error_that_is_no_refusal_is_told() -> None:
    def stumbles(file: Foreign, _: Progress) -> None:
        file.data.decode()

    assert "raises UnicodeDecodeError" in failure(Broken(before=stumbles), DAMAGED)


def test_memory_taken_by_a_number_in_the_file_is_told() -> None:
    def trusts(file: Foreign, _: Progress) -> None:
        bytes(300_000_000 if file.size else 0)

    found = fails(Broken(before=trusts))
    assert "takes 286 MiB" in found[MEMORY]


def test_what_it_prints_and_a_progress_out_of_bounds_are_told() -> None:
    assert "it prints 'hello" in failure(Broken(before=lambda file, progress: print("hello")), QUIET)  # noqa: T201
    assert "it tells [50.0]" in failure(Broken(before=lambda file, progress: progress(50.0)), QUIET)


def test_an_answer_that_changes_is_told() -> None:
    answers: list[int] = []

    def changing(content: Content) -> Content:
        answers.append(1)
        return replace(content, why=f"read {len(answers)} times")

    assert "the second time" in failure(Broken(after=changing), SAME)


def test_a_refusal_without_a_sentence_is_told() -> None:
    def mute(_: Foreign, __: Progress) -> None:
        raise ImportRefused("no", "")

    assert "no sentence: 'no'" in failure(Broken(before=mute), SOUND)


def test_an_importer_without_a_sample_is_told() -> None:
    class Empty(Broken):
        def samples(self) -> Mapping[str, Sample]:
            return {}

    assert "there is no sample with intervals" in failure(Empty(), READ)


def first(data: bytes, number: int) -> Sequence[bytes]:
    return list(islice(mutants(data, "seed"), number))


def test_mutants_differ_and_are_the_same_every_time() -> None:
    some = first(TEXT, 500)
    assert some == first(TEXT, 500)
    assert len(set(some)) > 450
    assert sum(each != TEXT for each in some) > 490
    assert len({len(each) for each in some}) > 30
    assert all(isinstance(each, bytes) for each in first(b"", 50))
