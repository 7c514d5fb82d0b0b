"""Runs something in a child process that dies, as by kill -9, right after its k-th system call on files."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

CALLS: Final = (
    "open",
    "write",
    "fsync",
    "ftruncate",
    "link",
    "rename",
    "replace",
    "unlink",
    "chmod",
    "fchmod",
    "close",
)
DIED: Final = 99
ENDED: Final = 0


def deaths(work: Callable[[], object], most: int = 2000) -> Iterator[int]:
    """Run `work` again and again, dying after call 1, 2, 3, ...; yields after each death, and ends when it lives."""
    for k in range(1, most):
        if _run(work, k) == ENDED:
            return
        yield k
    raise AssertionError(f"it still dies at call {most}")


def _run(work: Callable[[], object], k: int) -> int:
    child = os.fork()
    if child == 0:
        try:
            _count_down(k)
            work()
        except BaseException as error:  # noqa: BLE001 - told to the parent
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
        os._exit(ENDED)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (DIED, ENDED), f"call {k}: the child failed by itself"
    return code


def _count_down(k: int) -> None:
    left = k
    lock = threading.Lock()

    def wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the call it stands for
            nonlocal left
            result = call(*args, **kwargs)
            with lock:
                left -= 1
                if left == 0:
                    os._exit(DIED)
            return result

        return counted

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
