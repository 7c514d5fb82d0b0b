"""Whether beats can be trusted, and the one quiet sentence that says so (METHOD 1.4)."""

from __future__ import annotations

from biofeedback.events import Link
from biofeedback.hrv.beats import NEVER
from biofeedback.session.signal import NO_BEATS, NO_CONTACT, NO_LINK, Signal
from tests.strategies import packet

SECOND = 1_000_000


def begun() -> Signal:
    signal = Signal()
    assert signal.beats(0) == []
    return signal


def test_before_the_first_beat_there_is_nothing_to_lose() -> None:
    signal = Signal()
    assert signal.deadline == NEVER
    assert signal.link(Link(0, "waiting")) == []
    assert signal.packet(packet(1, contact=False)) == []
    assert signal.lost is None


def test_1_4_three_seconds_without_a_beat_are_a_lost_signal_and_the_next_beat_brings_it_back() -> None:
    signal = begun()
    assert signal.advance(3 * SECOND - 1) == []
    lost = signal.advance(3 * SECOND)
    assert [(n.code, n.text) for n in lost] == [("signal_lost", f"Signal lost: {NO_BEATS}.")]
    assert signal.deadline == NEVER
    assert signal.advance(9 * SECOND) == []
    assert [n.code for n in signal.beats(10 * SECOND)] == ["signal_back"]
    assert signal.deadline == 13 * SECOND


def test_each_reason_is_said_and_silence_adds_nothing_to_it() -> None:
    signal = begun()
    assert [n.text for n in signal.packet(packet(1, contact=False))] == [f"Signal lost: {NO_CONTACT}."]
    assert signal.packet(packet(2, contact=False)) == []
    assert signal.advance(3 * SECOND) == []
    assert [n.text for n in signal.link(Link(4 * SECOND, "waiting"))] == [f"Signal lost: {NO_LINK}."]
    signal.link(Link(5 * SECOND, "streaming"))
    signal.packet(packet(6 * SECOND, contact=True))
    assert signal.lost == NO_BEATS
    assert [n.code for n in signal.beats(7 * SECOND)] == ["signal_back"]


def test_a_doubt_whose_share_changes_at_every_beat_is_said_once() -> None:
    signal = begun()
    said = [signal.doubt(beat, f"{11 + beat}% of the last beats cannot be trusted") for beat in range(20)]
    assert [n.text for notices in said for n in notices] == ["Signal lost: 11% of the last beats cannot be trusted."]
    assert [n.code for n in signal.doubt(30, None)] == ["signal_back"]
    assert [n.text for n in signal.doubt(31, "12% again")] == ["Signal lost: 12% again."]
    assert [n.text for n in signal.doubt(32, "something else")] == ["Signal lost: something else."]
