"""An importer that does what a hostile file might make a reader do, installed for the process that reads."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.plugged import install

CODE = '''
import os
import sys
import time
from array import array

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.reading import Reader


def could(act):
    """What came of trying something."""
    try:
        return str(act())
    except BaseException as error:
        return type(error).__name__


def write():
    with open(os.path.join(os.path.dirname(__file__), "written"), "wb") as file:
        file.write(b"x")
    return "wrote"


def files():
    return len([open(os.devnull) for _ in range(1000)])


def grow():
    bytearray(3 * 1024**3)
    return "grew"


def segfault():
    import ctypes

    ctypes.string_at(0)


def forge(data):
    for number in range(3, 12):
        try:
            os.write(number, data)
        except OSError:
            pass
    time.sleep(60)


def spin():
    while True:
        pass


def worn():
    bytearray(700 * 1024**2)
    return "grew"


DEEDS = {
    "spin": spin,
    "segfault": segfault,
    "sleep": lambda: time.sleep(60),
    "killed": lambda: os.kill(os.getpid(), 9),
    "leave": lambda: os._exit(0),
    "fail": lambda: 1 // 0,
    "print": lambda: (os.write(1, b"{}\\\\n" * 100), os.write(2, b"x"), print("noise"), sys.stdout.flush()),
}
TRIALS = {
    "write": write,
    "files": files,
    "grow": grow,
    "worn": worn,
    "home": lambda: os.environ.get("HOME"),
    "numpy": lambda: "numpy" in sys.modules,
    "pid": os.getpid,
    "core": lambda: __import__("resource").getrlimit(__import__("resource").RLIMIT_CORE),
}


def read(file, choices, progress):
    _, deed, *more = file.data.split(b" ", 2)
    deed = deed.decode().strip()
    if deed == "forge":
        forge(more[0])
    progress(0.5)
    if deed in DEEDS:
        DEEDS[deed]()
    why = could(TRIALS[deed]) if deed in TRIALS else None
    return Content("acme", "rr", array("q", [1_024_000] * 3), "s", rule="as it is", why=why)


READER = Reader("acme", lambda file: file.head.startswith(b"ACME "), read)
'''


def use_hostile(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let the process that reads find the importer; it takes files that begin with `ACME ` and a deed."""
    install(folder, CODE, {"acme": "acme_reader:READER"}, name="acme-files", module="acme_reader", group=GROUP)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])


GROUP = "biofeedback.importers"
