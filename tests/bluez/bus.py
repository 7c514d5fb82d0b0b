"""A D-Bus of our own: one dbus-daemon on one socket, that lets everybody do everything and starts nothing."""

from __future__ import annotations

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

# The shell waits for the end of its input, so that bus and folder go however this process ends.
_SCRIPT: Final = """
dbus-daemon --nofork --nopidfile --print-address --config-file="$1/bus.conf" </dev/null 2>"$1/complaints" &
read -r _
kill $!
wait $!
rm -r "$1"
"""


class PrivateBus:
    """A context manager; inside it, `address` is what goes into DBUS_SYSTEM_BUS_ADDRESS."""

    def __init__(self) -> None:
        self.address = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        folder = Path(tempfile.mkdtemp(prefix="bluez-"))
        socket = folder / "bus"
        (folder / "bus.conf").write_text(_CONFIG.format(socket=socket), "utf-8")
        self.address = f"unix:path={socket}"
        self._process = subprocess.Popen(
            ["sh", "-c", _SCRIPT, "sh", str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if not pipe(self._process.stdout).readline():
            said = (folder / "complaints").read_text("utf-8")
            self.__exit__()
            raise RuntimeError(f"dbus-daemon did not start: {said}")
        return self

    def __exit__(self, *_: object) -> None:
        process, self._process = self._process, None
        if process is not None:
            close(process)


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
