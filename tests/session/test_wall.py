"""The wall clock beside the session's (RECORDING 1.3, 1.5): when it is kept, and that no number hangs on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from biofeedback.events import Beat, Clock, Command, Commit, Event, Hrv
from biofeedback.recording.reader import read_recording
from biofeedback.session.clock import JumpingClock
from biofeedback.session.plan import free_plan, trial_plan
from biofeedback.session.replay import verify
from biofeedback.session.wall import Reading, WallWatch, read_clocks, utc_offset_s, zone_name
from devices.clock import boot_id, system_ns
from tests.session.sessions import SAFE_PLACE, Ran, heart, replayed, run_session, steady

S = 1_000_000_000
HOUR = 3600 * S
DAY = 24 * HOUR
BEGAN = int(datetime(2026, 11, 25, 10, tzinfo=UTC).timestamp()) * S
zoned = pytest.mark.skipif(not hasattr(time, "tzset"), reason="this system has no tzset")


class Machine:
    """Clocks that go with a session's: `step` (ns) is added to the wall clock at a session time, `zone_s` likewise."""

    def __init__(self, clock: JumpingClock, began_ns: int = BEGAN) -> None:
        self.clock = clock
        self.began_ns = began_ns
        self.step: Callable[[float], int] = lambda _: 0
        self.offset: Callable[[int, float], int] = lambda _wall_ns, _at_s: 0

    def read(self) -> Reading:
        mono_ns, at_s = self.clock.now() * 1000, self.clock.now() / 1e6
        wall_ns = self.began_ns + mono_ns + self.step(at_s)
        return Reading(wall_ns, 77 * S + mono_ns, 77 * S + mono_ns, self.offset(wall_ns, at_s))


def ran_on(folder: Path, machine: Machine, lasts_s: int = 200) -> Ran:
    watch = WallWatch(machine.read)
    return run_session(folder, replayed(heart(steady(66), lasts_s)), free_plan(None), clock=machine.clock, wall=watch)


def without_clocks(events: list[Event]) -> list[Event]:
    """But for the first, which names the moment."""
    kept: list[Event] = [event for event in events if not isinstance(event, Clock | Commit)]
    return kept[1:]


def clocks_of(ran: Ran, *, ticks: bool = False) -> list[Clock]:
    return [event for event in ran.of(Clock) if ticks or event.why != "tick"]


def check_unmoved(ran: Ran, folder: Path, lasts_s: int = 200) -> None:
    """The same session as without a wall clock, its times in order, every number again."""
    plain = run_session(folder / "plain", replayed(heart(steady(66), lasts_s)), free_plan(None))
    assert without_clocks(ran.events) == without_clocks(plain.events)
    times = [line.t for line in read_recording(ran.path).lines]
    assert times == sorted(times)
    found = verify(ran.path)
    assert (found.exact, found.differences, found.intact, found.finished) == (True, 0, True, True)


STEPS = {
    "an hour on": HOUR,
    "an hour back": -HOUR,
    "a day on": DAY,
    "a day back": -DAY,
    "1970": 1 * S - BEGAN,
    "2038": 2**31 * S - BEGAN,
    "2107": 2**32 * S - BEGAN,
    "a leap second": -1 * S,
    "a quarter of a second and a little": 251_000_000,
}


@pytest.mark.parametrize("step_ns", STEPS.values(), ids=STEPS)
def test_r9_a_wall_clock_that_is_set_is_one_clock_event_and_nothing_else(tmp_path: Path, step_ns: int) -> None:
    machine = Machine(JumpingClock())
    machine.step = lambda at_s: step_ns if at_s >= 100.5 else 0
    ran = ran_on(tmp_path, machine)
    (seen,) = clocks_of(ran)
    assert (seen.why, seen.step_ns) == ("step", step_ns)
    assert seen.wall_ns - seen.mono_ns == BEGAN - 77 * S + step_ns
    assert 100.5 <= seen.at / 1e6 <= 102
    check_unmoved(ran, tmp_path)


