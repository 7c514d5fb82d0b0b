"""Script files: what a writer is told, what is read, and the hash that is a visualization's identity (3.4, C6)."""

from __future__ import annotations

from dataclasses import replace

import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from biofeedback.errors import ScriptError, UsageError
from biofeedback.imagery.script import (
    content_hash,
    count_words,
    from_json,
    match_warnings,
    parse_script,
    to_json,
)
from biofeedback.session.scripts import read_script_file, shipped

GOOD = """format = "brt-script/1"
id = "lake"
version = 3
title = "A lake"
[user]
place = "the lake"
[[cue]]
at = 0
say = "You are at {place}."
[[cue]]
at = 18.5
phase = "inhale"
say = "What can you hear?"
sense = "sound"
"""


def test_3_4_the_example_of_the_method_is_read_with_its_place_filled_in() -> None:
    text = (
        """format = "brt-script/1"        # refused if unknown
id = "safe_place"; version = 3
""".replace("; ", "\n")
        + GOOD.split("\n", 3)[3].replace('"the lake"', '"a hill"')
    )
    script = parse_script(text, "x.toml")
    assert (script.id, script.version, script.words["place"]) == ("safe_place", 3, "a hill")


def test_what_a_script_does_not_say_has_a_default() -> None:
    script = parse_script(GOOD, "lake.toml")
    assert (script.mode, script.kind, script.evidence, script.outcome) == ("solo", "imagery", "personal", "during")
    assert (script.control, script.rescue, script.max_start_suds) == ("breath_only", "grounding", 10)
    assert [(c.at_s, c.phase, c.sense) for c in script.cues] == [(0.0, "exhale", ""), (18.5, "inhale", "sound")]


BROKEN = [
    ('format = "brt-script/1"', 'format = "brt-script/2"', "the first line must be format", "Write it as it stands"),
    ('id = "lake"', "", "'id' is missing", 'Write id = "..."'),
    ('id = "lake"', "id = 7", "'id' must be words in quotes, not 7", 'Write id = "..."'),
    ('title = "A lake"', 'title = " "', "'title' must be words in quotes", "Write title"),
    ("version = 3", "", "'version' is missing", "a number from 1"),
    ("version = 3", "version = 1.5", "'version' cannot be 1.5", "a whole number"),
    ("version = 3", "version = true", "'version' cannot be True", "a number from 1"),
    ("version = 3", 'version = 3\nmode = "alone"', "'mode' cannot be 'alone'", "solo, practitioner"),
    ("version = 3", 'version = 3\nkind = ["imagery"]', "'kind' cannot be", "imagery, control, rescue, practice"),
    ("version = 3", 'version = 3\noutcome = "later"', "'outcome' cannot be 'later'", "during, after"),
    ("version = 3", "version = 3\ncaution = 5", "'caution' must be a list", "Write caution = ["),
    ("version = 3", "version = 3\nmax_start_suds = 11", "'max_start_suds' cannot be 11", "from 0 to 10"),
    ("version = 3", "version = 3\npractice = 4", "'practice' is not a section", "Write [practice]"),
    ("[user]\n", "[practice]\nminutes = 0\n[user]\n", "'minutes' cannot be 0", "from 1 to 60"),
    ("[user]\n", "[practice]\nevery_breaths = 2.5\n[user]\n", "'every_breaths' cannot be 2.5", "whole number"),
    ("at = 18.5", "", "cue 2: 'at' is missing", "a number from 0 to 89"),
    ("at = 18.5", "at = nan", "cue 2: 'at' cannot be nan", "a number from 0 to 89"),
    ("at = 18.5", "at = 90", "cue 2: 'at' cannot be 90", "a number from 0 to 89"),
    ("at = 18.5", "at = 0.0", "do not follow one another in time", "Sort them by at"),
    ('phase = "inhale"', 'phase = "in"', "cue 2: 'phase' cannot be 'in'", "exhale, inhale, any"),
    ('say = "What can you hear?"', "", "cue 2: 'say' is missing", 'Write say = "..."'),
    ("What can you hear?", "1 2 3 4 5 6 7 8 9 10 11 12 13", "more than 12 words", "Say less"),
    ("{place}", "{time}", "asks for a word that is not under [user]", "Add it there"),
    ("{place}", "{place", "asks for a word that is not under [user]", "take the braces out"),
    ("title = ", "title ", "this is not TOML", "Mend the line it names"),
    ("version = 3", f"version = {'9' * 5000}", "this is not TOML", "Mend the line"),
    ("version = 3", f"version = {'[' * 5000}", "this is not TOML", "Mend the line"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "what", "advice"), BROKEN)
