"""The forty ways in which a strap fails, and a table of the tests that show each: `run.py test -m fault --faults`.

`python -m tests.faults` runs nothing: it ends with 1 and says so when a case has no test where it should have one.
A test shows a case by `@pytest.mark.fault(number, rig)`. `rig` says where it runs: "fake" beside the fake BlueZ over a
real D-Bus, "memory" over bleak's own `backend=`, "unit" anywhere else.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

import pytest

RIGS: Final = frozenset({"fake", "memory", "unit"})
PROPERTY: Final = "fault"
ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, and on which rigs it must be shown."""

    what: str
    rigs: frozenset[str]


def _fault(what: str, *rigs: str) -> Fault:
    return Fault(what, frozenset(rigs))


FAULTS: Final[Mapping[int, Fault]] = {
    1: _fault("no D-Bus, or no BlueZ on it", "fake"),
    2: _fault("Bluetooth off at the start", "fake"),
    3: _fault("Bluetooth off in a session", "fake"),
    4: _fault("the Bluetooth service restarts", "fake"),
    5: _fault("no strap in range", "fake"),
    6: _fault("another program or phone holds the strap", "fake"),
    7: _fault("our own crashed run holds the strap", "fake"),
    8: _fault("SIGTERM, Ctrl-C, window closed", "fake"),
    9: _fault("killed while recording", "fake"),
    10: _fault("link lost, back after 2 s", "fake"),
    11: _fault("link lost, strap forgotten meanwhile", "fake"),
    12: _fault("ten drops in two minutes", "fake"),
    13: _fault("strap refuses or leaves three times", "fake"),
    14: _fault("strap vanishes between scan and connect", "fake"),
    15: _fault("services never resolve", "fake"),
    16: _fault("stopped while connecting", "fake"),
    17: _fault("two straps in the room", "fake"),
    18: _fault("no name, or a late one", "fake"),
    19: _fault("no battery service, battery 0, 100, 255", "fake"),
    20: _fault("battery changes in a session", "fake"),
    21: _fault("sensor without RR", "fake"),
    22: _fault("contact off and on again", "fake"),
    23: _fault("HR 0, with or without RR", "fake"),
    24: _fault("RR 0, 1, 0xFFFF, 28, 200, 2500", "unit", "fake"),
    25: _fault("missed beat, extra beat, ectopic pair", "unit"),
    26: _fault("9 and 20 RRs in a packet, energy and u16", "unit", "fake"),
    27: _fault("malformed packets", "fake"),
    28: _fault("20 s of silence, then a bunch", "fake"),
    29: _fault("packets lost on a live link", "fake"),
    30: _fault("300 identical packets", "fake"),
    31: _fault("every packet twice", "fake"),
    32: _fault("HR disagrees with RR", "fake"),
    33: _fault("strap clock 0.5 % off for 30 min", "unit"),
    34: _fault("computer asleep for 10 min", "unit"),
    35: _fault("wall clock set back", "unit"),
    36: _fault("reader stuck for 5 s", "fake"),
    37: _fault("exception in the estimator or a view", "fake"),
    38: _fault("disk full or read-only", "fake"),
    39: _fault("strap wants to be paired", "fake"),
    40: _fault("two scans at once", "fake"),
}


@dataclass(slots=True)
class Shown:
    """The tests of one case, and how they went."""

    passed: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])
    skipped: list[str] = field(default_factory=list[str])
    rigs: set[str] = field(default_factory=set[str])


def faults_of(item: pytest.Item) -> Iterator[tuple[int, str]]:
    """The cases that a test shows, each with its rig. Raises UsageError for a mark that names none."""
    for mark in item.iter_markers("fault"):
        number, rig = mark.args
        if number not in FAULTS or rig not in RIGS:
            raise pytest.UsageError(f"{item.nodeid}: there is no fault {number!r} on the rig {rig!r}")
        yield number, rig


def remember_faults(items: Iterable[pytest.Item]) -> None:
    """Write the cases of each test where its report carries them, also from another process."""
    for item in items:
        item.user_properties += [(PROPERTY, [number, rig]) for number, rig in faults_of(item)]


def shown(reports: Iterable[pytest.TestReport]) -> dict[int, Shown]:
    """How the tests of each case went."""
    cases: defaultdict[int, Shown] = defaultdict(Shown)
    for report in reports:
        for name, value in report.user_properties:
            if name != PROPERTY:
                continue
            number, rig = cast("tuple[int, str]", value)
            case = cases[number]
            outcomes = {"passed": case.passed, "failed": case.failed, "skipped": case.skipped}
            outcomes[report.outcome].append(report.nodeid)
            if report.passed:
                case.rigs.add(rig)
    return cases


def table(cases: Mapping[int, Shown]) -> list[str]:
    """One line a case: its number, what goes wrong, where it was shown, how it went, and its first test."""
    lines: list[str] = []
    for number, fault in FAULTS.items():
        case = cases.get(number, Shown())
        missing = fault.rigs - case.rigs
        well = not missing and not case.failed
        outcome = "pass" if well else "FAIL" if case.failed else f"not shown: {', '.join(sorted(missing))}"
        names = case.failed or case.passed or case.skipped
        count = len(case.passed) + len(case.failed) + len(case.skipped)
        first = f"{names[0]}{f' and {count - 1} more' if count > 1 else ''}" if names else ""
        lines.append(f"{number:2}  {fault.what:<42} {'+'.join(sorted(case.rigs)):<16} {outcome:<6} {first}")
    return lines


class _Collected:
    """Notes the cases of all tests there are."""

    def __init__(self) -> None:
        self.rigs: defaultdict[int, set[str]] = defaultdict(set)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the marks of what was collected."""
        for item in session.items:
            for number, rig in faults_of(item):
                self.rigs[number].add(rig)


def main() -> int:
    """Say which cases lack a test; 0 when none does."""
    collected = _Collected()
    failed = pytest.main(["--collect-only", "-qq", "-n0", "-m", "fault", str(ROOT / "tests")], plugins=[collected])
    for number, fault in FAULTS.items():
        missing = fault.rigs - collected.rigs[number]
        if missing:
            failed = 1
            sys.stdout.write(f"fault {number}, {fault.what}, has no test on: {', '.join(sorted(missing))}\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
