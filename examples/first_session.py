"""A person's first session in small: a simulated heart, a safe place, what was recorded, and the page about it.

Run it in the program's own Python:  .venv/bin/python examples/first_session.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = [sys.executable, "-m", "biofeedback"]


def main() -> None:
    """Practise for two minutes of session time at full speed, then look at the recording in three ways."""
    folder = Path(tempfile.mkdtemp(prefix="first-session-"))
    practice = ["practice", "safe_place", "--source", "sim:calm", "--minutes", "2", "--speed", "max", "--view", "none"]
    subprocess.run([*PROGRAM, *practice, "--output", str(folder)], check=True)
    recording = next(folder.glob("*.session.jsonl"))
    for command in ("verify", "analyze", "report"):
        subprocess.run([*PROGRAM, command, str(recording)], check=True)


if __name__ == "__main__":
    main()
