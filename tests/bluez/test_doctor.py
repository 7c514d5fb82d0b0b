"""`doctor` beside the fake BlueZ: a trial that went well, on a system with something to say about it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bluez.rig import Rig
from tests.cli.programs import run


@pytest.mark.parametrize(("version", "code"), [("5.54", 3), ("5.66", 0)])
def test_doctor_tells_whether_bluez_is_new_enough(rig: Rig, tmp_path: Path, version: str, code: int) -> None:
    program = tmp_path / "bluetoothctl"
    program.write_text(f"#!/bin/sh\necho 'bluetoothctl: {version}'\n")
    program.chmod(0o755)
    done = run(tmp_path, "doctor", "--json", env={"PATH": f"{tmp_path}:/usr/bin:/bin"})
    assert done.returncode == code
    found = json.loads(done.stdout)
    assert found["can"]["strap"] is (code == 0)
    checks = {check["name"]: check for check in found["checks"]}
    assert checks["bluetooth"]["ok"] is True
    assert checks["service"]["ok"] is (code == 0)
    assert f"BlueZ {version}" in checks["service"]["what"]
