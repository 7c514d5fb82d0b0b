"""Run as a program: makes a log anew under other keys and dies at the k-th call that changes the disk."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from biofeedback.recording.home_lock import read_home_lock
from biofeedback.recording.keys import unlock
from biofeedback.recording.relock import relock
from tests.recording.logs import PASSPHRASE

CALLS = ("open", "write", "fsync", "rename", "replace", "unlink", "chmod", "close")


def main(home: Path, path: Path, dies_at: int) -> None:
    stored = read_home_lock(home)
    assert stored is not None
    keys = unlock(stored.lock, PASSPHRASE)
    count = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **more: object) -> object:
            nonlocal count
            count += 1
            if count == dies_at:
                os._exit(9)
            return real(*args, **more)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    relock(path, None, keys)
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
