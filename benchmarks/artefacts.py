"""How well are artefacts found, here and elsewhere?  python benchmarks/artefacts.py [--folder .bench] [--series 40]

Clean stretches of 260 beats get missed, extra, ectopic and shifted beats at known places (tests/hrv/injected.py).
Every tool gets the same series. A fault is found when one of its intervals is flagged; false flags are counted on
the clean series; the error of RMSSD is the median over the series of |found / clean - 1|, "gap" over adjacent
intervals that are not flagged, "own" of the series the tool itself makes of it. Then two Holter days with annotated
ectopic beats, and beats of deep breathing that are all good. Peers whose environment is not there are left out
(peer_environments.py makes them). The tables are printed as docs/benchmarks.md has them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the faults are part of the tests

from benchmarks.peer_environments import FOLDER, ask, made
from benchmarks.tables import figure, table
from biofeedback.hrv.artefacts import FIRST_BEATS, is_interval
from tests.hrv.injected import (
    KINDS,
    LENGTH,
    Fault,
    both_flags,
    clean_pieces,
    deep_rsa,
    holter_pieces,
    inject,
    rmssd,
)
from tests.real import DATA, holter, real_series
from tests.strategies import MS

SHARES: Final = (0.02, 0.05, 0.10)
RESTING: Final = ("rest", "hour", "resting_2026-04-25", "orthostatic_2026-05-17")
HOLTERS: Final = ("nsr001", "nsr004")
MEANS_MS: Final = (750, 800, 850, 900, 1000)
SHORTEST_STRETCH: Final = 100
Series: TypeAlias = Sequence[float]


@dataclass(frozen=True, slots=True)
class Case:
    """One series to judge: of which group, what is wrong with it and where."""

    group: str
    share: float
    clean: Series
    series: Series
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool says of one series. Neither: it failed."""

    flags: Sequence[bool] | None
    own: Series | None


@dataclass(slots=True)
class Tool:
    """A tool's answers to every series, in their order, and its cost."""

    name: str
    answers: list[Answer] = field(default_factory=list[Answer])
    us_a_beat: float | None = None


def groups(most: int | None = None) -> dict[str, list[Series]]:
    """Clean stretches by kind of heart, at most so many of each. At rest few hearts stay under 18 % for 260 beats."""
    found: dict[str, list[Series]] = {}
    if DATA.is_dir():
        series = real_series()
        found["rest"] = [piece for name in RESTING for piece in clean_pieces(series[name])]
        found["exercise"] = list(clean_pieces(series["exercise"]))
        found["24 h"] = [piece for name in HOLTERS for piece in holter_pieces(name, 15 if most is None else most)]
    found["deep RSA"] = [deep_rsa(seed, mean, LENGTH * 1.2)[:LENGTH] for mean in MEANS_MS for seed in range(4)]
    return {name: pieces[:most] for name, pieces in found.items()}


def cases(found: dict[str, list[Series]], least: int, first: int) -> list[Case]:
    """Every clean stretch as it is, and with faults in 2, 5 and 10 % of its beats: at least so many series a group."""
    made_up: list[Case] = []
    for group, pieces in found.items():
        made_up += [Case(group, 0.0, clean, clean) for clean in pieces]
        for share in SHARES:
            for seed in range(ceil(least / len(pieces))):
                for number, clean in enumerate(pieces):
                    chance = Random(f"{group} {number} {share} {seed}")
                    series, faults = inject(clean, share, chance, first)
                    made_up.append(Case(group, share, clean, series, faults))
    return made_up


def ours(series: Sequence[Series]) -> list[Tool]:
    """Settled and provisional flags of the program's own rule."""
    settled, provisional = Tool("**ours, settled (5 beats)**"), Tool("**ours, provisional (2 beats)**")
    began = time.process_time()
    both = [both_flags(each) for each in series]
    spent = time.process_time() - began
    settled.us_a_beat = 1e6 * spent / sum(map(len, series))
    for soon, final in both:
        settled.answers.append(Answer(final, None))
        provisional.answers.append(Answer(soon, None))
    return [settled, provisional]


def theirs(series: Sequence[Series], folder: Path) -> Iterator[Tool]:
    """Every correction of every peer whose environment is there."""
    for peer in made(folder):
        answer = ask(peer, folder, {"task": "correct", "series": [list(each) for each in series]})
        for name, found in answer["corrections"].items():
            answers = [_answer(each) for each in found["results"]]
            yield Tool(f"{peer.name} {name}", answers, 1e6 * found["cpu_s_a_beat"])


