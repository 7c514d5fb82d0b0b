"""A session with a strap is killed and gone on with: the link is taken over, no interval is lost or comes twice."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from biofeedback.recording.reader import read_recording
from tests.bluez.rig import MISSING, Rig
from tests.bluez.test_practice import PRACTICE, Sender, ended, practising, recorded
from tests.cli.programs import start

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_1_4_a_killed_session_goes_on_with_its_strap_and_keeps_every_interval(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    with practising(rig, tmp_path) as program:
        sender.send(30)
        assert program.stdout is not None
        seen = 0
        while seen < 30:
            seen += json.loads(program.stdout.readline())["kind"] == "packet"
        program.kill()
        program.wait(5)
    (part,) = (tmp_path / "out").iterdir()
    last_t = read_recording(part).lines[-1].t
    words = ("practice", "--resume", *PRACTICE[3:])
    with start(tmp_path, *words, str(tmp_path / "out")) as program:
        rig.wait(lambda: strap.subscribed and b'"resume"' in part.read_bytes(), 15)
        sender.send(10)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert recorded(tmp_path) == sender.sent
    commands = [event for event in events if event["kind"] == "command"]
    assert [event["what"] for event in commands] == ["sleep", "wake", "stop"]
    assert commands[0]["at"] == last_t / 1e6
    links = {event["state"]: event["at"] for event in events if event["kind"] == "link"}
    assert links["streaming"] - commands[1]["at"] < 10, "R10"
