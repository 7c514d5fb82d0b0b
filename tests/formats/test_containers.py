from __future__ import annotations

import gzip
import io
import stat
import sys
import tarfile
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import containers
from biofeedback.formats.containers import Listed, Sums, in_folder, in_zip, unpacked
from biofeedback.formats.door import Found, contents
from biofeedback.formats.foreign import Foreign, in_memory, on_disk
from biofeedback.formats.limits import RATIO_FREE

SML = b"<sml><DeviceLog><R-R><Data>800 810 820</Data></R-R></DeviceLog></sml>"


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], tight: bool = True) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED if tight else zipfile.ZIP_STORED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def listed(data: bytes) -> list[Listed]:
    return in_zip(in_memory("a.zip", data))


def file_of(member: Listed) -> Foreign:
    assert member.file is not None
    return member.file


def by_name(path: Path) -> dict[str, Found]:
    return {found.file.removeprefix(f"{path}/"): found for found in contents(path)}


def test_the_members_of_a_zip_come_in_the_order_of_their_names_and_hold_what_was_put_in() -> None:
    found = listed(zipped(("b/2.txt", b"two"), ("a.txt", b"one"), ("b/", b"")))
    assert [each.name for each in found] == ["a.txt", "b/2.txt"]
    assert [(file_of(each).name, file_of(each).data) for each in found] == [("a.txt", b"one"), ("2.txt", b"two")]


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=2000), min_size=1, max_size=5))
def test_what_comes_out_of_a_zip_is_what_went_in(files: dict[str, bytes]) -> None:
    found = listed(zipped(*files.items()))
    assert {each.name: file_of(each).data for each in found} == files
    assert {each.name: file_of(each).size for each in found} == {name: len(data) for name, data in files.items()}


def test_a_member_sees_the_files_of_its_own_folder_and_of_those_above_in_the_archive(tmp_path: Path) -> None:
    (tmp_path / "top.json").write_bytes(b"outside")
    path = tmp_path / "a.zip"
    path.write_bytes(
        zipped(("top.json", b"top"), ("s/ses/x.tsv", b"x"), ("s/ses/x.json", b"beside"), ("s/mid.json", b"mid"))
    )
    members = {each.name: file_of(each) for each in in_zip(on_disk(path))}
    file = members["s/ses/x.tsv"]
    beside, mid, top = file.beside("x.json"), file.above(1, "mid.json"), file.above(2, "top.json")
    assert beside is not None
    assert mid is not None
    assert top is not None
    assert (beside.data, mid.data, top.data) == (b"beside", b"mid", b"top")
    assert mid.beside("ses") is None
    assert [file.beside("../mid.json"), file.above(3, "top.json"), file.above(1, "none"), file.above(0, "x.json")] == [
        None
    ] * 4
    alone = members["top.json"]
    assert alone.above(1, "top.json") is None
    assert alone.beside("a.zip") is None


def test_files_on_disk_see_three_folders_up_and_no_links(tmp_path: Path) -> None:
    place = tmp_path / "sub" / "ses" / "beh"
    place.mkdir(parents=True)
    for folder in (tmp_path, place):
        (folder / "x.json").write_bytes(folder.name.encode())
    file = on_disk(place / "x.json")
    top = file.above(3, "x.json")
    assert top is not None
    assert top.data == tmp_path.name.encode()
    assert file.above(2, "x.json") is None
    assert file.above(4, "x.json") is None
    if sys.platform != "win32":
        (place / "link.json").symlink_to(tmp_path / "x.json")
        assert file.beside("link.json") is None


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted(data: bytes) -> bytes:
    """An archive whose only member says that it is encrypted."""
    changed = bytearray(data)
    changed[6] |= 1
    changed[data.index(b"PK\1\2") + 8] |= 1
    return bytes(changed)


def with_name(name: bytes) -> bytes:
    """An archive whose member has a name that zipfile would not write."""
    place = b"n" * len(name)
    return zipped((place.decode(), SML)).replace(place, name)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        *((with_name(name), "its name leads out of the archive, or is none that a file has.") for name in (
            b"../../x", b"/etc/passwd", b"C:\\x", b"c:x", b"a/../../x", b"a\\..\\x", b"./x", b"a//x",
            b"x\0.sml", b"\x1b[2J",
        )),
        (zipped((link("a"), b"/etc/passwd")), "it is a link, or no plain file."),
        (encrypted(zipped(("a", SML))), "it is encrypted."),
    ],
)  # fmt: skip
def test_row_3_a_member_that_is_not_plain_is_refused_and_the_others_are_read(
    data: bytes, what: str, tmp_path: Path
) -> None:
    (member,) = listed(data)
    assert member.file is None
    assert member.refused is not None
    assert member.refused.what == what
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    (found,) = contents(path)
    assert found.refused is not None
    assert found.refused.what == what
    assert found.file.isprintable()
    assert sorted(tmp_path.rglob("*")) == [path]


