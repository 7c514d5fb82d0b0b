"""What does recording cost, plain and encrypted?  python benchmarks/recording_append.py [--minutes 60] [--folder DIR]

A calm simulated person breathes for an hour at full speed; every event of that session is then appended again by the
real log, its syncing thread at work. A session does this 5 times a second; here there is no pause, which is harder on
the disk. Printed are the time of one append on the session's thread, the bytes of an hour, and one try of a passphrase.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from time import perf_counter, perf_counter_ns

from biofeedback.cli.main import main
from biofeedback.events import Event
from biofeedback.recording.keys import Cost, HomeKeys, new_home, unlock
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import StoredRecording, read_recording

PASSPHRASE = "vier Stühle am Fenster"
TRIES = 5


def session(folder: Path, minutes: float) -> StoredRecording:
    path = folder / "source.session.jsonl"
    words = ["simulate", "--minutes", f"{minutes:g}", "--person", "calm", "--output", str(path), "-q"]
    assert main(words) == 0
    return read_recording(path)


def append_all(path: Path, events: list[Event], keys: HomeKeys | None) -> list[int]:
    """Nanoseconds of each append."""
    with SessionLog(path, {"session": path.name}, keys) as log:
        spent = []
        for event in events:
            began = perf_counter_ns()
            log.append(event)
            spent.append(perf_counter_ns() - began)
    return spent


def run(folder: Path, minutes: float) -> None:
    recording = session(folder, minutes)
    events = list(recording.events())
    keys, _ = new_home(PASSPHRASE, Cost(1, 64, 1))
    hours = events[-1].at / 3.6e9
    sizes: dict[str, int] = {}
    print(f"{len(events)} events in {hours:.2f} h, {len(events) / hours / 3600:.1f} a second")
    for name, given in (("plain", None), ("encrypted", keys), ("plain", None), ("encrypted", keys)):
        path = folder / f"{name}{len(list(folder.iterdir()))}.session.jsonl"
        spent = sorted(append_all(path, events, given))
        at = {share: spent[int(share * (len(spent) - 1))] / 1000 for share in (0.5, 0.99, 0.999, 1.0)}
        sizes[name] = path.stat().st_size
        began = perf_counter()
        found = read_recording(path, given)
        read_s = perf_counter() - began
        assert found.damage is None
        assert list(found.events()) == events
        print(
            f"{name:<10} append p50 {at[0.5]:.1f} us  p99 {at[0.99]:.1f} us  p99.9 {at[0.999]:.1f} us"
            f"  most {at[1.0] / 1000:.2f} ms  {sizes[name] / hours / 1e6:.2f} MB/h  read and checked in {read_s:.2f} s"
        )
    print(f"size factor {sizes['encrypted'] / sizes['plain']:.2f}")


def derive() -> None:
    spent = []
    for number in range(TRIES):
        made, _ = new_home(f"{PASSPHRASE} {number}")
        fresh = made.with_passphrase(PASSPHRASE)  # another salt: nothing of it is kept from before
        began = perf_counter()
        _try(fresh, f"{PASSPHRASE} {number} wrong")
        spent.append((perf_counter() - began) * 1000)
    print(f"one try of a passphrase (argon2id t=3 m=64 MiB p=4): {sorted(spent)[TRIES // 2]:.0f} ms")


def _try(keys: HomeKeys, passphrase: str) -> None:
    try:
        unlock(keys.lock, passphrase)
    except ValueError:
        return
    raise AssertionError("a wrong passphrase opened it")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--folder", help="where the recordings go for the time being: which disk is asked")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as made:
        run(Path(made), asked.minutes)
    derive()