def test_a_broken_script_names_its_file_the_field_and_what_to_write(
    good: str, bad: str, what: str, advice: str
) -> None:
    assert GOOD.count(good) == 1
    with pytest.raises(ScriptError, match=re.escape(what)) as caught:
        parse_script(GOOD.replace(good, bad), "lake.toml")
    assert caught.value.what.startswith("lake.toml: ")
    assert advice in caught.value.advice
    assert "None" not in caught.value.what


@pytest.mark.parametrize("cues", ["", "cue = []", 'cue = "x"', "cue = [1, 2]", 'cue = [["say", "x"]]'])
def test_cues_that_are_no_sections_are_told_to_be_written_as_such(cues: str) -> None:
    text = GOOD.split("[user]", maxsplit=1)[0] + cues
    with pytest.raises(ScriptError, match=r"lake\.toml: .*cue") as caught:
        parse_script(text, "lake.toml")
    assert "[[cue]]" in caught.value.advice


def test_the_person_s_words_stand_in_the_cue_and_a_missing_one_is_named() -> None:
    script = parse_script(GOOD, "lake.toml")
    assert script.spoken(script.cues[0]) == f"You are at {script.words['place']}."
    assert script.missing_words == ()
    assert replace(script, words={"place": " "}).missing_words == ("place",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("You are at {place}.", 6),
        ("It's warm - or not.", 4),
        ("{a} {b}", 6),
        ("", 0),
        ("Übung macht's leicht", 3),
        ("It’s well-known", 2),
    ],
)
def test_e13_words_are_counted_as_spoken_a_placeholder_as_three(line: str, words: int) -> None:
    assert count_words(line) == words


def test_c6_hash_is_sha256_of_canonical_json_made_by_hand() -> None:
    script = parse_script(GOOD.replace("What can", "What   ca\u0301n"), "lake.toml")
    canonical = (
        '{"control":"c0","cues":[[0.0,"exhale","You are at {place}.",""],'
        '[18.5,"inhale","What c\u00e1n you hear?","sound"]],'
        '"format":"brt-script/1","outcome":"during","words":{"place":"the lake"}}'
    )
    assert content_hash(script, "c0") == sha256(canonical.encode()).hexdigest()


def test_c6_a_control_has_no_control() -> None:
    script = shipped().find("breath_only")
    content: dict[str, object] = {
        "format": "brt-script/1",
        "outcome": script.outcome,
        "cues": [[c.at_s, c.phase, c.say, c.sense] for c in script.cues],
        "control": None,
        "words": {},
    }
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert shipped().hash_of(script) == sha256(canonical.encode()).hexdigest()


@pytest.mark.parametrize(
    ("good", "other", "same"),
    [
        ('title = "A lake"', 'title = "Water"', True),
        ("version = 3", "version = 4", True),
        ("version = 3", 'version = 3\ncaution = ["cold"]\nmax_start_suds = 4\neyes = "open"', True),
        ("[user]\n", '[practice]\nminutes = 5\n[spike]\namber = "x"\n[user]\n', True),
        ("What can you", "What  can\\tyou", True),
        ("at = 0", "at = 0.0", True),
        ('"the lake"', '"the sea"', False),
        ("What can you hear?", "What do you hear?", False),
        ("at = 18.5", "at = 19", False),
        ('phase = "inhale"', 'phase = "exhale"', False),
        ('sense = "sound"', 'sense = "sight"', False),
        ("version = 3", 'version = 3\noutcome = "after"', False),
    ],
)
def test_c6_what_is_the_same_visualization(good: str, other: str, same: bool) -> None:
    one, two = parse_script(GOOD, "a"), parse_script(GOOD.replace(good, other), "b")
    assert (content_hash(one, "c") == content_hash(two, "c")) is same
    assert content_hash(one, "c") != content_hash(one, "d")