@pytest.mark.parametrize("step_ns", [249_000_000, -249_000_000])
def test_a_smaller_step_is_left_to_the_next_tick(tmp_path: Path, step_ns: int) -> None:
    machine = Machine(JumpingClock())
    machine.step = lambda at_s: step_ns if at_s >= 100.5 else 0
    ran = ran_on(tmp_path, machine)
    assert clocks_of(ran) == []
    assert [seen.step_ns for seen in ran.of(Clock)] == [0, 0, 0, 0, step_ns, 0, 0]


def test_a_clock_that_is_steered_is_never_taken_for_one_that_was_set(tmp_path: Path) -> None:
    machine = Machine(JumpingClock())
    machine.step = lambda at_s: round(at_s * 500e-6 * S)
    ran = ran_on(tmp_path, machine, 700)
    assert clocks_of(ran) == []
    last = ran.of(Clock)[-1]
    assert last.wall_ns == BEGAN + last.at * 1000 + round(last.at * 500e-6 * 1000), "the anchors follow it"


@zoned
@pytest.mark.parametrize(
    ("began", "before_s", "after_s"),
    [
        (datetime(2026, 3, 29, 0, 58, tzinfo=UTC), 3600, 7200),
        (datetime(2026, 10, 25, 0, 58, tzinfo=UTC), 7200, 3600),
    ],
    ids=["into summer", "out of summer"],
)
def test_r9_daylight_saving_is_one_clock_event_and_moves_no_time(
    tmp_path: Path, zone: Callable[[str], None], began: datetime, before_s: int, after_s: int
) -> None:
    zone("Europe/Oslo")
    machine = Machine(JumpingClock(), int(began.timestamp()) * S)
    machine.offset = lambda wall_ns, _: utc_offset_s(wall_ns)
    ran = ran_on(tmp_path, machine)
    (seen,) = clocks_of(ran)
    assert (seen.why, seen.step_ns, seen.utc_off_s) == ("zone", 0, after_s)
    assert 120 <= seen.at / 1e6 <= 121, "within a second of the change"
    assert {each.utc_off_s for each in ran.of(Clock) if each.at < seen.at} == {before_s}
    check_unmoved(ran, tmp_path)


@zoned
def test_r9_another_zone_in_flight_is_one_clock_event(tmp_path: Path, zone: Callable[[str], None]) -> None:
    zone("Europe/Oslo")
    machine = Machine(JumpingClock())

    def offset(wall_ns: int, at_s: float) -> int:
        if at_s >= 90.2:
            zone("America/New_York")
        return utc_offset_s(wall_ns)

    machine.offset = offset
    ran = ran_on(tmp_path, machine)
    (seen,) = clocks_of(ran)
    assert (seen.why, seen.step_ns, seen.utc_off_s) == ("zone", 0, -5 * 3600)
    check_unmoved(ran, tmp_path)


def test_r9_what_is_set_and_moved_at_once_is_one_event_that_holds_both(tmp_path: Path) -> None:
    machine = Machine(JumpingClock())
    machine.step = lambda at_s: HOUR if at_s >= 60.5 else 0
    machine.offset = lambda _, at_s: 3600 if at_s >= 60.5 else 0
    (seen,) = clocks_of(ran_on(tmp_path, machine))
    assert (seen.why, seen.step_ns, seen.utc_off_s) == ("step", HOUR, 3600)


def test_1_3_a_clock_line_every_thirty_seconds_and_one_at_once(tmp_path: Path) -> None:
    ran = ran_on(tmp_path, Machine(JumpingClock()), 301)
    assert [seen.at / 1e6 for seen in ran.of(Clock)] == pytest.approx([30 * n for n in range(11)], abs=1)
    lines = [line for line in read_recording(ran.path).lines if line.kind == "clock"]
    assert len(lines) == 11
    assert set(lines[0].body) == {"wall_ns", "mono_ns", "step_ns", "why", "utc_off_s"}


def test_a_session_that_waits_for_its_strap_keeps_the_clock_too(tmp_path: Path) -> None:
    """Nothing is due in it for minutes but that."""
    clock = JumpingClock()
    late = (event for event in heart(steady(66), 130) if event.stamp_us > 125_000_000)
    ran = run_session(tmp_path, replayed(late), free_plan(None), clock=clock, wall=WallWatch(Machine(clock).read))
    assert [seen.at / 1e6 for seen in ran.of(Clock)][:5] == [0, 30, 60, 90, 120]


