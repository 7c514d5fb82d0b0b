"""How well breath and movement are read from a chest: `python -m benchmarks.motion [SEEDS]`.

Made-up chests of 4 minutes at 25 Hz, judged every 2 s. The truth is how many breaths there were in the last 30 s (40 s
below 10 a minute); a rate is wrong when it is more than 1.5 a minute off, or given where there is no regular breath.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import sqrt
from random import Random

from biofeedback.breathing.measured import BRISK, GOOD, BreathTrace
from biofeedback.breathing.movement import Movement
from devices.body import STEP_US, Breath
from devices.chance import stream
from devices.events import HeardPacer
from devices.people import PEOPLE

SECONDS = 240
FS_HZ = 25
NOISE_MG = 3.0
SWAY_MG = 6.0
WRONG = 1.5
Chest = Iterator[tuple[tuple[float, float, float], float]]
"""Samples, and the breaths so far."""


def breathing(seed: int, rate: float, paced: float | None = None) -> Iterator[tuple[float, float]]:
    """Fullness of the chest and breaths so far, at 25 Hz, of a simulated person."""
    breath = Breath(replace(PEOPLE["calm"], breath_rate=rate), stream(seed, "breath"))
    if paced is not None:
        breath.hear(HeardPacer(0, paced))
    breaths, before, told = 0, (breath.fullness, breath.phase), 0
    for step in range(SECONDS * 1_000_000 // STEP_US):
        phase = breath.phase
        breath.step(step * STEP_US)
        breaths += breath.phase < phase
        after = (breath.fullness, breaths + breath.phase)
        while told * 1_000_000 // FS_HZ <= step * STEP_US + STEP_US:
            share = (told * 1_000_000 / FS_HZ - step * STEP_US) / STEP_US
            yield before[0] + share * (after[0] - before[0]), before[1] + share * (after[1] - before[1])
            told += 1
        before = after


def chest(
    seed: int, rate: float = 14.0, swing_mg: float = 40.0, paced: float | None = None, shuffle_mg: float = 0.0
) -> Chest:
    """A sitting person: breath on a fixed direction, sway, noise, and perhaps shuffling (a walk of 2 s memory)."""
    rng = Random(seed)
    direction = [rng.gauss(0, 1) for _ in range(3)]
    length = sqrt(sum(part * part for part in direction))
    sway, shuffle = [0.0] * 3, [0.0] * 3
    for fullness, breaths in breathing(seed, rate, paced):
        sway = [old * (1 - 1 / 1500) + rng.gauss(0, SWAY_MG * sqrt(2 / 1500)) for old in sway]
        shuffle = [old * (1 - 1 / 50) + rng.gauss(0, shuffle_mg * sqrt(2 / 50)) for old in shuffle]
        x, y, z = (
            swing_mg * part / length * fullness + slow + quick + rng.gauss(0, NOISE_MG)
            for part, slow, quick in zip(direction, sway, shuffle, strict=True)
        )
        yield (x, y, z), breaths


def stuck(seed: int) -> Chest:
    """An axis that says one number, with a last bit that flickers."""
    rng = Random(seed)
    for _ in range(SECONDS * FS_HZ):
        yield (float(rng.randrange(2)), 0.0, 1000.0), 0.0


def drifting(seed: int) -> Chest:
    """Somebody who slides: a random walk of 5 mg a second on each axis."""
    rng, place = Random(seed), [0.0, 0.0, 0.0]
    for _ in range(SECONDS * FS_HZ):
        place = [old + rng.gauss(0, 1.0) for old in place]
        x, y, z = (old + rng.gauss(0, NOISE_MG) for old in place)
        yield (x, y, z), 0.0


def talking(seed: int) -> Chest:
    """Quick in, slow out, of 1.5 to 8 s and of every depth, with small movements in between."""
    rng, quick, left, length, depth = Random(seed), [0.0] * 3, 0, 1, 0.0
    for _ in range(SECONDS * FS_HZ):
        if not left:
            length = left = round(FS_HZ * rng.uniform(1.5, 8.0))
            depth = rng.lognormvariate(0, 0.5)
        share, left = 1 - left / length, left - 1
        fullness = depth * (share / 0.15 if share < 0.15 else 1 - (share - 0.15) / 0.85)
        quick = [old * 0.96 + rng.gauss(0, 3.4) for old in quick]
        x, y, z = (part * fullness + old + rng.gauss(0, NOISE_MG) for part, old in zip((3, 6, 40), quick, strict=True))
        yield (x, y, z), 0.0


CHESTS: dict[str, tuple[Callable[[int], Chest], bool]] = {
    "free, 14 a minute": (chest, True),
    "free, 9 a minute": (lambda seed: chest(seed, 9.0), True),
    "free, 20 a minute": (lambda seed: chest(seed, 20.0), True),
    "free, 14, a quarter of the swing": (lambda seed: chest(seed, swing_mg=10.0), True),
    "free, 14, shuffling 10 mg": (lambda seed: chest(seed, shuffle_mg=10.0), True),
    "free, 14, shuffling 30 mg": (lambda seed: chest(seed, shuffle_mg=30.0), True),
    "paced, 6 a minute": (lambda seed: chest(seed, paced=6.0), True),
    "paced, 4.5 a minute": (lambda seed: chest(seed, paced=4.5), True),
    "no breath, sway and noise": (lambda seed: chest(seed, swing_mg=0.0), False),
    "no breath, shuffling 30 mg": (lambda seed: chest(seed, swing_mg=0.0, shuffle_mg=30.0), False),
    "a stuck axis": (stuck, False),
    "sliding": (drifting, False),
    "talking": (talking, False),
}


def judged(made: Chest) -> Iterator[tuple[float | None, float, float, bool]]:
    """Every 2 s: rate, quality, true rate, moving."""
    trace, counts, moving = BreathTrace(FS_HZ), list[float](), False
    movement: Movement | None = None
    for number, (values, breaths) in enumerate(made, 1):
        x, y, z = (round(value) for value in values)
        movement = movement or Movement(FS_HZ, (x, y, z))
        trace.step((x, y, z))
        second = movement.step((x, y, z))
        moving = moving if second is None else second.moving
        counts.append(breaths)
        if number % (2 * FS_HZ) == 0 and number >= 40 * FS_HZ:
            found = trace.measure(FS_HZ)
            over_s = 30 if (found.rate or 0.0) >= BRISK else 40
            true = (counts[-1] - counts[-over_s * FS_HZ]) * 60 / over_s
            yield found.rate, found.quality, true, moving


def main(seeds: int) -> None:
    """Print one line for each chest."""
    print(f"{seeds} seeds, quality from {GOOD} on counts as good")
    print(f"{'chest':34} {'good':>6} {'rmse':>6} {'worst':>6} {'wrong':>7} {'moving':>7}")
    for name, (make, breathes) in CHESTS.items():
        looks = [look for seed in range(seeds) for look in judged(make(seed))]
        good = [(rate, true) for rate, quality, true, _ in looks if rate is not None and quality >= GOOD]
        errors = [rate - true for rate, true in good] if breathes else []
        wrong = sum(abs(error) > WRONG for error in errors) if breathes else len(good)
        rmse = f"{sqrt(sum(error * error for error in errors) / len(errors)):.2f}" if errors else "-"
        worst = f"{max(map(abs, errors)):.2f}" if errors else "-"
        moving = sum(moving for *_, moving in looks) / len(looks)
        print(f"{name:34} {len(good) / len(looks):6.1%} {rmse:>6} {worst:>6} {wrong / len(looks):7.2%} {moving:7.1%}")
    began = time.process_time()
    many = len(list(judged(chest(0))))
    print(f"one look: {1e3 * (time.process_time() - began) / many:.1f} ms of this program with its 2 s of samples")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
