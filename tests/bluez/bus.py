"""A D-Bus of our own: one dbus-daemon on one socket, that lets everybody do everything and starts nothing."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Final, Self

_CONFIG: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

# The shell waits for the end of its input, so that the bus ends however this process does.
_SCRIPT: Final = """
dbus-daemon --nofork --nopidfile --print-address --config-file="$1" </dev/null 2>"$2" & read -r _; kill $!"""


class PrivateBus:
    """A context manager; `address` is what goes into DBUS_SYSTEM_BUS_ADDRESS."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="bluez-"))
        self._process: subprocess.Popen[str] | None = None

    @property
    def address(self) -> str:
        return f"unix:path={self._folder / 'bus'}"

    def __enter__(self) -> Self:
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(socket=self._folder / "bus"), "utf-8")
        complaints = self._folder / "complaints"
        command = ["sh", "-c", _SCRIPT, "sh", str(config), str(complaints)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not pipe(self._process.stdout).readline():
            said = complaints.read_text("utf-8")
            self.__exit__()
            raise RuntimeError(f"dbus-daemon did not start: {said}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            close(self._process)
            self._process = None
        shutil.rmtree(self._folder, ignore_errors=True)


def pipe(stream: IO[str] | None) -> IO[str]:
    """A pipe that was asked for is there."""
    assert stream is not None
    return stream


def close(process: subprocess.Popen[str]) -> None:
    """Close the input of a process that ends with it, and wait for its end; kill it when it does not come."""
    pipe(process.stdin).close()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    pipe(process.stdout).close()