def test_a_trial_is_the_same_with_and_without(tmp_path: Path) -> None:
    machine = Machine(JumpingClock())
    machine.step = lambda at_s: round(at_s) * HOUR
    with_clock = run_session(
        tmp_path,
        replayed(heart(steady(66), 700)),
        trial_plan((SAFE_PLACE,)),
        clock=machine.clock,
        wall=WallWatch(machine.read),
    )
    plain = run_session(tmp_path / "plain", replayed(heart(steady(66), 700)), trial_plan((SAFE_PLACE,)))
    assert without_clocks(with_clock.events) == without_clocks(plain.events)
    assert len(with_clock.of(Beat)) > 500
    assert len(with_clock.of(Hrv)) > 500
    assert verify(with_clock.path).exact


def test_no_sleep_is_told_where_no_clock_shows_one_and_nothing_came_late() -> None:
    watch = WallWatch(lambda: Reading(0, 0, None, 0))
    whys = [seen.why for at in range(0, 100_000_000, 7_000_000) if (seen := watch.look(at)) is not None]
    assert set(whys) == {"tick"}


def test_a_sleep_is_told_by_its_lateness_where_no_clock_shows_one() -> None:
    watch = WallWatch(lambda: Reading(0, 0, None, 0))
    assert [getattr(watch.look(at), "why", None) for at in (0, 29_000_000, 41_000_000)] == ["tick", None, "suspend"]


def test_the_clocks_of_this_machine_are_read_as_one() -> None:
    before_ns = time.time_ns(), system_ns()
    now = read_clocks()
    after_ns = time.time_ns(), system_ns()
    assert before_ns[0] <= now.wall_ns <= after_ns[0]
    assert before_ns[1] <= now.mono_ns <= after_ns[1]
    local = datetime.now().astimezone().utcoffset()
    assert local is not None
    assert now.utc_off_s == local.total_seconds()


@zoned
@pytest.mark.parametrize(
    ("tz", "name"),
    [
        ("Europe/Oslo", "Europe/Oslo"),
        (":America/Argentina/Ushuaia", "America/Argentina/Ushuaia"),
        ("/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("UTC", "UTC"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", None),
    ],
)
def test_1_3_the_zone_is_told_by_its_iana_name_where_there_is_one(
    zone: Callable[[str], None], tz: str, name: str | None
) -> None:
    zone(tz)
    assert zone_name() == name


@pytest.mark.skipif(not Path("/proc/sys/kernel/random/boot_id").exists(), reason="only Linux names a start")
def test_1_3_the_head_says_which_start_of_the_machine_its_clock_counts_from(tmp_path: Path) -> None:
    head = read_recording(ran_on(tmp_path, Machine(JumpingClock()), 3).path).head
    assert head["boot"] == boot_id()
    assert len(head["boot"]) == 36
    assert abs(head["wall_ns"] - time.time_ns()) < 60 * S
    assert 0 <= system_ns() - head["mono_ns"] < 60 * S


def test_a6_the_head_names_numpy_and_the_features_of_the_processor_it_uses(tmp_path: Path) -> None:
    import numpy as np

    host = read_recording(ran_on(tmp_path, Machine(JumpingClock()), 3).path).head["host"]
    assert host["numpy"] == np.__version__
    assert host["cpu"]
    assert all(isinstance(name, str) for name in host["cpu"])
    assert "bleak" not in host, "no strap spoke"


def test_commands_are_only_those_of_the_person(tmp_path: Path) -> None:
    """A wall clock that jumps about is no sleep."""
    machine = Machine(JumpingClock())
    machine.step = lambda at_s: (-1) ** round(at_s) * DAY
    assert [command.what for command in ran_on(tmp_path, machine).of(Command)] == ["stop"]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the local zone for one test."""

    def to(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield to
    monkeypatch.undo()
    time.tzset()
