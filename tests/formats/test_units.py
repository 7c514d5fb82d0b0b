"""Units of bare numbers by rule, and numbers as whole ticks by exact arithmetic (FORMATS 1.3, RULINGS A7)."""

from __future__ import annotations

from array import array
from decimal import Decimal
from fractions import Fraction
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import units
from biofeedback.formats.units import UNIT_WORDS, Numbers, Told, asked, between, ticks_each, ticks_of, unit_of

CELLS = st.from_regex(r"[0-9]{1,15}(?:[.,][0-9]{1,20})?", fullmatch=True)
UNITS = st.sampled_from(["ms", "s", "1/1024", "samples@256", "samples@130", "samples@0,7"])


@given(st.lists(CELLS, max_size=8), UNITS)
def test_a7_numbers_become_ticks_half_to_even_and_exactly(cells: list[str], unit: str) -> None:
    """Fraction's own rounding is the oracle; both ways of keeping numbers agree with it."""
    each = ticks_each(unit)
    exact = [Fraction(cell.replace(",", ".")) for cell in cells]
    wanted = [round(value * each) for value in exact]
    numbers = Numbers()
    assert numbers.extend(cells) is None
    assert numbers.values() == array("d", map(float, exact))
    decimals = [Decimal(cell.replace(",", ".")) for cell in cells]
    if wanted and max(wanted) >= units.LARGEST_TICKS:
        with pytest.raises(ImportRefused, match="no time of this world"):
            numbers.ticks(each)
        with pytest.raises(ImportRefused, match="no time of this world"):
            ticks_of(decimals, each)
        return
    assert numbers.ticks(each).tolist() == ticks_of(decimals, each).tolist() == wanted


def test_a7_half_ticks_go_to_the_even_one() -> None:
    """1/2048 ms is half a tick."""
    halves = ["0.00048828125", "0.00146484375", "0.00244140625", "0.00341796875"]
    numbers = Numbers()
    numbers.extend(halves)
    assert numbers.ticks(ticks_each("ms")).tolist() == [0, 2, 2, 4]
    assert ticks_of([Decimal(half) for half in halves], ticks_each("ms")).tolist() == [0, 2, 2, 4]


def test_numbers_stop_at_the_first_that_is_none() -> None:
    numbers = Numbers()
    assert numbers.extend(["800", "8e2", "810"]) == "8e2"
    assert not numbers.add("nan")
    assert numbers.add("0,5")
    assert numbers.values().tolist() == [800.0, 0.5]


def test_numbers_stay_right_when_more_different_ones_come_than_are_kept_at_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(units, "MOST_KNOWN", 3)
    numbers, cells = Numbers(), [str(800 + at % 7) for at in range(50)]
    numbers.extend(cells)
    assert numbers.values().tolist() == [float(cell) for cell in cells]


@pytest.mark.parametrize(
    ("unit", "each"),
    [
        ("ms", Fraction(1024)), ("s", Fraction(1_024_000)), ("1/1024", Fraction(1000)),
        ("samples@256", Fraction(4000)), ("samples@130", Fraction(1_024_000, 130)),
        ("samples@0.5", Fraction(2_048_000)), ("samples@0,5", Fraction(2_048_000)),
    ],
)  # fmt: skip
def test_a7_units_are_exact(unit: str, each: Fraction) -> None:
    assert ticks_each(unit) == each


@pytest.mark.parametrize(
    "unit",
    [
        "samples@",
        "samples@0",
        "samples@-256",
        "samples@x",
        "samples@1000001",
        "256",
        "samples",
        "MS",
        "",
        "samples@1e3",
    ],
)
def test_an_unknown_unit_is_told_with_the_known_ones(unit: str) -> None:
    with pytest.raises(ImportRefused, match="there is no unit") as caught:
        ticks_each(unit)
    assert UNIT_WORDS in caught.value.advice


@pytest.mark.parametrize(
    ("median", "unit"),
    [("300", "ms"), ("2200", "ms"), ("299.999", None), ("2200.001", None), ("0.30", "s"), ("2.2", "s"),
     ("0.299", None), ("2.201", None), ("70", None), ("0", None), ("5000", None)],
)  # fmt: skip
def test_1_3_the_median_says_the_unit_and_its_borders_are_as_written(median: str, unit: str | None) -> None:
    for values in ([Decimal(median)] * 3, [Decimal(0), Decimal(median), Decimal(10**6), Decimal(0), Decimal(10**6)]):
        assert unit_of(values).unit == unit
    assert unit_of(array("d", [float(median)])).unit == unit


def test_1_3_what_the_question_says() -> None:
    assert "heart rate, samples or a very fast heart" in unit_of([25.0]).rule
    assert "heart rate" not in unit_of([24.9]).rule
    assert unit_of([800.0, 900.0, 900.1]).rule == "its numbers only rise, they could be times or positions of beats"
    assert unit_of([800.0, 900.0]).unit == unit_of([800.0, 900.0, 900.0]).unit == "ms"
    assert unit_of([]).unit is None
    sentence = asked(Told(None, "so"))
    assert sentence == f"the unit is not clear: so: say it with --unit {UNIT_WORDS}"


@given(st.lists(st.integers(0, 10**9), min_size=1))
def test_a7_intervals_between_positions_add_up_to_them(steps: list[int]) -> None:
    assert between(list(accumulate(steps))).tolist() == steps[1:]
