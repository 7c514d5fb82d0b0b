"""Make an environment for each peer that the benchmarks stand beside: python benchmarks/peer_environments.py

Each peer gets a virtual environment of its own with the pins of `peers/environments.toml`, which says why. They lie in
`.bench` (git knows it not) or in `--folder`, are made once, and need a package index then. Nothing of them is ever
installed into the program's own environment. `--only NAME ...` makes some; `--python FILE` names the Python to use.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
PEERS: Final = ROOT / "benchmarks" / "peers"
FOLDER: Final = ROOT / ".bench"
ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""Waiting threads of a linear algebra library would count as CPU time."""


class PeerError(Exception):
    """An environment or a runner that does not work: the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Pins:
    """One peer's environment."""

    name: str
    python: str
    pins: tuple[str, ...]
    why: str

    @property
    def runner(self) -> Path:
        return PEERS / f"{self.name.replace('-', '_')}_runner.py"

    def interpreter(self, folder: Path) -> Path:
        return folder / self.name / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def peers() -> dict[str, Pins]:
    """The peers of environments.toml by name."""
    with (PEERS / "environments.toml").open("rb") as file:
        return {
            name: Pins(name, row["python"], tuple(row["pins"]), row["why"]) for name, row in tomllib.load(file).items()
        }


def made(folder: Path) -> list[Pins]:
    """The peers whose environment is there."""
    return [peer for peer in peers().values() if (folder / peer.name / "made").exists()]


def python_of(version: str) -> str:
    """A Python of that version on this computer. Raises PeerError when there is none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    homes = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python"))
    uv = shutil.which("uv")
    found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True, check=False) if uv else None
    for each in (f"python{version}", *map(str, homes), found.stdout.strip() if found else ""):
        if each and shutil.which(each) and _answers(each, version):
            return each
    raise PeerError(f"No Python {version} was found. Install one, or name its program with --python.")


def _answers(program: str, version: str) -> bool:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return said.startswith(f"Python {version}.")


def make(peer: Pins, folder: Path, python: str | None = None) -> None:
    """Make one environment, anew if it was not finished. Raises PeerError with what pip said last."""
    home = folder / peer.name
    if (home / "made").exists():
        return
    shutil.rmtree(home, ignore_errors=True)
    home.parent.mkdir(parents=True, exist_ok=True)
    _run([python or python_of(peer.python), "-m", "venv", str(home)], peer)
    _run([str(peer.interpreter(folder)), "-m", "pip", "install", "--quiet", *peer.pins], peer)
    (home / "made").write_text("\n".join(peer.pins) + "\n", "utf-8")


def _run(words: Sequence[str], peer: Pins) -> None:
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if ended.returncode:
        last = [line for line in ended.stderr.strip().splitlines() if not line.startswith("WARNING")][-3:]
        raise PeerError(
            f"The environment of {peer.name} could not be made: {' / '.join(last)}\n"
            "It is fetched from a package index once: is there a network, and does pip know the index?"
        )


def ask(peer: Pins, folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    """What the peer's runner answers. Raises PeerError with its last words when it fails."""
    ended = subprocess.run(
        [str(peer.interpreter(folder)), str(peer.runner)],
        input=json.dumps(request),
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": "", "MPLBACKEND": "Agg"},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise PeerError(f"The runner of {peer.name} failed: {ended.stderr.strip().splitlines()[-1:]}")
    answer: dict[str, Any] = json.loads(ended.stdout)
    return answer


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--only", nargs="+", choices=sorted(peers()), default=sorted(peers()))
    parser.add_argument("--python", help="the Python to make them of, instead of the one environments.toml names")
    given = parser.parse_args(argv)
    failed = 0
    for name in given.only:
        peer = peers()[name]
        try:
            make(peer, given.folder, given.python)
            versions = ask(peer, given.folder, {"task": "versions"})["versions"]
            print(f"{name}: " + ", ".join(f"{package} {version}" for package, version in versions.items()))
        except PeerError as error:
            failed += 1
            sys.stderr.write(f"{error}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