def test_row_3_beside_a_bad_member_a_good_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(("../x.sml", SML), ("good.sml", SML)))
    found = by_name(path)
    assert [found["../x.sml"].content.verdict, found["good.sml"].content.verdict] == ["refuse", "rr"]
    assert found["good.sml"].sha256 == sha256(SML).hexdigest()
    assert found["good.sml"].file == f"{path}/good.sml"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_row_3_of_two_members_of_one_name_none_is_read() -> None:
    found = listed(zipped(("a", b"1"), ("a", b"2"), ("b", b"3")))
    assert [each.refused is None for each in found] == [False, False, True]


def refused(data: bytes) -> str:
    with pytest.raises(ImportRefused) as caught:
        listed(data)
    return caught.value.what


def test_row_2_a_bomb_is_refused_and_xml_that_packs_as_well_is_not() -> None:
    size = 2 * RATIO_FREE
    bomb, xml = listed(zipped(("bomb", b"\0" * size), ("x.xml", b"<a>" + b" " * size + b"</a>")))
    with pytest.raises(ImportRefused, match="more than 200 times its size"):
        _ = file_of(bomb).head
    assert len(file_of(xml).data) == size + 7


def test_row_2_a_bomb_of_many_members_or_of_overlapping_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MOST_UNPACKED", 1000)
    assert refused(zipped(("a", b"a" * 600), ("b", b"b" * 600))) == "it unpacks to more than 4 GiB."
    monkeypatch.undo()
    data = zipped(("a", bytes(range(256)) * 4), tight=False)
    entry = data[data.index(b"PK\1\2") : data.index(b"PK\5\6")]
    start, end = data[: data.index(b"PK\1\2")], bytearray(data[data.index(b"PK\5\6") :])
    entries = b"".join(entry[:46] + bytes([98 + number]) + entry[47:] for number in range(9))
    end[8:12] = (9).to_bytes(2, "little") * 2
    end[12:16] = len(entries).to_bytes(4, "little")
    assert refused(start + entries + bytes(end)) == "its members lie over one another."


def test_row_2_too_many_members_are_refused() -> None:
    assert refused(zipped(*((str(number), b"") for number in range(10_001)))) == "it holds more than 10000 files."


def test_row_2_a_member_that_lies_about_its_size_is_damaged_and_not_unpacked_further(tmp_path: Path) -> None:
    data = bytearray(zipped(("a", b"x" * 100_000)))
    at = data.index(b"PK\1\2")
    data[at + 24 : at + 28] = (9).to_bytes(4, "little")
    (member,) = listed(bytes(data))
    with pytest.raises(zipfile.BadZipFile):
        _ = file_of(member).data
    (tmp_path / "a.zip").write_bytes(data)
    (found,) = contents(tmp_path / "a.zip")
    assert found.refused is not None
    assert found.refused.what == "it is damaged, or not what it seems to be."


@pytest.mark.parametrize("inner", ["zip", "gz"])
def test_row_2_an_archive_inside_an_archive_is_refused(inner: str, tmp_path: Path) -> None:
    data = zipped(("a.sml", SML)) if inner == "zip" else gzip.compress(SML)
    for name, outer in (("a.zip", zipped((f"i.{inner}", data))), ("a.gz", gzip.compress(data))):
        (tmp_path / name).write_bytes(outer)
        (found,) = contents(tmp_path / name)
        assert found.refused is not None
        assert found.refused.what == "it is an archive inside an archive."


def test_row_2_a_gzip_bomb_is_refused_before_it_is_unpacked_whole() -> None:
    bomb = gzip.compress(b"\0" * 40 * RATIO_FREE)
    with pytest.raises(ImportRefused, match="more than 200 times its size"):
        unpacked(in_memory("a.gz", bomb))


def test_a_gzip_file_is_read_under_its_own_name_and_its_bytes_are_the_unpacked_ones(tmp_path: Path) -> None:
    path = tmp_path / "x.sml.gz"
    path.write_bytes(gzip.compress(SML))
    (tmp_path / "x.json").write_bytes(b"{}")
    file = unpacked(on_disk(path))
    assert (file.name, file.size, file.data, file.path) == ("x.sml", len(SML), SML, None)
    assert file.beside("x.json") is not None
    (found,) = contents(path)
    assert (found.file, found.bytes, found.sha256) == (str(path), len(SML), sha256(SML).hexdigest())
    assert len(found.content.ticks) == 3


