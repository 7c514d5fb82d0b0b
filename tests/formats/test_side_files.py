from __future__ import annotations

import pytest

from biofeedback.errors import ImportRefused
from tests.formats.samples import check, expected, read, read_bytes, sample


def test_an_empty_file_is_refused_as_such() -> None:
    with pytest.raises(ImportRefused) as caught:
        read_bytes("a.fit", b"")
    assert caught.value.what == "empty file."
    with pytest.raises(ImportRefused):
        read(sample("empty.txt"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("._a.txt", b"800\n"),
        ("a.txt", b"\0\5\26\7\0\2\0\0Mac OS X"),
        (".DS_Store", b"\0\0\0\1Bud1"),
        ("Thumbs.db", b"x"),
    ],
)
def test_what_a_file_manager_leaves_is_skipped(name: str, data: bytes) -> None:
    content = read_bytes(name, data)
    assert content.verdict == "skip"
    assert content.why


def test_a_side_file_of_macos_among_the_samples_is_skipped() -> None:
    name = "elitehrv/._2017-06-29 13-11-53.txt"
    check(read(sample(name)), expected(name))


def test_what_only_looks_like_one_is_not_skipped() -> None:
    for name, data in (("a._txt", b"<sml/>"), ("DS_Store.sml", b"<sml/>")):
        with pytest.raises(ImportRefused):
            read_bytes(name, data)
