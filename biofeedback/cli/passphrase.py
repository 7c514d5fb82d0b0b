"""How a command gets a passphrase: from a file, or typed at a terminal, and only when something is encrypted."""

from __future__ import annotations

import argparse
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from biofeedback.cli.asking import can_type
from biofeedback.cli.common import called, say
from biofeedback.errors import LockedError, UnreadableError, UsageError
from biofeedback.recording.locked_files import clear_head

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.recording.keys import HomeKeys, KeyRing, Lock

ENVIRONMENT: Final = "BIOFEEDBACK_PASSPHRASE_FILE"
TRIES: Final = 3
_MOST_BYTES: Final = 4096
_opened: Final[dict[str, HomeKeys]] = {}
"""What was opened in the life of this program, by the home it belongs to: one passphrase serves many files."""
_typed_here: Final[list[str]] = []
"""What opened something when it was typed: it may open files of another home too."""
_left_closed: Final[set[str]] = set()
"""Homes whose passphrase was asked for and not known: what can be done without is done, and nobody asked again."""


def add_passphrase_option(parser: argparse.ArgumentParser) -> None:
    """`--passphrase-file`, for every command that reads or writes recordings or person logs."""
    parser.add_argument(
        "--passphrase-file",
        metavar="FILE",
        help=f"file with the passphrase of encrypted recordings, readable by you alone (also {ENVIRONMENT})",
    )


def keys_for(
    args: argparse.Namespace, config: Config, where: Path | Mapping[str, Any], *, required: bool = True
) -> HomeKeys | None:
    """What opens this recording or person log, given by its path or its head; None when it is not encrypted.

    `required` false: None also when nobody gives a passphrase; what can be said without one is to be said then.
    Raises LockedError, UnreadableError when the file does not say how it is locked, UsageError for a bad file.
    """
    lock = _lock_in(where)
    if lock is None:
        return None
    with suppress(UnreadableError):  # the file itself says how it is opened
        lock = _newest(config, lock)
    name = where.name if isinstance(where, Path) else "the recording"
    return _keys(args, lock, name, required=required)


def keys_of(
    args: argparse.Namespace, config: Config, paths: Iterable[Path], *, required: bool = False
) -> KeyRing | None:
    """What opens these encrypted files, which may be of more than one home; None when none of them is opened.

    What opened one home is tried on the others; for each other one is asked once at a terminal, and it stays closed
    when nobody has its passphrase. Raises LockedError when a passphrase is given that opens nothing, or, where that of
    this data folder is `required`, when there is none.
    """
    from biofeedback.recording.keys import KeyRing

    opened: list[HomeKeys] = []
    refused: LockedError | None = None
    for lock, name, ours in _locks(config, paths):
        try:
            keys = _keys(args, lock, name, required=required and ours)
        except LockedError as error:
            refused = refused or error
            continue
        if keys is not None:
            opened.append(keys)
    if not opened and refused is not None:
        raise refused
    return KeyRing(opened) if opened else None


def _locks(config: Config, paths: Iterable[Path]) -> list[tuple[Lock, str, bool]]:
    """The locks of these files, a name to ask for each by, and whether it is that of this data folder: that first."""
    from biofeedback.recording.home_lock import lost_lock, read_home_lock

    found: dict[str, tuple[Lock, str]] = {}
    for path in paths:
        with suppress(UnreadableError):  # it stays closed, and whoever reads it says so
            if (lock := _lock_in(path)) is not None:
                found[lock.ident] = (lock, path.name)
    if not found:
        return []
    own: Lock | None = None
    with suppress(UnreadableError):
        stored = read_home_lock(config.home)
        own = lost_lock(config.home) if stored is None else stored.lock
    if own is None or own.ident not in found:
        return [(*each, False) for each in found.values()]
    del found[own.ident]
    return [(own, "your recordings", True), *((*each, False) for each in found.values())]


def keys_for_new(args: argparse.Namespace, config: Config) -> HomeKeys | None:
    """What encrypts new recordings and person logs; None when they are to be plain.

    A `lock.json` that is gone though files here are encrypted is made again from one of them. Raises as `keys_for`.
    """
    from biofeedback.recording.home_lock import read_home_lock

    stored = read_home_lock(config.home)
    if stored is None:
        return _keys_of_lost_lock(args, config)
    return home_keys(args, stored.lock) if stored.on else None


def _keys_of_lost_lock(args: argparse.Namespace, config: Config) -> HomeKeys | None:
    from biofeedback.recording.home_lock import alone_with_lock, lost_lock, read_home_lock, write_home_lock

    lock = lost_lock(config.home)
    if lock is None:
        return None
    keys = keys_of_lost(args, config, lock)
    with alone_with_lock(config.home):
        if read_home_lock(config.home) is None:
            write_home_lock(config.home, lock, on=True)
    say(args, "lock.json was missing here and is made again from an encrypted file: new files are encrypted as before.")
    return keys


def keys_of_lost(args: argparse.Namespace, config: Config, lock: Lock) -> HomeKeys:
    """The open keys of a data folder whose `lock.json` is gone, by a lock found in its files. Raises LockedError."""
    try:
        return home_keys(args, lock)
    except LockedError as error:
        raise LockedError(
            f"{config.home / 'lock.json'} is missing, though files here are encrypted. {error.what}",
            f"{error.advice} Or, if new files are not to be encrypted: {called()} lock off",
        ) from error


def home_keys(args: argparse.Namespace, lock: Lock) -> HomeKeys:
    """The open keys of a data folder with this lock. Raises LockedError, UsageError."""
    keys = _keys(args, lock, "your recordings", required=True)
    if keys is None:
        raise AssertionError("required keys are there or an error was raised")
    return keys


