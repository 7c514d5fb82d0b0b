"""Which strap is taken, asked for or waited for: the rules for every set of straps, and the question across threads."""

from __future__ import annotations

from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.choosing import Chooser, Sight, StrapQuestion, Take, decide, nearest

ADDRESSES = [f"A0:9E:1A:00:00:0{number}" for number in range(1, 6)]


def sight(address: str, rssi: int | None = -60, *, in_use: bool = False) -> Sight:
    return Sight(address, "", rssi, rssi is None, in_use=in_use)


sights = st.lists(
    st.builds(
        sight,
        st.sampled_from(ADDRESSES),
        st.none() | st.integers(-100, -30),
        in_use=st.booleans(),
    ),
    max_size=5,
    unique_by=lambda each: each.address,
)
lasts = st.none() | st.sampled_from(ADDRESSES)


@pytest.mark.fault(17, "unit")
@given(sights, lasts, st.booleans(), st.booleans())
def test_case_17_what_is_taken_is_free_and_never_silently_another_than_last_time(
    seen: list[Sight], last: str | None, settled: bool, can_ask: bool
) -> None:
    free = [each.address for each in seen if not each.in_use]
    match decide(seen, last, settled=settled, can_ask=can_ask):
        case Take(address):
            assert address in free
            assert last in (None, address)
            assert settled or address == last
        case "ask":
            assert can_ask
            assert settled
            assert last not in free
            assert len(free) >= (2 if last is None else 1)
        case _:
            assert not free or not settled or (last is not None and not can_ask)


@given(sights, st.sampled_from(ADDRESSES), st.booleans(), st.booleans())
def test_the_last_one_is_taken_at_once_wherever_it_is_free(
    seen: list[Sight], last: str, settled: bool, can_ask: bool
) -> None:
    in_sight = last in [each.address for each in seen if not each.in_use]
    assert (decide(seen, last, settled=settled, can_ask=can_ask) == Take(last)) is in_sight


@given(sights)
def test_without_a_last_time_one_is_taken_and_several_are_asked_for_or_the_nearest_is(seen: list[Sight]) -> None:
    free = [each for each in seen if not each.in_use]
    asked = decide(seen, None, settled=True, can_ask=True)
    alone = decide(seen, None, settled=True, can_ask=False)
    if not free:
        assert asked == alone == "wait"
    elif len(free) == 1:
        assert asked == alone == Take(free[0].address)
    else:
        assert asked == "ask"
        assert alone == Take(nearest(free).address)


def test_the_nearest_is_the_connected_one_then_the_strongest() -> None:
    far, near, held = sight("far", -90), sight("near", -40), sight("held", None)
    assert nearest([far, near]) == near
    assert nearest([far, near, held]) == held


class TestChooser:
    def test_an_answer_is_heard_once_and_closes_the_question(self) -> None:
        chooser = Chooser(can_ask=True)
        chooser.ask(StrapQuestion((sight("a"), sight("b"))))
        chooser.choose("b")
        assert chooser.question is None
        chooser.ask(StrapQuestion((sight("a"), sight("b"))))
        assert chooser.question is None, "an answer that is on its way is not asked for again"
        assert (chooser.answer(), chooser.answer()) == ("b", None)

    @pytest.mark.parametrize("address", ["c", "b", ""])
    def test_what_is_not_offered_or_is_in_use_cannot_be_chosen(self, address: str) -> None:
        chooser = Chooser(can_ask=True)
        chooser.ask(StrapQuestion((sight("a"), sight("b", in_use=True))))
        chooser.choose(address)
        assert chooser.question is not None
        assert chooser.answer() is None

    def test_without_a_question_nothing_can_be_chosen(self) -> None:
        chooser = Chooser()
        chooser.choose("a")
        assert chooser.answer() is None

    def test_a_choice_wakes_whoever_waits_even_when_its_loop_is_closed(self) -> None:
        chooser, woken = Chooser(can_ask=True), list[int]()

        def wake() -> None:
            woken.append(1)
            raise RuntimeError("Event loop is closed")

        chooser.wake_by(wake)
        chooser.ask(StrapQuestion((sight("a"),)))
        chooser.choose("a")
        assert woken == [1]

    def test_of_two_who_choose_at_once_one_is_heard(self) -> None:
        chooser = Chooser(can_ask=True)
        for _ in range(50):
            chooser.ask(StrapQuestion((sight("a"), sight("b"))))
            people = [Thread(target=chooser.choose, args=(address,)) for address in "ab"]
            for person in people:
                person.start()
            for person in people:
                person.join()
            assert chooser.answer() in ("a", "b")
            assert chooser.answer() is None
