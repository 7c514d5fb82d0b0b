"""What a source says as text, for people and for programs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.events import Answered, Battery, Dropped, Intervals, LinkState, Packet, Sensor, SourceEvent
from devices.heart_rate_measurement import encode
from devices.lines import line_of, object_of
from devices.names import printable

PACKET = Packet(1_043_000, "s1", encode(72, contact=False, energy_kj=12, rr_1024=(1024, 512)))


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (PACKET, "    1.043 s   72 bpm  RR 1000.0  500.0 ms  no contact with the skin  12 kJ"),
        (Packet(0, "s1", b""), "    0.000 s  no heart rate  empty: no bytes"),
        (Packet(0, "s1", b"\x10\x48\x01"), "    0.000 s   72 bpm  torn interval: 104801"),
        (LinkState(0, "off", "Bluetooth is off.", "Switch it on."), "    0.000 s  Bluetooth is off. Switch it on."),
        (LinkState(0, "stale"), "    0.000 s  stale"),
        (Intervals(2_000_000, (1024 * 812,)), "    2.000 s  RR 812.0 ms"),
        (Battery(0, None), "    0.000 s  charge unknown"),
        (Battery(0, 15), "    0.000 s  charge 15 %"),
        (Sensor(0, "s1", "chest"), "    0.000 s  worn: chest"),
        (Sensor(0, "s1", None), "    0.000 s  worn: it does not say where"),
        (Dropped(0, 3), "    0.000 s  3 packets lost: this program was too slow"),
        (Answered(0, "q1", 4), "    0.000 s  answer to q1: 4"),
    ],
)
def test_each_event_has_one_line_for_a_person(event: SourceEvent, line: str) -> None:
    assert line_of(event) == line


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (
            PACKET,
            {
                "at": 1.043, "kind": "packet", "dev": "s1", "raw": "1c480c0000040002", "hr": 72, "contact": False,
                "energy": 12, "ticks": [1024, 512], "problems": [],
            },
        ),
        (LinkState(5, "off", "a", "b"), {"at": 5e-6, "kind": "link", "state": "off", "why": "a", "advice": "b"}),
        (Intervals(0, (5,)), {"at": 0.0, "kind": "rr", "ticks": [5]}),
        (Sensor(0, "s1", None), {"at": 0.0, "kind": "sensor", "dev": "s1", "location": None}),
        (Dropped(0, 3), {"at": 0.0, "kind": "drop", "packets": 3}),
    ],
)  # fmt: skip
def test_a4_each_event_has_the_kind_and_keys_of_a_recording(event: SourceEvent, said: dict[str, object]) -> None:
    assert json.loads(json.dumps(object_of(event))) == said


@given(st.binary(max_size=40))
def test_every_notification_has_a_line_and_an_object(raw: bytes) -> None:
    assert "\n" not in line_of(Packet(0, "s1", raw))
    assert json.loads(json.dumps(object_of(Packet(0, "s1", raw))))["raw"] == raw.hex()


def test_a_name_out_of_the_air_moves_no_cursor() -> None:
    assert printable("Po\x1b[31mlar\n") == "Po [31mlar "
