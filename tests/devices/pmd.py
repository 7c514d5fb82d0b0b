"""The accelerometer of a strap in either of the test worlds: what it answers, byte for byte as documented.

What it offers is what an H10 offers. `status` is how it answers a start; SILENT: not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

SERVICE: Final = "fb005c80-02e7-f387-1cad-8acd2d8df0c8"
CONTROL: Final = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA: Final = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"

FEATURES: Final = bytes.fromhex("0f05000000000000000000000000000000")
ECG_ONLY: Final = bytes.fromhex("0f01000000000000000000000000000000")
SETTINGS: Final = "0004190032006400c800" + "01011000" + "0203020004000800"
SILENT: Final = -1
ALREADY_ON: Final = 6


@dataclass(slots=True)
class Pmd:
    """One strap's side of the conversation. Answers are indications, to be sent behind the reply to a write."""

    status: int = 0
    settings_status: int = 0
    settings: str = SETTINGS
    in_parts: bool = False
    """Whether the settings come in two answers."""
    features: bytes = FEATURES
    wants_pairing: bool = False
    running: bool = False
    written: list[str] = field(default_factory=list[str])
    """All that was written to the control point, as hex."""

    def write(self, raw: bytes) -> Sequence[bytes]:
        """The answers to what is written."""
        self.written.append(raw.hex())
        match raw[:2].hex():
            case "0102":
                return self._settings()
            case "0202":
                self.running = self.running or self.status in (0, ALREADY_ON)
                return self._answers("f00202", self.status)
            case "0302":
                self.running = False
                return self._answers("f00302", 0)
            case _:
                return [bytes((0xF0, raw[0], raw[1], 1))]

    def _settings(self) -> Sequence[bytes]:
        if self.settings_status == SILENT:
            return []
        head = f"f00102{self.settings_status:02x}"
        if not self.in_parts:
            return [bytes.fromhex(f"{head}00{self.settings}")]
        return [bytes.fromhex(f"{head}01{self.settings[:20]}"), bytes.fromhex(f"{head}00{self.settings[20:]}")]

    @staticmethod
    def _answers(head: str, status: int) -> Sequence[bytes]:
        return [] if status == SILENT else [bytes.fromhex(f"{head}{status:02x}00")]
