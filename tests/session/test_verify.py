"""What `verify` compares, and what it says of the rest (RULINGS A6, C4, F R15)."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from biofeedback.cli.main import main
from biofeedback.events import Answer, Json, Suds
from biofeedback.recording.chain import Line, seal_line
from biofeedback.recording.reader import read_recording
from biofeedback.recording.withdrawal import rewrite
from biofeedback.session.plan import demo_plan, free_plan
from biofeedback.session.replay import verify
from tests.session.sessions import SAFE_PLACE, Ran, run_session, simulated
from tests.session.test_replay import rewritten


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A trial in small; its person answers how strong it feels."""
    return run_session(tmp_path_factory.mktemp("trial"), simulated("sim:tense?seed=5"), demo_plan(SAFE_PLACE))


def without(path: Path, copy: Path, *kinds: str, told: bool = True) -> Path:
    """A copy without the lines of these kinds, its head saying so, with a chain of its own."""
    crc, lines = 0, list[bytes]()
    parent: Json = {"sha256": sha256(path.read_bytes()).hexdigest(), "removed": list(kinds)}
    for line in read_recording(path).lines:
        if line.kind in kinds:
            continue
        body: dict[str, Json] = dict(line.body)
        if line.kind == "head" and told:
            body["parent"] = parent
        if line.kind == "seal":
            body["sha256"] = sha256(b"".join(lines)).hexdigest()
        raw, crc = seal_line(len(lines), line.t, line.kind, body, crc)
        lines.append(raw)
    copy.write_bytes(b"".join(lines))
    return copy


def test_c4_outputs_of_removed_kinds_are_not_compared_and_it_says_so(
    trial: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(trial.of(Answer)) == len(trial.of(Suds)) == 3
    copy = without(trial.path, tmp_path / "copy.session.jsonl", "answer", "suds")
    found, whole = verify(copy), verify(trial.path)
    assert (found.intact, found.exact, found.differences, found.removed) == (True, True, 0, ("answer", "suds"))
    assert found.compared == whole.compared - 3
    assert main(["verify", str(copy)]) == 0
    assert "answer, suds were deleted from it, not compared" in capsys.readouterr().out
    assert main(["verify", "--json", str(copy)]) == 0
    assert json.loads(capsys.readouterr().out)["removed"] == ["answer", "suds"]


def test_c4_what_is_missing_without_being_told_is_a_difference(trial: Ran, tmp_path: Path) -> None:
    copy = without(trial.path, tmp_path / "copy.session.jsonl", "answer", "suds", told=False)
    assert verify(copy).differences > 0


def test_c4_the_other_kinds_of_such_a_file_are_compared(trial: Ran, tmp_path: Path) -> None:
    def faster(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "epoch":
            body["y"] += 0.01

    copy = rewritten(without(trial.path, tmp_path / "less.session.jsonl", "answer", "suds"), faster)
    found = verify(copy)
    assert (found.intact, found.differences) == (True, 2)
    assert "epoch" in (found.first_difference or "")


def test_c4_what_is_left_of_a_damaged_recording_is_compared_up_to_its_hole(trial: Ran, tmp_path: Path) -> None:
    copy = tmp_path / "damaged.session.jsonl"
    data = bytearray(trial.path.read_bytes())
    data[3 * len(data) // 4] ^= 1
    copy.write_bytes(data)
    before = verify(copy)
    rewrite(copy, {"suds"})
    found = verify(copy)
    assert (found.intact, found.differences, found.removed) == (True, 0, ("answer", "damaged", "suds"))
    assert 0 < found.compared == before.compared - 2


@pytest.mark.parametrize("parent", [None, 3, [], {"removed": "suds"}, {"removed": None}, {"sha256": "x"}])
def test_a_parent_that_names_nothing_removed_leaves_nothing_out(tmp_path: Path, parent: object) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), free_plan(0.3))

    def with_parent(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "head":
            body["parent"] = parent

    found = verify(rewritten(ran.path, with_parent))
    assert (found.removed, found.compared, found.exact) == ((), found.outputs, True)


def test_a6_a_last_bit_is_no_difference_but_not_exact_and_the_computer_is_named(
    trial: Ran, capsys: pytest.CaptureFixture[str]
) -> None:
    def other_bit(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "epoch":
            body["y"] *= 1 + 3e-16
        if line.kind == "head":
            body["host"] = {"os": "Plan 9", "machine": "mips", "python": "3.99", "numpy": "9.9"}

    copy = rewritten(trial.path, other_bit)
    found = verify(copy)
    assert (found.differences, found.exact) == (0, False)
    assert main(["verify", str(copy)]) == 0
    assert "equal within 1e-9 (recorded on Plan 9 mips, Python 3.99, numpy 9.9)" in capsys.readouterr().out
    assert main(["verify", "--exact", str(copy)]) == 5


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [("beat", "ok", False), ("phase", "name", "rest"), ("verdict", "state", "lowers"), ("pacer", "rate", 6)],
)
def test_a6_a_discrete_output_must_be_equal(trial: Ran, kind: str, key: str, value: object) -> None:
    changed = list[int]()

    def other(line: Line, body: dict[str, Any]) -> None:
        if line.kind == kind and not changed:
            changed.append(line.n)
            body[key] = value

    found = verify(rewritten(trial.path, other))
    if value == 6:  # 6.0 is written, and 6 is the same number though not the same bits of text
        assert (found.differences, found.exact) == (0, False)
    else:
        assert found.differences == 1


@pytest.mark.parametrize(("factor", "differs"), [(1 + 5e-10, False), (1 + 2e-9, True)])
def test_a6_numbers_are_equal_within_1e_9_relative(trial: Ran, factor: float, *, differs: bool) -> None:
    changed = list[int]()

    def nearly(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "hrv" and not changed and body["values"]["rmssd_ms"] is not None:
            changed.append(line.n)
            body["values"] = {**body["values"], "rmssd_ms": factor * body["values"]["rmssd_ms"]}

    assert verify(rewritten(trial.path, nearly)).differences == int(differs)
