from __future__ import annotations

import random
import warnings
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.formats.detect import BARE, SURE
from tests.formats.mutants import CHANGES, Seed, fit_crc, fuzzed, mutant, mutants, seeds
from tests.real import FORMATS

COUNT = 300


@cache
def found() -> dict[str, list[Seed]]:
    return seeds()


def mostly_small(some: list[Seed]) -> list[Seed]:
    """Nine mutants of short files to one of a long file: three hundred have to fit into a test's time."""
    small = [seed for seed in some if len(seed.data) <= 20_000]
    large = [seed for seed in some if len(seed.data) > 20_000]
    return small * 9 * len(large) + large * len(small) if small and large else some


@pytest.mark.slow
@pytest.mark.timeout(60)  # on a machine that has other things to do; alone each takes one to four seconds
@pytest.mark.parametrize("name", [reader.name for reader in (*SURE, *BARE)])
def test_r7_of_300_mutants_all_are_read_or_refused_in_1_s_and_256_mib(name: str) -> None:
    if not found()[name]:
        pytest.skip("no sound file of this format is at hand")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of numbers that a mutant holds
        tally = fuzzed(name, mostly_small(found()[name]), COUNT)
    assert tally.mutants == COUNT
    assert tally.wrong == {}
    assert tally.read + tally.refused == COUNT


@pytest.mark.skipif(not FORMATS.is_dir(), reason="sample files are not there: ../shared/formats")
def test_every_reader_has_a_sound_file_to_begin_with() -> None:
    assert [name for name, some in found().items() if not some and name not in WITHOUT] == []


WITHOUT = ("side file",)
"""Told by its name alone."""


def test_the_mutants_are_the_same_every_time_and_differ_from_their_seed() -> None:
    some = [Seed("a", bytes(range(256))), Seed("b", b"800 810 820\n" * 20)]
    once, again = (list(mutants(some, 200)) for _ in range(2))
    assert once == again
    assert sum(data != seed.data for seed, data in once) > 180
    assert len({data for _, data in once}) > 180


@given(st.binary(max_size=400), st.binary(max_size=400), st.integers(0, 2**32))
def test_every_change_takes_any_bytes(data: bytes, other: bytes, start: int) -> None:
    rng = random.Random(start)
    for change in CHANGES:
        assert isinstance(change(data, other, rng), bytes)
    assert isinstance(mutant(data, other, rng), bytes)


def test_the_checksum_is_crc_16_arc() -> None:
    assert fit_crc(b"123456789") == 0xBB3D
