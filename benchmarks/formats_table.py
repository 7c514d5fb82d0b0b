"""What do we make of every sample file, and is it what is expected?  python benchmarks/formats_table.py [FOLDER]

FOLDER (../shared/formats unless said otherwise) holds the files and `expected.json`: what a reader must answer, worked
out by other code. Every file is looked at as `import --inspect` does, by the door and its child process. Equal means
the verdict; of intervals also their number, the first three, the last two and the sum within 2 ms and 1e-4; of times of
beats their number (RULINGS A9).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from benchmarks.tables import table
from biofeedback.formats.content import Content
from biofeedback.formats.door import Door
from biofeedback.formats.reading import Choices
from tests.formats.samples import check
from tests.real import FORMATS

LONGEST_WHY: Final = 70


def rows(folder: Path, wanted: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each file: its format, name, verdict, what is in it, whether that is expected, and seconds."""
    with Door() as door:
        for name, one in sorted(wanted.items()):
            began = time.perf_counter()
            found = next(iter(door.contents(folder / name, Choices(look=True))))
            took = time.perf_counter() - began
            yield [
                found.content.format,
                name,
                found.content.verdict,
                _held(found.content),
                _equal(found.content, one),
                f"{took:.2f}",
            ]


def _held(content: Content) -> str:
    known = content.to_json()
    if content.verdict in ("rr", "beats"):
        return f"{known['n']} in {known['sum_ms'] / 1000:.1f} s"
    if content.verdict == "ecg":
        return ", ".join(f"{each.label} {each.hz:g} Hz {each.seconds:.1f} s" for each in content.waveforms)
    why = content.why or ""
    return why if len(why) <= LONGEST_WHY else f"{why[: LONGEST_WHY - 1]}…"


def _equal(content: Content, wanted: Mapping[str, Any]) -> str:
    try:
        check(content, dict(wanted))
    except AssertionError:
        return "NO"
    return "yes"


def main() -> int:
    """Print the table; 1 when something is not equal."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FORMATS
    wanted: dict[str, Any] = json.loads((folder / "expected.json").read_text("utf-8"))
    found = list(rows(folder, wanted))
    print(table(["format", "file", "verdict", "what is in it", "equal", "s"], found))
    equal = sum(row[4] == "yes" for row in found)
    print(f"\n{equal} of {len(found)} equal.")
    return 0 if equal == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
