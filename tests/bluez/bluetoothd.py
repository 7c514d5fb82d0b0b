"""A BlueZ of our own: the daemon's side of the D-Bus conversation that bleak leads, without any radio.

Behaviour is that of BlueZ 5.66 with its default settings, from its source (src/adapter.c, device.c, gatt-client.c)
and from recordings of the real daemon, except that nothing takes time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Final, TypeAlias, cast

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from tests.bluez.air import (
    ADAPTER,
    ADAPTER_IFACE,
    CHARACTERISTIC_IFACE,
    CONTROL_POINT,
    DEVICE_IFACE,
    LEVEL,
    MEASUREMENT,
    Properties,
    StrapState,
)
from tests.devices import pmd

BLUEZ: Final = "org.bluez"
OBJECTS_IFACE: Final = "org.freedesktop.DBus.ObjectManager"
PROPERTIES_IFACE: Final = "org.freedesktop.DBus.Properties"
BUS_IFACE: Final = "org.freedesktop.DBus"

ADVERTISING_S: Final = 0.02
"""Straps advertise every 20 ms: real ones do every second or so, and tests need not wait."""

LARGEST_BURST: Final = 50
"""So many signals fit into the socket, even if nobody takes them off; dbus-fast gives up when one does not."""

Handler: TypeAlias = Callable[[Message], Message | None]


class RefusalError(Exception):
    """Raised to answer a call with an error of BlueZ or of the bus."""

    def __init__(self, error: str, text: str) -> None:
        super().__init__(text)
        self.error = error
        self.text = text


def bluez_error(name: str, text: str) -> RefusalError:
    return RefusalError(f"org.bluez.Error.{name}", text)


def done(call: Message, signature: str = "", body: Iterable[Any] = ()) -> Message:
    return Message.new_method_return(call, signature, list(body))


def full(uuid: str) -> str:
    """A service UUID in full length: BlueZ takes "180d" and "0x180d" too."""
    short = uuid.lower().removeprefix("0x")
    return short if len(short) > 8 else f"{short:0>8}-0000-1000-8000-00805f9b34fb"


class FakeBluez:
    """Adapter hci0 and the straps around it."""

    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._tasks: set[asyncio.Task[None]] = set()
        self._powered = True
        self._ready = True
        self._notifications = 0
        self._refuses_discovery = False
        self._filters: dict[str, list[str]] = {}
        """What each bus name asked to hear of; kept after its discovery ends."""
        self._discoverers: list[str] = []
        self._straps: dict[str, StrapState] = {}
        self._handlers: dict[tuple[str, str], Handler] = {
            (OBJECTS_IFACE, "GetManagedObjects"): self._get_managed_objects,
            (PROPERTIES_IFACE, "Get"): self._get_property,
            (PROPERTIES_IFACE, "GetAll"): self._get_properties,
            (PROPERTIES_IFACE, "Set"): self._set_property,
            (ADAPTER_IFACE, "SetDiscoveryFilter"): self._set_discovery_filter,
            (ADAPTER_IFACE, "StartDiscovery"): self._start_discovery,
            (ADAPTER_IFACE, "StopDiscovery"): self._stop_discovery,
            (ADAPTER_IFACE, "RemoveDevice"): self._remove_device,
            (DEVICE_IFACE, "Connect"): self._connect,
            (DEVICE_IFACE, "Disconnect"): self._disconnect,
            (DEVICE_IFACE, "Pair"): self._pair,
            (CHARACTERISTIC_IFACE, "ReadValue"): self._read_value,
            (CHARACTERISTIC_IFACE, "WriteValue"): self._write_value,
            (CHARACTERISTIC_IFACE, "StartNotify"): self._start_notify,
            (CHARACTERISTIC_IFACE, "StopNotify"): self._stop_notify,
        }

    async def start(self) -> None:
        """Take the name and announce the adapter, as the real daemon does when it starts."""
        self._bus.add_message_handler(self._on_message)
        watch = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'"
        await self._call_bus("AddMatch", "s", [watch])
        await self._bus.request_name(BLUEZ)
        self._added(ADAPTER, {ADAPTER_IFACE: self._adapter()})
        self._spawn(self._advertise())

    async def stop(self) -> None:
        """End as the real daemon does on SIGTERM: links down, objects gone."""
        self._adapter_down()
        for strap in self._straps.values():
            self._forget(strap)
        self._removed(ADAPTER, [ADAPTER_IFACE])
        for task in self._tasks:
            task.cancel()
        await self._settled()

    # What a test does to the world.

    def add_strap(self, strap: StrapState) -> None:
        self._straps[strap.address] = strap
        self._hear(strap)

    def strap(self, address: str) -> StrapState:
        return self._straps[address]

    def report(self) -> dict[str, object]:
        straps = {address: strap.report() for address, strap in self._straps.items()}
        return {"powered": self._powered, "discovering": len(self._discoverers), "straps": straps}

    def power(self, *, on: bool) -> None:
        if not on:
            self._adapter_down()
        self._powered = on
        self._changed(ADAPTER, ADAPTER_IFACE, {"Powered": Variant("b", on)})

    def make_ready(self, *, ready: bool) -> None:
        """A daemon that has just started refuses to discover for a while."""
        self._ready = ready

    def refuse_discovery(self, *, refusing: bool) -> None:
        """Fail to discover although the adapter is on, as with a controller that hangs."""
        self._refuses_discovery = refusing

    async def notify(self, strap: StrapState, raws: Iterable[bytes]) -> int:
        """Send measurements back to back; how many went to a subscriber."""
        sent = 0
        for raw in raws:
            sent += self._notified(strap, MEASUREMENT, raw)
            self._notifications += 1
            if self._notifications % LARGEST_BURST == 0:
                await self._settled()
        return sent

    def set_battery(self, strap: StrapState, percent: int) -> bool:
        strap.battery = percent
        return self._notified(strap, LEVEL, bytes([percent]))

    def accelerate(self, strap: StrapState, raw: bytes) -> bool:
        """Send acceleration, if the strap was asked for it."""
        return strap.pmd.running and self._notified(strap, pmd.DATA, raw)

    def rename(self, strap: StrapState, name: str | None) -> None:
        strap.name = name
        if strap.known and name is not None:
            self._changed(strap.path, DEVICE_IFACE, {"Name": Variant("s", name), "Alias": Variant("s", strap.alias)})

    def hold(self, strap: StrapState) -> None:
        """Have a link that a program which is gone left behind."""
        strap.known = strap.connected = True
        self._added(strap.path, {DEVICE_IFACE: strap.device()})
        self.resolve(strap)

    def drop(self, strap: StrapState) -> None:
        """The link is lost."""
        self._link_down(strap)

    def arrive(self, strap: StrapState) -> None:
        """The strap can be heard: whoever waits for a connection gets it."""
        self._hear(strap)
        if strap.advertises and strap.waiting:
            self._spawn(self._establish(strap))

    def forget(self, strap: StrapState) -> None:
        """BlueZ drops a device from its list, 30 s after its link or its last advertisement."""
        self._link_down(strap)
        self._fail_connects(strap, "br-connection-canceled")
        self._forget(strap)

    # Signals.

    def _send(self, message: Message) -> None:
        cast("Any", self._bus).send(message)  # its return type is incomplete

    def _signal(self, path: str, interface: str, member: str, signature: str, body: list[Any]) -> None:
        self._send(Message.new_signal(path, interface, member, signature, body))

    def _changed(self, path: str, interface: str, changed: Properties, invalidated: Iterable[str] = ()) -> None:
        self._signal(path, PROPERTIES_IFACE, "PropertiesChanged", "sa{sv}as", [interface, changed, list(invalidated)])

    def _device_changed(self, strap: StrapState, *names: str) -> None:
        properties = strap.device()
        self._changed(strap.path, DEVICE_IFACE, {name: properties[name] for name in names})

    def _added(self, path: str, interfaces: Mapping[str, Properties]) -> None:
        self._signal("/", OBJECTS_IFACE, "InterfacesAdded", "oa{sa{sv}}", [path, dict(interfaces)])

    def _removed(self, path: str, interfaces: Iterable[str]) -> None:
        self._signal("/", OBJECTS_IFACE, "InterfacesRemoved", "oas", [path, list(interfaces)])

    async def _call_bus(self, member: str, signature: str = "", body: Iterable[Any] = ()) -> None:
        await self._bus.call(
            Message(BUS_IFACE, "/org/freedesktop/DBus", BUS_IFACE, member, signature=signature, body=list(body))
        )

    async def _settled(self) -> None:
        """Return when the bus has passed on all that was sent: signals and replies go to different sockets."""
        await self._call_bus("GetId")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # The radio.

    async def _advertise(self) -> None:
        while True:
            await asyncio.sleep(ADVERTISING_S)
            for strap in self._straps.values():
                self._hear(strap)

    def _hear(self, strap: StrapState) -> None:
        """One advertisement, when the strap sends it and somebody listens."""
        if not (strap.advertises and any(self._wants(name, strap) for name in self._discoverers)):
            return
        strap.seen = True
        if strap.known:
            self._device_changed(strap, "RSSI")
        else:
            strap.known = True
            self._added(strap.path, {DEVICE_IFACE: strap.device()})

    def _wants(self, name: str, strap: StrapState) -> bool:
        wanted = self._filters.get(name, [])
        return not wanted or not set(wanted).isdisjoint(strap.advertised)

    def _notified(self, strap: StrapState, characteristic: str, raw: bytes) -> bool:
        """Every StartNotify that stands gives a signal of its own, as in BlueZ: hence doubled notifications."""
        subscribers = strap.subscribers.get(characteristic, []) if strap.resolved else []
        for _ in subscribers:
            self._value_changed(strap, characteristic, raw)
        return bool(subscribers)

    def _value_changed(self, strap: StrapState, characteristic: str, raw: bytes) -> None:
        self._changed(strap.characteristic_path(characteristic), CHARACTERISTIC_IFACE, {"Value": Variant("ay", raw)})

    def _link_down(self, strap: StrapState) -> None:
        if strap.connected:
            self._fail_connects(strap, "le-connection-abort-by-local")
            strap.connected = strap.pmd.running = False
            if strap.resolved:
                strap.resolved = False
                self._device_changed(strap, "ServicesResolved")
            self._device_changed(strap, "Connected")

    def _fail_connects(self, strap: StrapState, text: str) -> None:
        for call in strap.waiting:
            self._send(Message.new_error(call, "org.bluez.Error.Failed", text))
        strap.waiting.clear()

    def _adapter_down(self) -> None:
        for strap in self._straps.values():
            self._link_down(strap)
            self._fail_connects(strap, "le-connection-abort-by-local")
        self._end_discovery(self._discoverers)

    def _forget(self, strap: StrapState) -> None:
        if not strap.known:
            return
        if strap.has_gatt:
            for path, interfaces in reversed(strap.gatt().items()):
                self._removed(path, interfaces)
        self._removed(strap.path, [DEVICE_IFACE])
        strap.known = strap.seen = strap.has_gatt = strap.paired = False
        strap.subscribers.clear()

    def _end_discovery(self, names: Iterable[str]) -> None:
        ended = [name for name in names if name in self._discoverers]
        self._discoverers = [name for name in self._discoverers if name not in ended]
        if not ended or self._discoverers:
            return
        for strap in self._straps.values():
            if strap.known and strap.seen:
                self._changed(strap.path, DEVICE_IFACE, {}, ["RSSI"])
            strap.seen = False
        self._changed(ADAPTER, ADAPTER_IFACE, {"Discovering": Variant("b", False)})

    # Calls.

    def _on_message(self, message: Message) -> Message | bool | None:
        if message.message_type is MessageType.SIGNAL:
            if message.member == "NameOwnerChanged" and not message.body[2]:
                self._client_gone(message.body[0])
            return None
        if message.message_type is not MessageType.METHOD_CALL:
            return None
        handler = self._handlers.get((message.interface or "", message.member or ""))
        if handler is None:
            return None
        try:
            return handler(message) or True
        except RefusalError as refusal:
            return Message.new_error(message, refusal.error, refusal.text)

    def _client_gone(self, name: str) -> None:
        """A program left the bus: its discovery and subscriptions end, its links stay up."""
        self._end_discovery([name])
        self._filters.pop(name, None)
        for strap in self._straps.values():
            for names in strap.subscribers.values():
                if name in names:
                    names.remove(name)

    def _adapter(self) -> Properties:
        return {
            "Address": Variant("s", "00:AA:01:00:00:42"),
            "AddressType": Variant("s", "public"),
            "Name": Variant("s", "fake"),
            "Alias": Variant("s", "fake"),
            "Class": Variant("u", 0),
            "Powered": Variant("b", self._powered),
            "Discoverable": Variant("b", False),
            "Pairable": Variant("b", False),
            "Discovering": Variant("b", bool(self._discoverers)),
            "UUIDs": Variant("as", []),
            "Modalias": Variant("s", "usb:v1D6Bp0246d0542"),
            "Roles": Variant("as", ["central", "peripheral"]),
        }

    def _objects(self) -> dict[str, dict[str, Properties]]:
        objects: dict[str, dict[str, Properties]] = {ADAPTER: {ADAPTER_IFACE: self._adapter()}}
        for strap in self._straps.values():
            if strap.known:
                objects[strap.path] = {DEVICE_IFACE: strap.device()}
                objects |= strap.gatt() if strap.has_gatt else {}
        return objects

    def _get_managed_objects(self, call: Message) -> Message:
        return done(call, "a{oa{sa{sv}}}", [self._objects()])

    def _properties(self, call: Message) -> Properties:
        try:
            return self._objects()[call.path or ""][call.body[0]]
        except KeyError:
            raise unknown_object(call) from None

    def _get_property(self, call: Message) -> Message:
        try:
            return done(call, "v", [self._properties(call)[call.body[1]]])
        except KeyError:
            raise RefusalError("org.freedesktop.DBus.Error.InvalidArgs", "No such property") from None

    def _get_properties(self, call: Message) -> Message:
        return done(call, "a{sv}", [self._properties(call)])

    def _set_property(self, call: Message) -> Message:
        self._properties(call)
        interface, name, value = call.body
        if (interface, name) == (ADAPTER_IFACE, "Powered"):
            self.power(on=bool(value.value))
        elif (interface, name) != (DEVICE_IFACE, "Trusted"):
            raise RefusalError("org.freedesktop.DBus.Error.PropertyReadOnly", "Property is not writable")
        return done(call)

    def _set_discovery_filter(self, call: Message) -> Message:
        if not self._powered:
            raise bluez_error("NotReady", "Resource Not Ready")
        uuids = call.body[0].get("UUIDs")
        self._filters[str(call.sender)] = [] if uuids is None else [full(each) for each in uuids.value]
        return done(call)

    def _start_discovery(self, call: Message) -> Message:
        name = str(call.sender)
        if not (self._powered and self._ready):
            raise bluez_error("NotReady", "Resource Not Ready")
        if self._refuses_discovery:
            raise bluez_error("Failed", "Operation failed")
        if name in self._discoverers:
            raise bluez_error("InProgress", "Operation already in progress")
        self._discoverers.append(name)
        if len(self._discoverers) == 1:
            self._changed(ADAPTER, ADAPTER_IFACE, {"Discovering": Variant("b", True)})
        return done(call)

    def _stop_discovery(self, call: Message) -> Message:
        if not self._powered:
            raise bluez_error("NotReady", "Resource Not Ready")
        if str(call.sender) not in self._discoverers:
            raise bluez_error("Failed", "No discovery started")
        self._end_discovery([str(call.sender)])
        return done(call)

    def _remove_device(self, call: Message) -> Message:
        strap = next((each for each in self._straps.values() if each.path == call.body[0] and each.known), None)
        if strap is None:
            raise bluez_error("DoesNotExist", "Does Not Exist")
        self.forget(strap)
        return done(call)

    def _called_strap(self, call: Message) -> StrapState:
        for strap in self._straps.values():
            if strap.known and (call.path or "").startswith(strap.path):
                return strap
        raise unknown_object(call)

    def _connect(self, call: Message) -> Message | None:
        strap = self._called_strap(call)
        if not self._powered:
            raise bluez_error("Failed", "Input/output error")
        if strap.connected:
            return done(call)
        if strap.waiting:
            raise bluez_error("InProgress", "In Progress")
        strap.waiting.append(call)
        if strap.advertises:
            self._spawn(self._establish(strap))
        return None

    async def _establish(self, strap: StrapState) -> None:
        """Bring the link up and answer Connect; `refusals` say how the next attempts go wrong.

        "refuse": the link fails to be established; "leave": it is lost while services are discovered; "error": what
        BlueZ before 5.62 answers to the former.
        """
        trouble = strap.refusals.pop(0) if strap.refusals else ""
        if trouble == "error":
            self._fail_connects(strap, "Software caused connection abort")
            return
        strap.connected = True
        self._device_changed(strap, "Connected")
        await self._settled()
        if trouble == "refuse":
            self._link_down(strap)
            return
        for call in strap.waiting:
            self._send(done(call))
        strap.waiting.clear()
        await self._settled()
        if trouble == "leave":
            self._link_down(strap)
        elif strap.connected and not strap.hides_services:
            self._resolve(strap)

    def resolve(self, strap: StrapState) -> None:
        """Show services that were hidden."""
        if strap.connected and not strap.resolved:
            self._resolve(strap)

    def _resolve(self, strap: StrapState) -> None:
        if not strap.has_gatt:
            strap.has_gatt = True
            for path, interfaces in strap.gatt().items():
                self._added(path, interfaces)
        strap.resolved = True
        self._device_changed(strap, "UUIDs", "ServicesResolved")

    def _disconnect(self, call: Message) -> None:
        strap = self._called_strap(call)
        self._fail_connects(strap, "br-connection-canceled")
        self._spawn(self._close_link(strap, call))

    async def _close_link(self, strap: StrapState, call: Message) -> None:
        await asyncio.sleep(strap.disconnect_s)
        self._link_down(strap)
        self._send(done(call))

    def _pair(self, call: Message) -> Message | None:
        strap = self._called_strap(call)
        if strap.paired:
            raise bluez_error("AlreadyExists", "Already Exists")
        if strap.refuses_pairing:
            raise bluez_error("AuthenticationFailed", "Authentication Failed")
        strap.paired = True
        self._device_changed(strap, "Paired")
        return self._connect(call)

    def _called_characteristic(self, call: Message) -> tuple[StrapState, str]:
        strap = self._called_strap(call)
        characteristic = strap.characteristic_at(call.path or "")
        if characteristic is None:
            raise unknown_object(call)
        return strap, characteristic

    @staticmethod
    def _check_access(strap: StrapState) -> None:
        if not strap.connected:
            raise bluez_error("Failed", "Not connected")
        if strap.wants_pairing and not strap.paired:
            if strap.att_code is None:
                raise bluez_error("NotPermitted", "Not paired")
            raise bluez_error("Failed", f"Operation failed with ATT error: 0x{strap.att_code:02x}")

    def _read_value(self, call: Message) -> Message | None:
        strap, characteristic = self._called_characteristic(call)
        self._check_access(strap)
        if strap.mute:
            return None
        value = strap.value(characteristic)
        if characteristic == pmd.CONTROL and strap.pmd.wants_pairing:
            raise bluez_error("Failed", "Operation failed with ATT error: 0x05 (Insufficient Authentication)")
        if value is None:
            raise bluez_error("NotPermitted", "Read not permitted")
        self._value_changed(strap, characteristic, value)  # a read shows like a notification
        return done(call, "ay", [value])

    def _write_value(self, call: Message) -> Message:
        strap, characteristic = self._called_characteristic(call)
        self._check_access(strap)
        if characteristic == pmd.CONTROL:
            self._spawn(self._indicate(strap, strap.pmd.write(bytes(call.body[0]))))
            return done(call)
        if characteristic != CONTROL_POINT:
            raise bluez_error("NotPermitted", "Write not permitted")
        if bytes(call.body[0]) != b"\x01":
            raise bluez_error("Failed", "Operation failed with ATT error: 0x80 (Unknown error)")
        return done(call)

    async def _indicate(self, strap: StrapState, answers: Iterable[bytes]) -> None:
        """A strap answers behind the reply to what was written."""
        await self._settled()
        for answer in answers:
            self._notified(strap, pmd.CONTROL, answer)

    def _start_notify(self, call: Message) -> Message:
        strap, characteristic = self._called_characteristic(call)
        if not strap.can_notify(characteristic):
            raise bluez_error("NotSupported", "Operation is not supported")
        if strap.connected:
            self._check_access(strap)
        names = strap.subscribers.setdefault(characteristic, [])
        if str(call.sender) not in names:
            names.append(str(call.sender))
        return done(call)

    def _stop_notify(self, call: Message) -> Message:
        strap, characteristic = self._called_characteristic(call)
        names = strap.subscribers.get(characteristic, [])
        if str(call.sender) not in names:
            raise bluez_error("Failed", "No notify session started")
        names.remove(str(call.sender))
        return done(call)


def unknown_object(call: Message) -> RefusalError:
    text = f'Method "{call.member}" on interface "{call.interface}" does not exist: no object at {call.path}'
    return RefusalError("org.freedesktop.DBus.Error.UnknownObject", text)
