"""docs/recording.schema.json says what stands in a recording, no more and no less (RECORDING 1.3, RULINGS A4)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from biofeedback.events import Acc, Clock, Command, End, Event, Mark, Motion, Verdict
from biofeedback.recording.chain import seal_line
from biofeedback.recording.codec import kind_classes, to_body
from biofeedback.recording.scan import scan
from biofeedback.session.plan import Plan, demo_plan, free_plan, practice_plan
from docs import make_schema
from tests.cli.programs import ROOT
from tests.session.sessions import SAFE_PLACE, at, run_session, simulated

GOLDEN = sorted((Path(__file__).parent / "golden").glob("engine_*/*.jsonl*"))
SCHEMA: Mapping[str, Any] = json.loads((ROOT / "docs" / "recording.schema.json").read_text("utf-8"))
Line = dict[str, Any]


@cache
def checker(kind: str | None = None) -> Any:  # noqa: ANN401 - the library has no types
    """Checks a line against the whole schema, or only against the part of its kind, which is faster."""
    validator: Any = import_module("jsonschema").Draft202012Validator
    validator.check_schema(SCHEMA)
    if kind is None:
        return validator(SCHEMA)
    part = {key: value for key, value in SCHEMA.items() if key != "allOf"}
    return validator({**part, "allOf": [{"$ref": f"#/$defs/{kind}"}]})


def complaints(line: Line) -> list[str]:
    """What the whole schema has against a line."""
    return [f"{error.json_path}: {error.message}" for error in checker().iter_errors(line)]


def lines_of(path: Path) -> Iterator[Line]:
    good = scan(path.read_bytes()).frames
    yield from map(json.loads, path.read_bytes().splitlines()[:good])


def check_all(path: Path) -> set[str]:
    """Check every line of a file; the kinds in it."""
    kinds = set[str]()
    for line in lines_of(path):
        kind = line.get("k")
        if kind not in kinds:  # that the whole schema finds the part of a kind is seen with one line of it
            assert complaints(line) == [], line
        elif not checker(kind if kind in SCHEMA["$defs"] else None).is_valid(line):
            pytest.fail(f"{complaints(line)} of {line}")
        kinds.add(str(kind))
    return kinds


def test_the_schema_is_what_the_classes_say() -> None:
    assert (ROOT / "docs" / "recording.schema.json").read_text("utf-8") == make_schema.as_text(), (
        "make it anew: python docs/make_schema.py"
    )


def test_the_page_lists_every_kind_with_its_keys() -> None:
    page = make_schema.PAGE.read_text("utf-8")
    assert page == make_schema.page_with_table(page), "make it anew: python docs/make_schema.py"
    for kind, part in SCHEMA["$defs"].items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{kind}` |")]
        assert set(part["properties"]) <= set(row.split()), kind


def test_every_kind_is_described_and_no_word_is_left_over() -> None:
    kinds = SCHEMA["$defs"]
    assert set(kinds) == {*kind_classes(), "head", "alg", "drop", "err", "resume", "seal"}
    used = {f"{kind}.{key}" for kind, part in kinds.items() for key in part["properties"]}
    used |= {key for part in kinds.values() for key in part["properties"]}
    assert [word for word in make_schema.FIELDS if word not in used] == []
    assert [kind for kind, part in kinds.items() if not part["description"]] == []


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.name)
def test_every_line_of_the_golden_files_is_valid(path: Path) -> None:
    check_all(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("person", "plan"),
    [
        ("tense?seed=5", demo_plan(SAFE_PLACE)),
        ("faulty?seed=3", free_plan(4)),
        ("ectopic", practice_plan("grounding", 1)),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_line_of_a_session_of_each_plan_is_valid(tmp_path: Path, person: str, plan: Plan) -> None:
    script = [at(40, "mark", "here"), at(50, "note", "words"), at(60, "pause"), at(70, "resume"), at(100, "strong")]
    ran = run_session(tmp_path, simulated(f"sim:{person}"), plan, script)
    kinds = check_all(ran.path)
    assert {"head", "alg", "open", "packet", "beat", "hrv", "arousal", "phase", "end", "seal"} <= kinds
    assert {"mark", "note", "command", "notice"} <= kinds


def line(event: Event) -> Line:
    """An event as a line of a recording."""
    kind = next(name for name, each in kind_classes().items() if each is type(event))
    raw, _ = seal_line(3, event.at, kind, to_body(event), 0)
    made: Line = json.loads(raw)
    return made


RARE = (
    Acc(5, "polar", 4, 599_616_000_000_000_000, 200, (10, -20, 1000, 1, 0, -1)),
    Acc(5, "polar", 4, None, None, (), ("cut short",)),
    Motion(5, 4, 12.5, moving=False, breaths_per_min=None, breath_quality=0.0),
    Clock(5, 1_795_526_355_000_000_000, 77, -3_600_000_000_000, "step", 3600),
    Mark(5, "", "trainee"),
    Command(5, "note", "practitioner", "words"),
    Verdict(5, "safe_place", "breath_only", 7, "lowers", "words", (None, -0.01), -0.01, sessions_needed=(9, 17)),
    End(5, "planned end", 0.000005, 0),
)


@pytest.mark.parametrize("event", RARE, ids=lambda event: type(event).__name__)
def test_lines_that_simulated_sessions_do_not_have_are_valid(event: Event) -> None:
    assert complaints(line(event)) == []


@pytest.mark.parametrize(
    ("kind", "key", "bad"),
    [
        ("packet", "ticks", [1.5]),
        ("packet", "ticks", 900),
        ("packet", "contact", "yes"),
        ("packet", "hr", "60"),
        ("beat", "ok", 1),
        ("beat", "rr_ms", None),
        ("beat", "ticks", 900.5),
        ("hrv", "values", {"rmssd_ms": "12"}),
        ("hrv", "window_s", None),
        ("phase", "on", "true"),
        ("seal", "sha256", "xyz"),
        ("head", "wall_ns", -1),
        ("end", "beats", "many"),
        ("beat", "n", -1),
        ("beat", "t", 1.5),
        ("beat", "x", "ABCDEF12"),
        ("beat", "k", "Beat"),
    ],
)
def test_a_wrong_type_is_found(recorded: Callable[[str], Line], kind: str, key: str, bad: object) -> None:
    good = recorded(kind)
    assert complaints(good) == []
    (complaint, *_) = complaints({**good, key: bad})
    assert complaint.startswith(f"$.{key}")


@pytest.mark.parametrize("kind", ["packet", "beat", "hrv", "phase", "seal", "head", "end"])
def test_a_missing_key_is_found(recorded: Callable[[str], Line], kind: str) -> None:
    good = recorded(kind)
    for key in ("n", "k", "x", *SCHEMA["$defs"][kind]["required"]):
        without = {name: value for name, value in good.items() if name != key}
        assert complaints(without), key


def test_an_encrypted_line_is_valid_and_tells_its_kind_to_nobody() -> None:
    assert complaints({"n": 1, "z": "AAECAw==", "x": "00000000"}) == []
    assert complaints({"n": 1, "x": "00000000"})
    assert complaints({"n": 1, "z": None, "x": "00000000"})


def test_1_3_unknown_kinds_and_keys_are_allowed(recorded: Callable[[str], Line]) -> None:
    assert complaints({**recorded("beat"), "colour": "red"}) == []
    assert complaints({"n": 9, "t": 1, "k": "aura", "anything": [1], "x": "00000000"}) == []


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Line]:
    """The first line of a kind in a short session."""
    ran = run_session(tmp_path_factory.mktemp("short"), simulated("sim:calm"), free_plan(0.5))
    firsts: dict[str, Line] = {}
    for each in lines_of(ran.path):
        firsts.setdefault(each["k"], each)
    return firsts.__getitem__
