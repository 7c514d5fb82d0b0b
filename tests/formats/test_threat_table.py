"""Rows 1, 2, 3, 8 and 9 of the threat table (RECORDING 2.3) as they stand there; each has more tests with its part."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from biofeedback.formats.detect import BARE, SURE
from biofeedback.formats.door import Door, contents
from tests.cli.programs import ROOT
from tests.formats.hostile import use_hostile

SML = b"<sml><DeviceLog><R-R><Data>800 810 820</Data></R-R></DeviceLog></sml>"

MEASURED = """
import json, resource, sys
from pathlib import Path
from biofeedback.formats.door import contents

def used():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both), *(each.ru_maxrss / 1024 for each in both)

began_s, before, _ = used()
(found,) = contents(Path(sys.argv[1]))
ended_s, after, child = used()
print(json.dumps([found.content.verdict, found.content.why, ended_s - began_s, after - before, child]))
"""

unix = pytest.mark.skipif(sys.platform != "linux", reason="measures as Linux does")


def measured(path: Path) -> tuple[str, str, float, float, float]:
    """Verdict, reason, seconds of processor time, MB this side grew by, and the most that the one that read it had."""
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    verdict, why, took, grown, child = json.loads(ran.stdout)
    return verdict, why, took, grown, child


def sparse(path: Path, size: int, start: bytes = b"") -> Path:
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


@unix
@pytest.mark.parametrize(
    "start", [b"", b"\x0e\x10\0\0\0\0\0\0.FIT", b"0       ", b"XDF:", b"800\n810\n", b"[Params]\n"]
)
def test_row_1_a_sparse_file_of_10_gb_is_refused_in_100_ms_and_20_mb(start: bytes, tmp_path: Path) -> None:
    verdict, why, took, grown, child = measured(sparse(tmp_path / "a.txt", 10**10, start))
    assert (verdict, why) == ("refuse", "it is larger than 512 MiB.")
    assert took < 0.1
    assert grown < 20
    assert child == 0  # nobody else even opened it


@unix
def test_row_1_one_byte_more_than_512_mib_is_too_large(tmp_path: Path) -> None:
    path = sparse(tmp_path / "a.txt", 512 * 1024**2 + 1, b"800\n")
    (found,) = contents(path)
    assert found.content.why == "it is larger than 512 MiB."


@unix
def test_row_1_xml_of_any_size_is_streamed(tmp_path: Path) -> None:
    path = sparse(tmp_path / "a.xml", 10**10, b'<?xml version="1.0"?><HealthData></Wrong>')
    verdict, why, took, grown, child = measured(path)
    assert verdict == "refuse"
    assert "512 MiB" not in why
    assert took < 5
    assert grown < 20
    assert child < 100


@unix
@pytest.mark.slow
def test_row_1_xml_in_a_zip_is_streamed_too(tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    record = b'<Record type="HKQuantityTypeIdentifierStepCount" value="5" startDate="2026-01-01 10:00:00 +0100"/>\n'
    deflated = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w", deflated) as archive, archive.open("apple/export.xml", "w") as file:
        file.write(b'<?xml version="1.0" encoding="UTF-8"?>\n<HealthData locale="de_DE">\n')
        for _ in range(600):
            file.write(record * 1000)
        file.write(b"</HealthData>\n")
    verdict, _, _, grown, child = measured(path)
    assert verdict == "refuse"  # no heartbeats among 600 000 records, 60 MB
    assert grown < 20
    assert child < 100


@unix
@pytest.mark.slow
def test_row_2_a_bomb_of_97_kb_is_refused_without_being_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"\0" * 10**8)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b"\0" * 10**8))
    for name in ("a.zip", "a.gz"):
        path = tmp_path / name
        assert path.stat().st_size < 100_000
        verdict, why, took, grown, child = measured(path)
        assert (verdict, why) == ("refuse", "it unpacks to more than 200 times its size.")
        assert took < 2
        assert grown < 20
        assert child < 100


def test_row_2_a_nested_zip_is_refused_and_the_file_beside_it_is_read(tmp_path: Path) -> None:
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.sml", SML)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner.read_bytes())
        archive.writestr("z.sml", SML)
    refused, found = contents(tmp_path / "outer.zip")
    assert refused.content.why == "it is an archive inside an archive."
    assert found.content.verdict == "rr"


def test_row_3_nothing_is_written_outside_or_inside_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    path = folder / "a.zip"
    names = ("../../x.sml", "/x.sml", "C:\\x.sml", "..\\x.sml", "good.sml")
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, SML)
    before = sorted(tmp_path.rglob("*"))
    verdicts = [found.content.verdict for found in contents(path)]
    assert sorted(verdicts) == ["refuse"] * 4 + ["rr"]
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_row_8_the_process_is_killed_from_outside_and_the_caller_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    use_hostile(monkeypatch, tmp_path_factory.mktemp("plugged"))
    (tmp_path / "1").write_bytes(b"ACME pid")
    (tmp_path / "2").write_bytes(b"ACME pid")
    (tmp_path / "3").write_bytes(b"ACME pid")
    with Door() as door:
        found = door.contents(tmp_path)
        first = next(found)
        os.kill(int(first.content.why or 0), 9)
        began = time.monotonic()
        rest = list(found)
    assert time.monotonic() - began < 2
    assert [each.content.verdict for each in rest][-1] == "rr"
    assert rest[-1].content.why != first.content.why


LIES = {
    "fit": b"\x0e\x10\x43\x08\xff\xff\xff\x7f.FIT\0\0" + b"\x40\0\0\x4e\0\xff" + b"\xff" * 40,
    "edf": b"0       " + b" " * 176 + b"99999999" + b" " * 44 + b"99999999" + b"0.000001" + b"9999" + b" " * 256,
    "bdf": b"\xffBIOSEMI" + b" " * 176 + b"99999999" + b" " * 44 + b"99999999" + b"0.000001" + b"9999" + b" " * 256,
    "xdf": b"XDF:\x08" + b"\xff" * 7 + b"\x7f\2\0" + b"<?xml?>",
    "hea": b"100 1 1e9 999999999999\n100.dat 16 1e9 24 0 0 0 0 ECG\n",
    "sqlite": b"SQLite format 3\0\xff\xff\1\1\0\x40\x20\x20\xff\xff\xff\xff\xff\xff\xff\xff" + b"\xff" * 80,
    "mat": b"MATLAB 5.0 MAT-file".ljust(124) + b"\0\1IM\x0e\0\0\0\xff\xff\xff\x7f" + b"\xff" * 64,
}
"""Headers that promise more than there is."""


@unix
@pytest.mark.parametrize("kind", LIES)
def test_row_8_a_header_that_lies_costs_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"100.{kind}"
    path.write_bytes(LIES[kind])
    verdict, _, took, grown, child = measured(path)
    assert verdict == "refuse"
    assert took < 5
    assert grown < 20
    assert child < 256


def test_row_9_every_reader_has_a_name_of_its_own() -> None:
    names = [reader.name for reader in (*SURE, *BARE)]
    assert len(names) == len(set(names))
