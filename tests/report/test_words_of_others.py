"""Whatever a person wrote is shown as the words it is, never as HTML."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from zlib import crc32

from biofeedback.events import Epoch, Event, Mark, Note, Open, Phase, Rr
from biofeedback.recording.chain import seal_line
from biofeedback.recording.reader import read_recording
from biofeedback.report import session_report, write_report
from biofeedback.session.plan import Pair, trial_plan
from biofeedback.session.scripts import Shelf, shipped
from tests.report.outline import Outline
from tests.report.sessions import HEAD, simulate, write_lines

MS = 1024
PAIR = Pair("safe_place", "breath_only")
HOSTILE = "<script>alert(1)</script> <b>\"bold\"</b> & 'q' </bdi></title> {{ 7*7 }} \u202eשלום עולם"


def hostile_events() -> Sequence[Event]:
    plan = trial_plan((PAIR,)).to_json()
    script = {"title": HOSTILE, "hash": "0" * 64}
    source = {"name": HOSTILE, "kind": "strap", "address": "", "spec": HOSTILE}
    opened = Open(
        0, plan, {"safe_place": script, "breath_only": script}, {"name": HOSTILE}, source, parent={"x": HOSTILE}
    )
    return [
        opened,
        Rr(1, (800 * MS,) * 100),
        Phase(2, "image", True, 0, 0, "safe_place", "breath_only"),
        Mark(3, HOSTILE, HOSTILE),
        Note(4, HOSTILE, "trainee"),
        Epoch(5, 0, 0, "image", 4.2, 0.1, 7, 80, 0, None, None, False, HOSTILE, False),
    ]


class TestOtherPeoplesWords:
    def test_stay_words(self, tmp_path: Path) -> None:
        recording = read_recording(
            write_lines(tmp_path, hostile_events(), {**HEAD, "subject": HOSTILE, "session": HOSTILE})
        )
        outline = Outline(session_report(recording))
        assert not {"script", "b"} & {tag for tag, _ in outline.tags}
        said = HOSTILE.replace("\u202e", "")
        assert outline.text.count(said) >= 6
        assert "{{ 7*7 }}" in outline.text

    def test_turn_nothing_around_behind_them(self, tmp_path: Path) -> None:
        text = session_report(read_recording(write_lines(tmp_path, hostile_events())))
        assert "\u202e" not in text
        assert "שלום" in text
        assert f"<bdi>{'&lt;script'}" in text

    def test_are_not_in_the_figure(self, tmp_path: Path) -> None:
        text = session_report(read_recording(write_lines(tmp_path, hostile_events())))
        figure = text[text.index("<svg viewBox") : text.index("<figcaption")]
        assert "alert" not in figure
        assert "שלום" not in figure

    def test_of_a_simulated_session_with_own_script(self, tmp_path: Path) -> None:
        shelf = shipped()
        own = replace(shelf.scripts["safe_place"], title=HOSTILE, words=dict.fromkeys(("place",), HOSTILE))
        path = simulate(
            tmp_path,
            shelf=Shelf({**shelf.scripts, "safe_place": own}),
            person=HOSTILE,
            said={"image": [("mark", HOSTILE), ("note", HOSTILE)], "close": [("stop", HOSTILE)]},
        )
        outline = Outline(session_report(read_recording(path)))
        assert not {"script", "b"} & {tag for tag, _ in outline.tags}
        assert f"You are at {HOSTILE.replace(chr(0x202E), '')}. Look around, once." in outline.text

    def test_that_cannot_be_written_are_replaced(self, tmp_path: Path) -> None:
        """A lone surrogate is valid in JSON, and no UTF-8."""
        path = write_lines(tmp_path, [])
        lines = path.read_bytes().split(b"\n")
        crc = int(json.loads(lines[-2])["x"], 16)
        marker = "QQQQ"
        line, _ = seal_line(len(lines) - 1, 5, "mark", {"text": marker, "by": "trainee"}, crc)
        start = line[: line.rindex(b',"x"')].replace(b"QQQQ", b"\\ud800\\u0000")
        odd = tmp_path / "odd.session.jsonl.part"
        odd.write_bytes(path.read_bytes() + start + b',"x":"%08x"}\n' % crc32(start, crc))
        recording = read_recording(odd)
        assert recording.damage is None
        assert "\ufffd\ufffd" in write_report(recording, tmp_path / "odd.html").read_text("utf-8")
