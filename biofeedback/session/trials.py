"""The pairs of one session: who came first, what the heart did in each epoch, and what is said of it today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from statistics import fmean
from typing import Final, Literal, TypeAlias

from biofeedback.arousal.quality import why_not_covered
from biofeedback.events import Epoch, Verdict
from biofeedback.evidence.epoch import EpochWindow, measure
from biofeedback.evidence.trial import image_first
from biofeedback.hrv.beats import NEVER, TimedBeat
from biofeedback.hrv.coverage import Coverage
from biofeedback.session.plan import Pair, Plan, Step

Label: TypeAlias = Literal["image", "control"]
ROSE: Final = "the heart rose far above its baseline"
"""Why a pair is lost to the amber tier; the one reason that tells a result."""
MOVED: Final = "you moved"
"""Why a pair is lost to the accelerometer."""
BEATS_WITHIN_US: Final = 20_000_000
"""An epoch whose last beats have not come so long after its end is measured with what there is."""


class Trials:
    """Keeps the pairs of a session. `deadline` is when an epoch is measured even though its beats are missing."""

    def __init__(self, plan: Plan, titles: Mapping[str, str], coverage: Coverage) -> None:
        """`coverage`: the session's ledger of arrivals."""
        self._plan = plan
        self._titles = titles
        self._coverage = coverage
        self._coins: dict[int, int] = {}
        self._lost: dict[int, str] = {}
        self._pending: list[EpochWindow] = []
        self._epochs: list[Epoch] = []
        self._movements: list[tuple[int, int]] = []
        self._begun = 0
        self._stopped: str | None = None

    @property
    def deadline(self) -> int:
        """When the oldest epoch that waits for its beats is measured anyway."""
        return self._pending[0].end_us + BEATS_WITHIN_US if self._pending else NEVER

    def reveal(self, pair: int, coin: int) -> None:
        """Take the opened coin of a pair."""
        self._coins[pair] = coin

    def label(self, step: Step) -> Label | None:
        """Whether this epoch is the image or its control; None when its coin was never opened."""
        coin = self._coins.get(step.pair) if step.pair is not None else None
        if coin is None:
            return None
        return "image" if image_first(coin) == (step.slot == 0) else "control"

    def lose(self, pair: int | None, why: str) -> None:
        """Nothing of this pair counts any more. The first reason stays."""
        if pair is not None:
            self._lost.setdefault(pair, why)

    def moved(self, from_us: int, to_us: int) -> None:
        """The person moved then; it may be told some seconds late. A pair with an epoch in that time is lost."""
        self._movements.append((from_us, to_us))

    def stop(self, why: str) -> None:
        """No pair of this session counts, and the verdict says why. The first reason stays."""
        self._stopped = self._stopped or why
        for pair in range(len(self._plan.pairs)):
            self.lose(pair, why)

    def epoch_ended(self, step: Step, began_us: int, end_us: int) -> None:
        """An epoch is over; it is measured once its beats are settled."""
        if step.pair is None or step.name not in ("image", "control"):
            return
        label: Label = "image" if step.name == "image" else "control"
        self._pending.append(
            EpochWindow(
                self._begun,
                step.pair,
                label,
                began_us,
                end_us,
                self._plan.outcome_breaths,
                self._plan.breath_us,
                self._plan.least_good_beats,
            )
        )
        self._begun += 1

    def measure_due(self, at: int, beats: Sequence[TimedBeat], settled_us: int) -> list[Epoch]:
        """The epochs whose beats are settled by now, or that have waited long enough."""
        measured: list[Epoch] = []
        while self._pending and (settled_us >= self._pending[0].end_us or at >= self.deadline):
            window = self._pending.pop(0)
            if any(from_us < window.end_us and to_us > window.began_us for from_us, to_us in self._movements):
                self.lose(window.pair, MOVED)
            share = self._coverage.share(window.start_us, window.end_us, BEATS_WITHIN_US)
            measured.append(measure(at, window, beats, self._lost.get(window.pair), share))
        self._epochs.extend(measured)
        return measured

    def flush(self, at: int, beats: Sequence[TimedBeat]) -> list[Epoch]:
        """Measure what still waits; the session is over."""
        return self.measure_due(at, beats, settled_us=NEVER)

    def verdicts(self, at: int, *, demo: bool) -> list[Verdict]:
        """One a visualization and control: what this session showed, and that one session is not an effect."""
        numbered: dict[Pair, list[int]] = {}
        for number, pair in enumerate(self._plan.pairs):
            numbered.setdefault(pair, []).append(number)
        return [self._verdict(at, pair, numbers, demo=demo) for pair, numbers in numbered.items()]

    def _verdict(self, at: int, pair: Pair, numbers: Sequence[int], *, demo: bool) -> Verdict:
        withheld = self._stopped or self._too_little(numbers)
        differences = [None if withheld else self._difference(number) for number in numbers]
        kept = [difference for difference in differences if difference is not None]
        mean = fmean(kept) if kept else None
        return Verdict(
            at=at,
            visualization=pair.visualization,
            control=pair.control,
            sessions=1 if kept else 0,
            state="withheld" if withheld else "not_enough",
            words=f"This session: no result, because {withheld}."
            if withheld
            else self._words(pair, mean, len(kept), len(numbers), demo=demo),
            this_session=tuple(differences),
            mean=mean,
        )

    def _too_little(self, numbers: Sequence[int]) -> str | None:
        """Why too little was heard of all epochs of these pairs together to say anything of them."""
        shares = [epoch.coverage for epoch in self._epochs if epoch.pair in numbers and epoch.coverage is not None]
        return why_not_covered(fmean(shares)) if shares else None

    def _kept(self, number: int, label: Label) -> float | None:
        for epoch in self._epochs:
            if epoch.pair == number and epoch.label == label and epoch.kept and number not in self._lost:
                return epoch.y
        return None

    def _difference(self, number: int) -> float | None:
        image, control = self._kept(number, "image"), self._kept(number, "control")
        return None if image is None or control is None else image - control

    def _words(self, pair: Pair, mean: float | None, kept: int, planned: int, *, demo: bool) -> str:
        image = self._titles.get(pair.visualization, pair.visualization)
        control = self._titles.get(pair.control, pair.control)
        if mean is None:
            return f"This session: no pair of '{image}' and '{control}' could be used."
        levels = [epoch.y for epoch in self._epochs if epoch.label == "control" and epoch.y is not None]
        bpm = exp(fmean(levels)) * (exp(mean) - 1) if levels else 0.0
        shown = f"{abs(bpm):.1f}"
        how = "as fast" if shown == "0.0" else f"{shown} bpm {'slower' if bpm < 0 else 'faster'}"
        joint = "as" if shown == "0.0" else "than"
        counted = f"{kept} of {planned} pairs" if planned > 1 else "one pair"
        last = (
            "A demonstration with a simulated person shows nothing about anybody."
            if demo
            else "One session cannot show an effect: that takes at least six sessions."
        )
        return (
            f"This session: the heart was {how} with '{image}' {joint} with '{control}' "
            f"at the same pace ({counted}). {last}"
        )
