"""The words that name a source, and what is said when they cannot be understood."""

from __future__ import annotations

import pytest

from devices.errors import Reason, SourceSpecError
from devices.opening import open_source
from devices.people import PEOPLE, RANGES, person_named
from devices.simulated import SimulatedStrap
from devices.source import parse_spec
from tests.devices.listening import collect


@pytest.mark.parametrize("name", ["calm", "tense", "flat", "nonfollower", "ectopic", "faulty"])
def test_every_person_of_the_contract_opens_and_speaks(name: str) -> None:
    source = open_source(parse_spec(f"sim:{name}"))
    assert source.info.kind == "simulated"
    assert len(collect(source, 20)) > 15


def test_the_spec_in_the_info_opens_the_same_source_again() -> None:
    first = open_source(parse_spec("sim:tense?seed=3&effect_bpm=-2"))
    assert first.info.spec == "sim:tense?seed=3&effect_bpm=-2"
    assert collect(open_source(parse_spec(first.info.spec)), 60) == collect(first, 60)


def test_every_key_reaches_the_person() -> None:
    options = {
        "hr": "90",
        "effect_bpm": "-3",
        "spike_pct": "7",
        "ectopic_pct": "2",
        "loss_pct": "4",
        "drop_s": "9",
        "acc": "1",
        "move_pct": "11",
    }
    person, seed = person_named("calm", {**options, "seed": "12"})
    assert (person.hr_bpm, person.effect_bpm, person.spike_pct, person.ectopic_pct) == (90, -3, 7, 2)
    assert (person.strap.loss_pct, person.strap.drop_s) == (4, 9)
    assert (person.strap.accelerometer, person.move_pct) == (True, 11)
    assert seed == 12
    assert set(options) | {"seed"} == set(RANGES)


@pytest.mark.parametrize(
    ("options", "has"),
    [({}, False), ({"acc": "1"}, True), ({"move_pct": "5"}, True), ({"move_pct": "5", "acc": "0"}, False)],
)
def test_an_accelerometer_is_had_on_request_or_with_movement(options: dict[str, str], has: bool) -> None:
    assert person_named("calm", options)[0].strap.accelerometer is has


@pytest.mark.parametrize("text", ["strap:", "strap:Polar H10?acc=1", "strap:?acc=0"])
def test_a_strap_opens_with_and_without_its_accelerometer(text: str) -> None:
    assert open_source(parse_spec(text)).info.kind == "strap"


@pytest.mark.parametrize("text", ["strap:?ecg=1", "strap:?acc=on", "strap:?acc=0&seed=1"])
def test_a_strap_has_no_other_option(text: str) -> None:
    with pytest.raises(SourceSpecError) as caught:
        open_source(parse_spec(text))
    assert "acc=0" in caught.value.advice


def test_without_keys_a_person_is_as_in_the_table() -> None:
    for name, person in PEOPLE.items():
        assert person_named(name, {}) == (person, 1)


@pytest.mark.parametrize(
    ("text", "reason", "what", "advice"),
    [
        ("ant:calm", Reason.UNKNOWN_KIND, "'ant'", "sim:"),
        ("sim:bored", Reason.BAD_SPEC, "'bored'", "calm, tense, flat, nonfollower, ectopic, faulty"),
        ("sim:", Reason.BAD_SPEC, "''", "calm"),
        ("sim:calm?mood=3", Reason.BAD_SPEC, "'mood'", "hr, effect_bpm, spike_pct"),
        ("sim:calm?hr=20", Reason.BAD_SPEC, "hr=20", "from 35 to 180"),
        ("sim:calm?hr=fast", Reason.BAD_SPEC, "hr=fast", "a number from 35 to 180"),
        ("sim:calm?hr=nan", Reason.BAD_SPEC, "hr=nan", "from 35 to 180"),
        ("sim:calm?loss_pct=", Reason.BAD_SPEC, "loss_pct=", "from 0 to 90"),
        ("sim:calm?seed=1.5", Reason.BAD_SPEC, "seed=1.5", "a whole number from 0"),
        ("sim:calm?acc=0.5", Reason.BAD_SPEC, "acc=0.5", "a whole number from 0 to 1"),
        ("sim:calm?seed=-1", Reason.BAD_SPEC, "seed=-1", "a whole number from 0"),
        ("sim:calm?drop_s=1e9", Reason.BAD_SPEC, "drop_s=1e9", "from 0 to 600"),
    ],
)
def test_an_error_names_the_offending_value_and_the_allowed_ones(
    text: str, reason: Reason, what: str, advice: str
) -> None:
    with pytest.raises(SourceSpecError) as caught:
        open_source(parse_spec(text))
    assert caught.value.reason is reason
    assert what in caught.value.what
    assert advice in caught.value.advice


@pytest.mark.parametrize("text", ["calm", "", ":calm", "sim:calm?seed", "sim:calm?seed=1&seed=2"])
def test_words_that_are_no_spec_are_refused(text: str) -> None:
    with pytest.raises(SourceSpecError):
        parse_spec(text)


@pytest.mark.parametrize("key", [key for key in RANGES if key != "seed"])
def test_a_person_at_either_end_of_a_range_still_lives(key: str) -> None:
    for value in RANGES[key]:
        source = open_source(parse_spec(f"sim:calm?{key}={value}"))
        assert isinstance(source, SimulatedStrap)
        assert len(collect(source, 60)) > 3


@pytest.mark.parametrize("text", ["strap:", "strap:Polar H10"])
def test_the_info_of_a_strap_says_the_words_that_chose_it(text: str) -> None:
    assert open_source(parse_spec(text)).info.spec == text


@pytest.mark.parametrize("address", ["A0:9E:1A:00:00:01", "a0:9e:1a:00:00:01", "5F0C1B9E-7D1A-4C1B-9E57-2B6C1D0E8F3A"])
def test_the_info_of_a_strap_which_is_recorded_never_holds_an_address(address: str) -> None:
    info = open_source(parse_spec(f"strap:{address}")).info
    assert (info.name, info.spec, info.address) == ("heart-rate strap", "strap:", "")
