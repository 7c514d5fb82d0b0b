"""One process that reads foreign files for this one: started, asked, timed, and ended whatever happens."""

from __future__ import annotations

import json
import subprocess
import sys
from array import array
from contextlib import suppress
from pathlib import Path
from threading import Timer
from types import TracebackType
from typing import Any, Final, Self

from biofeedback.errors import ImportRefused
from biofeedback.formats import limits, wire

_START: Final = (
    "import sys, json; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from biofeedback.formats.worker import main; main()"
)
"""The other process finds modules where this one does, whichever way it was installed, and nowhere else."""
_ITEM_BYTES: Final = 8
_GONE_AFTER_S: Final = 1.0


class Died(Exception):  # noqa: N818 - the word of whoever reads it
    """Raised when the process ended in the middle of a file; `refused` says what that says about the file."""

    def __init__(self, refused: ImportRefused) -> None:
        super().__init__(refused.what)
        self.refused = refused


class Child:
    """The process. It is started by the first question, and once more by the first one after it has died.

    Used as a context; when that is left, by Ctrl-C or any other way, the process is gone and so are its pipes.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._timer: Timer | None = None
        self._late = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def ask(self, path: Path, choices: dict[str, Any], skip: int) -> None:
        """Ask about one path; of an archive, from member number `skip` on. Raises Died."""
        is_there = self._process is not None and self._process.poll() is None
        question = {"path": str(path.absolute()), "choices": choices, "skip": skip, "cpu_s": limits.CPU_S}
        try:
            process = self._process if is_there and self._process is not None else self._started()
            self.allow(limits.wall_s(0, xml=False))
            _write(process, question)
        except OSError:
            raise self._died() from None

    def _started(self) -> subprocess.Popen[bytes]:
        self.close()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - every word of it is our own
                [sys.executable, "-I", "-B", "-c", _START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=limits.environment(),
            )
        except OSError as error:
            why = f"the program that reads files cannot be started: {error.strerror}."
            raise Died(ImportRefused(why, "Close other programs and try again.")) from error
        _write(self._process, _where_modules_are())
        return self._process

    def allow(self, seconds: float) -> None:
        """Wait no longer than so many seconds from now; then the process is ended."""
        self._stop_timer()
        self._timer = Timer(seconds, self._too_late)
        self._timer.daemon = True
        self._timer.start()

    def _too_late(self) -> None:
        self._late = True
        if self._process is not None:
            self._process.kill()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
            self._timer = None

    def line(self) -> dict[str, Any]:
        """The next answer. Raises Died, or Senseless for what is no answer."""
        assert self._process is not None  # noqa: S101 - it was asked
        assert self._process.stdout is not None  # noqa: S101 - it has one
        line = self._process.stdout.readline(wire.LONGEST_LINE)
        if not line.endswith(b"\n") and len(line) < wire.LONGEST_LINE:
            raise self._died()
        return wire.parsed(line)

    def numbers(self, count: int) -> array[int]:
        """So many numbers of 64 bits, which follow their line as bytes. Raises Died."""
        size = count * _ITEM_BYTES
        assert self._process is not None  # noqa: S101 - it was asked
        assert self._process.stdout is not None  # noqa: S101 - it has one
        data = self._process.stdout.read(size)
        if len(data) < size:
            raise self._died()
        found = array("q")
        found.frombytes(data)
        return found

    def _died(self) -> Died:
        late, process = self._late, self._process
        if process is not None:
            with suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it is gone
                process.wait(_GONE_AFTER_S)
        code = self.close()
        return Died(ImportRefused(*limits.TOO_SLOW) if late else limits.died_of(code))

    def close(self) -> int:
        """End the process at once, if there is one. Gives its exit code."""
        self._stop_timer()
        process, self._process, self._late = self._process, None, False
        if process is None:
            return 0
        process.kill()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        return process.wait()


def _write(process: subprocess.Popen[bytes], value: object) -> None:
    assert process.stdin is not None  # noqa: S101 - it has one
    process.stdin.write(json.dumps(value).encode("ascii") + b"\n")
    process.stdin.flush()


def _where_modules_are() -> list[str]:
    ours = str(Path(__file__).resolve().parents[2])
    return [ours, *(place for place in sys.path if place and place != ours)]
