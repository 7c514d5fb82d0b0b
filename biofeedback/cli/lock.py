"""`biofeedback lock`: encrypt what is recorded, or stop doing so."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.cli.asking import can_type
from biofeedback.cli.common import add_example, called, print_json, say
from biofeedback.cli.passphrase import (
    add_passphrase_option,
    given_file,
    home_keys,
    keys_for,
    keys_of_lost,
    new_passphrase,
)
from biofeedback.cli.person_logs import home_of
from biofeedback.errors import BiofeedbackError, OutputError, UsageError
from biofeedback.recording.locked_files import is_locked

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.recording.home_lock import HomeLock
    from biofeedback.recording.keys import HomeKeys

EXPLANATION: Final = """\
This encrypts what is recorded on this computer from now on, and the person logs.
- Whoever has your files but not your passphrase sees when a session was, how long it and its lines were, and the
  pseudonyms that folders are called by; nothing else.
- Nobody can open them without the passphrase or the recovery code: there is no other way in, for us neither.
- Reports, exports and the list of straps are not encrypted.
- Names go from the open list (people.json) into the encrypted person logs.
"""
KEEP_CODE: Final = """\
Recovery code, shown this once: write it down or print it, and keep it away from this computer.
It opens your recordings if you forget the passphrase. Whoever has it can read them."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "what",
        choices=("on", "off", "status", "change", "code"),
        help="encrypt from now on, stop that, say how it is, set another passphrase, make a new recovery code",
    )
    parser.add_argument("--existing", action="store_true", help="on, off: also what was recorded before, file by file")
    parser.add_argument("--print-code", metavar="FILE", help="write the recovery code into a new file of your own")
    parser.add_argument("--new-passphrase-file", metavar="FILE", help="change: file with the new passphrase")
    parser.add_argument("--yes", action="store_true", help="off: do not ask")
    parser.add_argument("--json", action="store_true", help="status: one JSON object")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback lock on --print-code recovery_code.txt")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Do it. 0 when all went well, 1 when a file could not be written anew."""
    from biofeedback.recording.home_lock import alone_with_lock

    config = home_of(args)
    if args.what == "status":
        return _status(args, config, _stored(config))
    if args.what != "on":
        _stored_or_refused(config)  # before there is a trace of it in the folder
    with alone_with_lock(config.home):
        _remove_left_over(config)
        if args.what == "on":
            return _on(args, config, _stored(config))
        return {"off": _off, "change": _change, "code": _code}[args.what](args, config, _stored_or_refused(config))


def _remove_left_over(config: Config) -> None:
    """What an attempt that was killed left half-made: it may be plain."""
    from biofeedback.recording.relock import remove_left_over
    from biofeedback.recording.side_files import remove_scratch

    remove_scratch(config.home / "sessions")
    for folder in config.home.glob("people/*"):
        remove_left_over(folder)


def _stored(config: Config) -> HomeLock | None:
    """The lock of the data folder; of one that was lost what encrypted files know of it."""
    from biofeedback.recording.home_lock import HomeLock, lost_lock, read_home_lock

    lost = lost_lock(config.home)
    return read_home_lock(config.home) if lost is None else HomeLock(lost, on=True, lost=True)


def _stored_or_refused(config: Config) -> HomeLock:
    stored = _stored(config)
    if stored is None:
        raise UsageError("Nothing is encrypted here.", f"Begin with: {called()} lock on")
    return stored


def _opened(args: argparse.Namespace, config: Config, stored: HomeLock) -> HomeKeys:
    return keys_of_lost(args, config, stored.lock) if stored.lost else home_keys(args, stored.lock)


def _on(args: argparse.Namespace, config: Config, stored: HomeLock | None) -> int:
    from biofeedback.recording.home_lock import write_home_lock
    from biofeedback.recording.keys import new_home

    if stored is None:
        say(args, EXPLANATION)
        keys, written = new_home(new_passphrase(given_file(args)))
        _show_code(args, written)
    else:
        keys = _opened(args, config, stored)
    if stored is None or stored.lost or not stored.on:
        write_home_lock(config.home, keys.lock, on=True)
        say(args, "New recordings and person logs are encrypted from now on.")
    else:
        say(args, "New recordings are encrypted already.")
    # A person log is written on for years: what is said from now on may not stand in a plain one.
    code = _all_anew(args, config, keys, _logs(config) if args.existing else _person_logs(config))
    if not args.existing and (plain := sum(not is_locked(path) for path in _logs(config))):
        say(args, f"Not encrypted, from before: {_files(plain)}. That is changed by: {called()} lock on --existing")
    return code


def _off(args: argparse.Namespace, config: Config, stored: HomeLock) -> int:
    from biofeedback.recording.home_lock import remove_home_lock, write_home_lock, write_no_lock

    if stored.lost:
        say(args, "lock.json is missing. What is encrypted here stays so and is opened with its passphrase.")
        if not args.yes:
            _confirm("New recordings will not be encrypted.")
        write_no_lock(config.home)
    else:
        keys = home_keys(args, stored.lock)
        if args.existing and not args.yes:
            _confirm("Everybody who can open your files will be able to read all your recordings.")
        write_home_lock(config.home, keys.lock, on=False)
    say(args, "New recordings are not encrypted any more.")
    code = _all_anew(args, config, None, _logs(config)) if args.existing else 0
    left = sum(map(is_locked, [*_logs(config), *_parts(config)]))
    if left:
        say(args, f"Still encrypted: {_files(left)}, to be opened with the passphrase as before.")
    elif args.existing:
        remove_home_lock(config.home)
    return code


