"""Every test of a log that asks for `logs` runs twice: plain and encrypted."""

from __future__ import annotations

import pytest

from tests.recording.logs import KEYS, Logs


@pytest.fixture(params=["plain", "encrypted"])
def logs(request: pytest.FixtureRequest) -> Logs:
    return Logs(KEYS if request.param == "encrypted" else None)
