"""How late is a heartbeat stamped while the window is stuck?  python benchmarks/stamps.py [--seconds 20]

A strap (fake BlueZ, a process of its own) sends 20 notifications a second and notes when. The program listens with
unmodified bleak, its windows open offscreen, while its main thread is stuck for 400 ms out of every second: asleep in
one run, busy in Python in another. What is printed is stamp minus sending time, over D-Bus, in milliseconds.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the fake BlueZ is part of the tests

STALL_S = 0.4
EVERY_MS = 1000
GAP_S = 0.05
GOAL_MS = 10.0


def boot_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def wear(talk: Connection, notifications: int) -> None:
    """In a process of its own: the bus, the strap, and the times at which it sent."""
    from devices.heart_rate_measurement import encode
    from tests.bluez.rig import Rig

    with Rig() as rig:
        strap = rig.add_strap()
        talk.send(rig.environment())
        rig.wait(lambda: strap.subscribed, 20)
        sent: list[int] = []
        for number in range(notifications):
            time.sleep(GAP_S)
            sent.append(boot_ns())
            strap.notify(encode(70, rr_1024=(800 + number % 100,)))
        talk.send(sent)
        talk.recv()


def asleep() -> None:
    time.sleep(STALL_S)


def busy() -> None:
    until = time.monotonic() + STALL_S
    while time.monotonic() < until:
        pass


def idle() -> None:
    """No stall."""


def stamps_of(stall: Callable[[], None], notifications: int) -> list[float]:
    """One session with its windows; delays of the stamps in ms."""
    here, there = multiprocessing.Pipe()
    wearer = multiprocessing.get_context("spawn").Process(target=wear, args=(there, notifications))
    wearer.start()
    os.environ.update(here.recv())
    try:
        return _listen(stall, here, notifications)
    finally:
        here.send("over")
        wearer.join()


def _listen(stall: Callable[[], None], wearer: Connection, notifications: int) -> list[float]:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from biofeedback.desktop.app import watch
    from biofeedback.presenter.picture import Picture
    from biofeedback.events import Event, Packet
    from biofeedback.session.clock import LiveClock
    from biofeedback.session.hub import ViewQueue
    from biofeedback.session.loop import SessionLoop
    from biofeedback.session.opening import open_session
    from biofeedback.session.plan import free_plan
    from biofeedback.session.runner import RunningSession
    from biofeedback.session.scripts import shipped
    from devices.strap import Strap

    app = QApplication.instance() or QApplication([])
    source, queue, packets = Strap(), ViewQueue(), list[Packet]()

    def publish(events: Sequence[Event]) -> None:
        packets.extend(event for event in events if isinstance(event, Packet))
        queue.put(events)
        if len(packets) == notifications:
            running.interrupted = True
            running.command("stop", "measured")

    clock = LiveClock()
    began_ns = boot_ns() - clock.now() * 1000
    loop = SessionLoop(source, clock, open_session(free_plan(None), source.info, shipped()), (), None, publish)
    running = RunningSession(queue, clock.now, loop.post)
    stuck = QTimer(app)
    stuck.timeout.connect(stall)
    stuck.start(EVERY_MS)
    running.start(loop.run)
    watch(running, Picture({}, hide_numbers=False), plots=True, plots_allowed=True)
    stuck.stop()
    running.join()
    sent: list[int] = wearer.recv()
    return [(began_ns + packet.rx * 1000 - at) / 1e6 for packet, at in zip(packets, sent, strict=True)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    notifications = round(parser.parse_args().seconds / GAP_S)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ.setdefault("QT_LOGGING_RULES", "qt.qpa.*=false")
    print(f"{'main thread':<24} {'p50':>7} {'p99':>7} {'max':>7}   ms, {notifications} notifications each")
    for name, stall in (("free", idle), ("asleep 400 ms a second", asleep), ("busy 400 ms a second", busy)):
        late = sorted(stamps_of(stall, notifications))
        p50, p99 = late[len(late) // 2], late[int(len(late) * 0.99)]
        verdict = "" if p99 <= GOAL_MS else f"  misses the goal of {GOAL_MS:g} ms"
        print(f"{name:<24} {p50:7.2f} {p99:7.2f} {late[-1]:7.2f}{verdict}")


if __name__ == "__main__":
    main()
