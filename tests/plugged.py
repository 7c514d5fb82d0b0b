"""Plug-ins as pip leaves them: a module and a .dist-info folder with its entry points, in a folder on the path."""

from __future__ import annotations

import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

SOUND = """
from devices.events import Packet, StrapInfo
from devices.heart_rate_measurement import encode


class Acme:
    def __init__(self, spec):
        self.info = StrapInfo("acme " + spec.name, "simulated")
        self.beats = int(spec.options.get("beats", 20))

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def events(self, clock):
        for second in range(1, self.beats + 1):
            await clock.sleep_until(second * 1_000_000)
            yield Packet(second * 1_000_000, "acme", encode(60, rr_1024=(1024,)))
        self.finish()

    def finish(self):
        pass

    def hear(self, heard):
        pass
"""
"""A plug-in that works: `Acme` is its opener, and what a test breaks."""

METRIC = """
from biofeedback.hrv.registry import Metric


def compute(window):
    nn = window.nn_ms
    return float(nn.max() - nn.min()) if len(nn) else None


RANGE = Metric("range_ms", "ms", 1, lambda window: compute(window), least_s=10, live_beats=8)
"""
"""A metric that works: the range of the good intervals; `compute` is what a test breaks."""


def use_metric(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Put the folder on this process's path until the test is over, and forget the module of another test."""
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    monkeypatch.delitem(sys.modules, "acme_metric", raising=False)
    invalidate_caches()


def install_metric(folder: Path, code: str = METRIC, **entries: str) -> Path:
    """Put a package with metrics there: by name what holds them, `range_ms` unless said otherwise."""
    held = entries or {"range_ms": "acme_metric:RANGE"}
    return install(folder, code, held, name="acme-metric", module="acme_metric", group="biofeedback.metrics")


def install(
    folder: Path,
    code: str,
    entries: dict[str, str],
    *,
    name: str = "acme-sensor",
    module: str = "acme",
    group: str = "biofeedback.sources",
) -> Path:
    """Put a plug-in there; `entries`: what its kinds of source, say, are opened by. Returns the folder for the path."""
    info = folder / f"{name.replace('-', '_')}-2.1.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(code, "utf-8")
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.1\n", "utf-8")
    lines = [f"{kind} = {target}" for kind, target in entries.items()]
    (info / "entry_points.txt").write_text("\n".join([f"[{group}]", *lines, ""]), "utf-8")
    return folder
