"""A Bluetooth stack for tests: a private D-Bus and a fake BlueZ on it, both in processes of their own.

    with Rig() as rig:
        strap = rig.add_strap("Polar H10 12345678")
        program = subprocess.Popen([...], env=os.environ | rig.environment())
        rig.wait(lambda: strap.subscribed)
        assert strap.notify(bytes.fromhex("10483c03"))
        strap.drop_link()

In one process with bleak, set the environment (`monkeypatch.setenv`) before bleak is first used in an event loop: its
manager is one for each loop and reads DBUS_SYSTEM_BUS_ADDRESS when it connects. Orders take well under a millisecond
and may be given from inside the loop, and from any thread; to wait there, use `await rig.reached(...)`.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock
from typing import Any, Final, Literal, Self, cast

from tests.bluez.bus import PrivateBus, close, pipe

ROOT: Final = Path(__file__).resolve().parents[2]
HEART_RATE: Final = "0000180d-0000-1000-8000-00805f9b34fb"

# dbus-daemon is a package of the system; BlueZ and its bus exist on Linux only.
MISSING: Final = (
    "BlueZ exists on Linux only"
    if sys.platform != "linux"
    else ("" if shutil.which("dbus-daemon") else "dbus-daemon is not installed: apt-get install dbus")
)

DEADLINE_S: Final = 5.0
POLL_S: Final = 0.003


@dataclass(frozen=True, slots=True)
class StrapSpec:
    """What a strap is. `advertised` are service UUIDs in full length; None leaves a thing out."""

    address: str
    name: str | None
    rssi: int
    advertised: tuple[str, ...]
    battery: int | None
    location: int | None
    control_point: bool
    accelerometer: bool


class Strap:
    """A strap in the air around a rig; what it was told survives a restart of the daemon, its link does not."""

    def __init__(self, rig: Rig, spec: StrapSpec) -> None:
        self._rig = rig
        self._settings: dict[str, object] = {}
        self.spec = spec

    @property
    def address(self) -> str:
        return self.spec.address

    # What it does.

    def notify(self, raw: bytes) -> bool:
        """Send one heart rate measurement; tell whether anybody was subscribed."""
        return self.burst([raw]) == 1

    def burst(self, raws: Sequence[bytes]) -> int:
        """Send measurements back to back; how many went to a subscriber."""
        return cast("int", self._order("notify", raws=[raw.hex() for raw in raws]))

    def accelerate(self, raw: bytes) -> bool:
        """Send a frame of acceleration; tell whether it was asked for and somebody subscribed."""
        return bool(self._order("accelerate", raw=raw.hex()))

    def answer_pmd(self, name: str, value: object) -> None:
        """Change what the accelerometer answers, see `tests.devices.pmd.Pmd`; until the daemon ends."""
        self._order("set_pmd", name=name, value=value)

    def battery(self, percent: int) -> bool:
        """Have this charge from now on and say so; tell whether anybody was subscribed."""
        self.spec = replace(self.spec, battery=percent)
        return bool(self._order("battery", percent=percent))

    def drop_link(self) -> None:
        """Lose the link; the strap advertises again at once."""
        self._order("drop")

    def leave(self) -> None:
        """Go out of range, losing the link; attempts to connect hang."""
        self._set("in_range", value=False)

    def come_back(self) -> None:
        """Be in range again; an attempt that hangs succeeds."""
        self._set("in_range", value=True)

    def hold_elsewhere(self, *, held: bool = True) -> None:
        """Be connected to somebody else: no advertisements, and attempts to connect hang."""
        self._set("held_elsewhere", value=held)

    def hold_here(self) -> None:
        """Be connected to this system by a run that crashed: no advertisements, but the system lists it."""
        self._order("hold")

    def hide_services(self, *, hidden: bool = True) -> None:
        """Connect, but never resolve services; they come when no longer hidden."""
        self._set("hides_services", value=hidden)

    def want_pairing(self, *, wanted: bool = True, att_code: int | None = None) -> None:
        """Refuse reading and notifications until paired, by this ATT error or by BlueZ's own word."""
        self._set("att_code", value=att_code)
        self._set("wants_pairing", value=wanted)

    def refuse_pairing(self, *, refused: bool = True) -> None:
        """Let every attempt to pair fail."""
        self._set("refuses_pairing", value=refused)

    def mute(self, *, muted: bool = True) -> None:
        """Do not answer when asked for a value; notifications go on."""
        self._set("mute", value=muted)

    def pair(self, *, paired: bool = True) -> None:
        """Be paired by the person, in the system's settings."""
        self._set("paired", value=paired)

    def set_rssi(self, rssi: int) -> None:
        self._set("rssi", value=rssi)

    def slow_to_disconnect(self, seconds: float) -> None:
        """Take so long to answer Disconnect; with a real daemon it is one or two seconds."""
        self._set("disconnect_s", value=seconds)

    def fail_connects(self, times: int, how: Literal["refuse", "leave", "error"] = "leave") -> None:
        """Let the next attempts to connect go wrong.

        "leave": the link is lost while services are discovered. "refuse": the link fails to be established, which
        bleak retries by itself without end. "error": Connect is answered with an error that bleak passes on.
        """
        self._order("fail", times=times, how=how)

    def forget(self) -> None:
        """Let BlueZ drop the device from its list, as it does 30 s after its link or its last advertisement."""
        self._order("forget")

    def rename(self, name: str) -> None:
        """Get a name, or another one: names may come later than the first advertisement."""
        self.spec = replace(self.spec, name=name)
        self._order("rename", name=name)

    # What the daemon knows of it.

    @property
    def connected(self) -> bool:
        return bool(self._state()["connected"])

    @property
    def connecting(self) -> bool:
        """Somebody called Connect and waits."""
        return bool(self._state()["connecting"])

    @property
    def resolved(self) -> bool:
        return bool(self._state()["resolved"])

    @property
    def known(self) -> bool:
        """The device is in BlueZ's list."""
        return bool(self._state()["known"])

    @property
    def subscribers(self) -> int:
        """How many clients have called StartNotify for measurements; this outlives a lost link."""
        return int(self._state()["subscribers"])

    @property
    def subscribed(self) -> bool:
        """A measurement sent now would go to somebody."""
        state = self._state()
        return bool(state["resolved"] and state["subscribers"])

    @property
    def accelerating(self) -> bool:
        """Acceleration sent now would go to somebody."""
        return bool(self._state()["accelerating"])

    @property
    def asked(self) -> list[str]:
        """All that was written to the accelerometer's control point, as hex."""
        return list(self._state()["asked"])

    def _state(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._rig.state()["straps"][self.address])

    def _order(self, do: str, **details: object) -> object:
        return self._rig.order(do, address=self.address, **details)

    def _set(self, name: str, *, value: object) -> None:
        self._settings[name] = value
        self._order("set", name=name, value=value)

    def introduce(self) -> None:
        """Tell a daemon of this strap."""
        self._rig.order("add", strap=asdict(self.spec) | self._settings)