def _answer(result: dict[str, Any]) -> Answer:
    if "error" in result:
        return Answer(None, None)
    flags = result["flags"]
    own = [rr for rr in result["series"] if rr is not None]
    return Answer(None if flags is None else [bool(flag) for flag in flags], own)


def untouched(series: Sequence[Series]) -> Tool:
    """No correction at all."""
    return Tool("no correction", [Answer([False] * len(each), each) for each in series])


Picked: TypeAlias = list[tuple[Case, Answer]]


def picked(tool: Tool, made_up: Sequence[Case], group: str | None, share: float) -> Picked:
    """The tool's answers to the series of a group (None: of all) with that share of faults."""
    both = zip(made_up, tool.answers, strict=True)
    return [(case, answer) for case, answer in both if group in (None, case.group) and case.share == share]


def sensitivity_pct(chosen: Picked, kind: str | None = None) -> float | None:
    """Per cent of the faults (of a kind) of which an interval is flagged; a failed series finds none."""
    faults = [
        (answer.flags, each.where) for case, answer in chosen for each in case.faults if kind in (None, each.kind)
    ]
    found = sum(flags is not None and any(flags[k] for k in where) for flags, where in faults)
    return 100 * found / len(faults) if faults else None


def false_per_1000(chosen: Picked) -> float | None:
    """Flags in a thousand clean beats."""
    flags = [flag for _, answer in chosen for flag in answer.flags or ()]
    return 1000 * sum(flags) / len(flags) if flags else None


def error_pct(chosen: Picked, rmssd_of: Callable[[Case, Answer], float | None]) -> float | None:
    """Median over the series of how far RMSSD lies from that of the clean one, per cent."""
    found = [(rmssd_of(case, answer), rmssd(case.clean)) for case, answer in chosen]
    errors = [100 * abs(value / truth - 1) for value, truth in found if value is not None]
    return median(errors) if errors else None


def gap_aware(case: Case, answer: Answer) -> float | None:
    return None if answer.flags is None else rmssd(case.series, answer.flags)


def of_own(_case: Case, answer: Answer) -> float | None:
    return None if answer.own is None else rmssd(answer.own)


def has_own(tool: Tool) -> bool:
    return any(answer.own is not None for answer in tool.answers)


def by_group(tools: Sequence[Tool], made_up: Sequence[Case], group: str | None) -> str:
    """False flags, sensitivity and error of RMSSD of one group of hearts (None: all), a row a tool."""

    def row(tool: Tool) -> list[str]:
        chosen = [picked(tool, made_up, group, share) for share in SHARES]
        return [
            tool.name,
            figure(false_per_1000(picked(tool, made_up, group, 0.0))),
            " / ".join(figure(sensitivity_pct(each)) for each in chosen),
            " / ".join(figure(error_pct(each, gap_aware), 2) for each in chosen),
            " / ".join(figure(error_pct(each, of_own), 2) for each in chosen) if has_own(tool) else "as gap",
        ]

    head = ["", "false flags of 1000", "found, % at 2 / 5 / 10 %", "RMSSD error, %: gap", "RMSSD error, %: own"]
    return table(head, map(row, tools))


def by_kind(tools: Sequence[Tool], made_up: Sequence[Case]) -> str:
    """Sensitivity by kind of fault, all hearts together, 5 % of faults; and the cost."""

    def row(tool: Tool) -> list[str]:
        chosen = picked(tool, made_up, None, 0.05)
        found = [figure(sensitivity_pct(chosen, kind)) for kind in KINDS]
        failed = sum(answer.flags is None and answer.own is None for answer in tool.answers)
        return [tool.name, *found, figure(sensitivity_pct(chosen)), figure(tool.us_a_beat, 2), str(failed)]

    return table(["", *KINDS, "all", "CPU µs a beat", "series it failed on"], map(row, tools))


def stretches(name: str) -> list[tuple[list[float], list[tuple[str, str]]]]:
    """A Holter day cut where there is no interval: intervals in ms, labels of their opening and closing beats."""
    found: list[tuple[list[float], list[tuple[str, str]]]] = [([], [])]
    for rr_ms, a, b in holter(name):
        if is_interval(round(rr_ms * MS)):
            found[-1][0].append(rr_ms)
            found[-1][1].append((a, b))
        else:
            found.append(([], []))
    return [each for each in found if len(each[0]) >= SHORTEST_STRETCH]


