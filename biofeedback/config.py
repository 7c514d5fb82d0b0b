"""Settings: every value with where it comes from.

Command line, environment, file, default: the first that speaks wins.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from biofeedback.errors import UsageError

Value: TypeAlias = str | float

LEGIBLE: Final = 20.0
"""Faster than this a session is told in lines: a breathing picture would only flicker."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and its origin, in words."""

    value: Value
    origin: str


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting may be. Numbers lie in [low, high]; words are one of `choices` unless that is empty."""

    default: Value
    help: str
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    environment: str = ""


RULES: Final[Mapping[str, Rule]] = {
    "home": Rule("", "folder of your sessions; empty: the usual one of your system", environment="BIOFEEDBACK_HOME"),
    "person": Rule("me", "pseudonym under which sessions are recorded"),
    "source": Rule("", "where the beats come from when --source is not given, for example strap: or sim:calm"),
    "view": Rule("auto", "what a session shows", choices=("auto", "desktop", "terminal", "none")),
    "pace": Rule(6.0, "breaths a minute of the pacer", 4.5, 7.0),
    "inhale": Rule(0.40, "share of a breath that goes in", 0.30, 0.60),
}


@dataclass(frozen=True, slots=True)
class Config:
    """All settings by name."""

    settings: Mapping[str, Setting]

    def text(self, name: str) -> str:
        """A setting that is words."""
        return str(self.settings[name].value)

    def number(self, name: str) -> float:
        """A setting that is a number."""
        return float(self.settings[name].value)

    @property
    def home(self) -> Path:
        """The folder of sessions and people."""
        return Path(self.text("home"))


def config_path() -> Path:
    """Where the settings file is looked for."""
    from platformdirs import user_config_path

    return user_config_path("biofeedback", appauthor=False) / "config.toml"


def load_config(given: Path | None = None, home: str | None = None) -> Config:
    """Read the settings. `given`: a file named on the command line, which must exist. Raises UsageError."""
    path = given or config_path()
    table = _read(path, must_exist=given is not None)
    unknown = sorted(set(table) - set(RULES))
    if unknown:
        raise UsageError(f"{path}: there is no setting '{unknown[0]}'.", f"Settings are: {', '.join(RULES)}.")
    settings = {name: _setting(name, rule, table, path) for name, rule in RULES.items()}
    if home is not None:
        settings["home"] = Setting(home, "command line")
    if settings["home"].value == "":
        settings["home"] = Setting(str(_usual_home()), "default")
    return Config(settings)


def checked(name: str, value: Value) -> Value:
    """The value if the setting may have it. Raises UsageError saying what it may be."""
    rule = RULES[name]
    if isinstance(rule.default, float):
        if isinstance(value, str | bool) or not rule.low <= value <= rule.high:
            raise UsageError(f"'{name}' cannot be {value!r}.", f"It is a number from {rule.low:g} to {rule.high:g}.")
        return float(value)
    if not isinstance(value, str) or (rule.choices and value not in rule.choices):
        allowed = f"one of: {', '.join(rule.choices)}" if rule.choices else "words in quotes"
        raise UsageError(f"'{name}' cannot be {value!r}.", f"It is {allowed}.")
    return value


def _setting(name: str, rule: Rule, table: Mapping[str, Any], path: Path) -> Setting:
    if rule.environment and (value := os.environ.get(rule.environment)):
        return Setting(value, f"environment, {rule.environment}")
    if name in table:
        try:
            return Setting(checked(name, table[name]), f"file {path}")
        except UsageError as error:
            raise UsageError(f"{path}: {error.what}", error.advice) from error
    return Setting(rule.default, "default")


def _read(path: Path, *, must_exist: bool) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        if must_exist:
            raise UsageError(f"There is no settings file {path}.", "Check the name after --config.") from error
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The settings file {path} cannot be read: {error}.", "Check its rights.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: this is not TOML: {error}.", "Mend the line it names.") from error


def _usual_home() -> Path:
    from platformdirs import user_data_path

    return user_data_path("biofeedback", appauthor=False)
