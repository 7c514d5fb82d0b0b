"""How much a foreign file may ask for (RECORDING 2.3 rows 1, 2, 8), and how the process that reads it is kept to it."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from math import ceil
from pathlib import Path
from typing import Final

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.formats.foreign import LARGEST_BYTES

MEMORY_BYTES: Final = 2 * 1024**3
CPU_S: Final = 30
XML_BYTES_PER_S: Final = 5_000_000
"""XML is streamed and may be of any size; it gets its time in proportion."""
WAVE_BYTES_PER_S: Final = 1_000_000
MOST_WAVE_S: Final = 60
"""An hour of an ECG takes 0.7 s to search, and no more than 30 million samples are searched, 41 hours at 200 Hz."""
DESCRIPTORS: Final = 64
MOST_FILES: Final = 10_000
"""In a folder or an archive."""
MOST_UNPACKED: Final = 4 * 1024**3
MOST_RATIO: Final = 200
"""Unpacked to packed, of what is not XML."""
RATIO_FREE: Final = 1024**2
"""So little may be packed as tightly as it will: a thousand equal lines are no bomb."""
MOST_DEATHS: Final = 8
"""So many files of one folder or archive may end the process that reads them; then the rest is left alone."""
NO_MEMORY_LEFT: Final = 77
"""The exit code of a process that can not even say so."""
ONE_THREAD: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""Each thread of these libraries takes memory that no file asked for."""

_ADVICE: Final = "Export it again, or cut it into parts."
TOO_SLOW: Final = ("it takes too long to be read.", _ADVICE)
NOBODYS: Final = (
    "it is no file of heartbeats that this program knows.",
    "docs/formats.md lists what is read, and how to report a file.",
)
EMPTY: Final = ("empty file.", "Export it again from the program it comes from.")
OFFICE: Final = ("it is a file of an office program.", "Save the sheet as CSV and give that.")
UNKNOWN_DATABASE: Final = (
    "it is a database of a program that is not known here.",
    "Export the intervals as text from that program.",
)
NO_RECORDINGS: Final = frozenset({EMPTY[0], "it is empty.", NOBODYS[0], OFFICE[0], UNKNOWN_DATABASE[0]})
"""What is said of files in which nobody would look for heartbeats: pictures, letters, databases of mail."""
TOO_MUCH_MEMORY: Final = ("it needs more than 2 GiB of memory to be read.", _ADVICE)
KILLED: Final = ("the program that reads it was killed, as a system does that has no memory left.", _ADVICE)
TOO_MANY_DEATHS: Final = (
    f"{MOST_DEATHS} of its files could not be read to the end; the rest was left out.",
    "Give the other files one by one.",
)
TOO_LARGE: Final = ("it is larger than 512 MiB.", "Cut it into parts.")


def is_xml(head: bytes) -> bool:
    """Whether bytes begin as XML does, in an encoding that goes on from ASCII."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n")
    return start[:1] == b"<" and (start[1:2] in {b"?", b"!"} or start[1:2].isalpha())


def is_wave(head: bytes) -> bool:
    """Whether bytes begin as EDF, BDF or XDF do, which hold whole days of samples."""
    return head.startswith((b"0       ", b"\xffBIOSEMI", b"XDF:"))


def check_size(size: int, head: bytes) -> None:
    """Raises ImportRefused for what may not be read whole, nor streamed, because of its size in bytes."""
    if size > LARGEST_BYTES and not is_xml(head):
        raise ImportRefused(*TOO_LARGE)


def more_s(size: int, *, xml: bool, wave: bool = False) -> int:
    """The processor time in seconds that a file of this many bytes gets above what every file does."""
    if xml:
        return size // XML_BYTES_PER_S
    return min(MOST_WAVE_S, size // WAVE_BYTES_PER_S) if wave else 0


def wall_s(size: int, *, xml: bool) -> float:
    """How long somebody waits for it at the most, in seconds: the machine may have other things to do.

    Who waits does not know what is in the file, and grants any the time of a waveform; who reads does not.
    """
    return 10.0 + 3.0 * (CPU_S + more_s(size, xml=xml, wave=True))


def confine() -> None:
    """Keep this process within the limits for good: memory, no file written, no memory dump, few open files.

    Where a system has no such limit (macOS knows none of memory, Windows none at all) only the time that the other
    side waits is limited; nothing here pretends otherwise.
    """
    if sys.platform == "win32":
        return
    import resource
    import signal

    # Ctrl-C is the other side's business: it ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (most, most))


def allow_cpu(seconds: int) -> None:
    """Give this process so much processor time from now on; the system ends it when it is used up."""
    if sys.platform == "win32":
        return
    import resource

    used = ceil(time.process_time())
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (used + seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def largest_memory() -> int:
    """The most memory that this process has had, in bytes; 0 where the system does not say.

    Linux counts to a process what the one that started it had; only its status tells the two apart.
    """
    if sys.platform == "win32":
        return 0
    if sys.platform == "linux":
        with suppress(OSError, ValueError, StopIteration), Path("/proc/self/status").open(encoding="ascii") as status:
            return 1024 * int(next(line for line in status if line.startswith("VmHWM:")).split()[1])
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def died_of(code: int) -> ImportRefused:
    """What the exit code of a process that was reading says about the file."""
    if code == NO_MEMORY_LEFT:
        return ImportRefused(*TOO_MUCH_MEMORY)
    if sys.platform != "win32":
        import signal

        if code in {-signal.SIGXCPU, -signal.SIGALRM}:
            return ImportRefused(*TOO_SLOW)
        if code == -signal.SIGKILL:
            return ImportRefused(*KILLED)
    return ImportRefused(
        "it is damaged in a way that stops the program that reads it.",
        EXPORT_AGAIN,
    )


def environment() -> dict[str, str]:
    """What the process that reads may know of this one's environment: where libraries are, and the language."""
    kept = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
    return {name: os.environ[name] for name in kept if name in os.environ} | dict.fromkeys(ONE_THREAD, "1")
