"""When a strap's numbers may be believed, through the whole program: unmodified bleak beside a fake BlueZ (STRAP 4)."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from devices.events import Packet
from devices.heart_rate_measurement import encode
from tests.bluez.rig import MISSING, Rig, Strap
from tests.bluez.test_practice import PRACTICE, ended, practising
from tests.bluez.wearer import Wearer
from tests.cli.programs import PROGRAM, environment

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.slow,
    pytest.mark.timeout(90),
]
Said = dict[str, Any]


def packets(*raws: bytes, seconds: int = 60, from_s: int = 0) -> Iterator[Packet]:
    """These notifications in turns, one a second."""
    for second in range(from_s, from_s + seconds):
        yield Packet(second * 1_000_000, "", raws[second % len(raws)])


def beating(hr: int = 66) -> Iterator[Packet]:
    """A heart of 66 beats a minute, whose packets say `hr`."""
    return packets(encode(hr, rr_1024=(929,)), encode(hr, rr_1024=(933,)), seconds=120)


def until(program: subprocess.Popen[str], found: Callable[[Said], bool]) -> list[Said]:
    """What it prints up to the event that is looked for."""
    assert program.stdout is not None
    said: list[Said] = []
    for line in program.stdout:
        said.append(json.loads(line))
        if found(said[-1]):
            return said
    raise AssertionError(f"it never came; the last was {said[-1:]}")


def notice(code: str) -> Callable[[Said], bool]:
    return lambda event: event["kind"] == "notice" and event["code"] == code


def charge(percent: int) -> Callable[[Said], bool]:
    return lambda event: event["kind"] == "battery" and event["percent"] == percent


def told(events: list[Said], code: str) -> list[str]:
    return [event["text"] for event in events if notice(code)(event)]


def checked(folder: Path) -> list[Any]:
    """The lines of the one recording, which is whole and comes out again to the bit."""
    (path,) = (folder / "out").glob("*.session.jsonl")
    found = verify(path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)
    return list(read_recording(path).lines)


def sent(strap: Strap, said: Iterator[Packet], rig: Rig, folder: Path, code: str) -> list[Said]:
    """A session of this strap up to the notice, and its end."""
    with practising(rig, folder) as program, Wearer(strap, said):
        events = until(program, notice(code))
        exit_code, rest = ended(program, signal.SIGTERM)
    assert exit_code == 130
    return [*events, *rest]


@pytest.mark.fault(19, "fake")
def test_case_19_a_low_battery_is_told_once_however_it_flickers(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap(battery=40)
    with practising(rig, tmp_path) as program:
        until(program, charge(40))
        for percent in (15, 16, 14, 13):
            strap.battery(percent)
            until(program, charge(percent))
        ended(program, signal.SIGTERM)
    codes = [line.body["text"] for line in checked(tmp_path) if line.kind == "notice"]
    assert codes == ["The battery of the strap is low, 15 %. Change it before the next session."]


@pytest.mark.fault(21, "fake")
@pytest.mark.parametrize("flags", [0x00, 0x04, 0x06])
def test_case_21_a_sensor_without_intervals_shows_a_rate_and_says_why_there_is_no_more(
    rig: Rig, tmp_path: Path, flags: int
) -> None:
    strap = rig.add_strap("Armband", location=2)
    raw = bytes([flags, 71])
    if flags == 0x04:  # no contact: not even a rate
        with practising(rig, tmp_path) as program:
            for _ in range(30):
                strap.notify(raw)
            _, events = ended(program, signal.SIGTERM)
        assert [event["kind"] for event in events if event["kind"] in ("beat", "hrv", "arousal")] == []
        return
    events = sent(strap, packets(raw), rig, tmp_path, "no_rr")
    first = next(event["at"] for event in events if event["kind"] == "packet")
    assert next(event["at"] for event in events if notice("no_rr")(event)) - first >= 10
    assert told(events, "no_rr")[0].startswith("This sensor sends no RR intervals: heart rate only, no HRV.")
    assert {event["hr"] for event in events if event["kind"] == "packet"} == {71}
    assert [event["kind"] for event in events if event["kind"] in ("beat", "hrv", "arousal")] == []
    checked(tmp_path)


@pytest.mark.fault(22, "fake")
def test_case_22_contact_off_and_on_again(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    worn, off = encode(66, rr_1024=(929,), contact=True), encode(66, rr_1024=(700,), contact=False)

    def wears() -> Iterator[Packet]:
        yield from packets(worn, seconds=5)
        yield from packets(off, seconds=3, from_s=5)
        yield from packets(worn, seconds=60, from_s=8)

    with practising(rig, tmp_path) as program, Wearer(strap, wears()):
        events = until(program, notice("signal_back"))
        ended(program, signal.SIGTERM)
    assert "Signal lost: the strap has no contact with the skin." in told(events, "signal_lost")
    lines = checked(tmp_path)
    assert "contact" in [line.body["why"] for line in lines if line.kind == "gap"]
    assert 700_000 not in [line.body["ticks"] for line in lines if line.kind == "beat"]


@pytest.mark.fault(23, "fake")
@pytest.mark.parametrize("rr", [(), (900,)])
def test_case_23_a_heart_rate_of_nought_is_no_data_and_the_link_stays(
    rig: Rig, tmp_path: Path, rr: tuple[int, ...]
) -> None:
    strap = rig.add_strap()
    worn = encode(66, rr_1024=(929,))
    with practising(rig, tmp_path) as program:
        strap.burst([worn] * 3)
        strap.burst([encode(0, rr_1024=rr)] * 3)
        strap.burst([worn] * 9)
        until(program, lambda event: event["kind"] == "gap")
        assert strap.subscribed
        ended(program, signal.SIGTERM)
    lines = checked(tmp_path)
    assert next(line.body["why"] for line in lines if line.kind == "gap") == "sensor"
    assert [line.body["state"] for line in lines if line.kind == "link"].count("streaming") == 1


@pytest.mark.fault(24, "fake")
def test_case_24_values_that_no_heart_makes_are_kept_and_flagged(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    odd = (0, 1, 0xFFFF, 28, 200, 2500)
    with practising(rig, tmp_path) as program:
        strap.burst([encode(66, rr_1024=(929,))])
        for value in odd:
            strap.burst([encode(66, rr_1024=(value,)), encode(66, rr_1024=(929,))])
        _, events = ended(program, signal.SIGTERM)
    assert [ticks for event in events if event["kind"] == "packet" for ticks in event["ticks"] if ticks in odd] == list(
        odd
    )
    beats = {line.body["ticks"] // 1000: line.body["why"] for line in checked(tmp_path) if line.kind == "beat"}
    assert {value: why for value, why in beats.items() if value in odd} == dict.fromkeys((1, 28, 200, 2500), "range")


@pytest.mark.fault(26, "fake")
def test_case_26_nine_and_twenty_intervals_in_a_packet_are_all_there_in_order(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    nine, twenty = tuple(range(901, 910)), tuple(range(921, 941))
    with practising(rig, tmp_path) as program:
        strap.burst([encode(66, rr_1024=nine), encode(300, rr_1024=twenty, energy_kj=512)])
        _, events = ended(program, signal.SIGTERM)
    assert [tuple(event["ticks"]) for event in events if event["kind"] == "packet"] == [nine, twenty]
    assert [line.body["ticks"] // 1000 for line in checked(tmp_path) if line.kind == "beat"] == [*nine, *twenty]


@pytest.mark.fault(31, "fake")
def test_case_31_packets_that_come_twice_are_told_and_what_comes_then_is_a_gap(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    twice = (packet for packet in beating() for _ in range(2))
    events = sent(strap, twice, rig, tmp_path, "impossible")
    assert 3 < next(event["at"] for event in events if notice("impossible")(event)) < 15
    assert len(told(events, "impossible")) == 1
    lines = checked(tmp_path)
    assert max(line.body["t_s"] - line.t / 1e6 for line in lines if line.kind == "beat") < 7


@pytest.mark.fault(32, "fake")
def test_case_32_a_rate_that_does_not_fit_its_intervals_is_told(rig: Rig, tmp_path: Path) -> None:
    events = sent(rig.add_strap(), beating(hr=110), rig, tmp_path, "hr_differs")
    assert told(events, "hr_differs")[0].startswith("The strap's heart rate does not fit its intervals.")
    checked(tmp_path)


FAILS = """
import sys
from biofeedback.session import engine
real, made = engine.live_hrv, []
def live_hrv(*about):
    made.append(about)
    if len(made) > 5:
        raise ZeroDivisionError("an estimator divides by nought")
    return real(*about)