def annotated(tools: Sequence[Tool], labels: Sequence[Sequence[tuple[str, str]]]) -> str:
    """Ectopic beats of cardiologists: found when the interval to or after the beat is flagged."""

    def row(tool: Tool) -> list[str]:
        found = ectopics = wrong = normals = 0
        for answer, both in zip(tool.answers, labels, strict=True):
            flags = [*(answer.flags or [False] * len(both)), False]
            for k, (a, b) in enumerate(both):
                if b in "VAS":
                    ectopics += 1
                    found += flags[k] or flags[k + 1]
                elif a == b == "N":
                    normals += 1
                    wrong += flags[k]
        return [
            tool.name,
            f"{found} of {ectopics}",
            figure(100 * found / ectopics),
            f"{100 - 100 * wrong / normals:.2f}",
        ]

    return table(["", "found", "sensitivity, %", "specificity, %"], map(row, tools))


def lost(tools: Sequence[Tool], means_ms: Sequence[int]) -> str:
    """Per cent of good beats that are flagged in deep breathing, by mean interval and in all."""

    def row(tool: Tool) -> list[str]:
        flags = [answer.flags or [] for answer in tool.answers]
        own = [[f for f, mean in zip(flags, means_ms, strict=True) if mean == each] for each in MEANS_MS]
        return [tool.name, *(figure(share_pct(each), 2) for each in (*own, flags))]

    return table(["", *(f"{mean} ms" for mean in MEANS_MS), "all"], map(row, tools))


def share_pct(flags: Sequence[Sequence[bool]]) -> float | None:
    count = sum(map(len, flags))
    return 100 * sum(map(sum, flags)) / count if count else None


def judged(series: Sequence[Series], folder: Path) -> list[Tool]:
    """Every tool's answers to these series, ours first."""
    return [*ours(series), *theirs(series, folder)]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the peers' environments are")
    parser.add_argument("--series", type=int, default=40, help="at least so many series of each kind at each share")
    parser.add_argument("--most", type=int, help="at most so many stretches of each kind")
    parser.add_argument("--first", type=int, default=FIRST_BEATS, help="the first beat that may get a fault")
    parser.add_argument("--only", choices=("faults", "days", "breath"), nargs="+", default=("faults", "days", "breath"))
    given = parser.parse_args(argv)
    tell: dict[str, Callable[[Path], None]] = {
        "faults": partial(tell_faults, given.series, given.most, given.first),
        "days": tell_days,
        "breath": partial(tell_breath, given.most or 10),
    }
    for name in given.only:
        tell[name](given.folder)
    return 0


def tell_faults(least: int, most: int | None, first: int, folder: Path) -> None:
    found = groups(most)
    made_up = cases(found, least, first)
    series = [case.series for case in made_up]
    tools = [*judged(series, folder), untouched(series)]
    print(f"Faults from beat {first} on; {', '.join(f'{name} {len(each)}' for name, each in found.items())} stretches")
    print(f"of {LENGTH} beats, {len(made_up)} series, {sum(len(case.faults) for case in made_up)} faults.\n")
    for group in (*found, None):
        print(f"### {group or 'All together'}\n\n{by_group(tools, made_up, group)}\n")
    print(f"### By kind of fault, 5 %, all together\n\n{by_kind(tools, made_up)}\n", flush=True)


def tell_days(folder: Path) -> None:
    if not DATA.is_dir():
        print("The Holter days are not there: ../shared/data")
        return
    parts = [each for name in HOLTERS for each in stretches(name)]
    labels = [both for _, both in parts]
    print(f"### Annotated ectopic beats, {' and '.join(HOLTERS)}\n")
    print(annotated(judged([series for series, _ in parts], folder), labels) + "\n", flush=True)


def tell_breath(seeds: int, folder: Path) -> None:
    means = [mean for mean in MEANS_MS for _ in range(seeds)]
    series = [deep_rsa(100 + seed, mean, 600) for seed, mean in enumerate(means)]
    print("### Good beats lost in RSA of 330 ms, %, by mean interval\n")
    print(lost(judged(series, folder), means) + "\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
