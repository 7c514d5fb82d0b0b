"""The fake BlueZ as a process: `python -m tests.bluez.daemon`.

It serves org.bluez on the bus that DBUS_SYSTEM_BUS_ADDRESS names and does what JSON lines on its standard input say,
one line of answer each: `{"error": "", "said": ...}`. It ends with `{"do": "stop"}` as the real daemon does on SIGTERM,
and at once, without a word on the bus, when its input ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, cast

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

from tests.bluez.air import StrapState
from tests.bluez.bluetoothd import FakeBluez

Order: TypeAlias = dict[str, Any]


def _set(bluez: FakeBluez, order: Order) -> None:
    strap = bluez.strap(order["address"])
    setattr(strap, order["name"], order["value"])
    after: dict[str, Callable[[StrapState], None]] = {
        "held_elsewhere": bluez.drop if order["value"] else bluez.arrive,
        "in_range": bluez.arrive if order["value"] else bluez.drop,
    }
    if order["name"] == "hides_services" and not order["value"]:
        bluez.resolve(strap)
    elif order["name"] in after:
        after[order["name"]](strap)


def _fail(bluez: FakeBluez, order: Order) -> None:
    bluez.strap(order["address"]).refusals.extend([order["how"]] * order["times"])


def _set_pmd(bluez: FakeBluez, order: Order) -> None:
    setattr(bluez.strap(order["address"]).pmd, order["name"], order["value"])


ORDERS: dict[str, Callable[[FakeBluez, Order], object]] = {
    "add": lambda bluez, order: bluez.add_strap(StrapState(**order["strap"])),
    "state": lambda bluez, _: bluez.report(),
    "power": lambda bluez, order: bluez.power(on=order["on"]),
    "ready": lambda bluez, order: bluez.make_ready(ready=order["ready"]),
    "refuse discovery": lambda bluez, order: bluez.refuse_discovery(refusing=order["refusing"]),
    "set": _set,
    "set_pmd": _set_pmd,
    "accelerate": lambda bluez, order: bluez.accelerate(bluez.strap(order["address"]), bytes.fromhex(order["raw"])),
    "fail": _fail,
    "rename": lambda bluez, order: bluez.rename(bluez.strap(order["address"]), order["name"]),
    "notify": lambda bluez, order: bluez.notify(bluez.strap(order["address"]), map(bytes.fromhex, order["raws"])),
    "battery": lambda bluez, order: bluez.set_battery(bluez.strap(order["address"]), order["percent"]),
    "hold": lambda bluez, order: bluez.hold(bluez.strap(order["address"])),
    "drop": lambda bluez, order: bluez.drop(bluez.strap(order["address"])),
    "forget": lambda bluez, order: bluez.forget(bluez.strap(order["address"])),
}


def answer(said: object, error: str = "") -> None:
    sys.stdout.write(json.dumps({"error": error, "said": said}) + "\n")
    sys.stdout.flush()


async def follow(bluez: FakeBluez, order: Order) -> None:
    """Do what one order says and answer, whatever the order was."""
    try:
        said = ORDERS[order["do"]](bluez, order)
        if isinstance(said, Awaitable):
            said = cast("object", await said)
    except (KeyError, TypeError, ValueError) as error:
        answer(None, repr(error))
    else:
        answer(said)


def die(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End when a task fails, rather than leave a test waiting for a half-dead daemon."""
    loop.default_exception_handler(context)
    os._exit(1)


async def serve() -> None:
    """Follow orders until told to stop."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(die)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    bluez = FakeBluez(bus)
    await bluez.start()
    answer("ready")
    async for line in orders:
        order: Order = json.loads(line)
        if order["do"] == "stop":
            await bluez.stop()
            answer("stopped")
            return
        await follow(bluez, order)


if __name__ == "__main__":
    asyncio.run(serve())