def _change(args: argparse.Namespace, config: Config, stored: HomeLock) -> int:
    from biofeedback.recording.home_lock import write_home_lock

    if not args.new_passphrase_file and not can_type():
        raise UsageError("There is no terminal to type a passphrase at.", "Give --new-passphrase-file FILE.")
    keys = _opened(args, config, stored).with_passphrase(new_passphrase(args.new_passphrase_file))
    write_home_lock(config.home, keys.lock, on=stored.on)
    say(args, "The new passphrase opens all recordings here; the recovery code is the same as before.")
    say(args, "Whoever knows the old one can still open copies of older files with it. Against that make all of them")
    say(args, f"anew under another key: {called()} lock off --existing, then {called()} lock on --existing")
    return 0


def _code(args: argparse.Namespace, config: Config, stored: HomeLock) -> int:
    from biofeedback.recording.home_lock import write_home_lock

    keys, code = _opened(args, config, stored).with_new_code()
    _show_code(args, code)
    write_home_lock(config.home, keys.lock, on=stored.on)
    say(args, "The old code does not open your recordings here any more; whoever has it can still open copies of them.")
    return 0


def _status(args: argparse.Namespace, config: Config, stored: HomeLock | None) -> int:
    locked = [is_locked(path) for path in _logs(config)]
    on, encrypted, plain = stored is not None and stored.on, sum(locked), len(locked) - sum(locked)
    if args.json:
        print_json({"on": on, "home": None if stored is None else stored.lock.ident, "encrypted": encrypted,
                    "plain": plain})  # fmt: skip
        return 0
    sys.stdout.write(f"New recordings are {'encrypted' if on else 'not encrypted'}.\n")
    if stored is not None and stored.lost:
        sys.stdout.write(f"lock.json is missing; it is made again by: {called()} lock on\n")
    sys.stdout.write(f"Recordings and person logs here: {encrypted} encrypted, {plain} not.\n")
    return 0


def _show_code(args: argparse.Namespace, code: str) -> None:
    if not args.print_code:
        say(args, KEEP_CODE)
        sys.stdout.write(f"{code}\n")
        sys.stdout.flush()
        return
    path = Path(args.print_code)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{code}\n")
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written: {error.strerror}.", "Nothing was changed; name a file that is not there yet."
        ) from error
    say(args, f"The recovery code is in {path}: print it, keep it away from this computer, and delete the file.")


def _all_anew(args: argparse.Namespace, config: Config, new: HomeKeys | None, logs: Iterable[Path]) -> int:
    """These files under the new keys; one that cannot be is said and left as it is."""
    from biofeedback.cli.progress import FileBar
    from biofeedback.recording.people import People
    from biofeedback.recording.person import hide_names, show_names

    todo = [path for path in logs if is_locked(path) != (new is not None)]
    bar = FileBar(args, [str(path) for path in todo])
    failed = 0
    for number, path in enumerate(todo):
        try:
            with bar.at(number, path.name):
                _anew(config, path, keys_for(args, config, path), new)
        except BiofeedbackError as error:
            failed += 1
            sys.stderr.write(f"biofeedback: {error.what}\n{error.advice}\n")
    if new is not None:
        _forget_index(config)
        hide_names(config.home, new)
        if names := len(People(config.home).names()):
            say(args, f"Names that stay in people.json, readable by anyone: {names}. See: {called()} person list")
    else:
        show_names(config.home)
    if todo or args.existing:
        say(
            args,
            f"Written anew: {_files(len(todo) - failed)}{f'; left as it was: {_files(failed)}' if failed else ''}.",
        )
    if beside := _beside(config, existing=args.existing):
        say(
            args, f"Not encrypted, so whoever has these files can read them: {', '.join(path.name for path in beside)}."
        )
    return 1 if failed else 0


def _anew(config: Config, path: Path, old: HomeKeys | None, new: HomeKeys | None) -> None:
    from biofeedback.recording.person import FILE, PersonLog
    from biofeedback.recording.relock import relock

    if path.name == FILE:
        PersonLog(config.home, path.parent.name, old).relock(new)
    else:
        relock(path, old, new)


def _forget_index(config: Config) -> None:
    """The index holds numbers of what was plain; it is made again when it is asked for."""
    from biofeedback.recording.index_file import NAME

    for path in config.home.glob(f"{NAME}*"):
        path.unlink(missing_ok=True)


def _logs(config: Config) -> Iterator[Path]:
    """Finished recordings and person logs of the data folder."""
    yield from sorted((config.home / "sessions").glob("*.session.jsonl"))
    yield from _person_logs(config)


def _person_logs(config: Config) -> list[Path]:
    return sorted((config.home / "people").glob("*/person.jsonl"))


def _parts(config: Config) -> list[Path]:
    """Recordings that were not finished."""
    return sorted((config.home / "sessions").glob("*.part"))


def _beside(config: Config, *, existing: bool) -> list[Path]:
    """Reports, unfinished recordings and torn ends: they are no logs that could be written anew."""
    kinds = (
        "people/*/person.jsonl.*",
        *(
            ("sessions/*.html", "sessions/*.part", "sessions/*.torn*", "sessions/*.rewriting*", "sessions/*.relock")
            if existing
            else ()
        ),
    )
    found = (path for kind in kinds for path in config.home.glob(kind))
    return sorted(path for path in found if not is_locked(path))


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _confirm(what: str) -> None:
    if not can_type():
        raise UsageError("That is asked at a terminal only.", "Add --yes to do it without a question.")
    sys.stderr.write(f"{what} Go on? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("Nothing was changed.", "Answer y to go on.")
