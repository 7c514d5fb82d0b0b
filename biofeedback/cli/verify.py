"""`biofeedback verify`: is a recording what was written, and do its numbers come out again?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from biofeedback.cli.common import add_example, config_of, print_json
from biofeedback.cli.named import recording_at
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.errors import UnreadableError
from biofeedback.recording.reader import DAMAGED

if TYPE_CHECKING:
    from biofeedback.session.replay import Verification


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", nargs="+", help="recordings, or the first digits of their ids")
    parser.add_argument("--exact", action="store_true", help="every number must be equal to the last bit")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback verify *.session.jsonl")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all is well, 4 when a file is damaged, 5 when numbers differ; see `_exit_code`."""
    return max(_one(args, name) for name in args.file)


def _one(args: argparse.Namespace, name: str) -> int:
    from biofeedback.session.replay import verify

    try:
        path = recording_at(args, name)
        found = verify(path, keys_for(args, config_of(args), path, required=False))
    except UnreadableError as error:
        if args.json:
            print_json({"file": name, "error": error.what})
        sys.stderr.write(f"biofeedback: {error.what}\n{error.advice}\n")
        return error.exit_code
    code = _exit_code(found, exact=args.exact)
    if args.json:
        print_json(found.to_json())
    elif not args.quiet or code:
        sys.stdout.write(f"{name}: {_words(found)}\n")
    return code


def _exit_code(found: Verification, *, exact: bool) -> int:
    """5: numbers differ; 4: damaged, or that every number is equal to the bit was asked and cannot be said."""
    if found.differences or (exact and ((found.compared and not found.bits) or found.rescored)):
        return 5
    return 4 if not found.intact or (exact and not found.exact) else 0


def _words(found: Verification) -> str:
    parts = ["intact" if found.intact else f"DAMAGED, {found.damage}; what follows is not checked"]
    if found.locked:
        return f"{parts[0]}; encrypted, and without its passphrase neither its numbers nor its end were checked"
    return "; ".join([*parts, *_what_was_left_out(found), *_what_was_compared(found)])


def _what_was_left_out(found: Verification) -> Iterator[str]:
    if not found.finished and found.intact and found.lost == 0:
        yield "the session was not finished"
    if found.failed is not None:
        mended = "" if found.fails_now else ", which does not happen any more; what follows it is not compared"
        yield f"the program failed in this session ({found.failed}){mended}"
    if found.rescored:
        yield f"made by another version or a plug-in not here ({', '.join(found.rescored)}), not compared"
    if deleted := [kind for kind in found.removed if kind != DAMAGED]:
        yield f"{', '.join(deleted)} were deleted from it, not compared"
    if found.lost != 0:
        many = "lines were" if found.lost is None else "1 line was" if found.lost == 1 else f"{found.lost} lines were"
        yield f"a repaired copy, from which {many} lost; what follows is not compared"


def _what_was_compared(found: Verification) -> Iterator[str]:
    where = f" (recorded on {found.host})" if found.host and not found.bits else ""
    if found.differences:
        yield f"{found.differences} of {found.outputs} outputs differ, first {found.first_difference}{where}"
    elif not found.outputs:
        yield "there is nothing to compare"
    elif found.compared:
        how = "to the bit" if found.bits else f"within 1e-9{where}"
        these = "" if found.compared == found.outputs else "these "
        yield f"{found.compared} of {found.outputs} outputs compared, {these}equal {how}"
    elif not found.rescored:
        yield f"none of its {found.outputs} outputs can be compared"
