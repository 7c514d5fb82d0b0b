"""`biofeedback doctor`: what works on this computer, and in plain words what to do about the rest."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from traceback import print_exception
from typing import Final

from biofeedback import __version__
from biofeedback.cli.common import NO_STRAP, add_example, called, config_of, print_json, quiet_libraries
from biofeedback.cli.doctor_words import Check, bluetooth_checks
from biofeedback.errors import SourceFailedError
from biofeedback.events import Json

LEAST_FREE_MB: Final = 50
"""Below this a recording might not reach its end (RECORDING 1.4)."""
LOW_FREE_MB: Final = 500


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    add_example(parser, "biofeedback doctor")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look at everything and tell; 0 when a session with a strap can run, else 3."""
    quiet_libraries(args)
    checks = [
        _program(),
        *_bluetooth(),
        *_plugins(args),
        _window(),
        _recordings(config_of(args).home / "sessions"),
        _sound(),
        _speech(),
    ]
    can = _can({check.name: check.ok for check in checks})
    if args.json:
        print_json({"can": {**can}, "checks": [_as_json(check) for check in checks]})
    else:
        sys.stdout.write("".join(f"{line}\n" for line in [*_rows(checks), "", *_summary(can)]))
    return 0 if can["strap"] else NO_STRAP


def _as_json(check: Check) -> Json:
    return asdict(check)


def _can(ok: dict[str, bool]) -> dict[str, bool]:
    """What a person can do here."""
    return {
        "strap": ok["bluetooth"] and ok["recordings"] and ok.get("service", True) and ok.get("windows", True),
        "simulated": ok["program"],
        "replay": ok["program"],
        "window": ok["window"],
        "sound": ok["sound"],
        "speech": ok["speech"],
    }


def _program() -> Check:
    return Check("program", True, f"biofeedback {__version__} on Python {platform.python_version()}.")


def _bluetooth() -> list[Check]:
    """Try it, and explain what came of it by what the system says."""
    from devices.strap import bluetooth_trouble
    from devices.system_facts import facts_of, trouble_in_child

    trouble = trouble_in_child() if sys.platform == "darwin" else asyncio.run(bluetooth_trouble())
    return bluetooth_checks(facts_of(), trouble)


def _plugins(args: argparse.Namespace) -> list[Check]:
    """What other people's packages bring, if there are any: each is imported, which is the least it must stand."""
    from biofeedback.formats.plugins import importer_plugins, installed_importers
    from biofeedback.session.plugins import metric_plugins, opener_of, source_plugins

    found, metrics, importers = source_plugins(), metric_plugins(), installed_importers()
    for each in found:
        try:
            opener_of(each)
        except SourceFailedError as failure:
            if args.verbose >= 2:
                print_exception(failure)
            return [
                Check("plug-ins", False, failure.what, f"{failure.advice} Without it: pip uninstall {each.plugin.name}")
            ]
    for refused in metrics.refused:
        what = f"{refused.words[0].upper()}{refused.words[1:]}."
        return [Check("plug-ins", False, what, f"Without it: pip uninstall {refused.plugin.name}")]
    failed = importer_plugins().failed if importers else {}
    for importer in importers:
        if importer.name in failed:
            what = f"The importer '{importer.name}' of {importer.plugin.name} {importer.plugin.version} failed: "
            do = f"Without it: pip uninstall {importer.plugin.name}"
            return [Check("plug-ins", False, f"{what}{failed[importer.name].rstrip('.')}.", do)]
    named = {
        "Other sources": [each.described for each in found],
        "Other metrics": [each.described.removeprefix("the metric ") for each in metrics.metrics],
        "Other importers": [each.described for each in importers],
    }
    said = " ".join(f"{title}: {'; '.join(those)}." for title, those in named.items() if those)
    return [Check("plug-ins", True, said)] if said else []


def _window() -> Check:
    from biofeedback.desktop.display import display_complaint

    complaint = display_complaint()
    if not complaint:
        return Check("window", True, "Windows can be opened.")
    return Check("window", False, complaint, "Without windows a session is shown in the terminal.")


def _recordings(folder: Path) -> Check:
    """Whether sessions can be kept: the folder, or the first one above it that is there."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Check("recordings", False, f"Nothing can be kept in {folder}.", "Make it writable; or use --home DIR.")
    free_mb = shutil.disk_usage(there).free // 1_000_000
    if free_mb < LEAST_FREE_MB:
        return Check("recordings", False, f"Only {free_mb} MB are free in {folder}.", "Make room; or use --home DIR.")
    do = "It would be good to make room." if free_mb < LOW_FREE_MB else ""
    return Check("recordings", True, f"Sessions are kept in {folder}; {_size(free_mb)} are free.", do)


def _size(mb: int) -> str:
    return f"{mb / 1000:.0f} GB" if mb >= 10_000 else f"{mb} MB"


def _sound() -> Check:
    return Check("sound", False, "This version has no sound yet: the words and the breath are shown.")


def _speech() -> Check:
    return Check("speech", False, "This version does not speak yet: the words are shown.")


def _rows(checks: list[Check]) -> list[str]:
    """What was found, with what to do below it; what nobody can change is neither well nor ill."""
    utf = (sys.stdout.encoding or "").lower().startswith("utf")
    well, ill, neither, arrow = "✓✗–→" if utf else "*x->"
    width = max(len(check.name) for check in checks)
    lines: list[str] = []
    for check in checks:
        sign = well if check.ok else ill if check.do else neither
        lines.append(f"{sign} {check.name.capitalize():<{width}}  {check.what}")
        lines += [f"  {'':<{width}}  {arrow} {check.do}"] if check.do else []
    return lines


def _summary(can: dict[str, bool]) -> list[str]:
    """The way on from here."""
    if can["strap"]:
        return [
            "A session with a strap can run. Wet its electrodes, put it on, then:",
            f"  {called()} scan",
            f"  {called()} practice --source strap:",
        ]
    return [
        "A session with a strap cannot run here yet. These work now:",
        f"  {called()} demo                          a whole short session with a simulated person",
        f"  {called()} practice --source sim:calm    a session of your own with a simulated person",
        f"  {called()} replay FILE                   a recording, or a file of RR intervals",
    ]