class Rig:
    """The stack; a context manager. Give `bluez=False` for a bus without a daemon."""

    def __init__(self, *, bluez: bool = True) -> None:
        self._bluez = bluez
        self._exits = ExitStack()
        self._bus = PrivateBus()
        self._daemon: subprocess.Popen[str] | None = None
        self._turn = Lock()
        self.straps: list[Strap] = []

    def __enter__(self) -> Self:
        with ExitStack() as exits:
            exits.enter_context(self._bus)
            exits.callback(self.kill_daemon)
            if self._bluez:
                self.start_daemon()
            self._exits = exits.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def environment(self) -> dict[str, str]:
        """What a program needs to find this bus."""
        return {"DBUS_SYSTEM_BUS_ADDRESS": self._bus.address}

    def add_strap(
        self,
        name: str | None = "Polar H10 12345678",
        address: str = "",
        *,
        rssi: int = -60,
        advertised: Sequence[str] = (HEART_RATE,),
        battery: int | None = 80,
        location: int | None = 1,
        control_point: bool = True,
        accelerometer: bool = False,
    ) -> Strap:
        """Put on one more strap, in range and advertising; without an address it gets one by its number."""
        address = address or f"A0:9E:1A:00:00:{len(self.straps) + 1:02X}"
        spec = StrapSpec(address, name, rssi, tuple(advertised), battery, location, control_point, accelerometer)
        strap = Strap(self, spec)
        self.straps.append(strap)
        strap.introduce()
        return strap

    def power(self, *, on: bool) -> None:
        """Switch the adapter; all links go when it goes off."""
        self.order("power", on=on)

    def ready(self, *, ready: bool) -> None:
        """Let discovery be refused with NotReady, as a daemon does some 100 ms after it started."""
        self.order("ready", ready=ready)

    def refuse_discovery(self, *, refusing: bool = True) -> None:
        """Fail to discover although the adapter is on."""
        self.order("refuse discovery", refusing=refusing)

    def start_daemon(self) -> None:
        """Start the daemon, with the straps there are; returns when it is on the bus."""
        self._daemon = subprocess.Popen(
            [sys.executable, "-m", "tests.bluez.daemon"],
            env=os.environ | self.environment(),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()
        for strap in self.straps:
            strap.introduce()

    def stop_daemon(self) -> None:
        """End the daemon as the system does: links down, objects taken off the bus."""
        self.order("stop")
        self.kill_daemon()

    def kill_daemon(self) -> None:
        """End the daemon without a word: nobody on the bus hears that links are gone."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            daemon.kill()
            close(daemon)

    def hang_daemon(self, *, hanging: bool = True) -> None:
        """Let the daemon take calls and answer none, orders neither."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP if hanging else signal.SIGCONT)

    def restart_daemon(self) -> None:
        """Stop and start; straps are there again and advertise."""
        self.stop_daemon()
        self.start_daemon()

    def stop_bus(self) -> None:
        """End the D-Bus and with it everything on it."""
        self._bus.__exit__()
        self.kill_daemon()

    @property
    def discovering(self) -> bool:
        """Somebody scans."""
        return bool(self.state()["discovering"])

    def state(self) -> dict[str, Any]:
        """All that the daemon knows, in JSON's terms."""
        return cast("dict[str, Any]", self.order("state"))

    def wait(self, condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        """Return when the condition holds; raises TimeoutError with the daemon's state when it never does."""
        end = time.monotonic() + deadline_s
        while not condition():
            self._check(end)
            time.sleep(POLL_S)

    async def reached(self, condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        """`wait` inside an event loop."""
        end = time.monotonic() + deadline_s
        while not condition():
            self._check(end)
            await asyncio.sleep(POLL_S)

    def _check(self, end: float) -> None:
        if time.monotonic() > end:
            raise TimeoutError(f"the condition never held; the daemon says {self.state() if self._daemon else None}")

    def order(self, do: str, **details: object) -> object:
        """Give the daemon one order and return its answer."""
        with self._turn:
            if self._daemon is None:
                raise RuntimeError("the daemon is not running")
            stdin = pipe(self._daemon.stdin)
            stdin.write(json.dumps({"do": do, **details}) + "\n")
            stdin.flush()
            return self._answer()

    def _answer(self) -> object:
        assert self._daemon is not None
        line = pipe(self._daemon.stdout).readline()
        if not line:
            raise RuntimeError("the daemon has ended; what it said is on its standard error")
        answer = json.loads(line)
        if answer["error"]:
            raise ValueError(answer["error"])
        return cast("object", answer["said"])
