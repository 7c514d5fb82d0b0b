"""A biofeedback-assisted regulation trainer: HRV from a chest strap, paced breathing, imagery, honest evidence.

`import biofeedback as bf` is light; what it offers is loaded when it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from biofeedback.formats.waveform import rr_from_waveform
    from biofeedback.session.analysis import analyse_intervals as analyze
    from biofeedback.session.recorded import Recording
    from biofeedback.session.recorded import read_session as read

__version__ = "0.1.0"
__all__ = ["Recording", "__version__", "analyze", "read", "rr_from_waveform"]

_HOMES = {
    "Recording": ("biofeedback.session.recorded", "Recording"),
    "analyze": ("biofeedback.session.analysis", "analyse_intervals"),
    "read": ("biofeedback.session.recorded", "read_session"),
    "rr_from_waveform": ("biofeedback.formats.waveform", "rr_from_waveform"),
}


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562: whatever the name stands for
    if name not in _HOMES:
        raise AttributeError(f"module 'biofeedback' has no attribute '{name}'")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
