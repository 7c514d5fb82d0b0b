"""The shipped scripts keep the rules of METHOD 3.1, 3.3 and RULINGS C8, E13."""

from __future__ import annotations

import re

import pytest

from biofeedback.imagery.script import Script, count_words, match_warnings
from biofeedback.session.scripts import shipped

SCRIPTS = sorted(shipped().scripts.values(), key=lambda script: script.id)
FORBIDDEN = re.compile(
    r"\b(treat(s|ment)?|therap\w+|heal|cure|PTSD|anxiety disorder|diagnos\w+|clinical|rewire|"
    r"reset your nervous system)\b",
    re.IGNORECASE,
)
every = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.id)


def said(script: Script) -> list[str]:
    """Everything a person hears or reads of a script."""
    lines = [script.spoken(cue) for cue in script.cues]
    return [script.title, *lines, script.practice.closing, script.amber, *script.caution]


def test_the_library_has_an_image_its_control_and_a_rescue() -> None:
    kinds = {script.id: script.kind for script in SCRIPTS}
    assert (kinds["breath_only"], kinds["safe_place"], kinds["grounding"]) == ("control", "imagery", "rescue")


@every
def test_3_1_five_cues_at_0_18_36_54_72_s(script: Script) -> None:
    assert [cue.at_s for cue in script.cues] == [0, 18, 36, 54, 72]


@every
def test_3_1_a_cue_has_at_most_12_words_with_its_words_filled_in(script: Script) -> None:
    assert all(1 <= count_words(script.spoken(cue)) <= 12 for cue in script.cues)


@every
def test_3_1_cues_are_on_the_exhale_but_a_rescue_waits_for_no_breath(script: Script) -> None:
    assert {cue.phase for cue in script.cues} == {"any" if script.kind == "rescue" else "exhale"}


@every
def test_e13_a_script_matches_its_control(script: Script) -> None:
    if script.control is not None:
        assert match_warnings(script, shipped().find(script.control)) == []


@every
def test_3_1_nobody_is_told_to_relax_and_nothing_is_promised(script: Script) -> None:
    for line in said(script):
        assert not re.search(r"\brelax|\bcalm|\bmust\b|\bshould\b|\bwill (feel|make|help|calm)", line, re.IGNORECASE)


@every
def test_c8_no_forbidden_word(script: Script) -> None:
    assert [line for line in said(script) if FORBIDDEN.search(line)] == []


def test_3_1_imagery_invites() -> None:
    for script in SCRIPTS:
        if script.kind == "imagery":
            assert any(re.search(r"if you like|perhaps|you can|may", line, re.IGNORECASE) for line in said(script)[1:6])


def test_3_3_safe_place_and_grounding_say_what_they_are() -> None:
    safe, rescue = shipped().find("safe_place"), shipped().find("grounding")
    assert (safe.mode, safe.max_start_suds, safe.evidence, safe.outcome) == ("solo", 6, "studied", "during")
    assert (safe.control, safe.rescue) == ("breath_only", "grounding")
    assert (rescue.mode, rescue.eyes) == ("solo", "open")


@every
def test_every_control_and_rescue_is_on_the_shelf(script: Script) -> None:
    assert {found.id for found in shipped().needed([script.id])} >= {script.id, script.rescue}
    assert len(shipped().hash_of(script)) == 64


def test_c6_hashes_differ_and_follow_the_control() -> None:
    hashes = [shipped().hash_of(script) for script in SCRIPTS]
    assert len(set(hashes)) == len(hashes)