def new_passphrase(given: str | None) -> str:
    """A passphrase that nobody used yet: from the file `given`, else typed twice. Raises UsageError."""
    from biofeedback.recording.keys import weakness

    if given:
        passphrase = read_passphrase_file(Path(given))
        if why := weakness(passphrase):
            raise UsageError(f"The passphrase in {given} cannot be used. {why}", _GOOD)
        return passphrase
    if not can_type():
        raise UsageError("There is no terminal to type a passphrase at.", "Give --passphrase-file FILE.")
    for _ in range(TRIES):
        passphrase = _asked("New passphrase: ")
        if why := weakness(passphrase):
            sys.stderr.write(f"{why} {_GOOD}\n")
        elif _asked("The same again: ") == passphrase:
            return passphrase
        else:
            sys.stderr.write("The two are not the same.\n")
    raise UsageError("No passphrase was set.", "Nothing was changed; try again.")


def given_file(args: argparse.Namespace) -> str | None:
    """The file named on the command line or in the environment."""
    return getattr(args, "passphrase_file", None) or os.environ.get(ENVIRONMENT) or None


def read_passphrase_file(path: Path) -> str:
    """The one line of a file that nobody else can read; the mark that some editors begin a text with is not of it.

    Raises UsageError for any other file.
    """
    advice = f"Use a text file of your own that nobody else can read: chmod 600 {path}"
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise UsageError(f"The passphrase file {path} cannot be read: {error.strerror}.", "Check its name.") from error
    try:
        _check_private(path, os.fstat(descriptor), advice)
        text = os.read(descriptor, _MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UsageError(f"The passphrase file {path} is not text in UTF-8.", advice) from error
    if len(text) > _MOST_BYTES or len(lines) != 1 or not lines[0]:
        raise UsageError(f"The passphrase file {path} is not one line with a passphrase.", advice)
    return lines[0]


_GOOD: Final = "Four or five words that you remember make a good one."


def _check_private(path: Path, found: os.stat_result, advice: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise UsageError(f"The passphrase file {path} is not a file.", advice)
    if os.name != "posix":
        return
    if found.st_uid != os.geteuid():
        raise UsageError(f"The passphrase file {path} belongs to somebody else.", advice)
    if found.st_mode & 0o077:
        raise UsageError(f"The passphrase file {path} can be read by others.", advice)


def _keys(args: argparse.Namespace, lock: Lock, name: str, *, required: bool) -> HomeKeys | None:
    if lock.ident in _opened:
        return _opened[lock.ident].under(lock)
    if given := given_file(args):
        keys = _tried(lock, read_passphrase_file(Path(given)))
        if keys is None:
            raise LockedError(f"The passphrase in {given} does not open {name}.", _WRONG)
    elif can_type() and (required or not args.quiet):
        keys = _typed(lock, name, required=required)
    elif required:
        raise LockedError(
            f"{name[0].upper()}{name[1:]}: encrypted, and there is no terminal to ask for the passphrase.",
            f"Give --passphrase-file FILE, or name the file in {ENVIRONMENT}.",
        )
    else:
        return None
    if keys is not None:
        _opened[lock.ident] = keys
    return keys


_WRONG: Final = "Capitals and the language of the keyboard matter; the recovery code opens it too."


def _typed(lock: Lock, name: str, *, required: bool) -> HomeKeys | None:
    if lock.ident in _left_closed and not required:
        return None
    without = "" if required else "; Enter: without it"
    for secret in _typed_here:
        with suppress(LockedError):
            if (keys := _tried(lock, secret)) is not None:
                return keys
    for _ in range(TRIES):
        secret = _asked(f"Passphrase or recovery code for {name}{without}: ")
        if not secret and not required:
            _left_closed.add(lock.ident)
            return None
        try:
            keys = _tried(lock, secret)
        except LockedError as error:
            sys.stderr.write(f"{error.what} {error.advice}\n")
            continue
        if keys is not None:
            _typed_here.append(secret)
            return keys
        sys.stderr.write(f"That does not open it. {_WRONG}\n")
    _left_closed.add(lock.ident)
    raise LockedError(f"{name[0].upper()}{name[1:]}: still locked after {TRIES} tries.", _WRONG)


def _tried(lock: Lock, secret: str) -> HomeKeys | None:
    """The keys, None for a wrong passphrase. Raises LockedError when it could not even be tried."""
    from biofeedback.recording.chain import SealedError
    from biofeedback.recording.keys import LockError, unlock
    from biofeedback.recording.recovery_code import CodeError

    try:
        return unlock(lock, secret)
    except CodeError as error:
        raise LockedError(str(error), "Compare it with the paper, letter by letter.") from error
    except LockError as error:
        raise LockedError(f"The passphrase cannot be tried: {error}.", "Close other programs.") from error
    except SealedError:
        return None


def _asked(prompt: str) -> str:
    from getpass import getpass

    try:
        return getpass(prompt, sys.stderr)
    except EOFError as error:
        raise UsageError("No passphrase was typed.", "Nothing was changed.") from error


def _lock_in(where: Path | Mapping[str, Any]) -> Lock | None:
    from biofeedback.recording.keys import LockError, lock_of

    try:
        return lock_of(clear_head(where) if isinstance(where, Path) else where)
    except LockError as error:
        name = where if isinstance(where, Path) else "The recording"
        raise UnreadableError(
            f"{name}: {error}.", "Was it changed by another program, or made by a newer one?"
        ) from error


def _newest(config: Config, lock: Lock) -> Lock:
    """The lock of the data folder when it is of the same home: its passphrase may have been changed since."""
    from biofeedback.recording.home_lock import read_home_lock

    stored = read_home_lock(config.home)
    return stored.lock if stored is not None and stored.lock.ident == lock.ident else lock
