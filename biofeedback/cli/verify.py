"""`biofeedback verify`: is a recording what was written, and do its numbers come out again?"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import add_example, config_of, print_json
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.errors import UnreadableError

if TYPE_CHECKING:
    from biofeedback.session.replay import Verification


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", nargs="+", help="recordings")
    parser.add_argument("--exact", action="store_true", help="every number must be equal to the last bit")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback verify *.session.jsonl")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when all is well, 4 when a file is damaged, 5 when numbers differ."""
    return max(_one(args, name) for name in args.file)


def _one(args: argparse.Namespace, name: str) -> int:
    from biofeedback.session.replay import verify

    try:
        path = Path(name)
        found = verify(path, keys_for(args, config_of(args), path, required=False))
    except UnreadableError as error:
        if args.json:
            print_json({"file": name, "error": error.what})
        sys.stderr.write(f"biofeedback: {error.what}\n{error.advice}\n")
        return error.exit_code
    differs = found.differences > 0 or (args.exact and not found.exact)
    if args.json:
        print_json(found.to_json())
    elif not args.quiet or differs or not found.intact:
        sys.stdout.write(f"{name}: {_words(found)}\n")
    return 5 if differs else 0 if found.intact else 4


def _words(found: Verification) -> str:
    parts = ["intact" if found.intact else f"DAMAGED, {found.damage}; what follows is not checked"]
    if found.locked:
        return f"{parts[0]}; encrypted, and without its passphrase the numbers were not compared"
    if not found.finished and found.intact:
        parts.append("the session was not finished")
    if found.failed is not None:
        mended = "" if found.fails_now else ", which does not happen any more; what follows it is not compared"
        parts.append(f"the program failed in this session ({found.failed}){mended}")
    if found.rescored:
        parts.append(f"made by another version or a plug-in not here ({', '.join(found.rescored)}), not compared")
    if found.removed:
        parts.append(f"{', '.join(found.removed)} were deleted from it, not compared")
    where = f" (recorded on {found.host})" if found.host and not found.exact else ""
    if found.differences:
        parts.append(f"{found.differences} of {found.outputs} outputs differ, first {found.first_difference}{where}")
    elif found.compared or not found.rescored:
        how = "to the bit" if found.exact else f"within 1e-9{where}"
        parts.append(f"{found.compared} of {found.outputs} outputs compared, equal {how}")
    return "; ".join(parts)