@pytest.mark.parametrize("id_", sorted(shipped().scripts))
def test_a_script_in_a_recording_is_read_back_as_it_was(id_: str) -> None:
    script = shipped().find(id_)
    assert from_json(json.loads(json.dumps(to_json(script, "h")))) == script


def test_e13_match_warnings_tell_what_differs() -> None:
    breath = shipped().find("breath_only")
    words, times = match_warnings(parse_script(GOOD, "lake.toml"), breath)
    assert words == "10 spoken words against 36 in 'breath_only': more than 20 % apart"
    assert times == "the cues do not come at the same times as those of 'breath_only'"
    assert match_warnings(breath, breath) == []


HOSTILE = [
    ("You are at {place}.", "You are at {0.__class__}.", "asks for a word that is not under"),
    ("You are at {place}.", "You are at {place.__class__}.", "asks for a word that is not under"),
    ("What can you hear?", "<img src=x onerror=alert(1)>", "holds markup"),
    ("What can you hear?", "&#60;b&#62;", "holds markup"),
    ("What can you hear?", "See https://evil.example", "an address of the web"),
    ('"A lake"', '"www.evil.example"', "an address of the web"),
    ('"A lake"', '"A \\u202Elake"', "invisible control characters"),
    ('"the lake"', '"\\u0007"', "invisible control characters"),
    ('"the lake"', '"<b>"', "holds markup"),
    ('place = "the lake"', 'place = "the lake"\n"a.b" = "x"', "cannot be a word under"),
    ("version = 3", "version = 3\nflash_hz = 1000", "there is no field 'flash_hz'"),
    ("version = 3", "version = 3\nrate = 60", "there is no field 'rate'"),
    ("version = 3", 'version = 3\nmedia = "../../etc/passwd"', "there is no field 'media'"),
    ('sense = "sound"', 'sense = "sound"\nfile = "../x.wav"', "there is no field 'file'"),
    ('id = "lake"', 'id = "../lake"', "'id' cannot be"),
    ('sense = "sound"', 'sense = "sound"\n[practice]\nevery_breaths = 1000', "cannot be 1000"),
]


@pytest.mark.parametrize(("good", "bad", "said"), HOSTILE, ids=[bad[:24] for _, bad, _ in HOSTILE])
def test_row_12_a_script_of_somebody_else_is_plain_words_or_refused(good: str, bad: str, said: str) -> None:
    parse_script(GOOD, "x.toml")
    with pytest.raises(ScriptError, match=re.escape(said)):
        parse_script(GOOD.replace(good, bad, 1), "x.toml")


def test_row_12_a_script_is_bounded_in_every_direction(tmp_path: Path) -> None:
    cue = '[[cue]]\nat = {}\nsay = "On."\n'
    many = GOOD.replace("at = 18.5", "at = 88") + "".join(cue.format(88.01 + n / 100) for n in range(60))
    words = "".join(f'w{"o" * n}rd = "x"\n' for n in range(41))
    for text, said in (
        (many, "more than 60 cues"),
        (GOOD.replace("[user]\n", f"[user]\n{words}"), "more than 40 words"),
        (GOOD.replace("the lake", "x" * 301), "longer than 300 letters"),
    ):
        with pytest.raises(ScriptError, match=said):
            parse_script(text, "x.toml")
    large = tmp_path / "large.toml"
    large.write_text(GOOD + "#" * 256 * 1024)
    with pytest.raises(ScriptError, match="too large"):
        read_script_file(large)
    for rescue in ("../secret", "/etc/passwd"):
        pack = parse_script(GOOD.replace("[user]", f'[spike]\nrescue = "{rescue}"\n[user]'), "x.toml")
        with pytest.raises(UsageError, match="There is no script"):
            shipped().with_script(pack).needed([pack.id])