engine.live_hrv = live_hrv
from biofeedback.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.fault(37, "fake")
def test_case_37_an_estimator_that_fails_does_not_end_the_recording(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    words = [sys.executable, "-P", "-c", FAILS, *PRACTICE, str(tmp_path / "out")]
    with subprocess.Popen(
        words, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as program:
        rig.wait(lambda: strap.subscribed, 15)
        for number in range(20):
            strap.notify(encode(66, rr_1024=(900 + number,)))
        events = until(program, notice("engine_failed"))
        for number in range(20):
            strap.notify(encode(66, rr_1024=(920 + number,)))
        code, rest = ended(program, signal.SIGTERM)
    assert code == 130
    events += rest
    assert len(told(events, "engine_failed")) == 1
    (path,) = (tmp_path / "out").glob("*.session.jsonl")
    lines = read_recording(path).lines
    kept = [ticks for line in lines if line.kind == "packet" for ticks in line.body["ticks"]]
    assert kept == list(range(900, 940))
    assert [line.body["error"] for line in lines if line.kind == "err"] == [
        "ZeroDivisionError: an estimator divides by nought"
    ]
    assert events[-1]["kind"] == "end"
    found = verify(path)
    assert (found.intact, found.finished, found.differences, found.fails_now) == (True, True, 0, False)


@pytest.mark.fault(38, "fake")
def test_case_38_a_full_disk_is_told_at_once_and_the_session_goes_on(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    with subprocess.Popen(
        [*PROGRAM, *PRACTICE, str(tmp_path / "out")],
        env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as program:  # fmt: skip
        resource.prlimit(program.pid, resource.RLIMIT_FSIZE, (20_000, 20_000))
        rig.wait(lambda: strap.subscribed, 15)
        for number in range(120):
            assert strap.notify(encode(66, rr_1024=(900 + number,)))
        code, events = ended(program, signal.SIGTERM)
    came = [ticks for event in events if event["kind"] == "packet" for ticks in event["ticks"]]
    assert came == list(range(900, 1020)), "the session went on"
    assert len(told(events, "recording_waits")) == 1
    behind = events[next(number for number, event in enumerate(events) if notice("recording_waits")(event)) :]
    assert sum(event["kind"] == "packet" for event in behind) > 10, "told at once, not at the end"
    assert code in (1, 130)
    (part,) = (tmp_path / "out").iterdir()
    recording = read_recording(part)
    assert recording.damage is None
    kept = [ticks for line in recording.lines if line.kind == "packet" for ticks in line.body["ticks"]]
    assert kept == came[: len(kept)]
    assert part.stat().st_size > 15_000
