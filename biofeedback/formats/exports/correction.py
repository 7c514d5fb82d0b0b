"""What stands in the place of a flagged interval, for programs that take no flags (RULINGS B1, docs/metrics.md).

The house corrects nothing: metrics leave flagged intervals out. Only the short scaling exponent bridges them, linearly
by beat number; an export's corrected intervals are that bridge, and the nearest sound interval at the ends of a
stretch. One stays one: a missed beat is not put in, an extra one not taken out, so the sum is not the time that passed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from biofeedback.hrv.nonlinear import bridged


def corrected_ticks(ticks: Sequence[int], ok: Sequence[bool]) -> list[int | None]:
    """The intervals of one gap-free stretch with flagged ones replaced, in ticks; None when none of it is sound."""
    accepted = np.flatnonzero(np.array(ok, bool))
    if not len(accepted):
        return [None] * len(ticks)
    inner: list[int] = bridged(np.array(ticks, np.int64), accepted).tolist()
    first, behind = int(accepted[0]), len(ticks) - 1 - int(accepted[-1])
    return [*[inner[0]] * first, *inner, *[inner[-1]] * behind]
