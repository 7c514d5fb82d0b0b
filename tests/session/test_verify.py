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
from biofeedback.recording.naming import part_of
from biofeedback.recording.reader import read_recording
from biofeedback.recording.repair import repair
from biofeedback.recording.withdrawal import rewrite
from biofeedback.session.plan import demo_plan, free_plan
from biofeedback.session.replay import OUTPUT_KINDS, verify
from biofeedback.session.scoring import score
from tests.recording.logs import KEYS
from tests.recording.test_repair import spoiled
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


def damaged_at(trial: Ran, folder: Path, line: int) -> Path:
    """A copy of the trial with one bad line."""
    path = folder / trial.path.name
    path.write_bytes(trial.path.read_bytes())
    return spoiled(path, line)


def outputs_of(path: Path) -> int:
    """How many outputs can still be read."""
    stored = read_recording(path)
    return sum(line.kind in OUTPUT_KINDS for line in (*stored.lines, *stored.beyond))


def exact(path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any], str]:
    """The exit code of `verify --exact`, its JSON, and the words of `verify`."""
    capsys.readouterr()
    code = main(["verify", "--exact", "--json", str(path)])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    main(["verify", str(path)])
    return code, found, capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("word", ["nothing", "partial"])
def test_c4_a_repaired_copy_that_lost_lines_is_never_called_equal(
    trial: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    lines = read_recording(trial.path).lines
    early = next(n for n, line in enumerate(lines) if line.kind == "open") - 3
    late = next(n for n, line in enumerate(lines) if line.kind == "packet" and line.t > 140_000_000)
    path = damaged_at(trial, tmp_path, early if word == "nothing" else late)
    copy = repair(path)
    found, scored = score(copy)
    assert (found.differences, found.intact, found.exact, scored.verified) == (0, True, False, word)
    assert found.compared < found.outputs == outputs_of(path) == outputs_of(copy)
    code, told, words = exact(copy, capsys)
    assert (code, told["exact"], told["outputs"], told["lost_lines"]) == (4, False, outputs_of(copy), 1)
    assert "1 line was lost; what follows is not compared" in words
    assert "were deleted" not in words
    assert "outputs compared, equal" not in words
    assert ("these equal to the bit" in words) is (word == "partial")
    assert ("can be compared" in words) is (word == "nothing")


@pytest.mark.slow
def test_a6_of_a_damaged_recording_all_stored_outputs_count_and_none_of_it_is_exact(
    trial: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = next(line.n for line in read_recording(trial.path).lines if line.t > 140_000_000)
    path = damaged_at(trial, tmp_path, place)
    found = verify(path)
    assert (found.intact, found.exact, found.differences) == (False, False, 0)
    assert 0 < found.compared < found.outputs == outputs_of(path)
    code, _, words = exact(path, capsys)
    assert code == 4
    assert f"{found.compared} of {found.outputs} outputs compared, these equal to the bit" in words


@pytest.mark.parametrize("lines", [1, 5])
def test_a6_where_there_is_nothing_to_compare_nothing_is_called_equal(
    trial: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: int
) -> None:
    part = tmp_path / "short.session.jsonl.part"
    part.write_bytes(b"".join(trial.path.read_bytes().splitlines(keepends=True)[:lines]))
    code, found, words = exact(part, capsys)
    assert (code, found["outputs"], found["exact"], found["intact"]) == (4, 0, False, True)
    assert words.endswith("the session was not finished; there is nothing to compare\n")
    assert main(["verify", str(part)]) == 0
    assert score(part)[1].verified == "nothing"


def cut_behind_a_seal(path: Path, target: Path) -> Path:
    """All lines up to a seal in the middle."""
    raws = path.read_bytes().splitlines(keepends=True)
    seals = [number for number, raw in enumerate(raws) if b'"k":"seal"' in raw]
    assert len(seals) > 2
    target.write_bytes(b"".join(raws[: seals[len(seals) // 2] + 1]))
    return target


@pytest.mark.slow
def test_1_4_a_finished_file_cut_off_behind_one_of_its_seals_is_damaged(
    trial: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    final = tmp_path / "cut.session.jsonl"
    part = cut_behind_a_seal(trial.path, part_of(final))
    assert (verify(part).intact, verify(part).finished, verify(part).exact) == (True, False, True)
    part.rename(final)
    code, found, words = exact(final, capsys)
    assert (code, found["intact"], found["exact"], found["finished"]) == (4, False, False, False)
    assert "the end of the session is missing" in words
    assert main(["verify", str(final)]) == 4
    copy = repair(final)
    again = verify(copy)
    assert (again.intact, again.finished, again.exact, again.lost) == (True, False, False, None)
    assert "from which lines were lost" in exact(copy, capsys)[2]


@pytest.mark.slow
def test_c4_words_can_be_taken_out_of_a_copy_whose_end_was_lost(trial: Ran, tmp_path: Path) -> None:
    copy = repair(cut_behind_a_seal(trial.path, tmp_path / "cut.session.jsonl"))
    assert any(line.kind == "suds" for line in read_recording(copy).lines)
    rewrite(copy, {"suds"})
    assert not any(line.kind == "suds" for line in read_recording(copy).lines)
    assert (verify(copy).intact, verify(copy).differences) == (True, 0)


@pytest.mark.slow
def test_c5_of_an_encrypted_recording_without_its_key_neither_numbers_nor_end_are_vouched_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.recording.told import told_session

    path = told_session(tmp_path, KEYS)
    code, found, words = exact(path, capsys)
    assert (code, found["locked"], found["exact"], found["finished"]) == (4, True, False, None)
    assert main(["verify", str(path)]) == 0
    assert "neither its numbers nor its end were checked" in words
    assert score(path)[1].verified == "locked"
    assert (verify(path, KEYS).finished, verify(path, KEYS).exact) == (True, True)


@pytest.mark.slow
def test_e12_that_the_seal_of_a_coin_was_lost_from_a_repaired_copy_is_no_difference(trial: Ran, tmp_path: Path) -> None:
    place = next(n for n, line in enumerate(read_recording(trial.path).lines) if line.kind == "commit")
    found = verify(repair(damaged_at(trial, tmp_path, place)))
    assert (found.differences, found.exact, found.lost) == (0, False, 1)
