"""Many lost links in a row leave one of everything; BIOFEEDBACK_LINK_DROPS says how many (50)."""

from __future__ import annotations

import asyncio
import os
import tracemalloc

import pytest

from tests.bluez.drops import WARM_UP, lose_the_link
from tests.bluez.rig import MISSING, Rig

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
DROPS = int(os.environ.get("BIOFEEDBACK_LINK_DROPS", "50"))
KEPT_KB = 1.0
"""A link may leave so much; a client that is kept leaves 6 kB."""


@pytest.mark.slow
@pytest.mark.timeout(20 + DROPS)
@pytest.mark.fault(12, "fake")
@pytest.mark.fault(31, "fake")
def test_many_drops_leave_one_task_one_subscription_no_doubled_beat_and_flat_memory(rig: Rig) -> None:
    tracemalloc.start()
    try:
        figures = asyncio.run(lose_the_link(rig, DROPS))
    finally:
        tracemalloc.stop()
    assert (figures.lost, figures.doubled) == (0, 0)
    assert (figures.keepers, figures.subscriptions) == ({1}, {(1, 1)})
    assert len(set(figures.tasks)) == 1, figures.tasks
    assert len(set(figures.descriptors)) == 1, figures.descriptors
    assert (figures.heap_kb[-1] - figures.heap_kb[0]) / (DROPS - WARM_UP) < KEPT_KB, figures.heap_kb