@pytest.mark.parametrize("cut", [3, 12, 20, -9, -4, -1])
def test_a_gzip_file_that_breaks_off_is_refused(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(SML)[:cut])
    (found,) = contents(path)
    assert found.refused is not None


def test_a_tar_archive_and_other_packers_are_refused_by_name(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(__file__, "x")
    with tarfile.open(tmp_path / "b.tgz", "w:gz") as tar:
        tar.add(__file__, "x")
    (tmp_path / "c.7z").write_bytes(b"7z\xbc\xaf\x27\x1c rest")
    whats = [found.refused.what for found in contents(tmp_path) if found.refused is not None]
    assert [what.split(",")[0] for what in whats] == [
        "it is a tar archive", "it is a tar archive", "it is a 7-Zip archive"
    ]  # fmt: skip


def test_a_workbook_is_not_taken_for_an_archive_of_files() -> None:
    assert (
        refused(zipped(("[Content_Types].xml", b"<a/>"), ("xl/x.xml", b"<a/>"))) == "it is a file of an office program."
    )


def test_a_folder_is_read_deep_in_order_and_side_files_are_skipped(tmp_path: Path) -> None:
    for name in ("b/c/2.sml", "a.sml", "b/._2.sml", "b/.hidden", ".git/x", "b/.DS_Store", "__MACOSX/x"):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(SML)
    (tmp_path / "b" / "z.zip").write_bytes(zipped(("in.sml", SML), ("__MACOSX/._in.sml", b"\0\5\26\7")))
    found = by_name(tmp_path)
    assert {name: each.content.verdict for name, each in found.items()} == {
        ".git": "skip", "__MACOSX": "skip", "a.sml": "rr", "b/._2.sml": "skip", "b/.DS_Store": "skip",
        "b/.hidden": "skip", "b/c/2.sml": "rr", "b/z.zip/__MACOSX/._in.sml": "skip", "b/z.zip/in.sml": "rr",
    }  # fmt: skip
    assert list(found) == sorted(found)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_row_3_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.sml").write_bytes(SML)
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "file.sml").symlink_to(outside / "secret.sml")
    (folder / "folder").symlink_to(outside)
    (folder / "round").symlink_to(folder)
    assert [(name, each.content.verdict, each.bytes) for name, each in by_name(folder).items()] == [
        (name, "skip", 0) for name in ("file.sml", "folder", "round")
    ]


def test_an_empty_folder_and_one_with_too_many_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImportRefused, match="a folder without files"):
        in_folder(tmp_path)
    for number in range(5):
        (tmp_path / str(number)).touch()
    monkeypatch.setattr(containers, "MOST_FILES", 4)
    with pytest.raises(ImportRefused, match="more than"):
        in_folder(tmp_path)
    (found,) = contents(tmp_path)
    assert found.content.verdict == "refuse"


@given(st.binary(max_size=5000), st.lists(st.integers(1, 3000), max_size=9))
def test_a_file_that_was_read_in_any_pieces_is_hashed_right(data: bytes, pieces: list[int]) -> None:
    sums = Sums(in_memory("a", data))
    with sums.file.opener() as stream:
        for size in pieces:
            stream.read(size)
    assert sums.sha256() == sha256(data).hexdigest()
    assert Sums(in_memory("a", data)).sha256() == sha256(data).hexdigest()


@given(st.binary(min_size=1, max_size=300), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=9))
def test_a_file_that_was_read_out_of_order_is_hashed_right(data: bytes, jumps: list[tuple[int, int]]) -> None:
    sums = Sums(in_memory("a", data))
    with sums.file.opener() as stream:
        for place, size in jumps:
            stream.seek(place)
            assert stream.read(size) == data[place : place + size]
    assert sums.sha256() == sha256(data).hexdigest()


def test_a_file_that_is_read_whole_is_not_read_again_for_its_hash() -> None:
    opened = 0

    def opener() -> io.BytesIO:
        nonlocal opened
        opened += 1
        return io.BytesIO(b"x" * 3_000_000)

    sums = Sums(Foreign("a", 3_000_000, opener, lambda _: None))
    assert len(sums.file.data) == 3_000_000
    assert sums.sha256() == sha256(b"x" * 3_000_000).hexdigest()
    assert opened == 1


@given(st.binary(max_size=400), st.integers(0, 10_000))
def test_row_9_no_torn_zip_raises_anything_but_a_refusal(noise: bytes, at: int) -> None:
    from biofeedback.formats.detect import refusing

    whole = zipped(("a.sml", SML), ("b/c.txt", b"800\n810\n"))
    at %= len(whole)
    try:
        with refusing():
            for each in listed(whole[:at] + noise + whole[at + len(noise) :]):
                if each.file is not None:
                    _ = each.file.data
    except ImportRefused:
        pass
