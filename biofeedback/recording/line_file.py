"""An append-only file of chained lines that survives the death of the program, full and failing disks (RECORDING 1.4).

A line is committed when it is in the file, and durable within a second, when it is on the disk. While the disk is full
lines wait in memory. A file whose disk has failed is left as it is: all of it goes on in a new part beside it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from biofeedback.errors import RecordingError
from biofeedback.events import Json
from biofeedback.recording.chain import seal_line
from biofeedback.recording.naming import MOST_PARTS, PART, VERSION, final_of, part_of
from biofeedback.recording.private import make_private_folder
from biofeedback.recording.rechain import rechained
from biofeedback.recording.scan import Scan, scan
from biofeedback.recording.sealing import CIPHER, CLEAR_IN_HEAD, CONTINUES, NEW_KEY, FileCipher, Keys
from biofeedback.recording.syncer import Syncer, sync_file
from devices.file_lock import take_lock

FULL: Final = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC), errno.EFBIG})
"""Errors that pass when there is room again; after any other the descriptor is not used any more."""
MOST_WAITING: Final = 64 * 1024 * 1024
"""So many bytes wait in memory for a disk at the most: half a day."""
RETRY_S: Final = 5.0
LOCK_TRIES: Final = 5
LOCK_WAIT_S: Final = 0.01
KEY_LINES: Final = 2
"""A new key stands in so many lines, and in every seal: a damaged line costs no more than itself and the next."""
_CREATE: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
_REOPEN: Final = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
_NO_LINKS: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


class LineFile:
    """One log being written, by one writer at a time. Make it with `create` or `reopen`; call `close`.

    `trouble` is a sentence while lines wait in memory, `failed` one when they can wait no longer; both None when all
    is well. `path` is the file that is written now.
    """

    def __init__(self, path: Path, descriptor: int, found: Scan) -> None:
        """Use `create` or `reopen`. `found`: what stands in the file."""
        self.path = path
        self.trouble: str | None = None
        self.failed: str | None = None
        self.moved: str | None = None
        """A sentence once the disk has failed and all of the file was written anew."""
        self.torn_bytes = 0
        self._descriptor = descriptor
        self._n, self._crc, self._sha, self._size = found.frames, found.crc, found.sha, found.size
        self._cipher: FileCipher | None = found.cipher
        self._key_lines = 0
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._poisoned = False
        self._why = ""
        self._finished = False
        self._tried_s = float("-inf")
        self._syncer = Syncer(descriptor, path.parent, durable=0)

    @classmethod
    def create(
        cls, path: Path, head: Mapping[str, Json], cipher: tuple[FileCipher, Mapping[str, Json]] | None = None
    ) -> Self:
        """A new file with its head. Raises RecordingError when it exists or cannot be made."""
        descriptor = _made(path)
        if not _locked(descriptor):
            os.close(descriptor)
            raise _busy(path)
        made = cls(path, descriptor, Scan())
        whole = {"v": VERSION, "min_reader": VERSION, **head}
        if cipher is None:
            made.write(0, "head", whole)
            return made
        made.write(0, "head", {**{key: whole[key] for key in CLEAR_IN_HEAD if key in whole}, CIPHER: dict(cipher[1])})
        made._cipher = cipher[0]
        made.write(0, "head", whole)  # the clear keys too: here they are authenticated
        return made

    @classmethod
    def reopen(cls, path: Path, keys: Keys | None = None) -> tuple[Self, Scan]:
        """Go on with a file, and what stands in it. A torn end is moved to a file beside it, `….torn<where>`.

        Raises RecordingError when another program writes it, when it is damaged before its end, when it is encrypted
        and `keys` are missing, or when it cannot be opened; SealedError when they are not its keys.
        """
        try:
            descriptor = _open_again(path)
        except OSError as error:
            raise RecordingError(
                f"{path} cannot be written: {error.strerror}.", "Check its name and its rights."
            ) from error
        try:
            data, found = _to_go_on_with(path, descriptor, keys)
            if torn := len(data) - found.size:
                _set_aside(path, data[found.size :], found.size)
                os.ftruncate(descriptor, found.size)
        except OSError as error:
            os.close(descriptor)
            raise RecordingError(f"{path} cannot be gone on with: {error.strerror}.", "It is left as it is.") from error
        except BaseException:
            os.close(descriptor)
            raise
        made = cls(path, descriptor, found)
        made.torn_bytes = torn
        if made._cipher is not None:
            made._cipher.renew()
            made._key_lines = KEY_LINES
        return made, found

    @property
    def durable(self) -> int:
        """How many bytes of the file at `path` are on the disk for certain."""
        return self._syncer.durable

    @property
    def size(self) -> int:
        """How many bytes the file at `path` has: all of them are committed."""
        return self._size

    @property
    def lines(self) -> int:
        """How many lines there are, those that wait in memory too."""
        return self._n

    def write(self, t: int, kind: str, body: Mapping[str, Json], *, at_once: bool = False) -> None:
        """Write a line, or let it wait for the disk. Raises LineError when it is too long for one."""
        if self.failed is not None:
            return
        cipher = None if kind == "seal" else self._cipher
        line, self._crc = seal_line(self._n, t, kind, body, self._crc, cipher, self._clear(cipher))
        self._n += 1
        self._sha.update(line)
        if not self._waiting and self._syncer.error is None and not self._poisoned and self._put(line):
            self._syncer.changed(self._size, at_once=at_once)
            return
        self._wait(line)

    def seal(self, t: int, more: Mapping[str, Json] | None = None) -> None:
        """A line with the SHA-256 of all bytes before it: evidence of tampering, not proof against it."""
        key: dict[str, Json] = {} if self._cipher is None else {NEW_KEY: self._cipher.wrapped}
        self.write(t, "seal", {"sha256": self._sha.hexdigest(), "bytes": self._bytes_in_all, **(more or {}), **key})

    def close(self) -> None:
        """Bring all to the disk and let the file go. What cannot be written by then is lost, and `failed` says so."""
        self.finish()
        self.release()

    def finish(self) -> None:
        """Bring all to the disk; the file stays locked, and nothing is written to it any more."""
        if self._finished:
            return
        self._finished = True
        for _ in range(2):  # a disk that fails in the last sync is a reason for a new part, once
            if self._waiting or self._poisoned or self._syncer.error is not None:
                self._tried_s = float("-inf")
                self._catch_up()
            self._syncer.close()
            if self._syncer.error is None:
                break
        if self._waiting:
            self._write_what_waits()
        if self._syncer.error is not None:
            self._fail(self._syncer.error)

    def release(self) -> None:
        """Let a finished file go."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _write_what_waits(self) -> None:
        """The last try, into a file that cannot be trusted any more: better than nowhere."""
        with suppress(OSError):
            if os.fstat(self._descriptor).st_size == self._size:
                while self._waiting and self._put(self._waiting[0]):
                    self._waiting.popleft()
        if self._waiting:
            self._fail(self._why)

    def _clear(self, cipher: FileCipher | None) -> Mapping[str, Json]:
        """What an encrypted line says in clear: the key that begins with it."""
        if cipher is None or not self._key_lines:
            return {}
        self._key_lines -= 1
        return {NEW_KEY: cipher.wrapped}

    @property
    def _bytes_in_all(self) -> int:
        return self._size + self._waiting_bytes

    def _wait(self, line: bytes) -> None:
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        self._catch_up()
        if self._waiting_bytes > MOST_WAITING:
            self._fail(self._why)

    def _catch_up(self) -> None:
        """Write what waits, into a new part when this one cannot be trusted any more."""
        if self._syncer.error is not None:
            self._poisoned = True
        if self._poisoned and not self._move():
            return
        before = len(self._waiting)
        while self._waiting and self._put(self._waiting[0]):
            self._waiting_bytes -= len(self._waiting.popleft())
        if len(self._waiting) < before:
            self._syncer.changed(self._size, at_once=True)
        if not self._waiting:
            self.trouble = None

    def _put(self, line: bytes) -> bool:
        """Write a line into the file; whether all of it is there. Half of a line is taken back."""
        try:
            written = os.write(self._descriptor, line)
        except OSError as error:
            self._blocked(error)
            return False
        if written == len(line):
            self._size += written
            return True
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            self._poisoned = True
            self._blocked(error)
            return False
        self._blocked(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return False

    def _blocked(self, error: OSError) -> None:
        why = self._why = error.strerror or str(error)
        if error.errno not in FULL:
            self._poisoned = True
        self.trouble = (
            f"Recording waits: {why}. The session is kept in memory meanwhile; make room on the disk."
            if not self._poisoned
            else f"Recording waits: {why}. The session is kept in memory meanwhile, and the disk is tried again."
        )

    def _move(self) -> bool:
        """Go on in a new part that holds all that this one has; whether that could be done."""
        now_s = time.monotonic()
        if now_s - self._tried_s < RETRY_S or not self.path.name.endswith(PART):
            return False
        self._tried_s = now_s
        if self._syncer.error is not None:
            self._blocked(OSError(errno.EIO, self._syncer.error))
        try:
            self._move_to(*self._new_part())
        except OSError as error:
            self._blocked(error)
            self._poisoned = True
            return False
        return True

    def _new_part(self) -> tuple[Path, int]:
        final = final_of(self.path)
        for number in range(2, MOST_PARTS + 1):
            path = part_of(final, number)
            with suppress(FileExistsError):
                return path, os.open(path, _CREATE | _NO_LINKS, 0o600)
        raise OSError(errno.EEXIST, "there are too many parts already")

    def _move_to(self, path: Path, descriptor: int) -> None:
        try:
            _locked(descriptor)
            # What waits was chained to the old file; both are chained anew behind a head that names it.
            told: dict[str, Json] = {"file": self.path.name, "bytes": self._size, "why": self._why}
            again, crc = rechained(self._given_back() + b"".join(self._waiting), {CONTINUES: told})
            _write_all(descriptor, again)
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise
        self._syncer.abandon()
        os.close(self._descriptor)
        self.moved = (
            f"The disk failed ({self._why}). All of the session was written again into {path.name}; nothing is lost."
        )
        self.path, self._descriptor = path, descriptor
        self._size, self._crc, self._sha = len(again), crc, hashlib.sha256(again)
        self._waiting.clear()
        self._waiting_bytes, self._poisoned, self.trouble = 0, False, None
        self._syncer = Syncer(descriptor, path.parent)
        self._syncer.changed(self._size, at_once=True)

    def _given_back(self) -> bytes:
        """What stands in the file, if it is what was written into it. Raises OSError."""
        stored = _read_all(self._descriptor)[: self._size]
        sha = hashlib.sha256(stored)
        for line in self._waiting:
            sha.update(line)
        if sha.digest() != self._sha.digest():
            raise OSError(errno.EIO, "the disk gives other data back than it was given")
        return stored

    def _fail(self, why: str) -> None:
        if self.failed is None:
            kept = "" if not self._waiting else f" {len(self._waiting)} lines that were to follow are lost."
            self.failed = f"Recording stopped: {why}. What was recorded until then is kept.{kept}"
        self._waiting.clear()
        self._waiting_bytes = 0


def _made(path: Path) -> int:
    """Create a file and the folders it lies in. Raises RecordingError."""
    try:
        make_private_folder(path.parent)
    except OSError as error:
        raise _no_place(path, error) from error
    try:
        return os.open(path, _CREATE | _NO_LINKS, 0o600)
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        raise _no_place(path, error) from error


def _no_place(path: Path, error: OSError) -> RecordingError:
    return RecordingError(
        f"No recording can be made in {path.parent}: {error.strerror}.",
        "Choose another folder with --output, or make this one writable.",
    )


def _locked(descriptor: int) -> bool:
    """Lock a file; somebody who only looks whether it is in use holds it for a moment."""
    for _ in range(LOCK_TRIES):
        if take_lock(descriptor):
            return True
        time.sleep(LOCK_WAIT_S)
    return False


def _busy(path: Path) -> RecordingError:
    return RecordingError(f"{path} is being written by another program.", "Wait until that has ended.")


def _taken(path: Path) -> RecordingError:
    return RecordingError(f"{path} exists already.", "Choose another name; nothing is ever overwritten.")


def _open_again(path: Path) -> int:
    """Open a file to go on with it; one that was finished but for its name is read-only already. Raises OSError."""
    try:
        return os.open(path, _REOPEN | _NO_LINKS)
    except PermissionError:
        if path.is_symlink():
            raise
        path.chmod(0o600)
        return os.open(path, _REOPEN | _NO_LINKS)


def _to_go_on_with(path: Path, descriptor: int, keys: Keys | None) -> tuple[bytes, Scan]:
    """Lock and read a file that is to be gone on with."""
    if not _locked(descriptor):
        raise _busy(path)
    if not _is_at(path, descriptor):
        raise RecordingError(f"{path} has just been finished or written anew by another program.", "Try it again.")
    data = _read_all(descriptor)
    found = scan(data, keys)
    _check_can_go_on(path, found)
    return data, found


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the file is still the one of that name."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    return False


def _check_can_go_on(path: Path, found: Scan) -> None:
    if not found.lines or found.lines[0].kind != "head":
        raise RecordingError(f"{path} is damaged from its first line on.", "It is left as it is.")
    if found.locked:
        raise RecordingError(f"{path} is encrypted.", "Give its passphrase.")
    if found.cipher is not None and found.frames == 1:  # its program died before the rest of its head
        raise RecordingError(f"{path} holds nothing but the first line of its head.", "Nothing was recorded in it.")
    if found.damage is not None and not found.torn:
        raise RecordingError(
            f"{path} is damaged, {found.damage}.",
            "It is left as it is; `library repair` makes a copy of what can be read.",
        )


def _set_aside(path: Path, tail: bytes, where: int) -> None:
    """Keep the bytes of a torn end beside the file; one that is there already from the same end is enough."""
    for number in range(MOST_PARTS):
        name = f"{path.name}.torn{where}" + (f".{number}" if number else "")
        aside = path.with_name(name)
        try:
            descriptor = os.open(aside, _CREATE | _NO_LINKS, 0o600)
        except FileExistsError:
            if aside.read_bytes() == tail:
                return
            continue
        try:
            _write_all(descriptor, tail)
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        return
    raise OSError(errno.EEXIST, "too many torn ends lie beside it already")


def _read_all(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    os.lseek(descriptor, 0, os.SEEK_SET)
    pieces: list[bytes] = []
    while piece := os.read(descriptor, max(1, min(size, 1 << 24))):
        pieces.append(piece)
    return b"".join(pieces)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
