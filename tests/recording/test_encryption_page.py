"""What docs/encryption.md tells a stranger to do opens a recording, without a line of this program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.cli.programs import ROOT
from tests.recording.logs import KEYS, PASSPHRASE, Logs
from tests.recording.test_encrypted_log import resumed

PAGE = (ROOT / "docs" / "encryption.md").read_text("utf-8")


def test_the_page_s_python_opens_a_recording_that_was_gone_on_with(tmp_path: Path) -> None:
    path = resumed(tmp_path)
    script = tmp_path / "open.py"
    script.write_text(PAGE.partition("```python\n")[2].partition("```")[0], "utf-8")
    done = subprocess.run(
        [sys.executable, "-P", str(script), str(path), PASSPHRASE],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    stored = Logs(KEYS).read(path)
    assert [(line["n"], line["t"], line["k"]) for line in printed] == [
        (line.n, line.t, line.kind) for line in stored.lines[1:]
    ]
    for line, ours in zip(printed, stored.lines[1:], strict=True):
        assert {key: line[key] for key in ours.body} == dict(ours.body)
