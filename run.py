"""Set everything up, then do one job: `python3 run.py demo`, `python3 run.py test`.

The first start makes `.venv` beside this file and installs the locked libraries and the project into it;
on Linux it then looks whether Qt finds the system's libraries: as root on Debian and Ubuntu it fetches what
is missing, otherwise it tells. Every later start goes straight into that Python. Own words: `test` (tests
and checks; `--fast` for the quick tests only, other options go to pytest) and `lock` (makes the files in
requirements/ anew; `--upgrade` takes newer versions). Every other word goes to the program.

Standard library only; but for those libraries nothing is written outside this folder. The lines down to the
version check use no syntax newer than Python 3.6, and the whole file parses there: an old Python must get a
sentence, not a traceback.
"""

import os
import sys

FITTING_MINORS = (11, 12, 13)  # of Python 3; the same range as requires-python in pyproject.toml


def python_complaint(version: "tuple[int, ...]", found: str) -> str:
    """Say in one sentence why this Python cannot run the program; empty when it can.

    `found` is the name of a fitting Python on this machine, or empty.
    """
    if version[0] == 3 and version[1] in FITTING_MINORS:
        return ""
    advice = f"Start it like this: {found} run.py" if found else "Please install one of them."
    return f"This program needs Python 3.11, 3.12 or 3.13; this is Python {version[0]}.{version[1]}. {advice}"


def fitting_python() -> str:
    """Name the newest fitting Python on the search path; empty when there is none."""
    for minor in reversed(FITTING_MINORS):
        name = f"python3.{minor}"
        for folder in os.get_exec_path():
            if os.access(os.path.join(folder, name), os.X_OK):
                return name
    return ""


if python_complaint(sys.version_info[:2], ""):
    sys.stderr.write(python_complaint(sys.version_info[:2], fitting_python()) + "\n")
    sys.exit(1)


HERE = os.path.dirname(os.path.realpath(__file__))

FULL_DISK = "The disk is full: make room (about 1 GB), then start again."
WRONG_HASH = (
    "A downloaded file is not the one in the lock: start again; if it happens twice, look at the proxy or at"
    " the package mirror in pip's settings."
)
NO_CERTIFICATE = "The secure connection was refused: look at the clock, the proxy and its certificates."
NO_NETWORK = "The package index could not be reached: look at the network connection, then start again."
NO_LIBRARY = "A library in the lock is not to be had for this machine's system and Python."
BUSY_INSTALLER = "Another installer is at work: wait for its end, then start again."
NO_RIGHTS = "A file may not be written: look at the rights of this folder, and end programs that use its .venv."
OTHERWISE = "Start again; if it happens twice, delete the folder .venv first."

# The first pattern found in what a failed step printed decides what the person is told to do.
ADVICE = (
    (r"No space left|Errno 28\b|WinError 112\b", FULL_DISK),
    (r"DO NOT MATCH THE HASHES", WRONG_HASH),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", NO_CERTIFICATE),
    (r"name resolution|getaddrinfo|Max retries|timed out|Timeout|ProxyError|ConnectionError", NO_NETWORK),
    (r"Network is unreachable|Connection (refused|reset|broken)|Could not resolve|failure resolving", NO_NETWORK),
    (r"Could not get lock", BUSY_INSTALLER),
    (r"No matching distribution|Could not find a version", NO_LIBRARY),
    (r"Permission denied|Read-only file system|WinError (5|32)\b", NO_RIGHTS),
)

SETTING_UP = "Setting up (once, about a minute): "
NO_VENV = "This Python lacks its modules venv and ensurepip: install them, then start again."
NO_WINDOWS = "Windows need system libraries that are missing here; until they are there you get the terminal view."
NO_SUCH_TESTS = "Some tests need programs that are missing here; until they are there these tests are skipped."

# Parts of a Linux system that the Python libraries rest on (elsewhere they bring along all they need). For each: a
# line for .venv's Python that fails without it, its packages of Debian and Ubuntu, what to say without it. Whether a
# screen lets us in is not asked: the X11 line loads what Qt would load there.
PARTS = {
    "Qt": (
        "from PySide6.QtWidgets import QApplication; QApplication(['', '-platform', 'offscreen'])",
        "libglib2.0-0 libgl1 libegl1 libfontconfig1 libxkbcommon0 libdbus-1-3",
        NO_WINDOWS,
    ),
    "Qt on X11": (
        "import ctypes, PySide6; ctypes.CDLL(PySide6.__path__[0] + '/Qt/plugins/platforms/libqxcb.so')",
        (
            "libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-render-util0 libxcb-shape0"
            " libxcb-xkb1 libxkbcommon-x11-0"
        ),
        NO_WINDOWS,
    ),
    "dbus-daemon": ("import shutil; shutil.which('dbus-daemon') or exit('no dbus-daemon')", "dbus", NO_SUCH_TESTS),
    "Xvfb": ("import shutil; shutil.which('Xvfb') or exit('no Xvfb')", "xvfb", NO_SUCH_TESTS),
}
TRIAL_LIMIT_S = 60  # far above what a slow disk needs; a trial that hangs must not hang the set-up

# What `test` runs after pytest: name, module or script in .venv, arguments.
CHECKS = (
    ("ruff check", ("ruff", "check", "--quiet", ".")),
    ("ruff format", ("ruff", "format", "--check", "--quiet", ".")),
    ("mypy", ("mypy",)),
    ("pyright", ("pyright",)),
    ("imports", ("lint-imports",)),
)

OWN_WORDS = """run.py's own words: `test` (tests and checks; with --fast the quick tests only)
and `lock` (renews the lock files). Every other word goes to the program, whose help follows:
"""


APT_UPDATE: list[str] = []  # what the one `apt-get update` of this start printed


class SetupError(Exception):
    """Raised when a step failed; its text is for the person."""


def say(text: str) -> None:
    """Tell the person about the set-up, apart from the program's own output."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def venv_file(home: str, name: str) -> str:
    """Path of a program in the project's own Python environment."""
    if sys.platform == "win32":
        return os.path.join(home, ".venv", "Scripts", name + ".exe")
    return os.path.join(home, ".venv", "bin", name)


def stamp_file(home: str, kind: str) -> str:
    """Path of the note that a finished set-up leaves; `kind` is run or dev."""
    return os.path.join(home, ".venv", f"set-up-{kind}.txt")


def place(home: str) -> str:
    """Where and by which Python a set-up was made: a moved or copied .venv holds stale paths."""
    return f"{sys.implementation.cache_tag} {sys.platform} {os.path.realpath(home)}"


def wanted_stamp(home: str, kind: str) -> str:
    """What the note of an up-to-date set-up says: its place, and a digest of all it was made from."""
    import hashlib

    digest = hashlib.sha256()
    for name in ("pyproject.toml", f"requirements/{kind}.txt"):
        with open(os.path.join(home, name), "rb") as file:
            digest.update(file.read() + b"\0")
    return place(home) + "\n" + digest.hexdigest() + "\n"


def found_stamp(home: str, kind: str) -> str:
    """What the note of the last set-up says; empty when there is none."""
    try:
        with open(stamp_file(home, kind), encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def parts_file(home: str) -> str:
    """Path of the note of which parts of the system have been looked for since the libraries were installed."""
    return os.path.join(home, ".venv", "system-parts.txt")


def unseen_parts(home: str, kind: str) -> list[str]:
    """Name the parts of the system that this start needs and nobody has looked for yet.

    What was looked for in vain is not looked for again: the person was told, and the program itself finds out
    at each start whether it can open a window.
    """
    if sys.platform != "linux":
        return []
    needed = list(PARTS) if kind == "dev" else ["Qt", "Qt on X11"] if os.environ.get("DISPLAY") else ["Qt"]
    try:
        with open(parts_file(home), encoding="utf-8") as file:
            seen = file.read().splitlines()
    except (OSError, ValueError):
        seen = []
    return [part for part in needed if part not in seen]


def is_ready(home: str, kind: str) -> bool:
    """Tell whether the set-up of this kind is finished and up to date, and the system was looked at."""
    return has_libraries(home, kind) and not unseen_parts(home, kind)


def has_libraries(home: str, kind: str) -> bool:
    """Tell whether .venv holds the locked libraries of this kind and the project."""
    return os.path.exists(venv_file(home, "python")) and found_stamp(home, kind) == wanted_stamp(home, kind)


def is_sound(home: str) -> bool:
    """Tell whether .venv is a finished set-up of this place that need only be brought up to date."""
    stamps = (found_stamp(home, "run"), found_stamp(home, "dev"))
    return os.path.exists(venv_file(home, "python")) and any(s.startswith(place(home) + "\n") for s in stamps)


def try_lock(file: int) -> bool:
    """Lock an open file for this process; the system frees it when the file is closed or its holder dies."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def take_turn(home: str) -> int:
    """Wait until no other start changes .venv; return the open file that holds the turn until it is closed.

    The file lies beside .venv, which may be removed, and stays: removing it would let two starts in.
    """
    import time

    file = os.open(os.path.join(home, ".venv.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    if not try_lock(file):
        say("Another start is setting up; waiting for it.")
        while not try_lock(file):
            time.sleep(0.2)
    return file


def ensure(home: str, kind: str) -> None:
    """Make the set-up of this kind ready; quick when it is.

    Raises SetupError or OSError when it cannot be.
    """
    if is_ready(home, kind):
        return
    try:
        turn = take_turn(home)
    except OSError:
        if not has_libraries(home, kind):
            raise
        return  # another user's finished set-up: only a note is missing there, and the program sees for itself
    try:
        if not is_ready(home, kind):  # another start may have done it meanwhile
            set_up(home, kind)
    finally:
        os.close(turn)


def set_up(home: str, kind: str) -> None:
    """Do what is missing: Python's libraries, then the parts of the system below them."""
    import time

    begun, whole = time.monotonic(), not has_libraries(home, kind)
    if whole:
        install_libraries(home, kind)
    look_for_parts(home, kind)
    if whole:
        say(f"Ready after {time.monotonic() - begun:.0f} s.")


def install_libraries(home: str, kind: str) -> None:
    """Bring .venv up to date, or make it anew when it is missing, half made, moved or of another Python.

    The notes go first and come back last, so that a set-up that is interrupted anywhere counts as half made.
    """
    sound, project_done = is_sound(home), has_libraries(home, "run")
    for note in (stamp_file(home, "run"), stamp_file(home, "dev"), parts_file(home)):
        if os.path.lexists(note):
            os.unlink(note)
    if not sound:
        if os.path.lexists(os.path.join(home, ".venv")):
            say("The folder .venv is half made, or from another place or Python: making it anew.")
        remove_venv(home)
        say(SETTING_UP + "a Python environment in .venv ...")
        make_venv(home)
    say(SETTING_UP + "fetching the libraries ...")
    pip_install(home, "--require-hashes", "-r", os.path.join(home, "requirements", kind + ".txt"))
    if not (sound and project_done):
        say(SETTING_UP + "installing the program ...")
        pip_install(home, "--no-deps", "--no-build-isolation", "-e", home)
    for each in ("run", "dev") if kind == "dev" else ("run",):  # dev.txt holds all of run.txt
        with open(stamp_file(home, each), "w", encoding="utf-8") as file:
            file.write(wanted_stamp(home, each))


def remove_venv(home: str) -> None:
    """Remove what there is of .venv."""
    import shutil

    path = os.path.join(home, ".venv")
    if os.path.islink(path):
        os.unlink(path)
    elif os.path.lexists(path):
        shutil.rmtree(path)


def make_venv(home: str) -> None:
    """Make an empty .venv; on Debian, where Python comes without that part, fetch it first."""
    # From inside a virtual environment the new one must still rest on the Python below it.
    python = getattr(sys, "_base_executable", None) or sys.executable
    command = [python, "-m", "venv", "--prompt", "biofeedback", os.path.join(home, ".venv")]
    code, output = captured(command, home)
    if code and lacks_venv(output):
        problem = apt_install("python3-venv")
        if problem:
            raise SetupError(f"{NO_VENV}\n{problem}")
        remove_venv(home)
        code, output = captured(command, home)
    if code:
        raise SetupError(failure_text("making .venv", output))


def lacks_venv(output: str) -> bool:
    """Tell from what `python -m venv` printed whether this Python lacks that part."""
    signs = ("ensurepip is not", "No module named venv", "No module named ensurepip")
    return any(sign in output for sign in signs)


def apt_install(packages: str) -> str:
    """Install packages of Debian and Ubuntu when we may; return what is left to the person, empty when nothing."""
    import shutil

    line = "apt-get install -y --no-install-recommends " + packages
    if not (sys.platform == "linux" and os.geteuid() == 0 and shutil.which("apt-get")):
        return f"On Debian and Ubuntu this line installs what is missing:\n  sudo {line}"
    say(f"{SETTING_UP}fetching Debian's {packages} ...")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if not APT_UPDATE:
        APT_UPDATE.append(captured(["apt-get", "update"], None, env)[1])
    code, output = captured(line.split(), None, env)
    return failure_text(line, APT_UPDATE[0] + output) if code else ""


def look_for_parts(home: str, kind: str) -> None:
    """Look for the parts of the system nobody has looked for yet; fetch what is missing, tell what stays missing."""
    parts = unseen_parts(home, kind)
    missing, problem = lacking(home, parts), ""
    if missing:
        problem = apt_install(" ".join(PARTS[part][1] for part in missing))
        missing = missing if problem else lacking(home, list(missing))
    if missing:
        losses = dict.fromkeys(PARTS[part][2] for part in missing)  # each once
        say("\n".join([*losses, *(f"  | {words}" for words in missing.values()), problem]).rstrip())
    with open(parts_file(home), "a", encoding="utf-8") as file:
        file.writelines(part + "\n" for part in parts)


def lacking(home: str, parts: list[str]) -> dict[str, str]:
    """Try each part in a process of its own; give those that are not there and the last words of their trial."""
    missing: dict[str, str] = {}
    for part in parts:
        command = [venv_file(home, "python"), "-I", "-c", PARTS[part][0]]
        code, output = captured(command, home, limit_s=TRIAL_LIMIT_S)
        if code:
            missing[part] = (output.strip().splitlines() or [f"exit code {code}"])[-1][:200]
    return missing


def pip_install(home: str, *words: str) -> None:
    """Run pip quietly with the person's own settings; raise SetupError with its last lines when it fails."""
    # A `user = true` in pip's settings cannot work inside a virtual environment.
    env = dict(os.environ, PIP_USER="0", PIP_DISABLE_PIP_VERSION_CHECK="1")
    command = [venv_file(home, "python"), "-m", "pip", "install", "--quiet", "--no-input", *words]
    code, output = captured(command, home, env)
    if code:
        raise SetupError(failure_text("pip install", output))


def captured(
    command: list[str], folder: str | None, env: dict[str, str] | None = None, limit_s: float | None = None
) -> tuple[int, str]:
    """Run a command; return its exit code and all it printed. After `limit_s` seconds it is ended, with code 1."""
    import subprocess

    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            timeout=limit_s,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no end after {limit_s:.0f} s"
    return done.returncode, done.stdout


def failure_text(step: str, output: str) -> str:
    """Say which step failed, with the last lines it printed and one sentence on what to do."""
    lines = [line for line in output.splitlines() if line.strip()]
    shown = "".join(f"  | {line[:200]}\n" for line in lines[-12:])
    return f"This step failed: {step}\n{shown}{advice(output)}"


def advice(output: str) -> str:
    """Find the sentence that fits what a failed step printed."""
    import re

    return next((text for pattern, text in ADVICE if re.search(pattern, output)), OTHERWISE)


def run_program(home: str, words: list[str]) -> int:
    """Become the program, so that keys, signals and exit code are its own; on Windows call it and wait."""
    if not words:
        sys.stdout.write(OWN_WORDS + "\n")
        sys.stdout.flush()
    # -P: a file called numpy.py in the person's folder must not become our numpy.
    command = [venv_file(home, "python"), "-P", "-m", "biofeedback", *(words or ["--help"])]
    os.environ["BIOFEEDBACK_CALLED"] = f"{'py' if sys.platform == 'win32' else 'python3'} run.py"
    if sys.platform != "win32":
        os.execv(command[0], command)
    import signal
    import subprocess

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which ends cleanly by itself
    return subprocess.call(command)


def pytest_words(words: list[str]) -> list[str]:
    """Turn the words after `test` into pytest's, using every core unless the caller says otherwise."""
    rest = [word for word in words if word != "--fast"]
    cores = [] if any(word.startswith(("-n", "--numprocesses", "--pdb")) for word in rest) else ["-n", "auto"]
    quick = ["-m", "not slow"] if "--fast" in words else []
    return [*cores, *quick, *rest]


def check_command(home: str, words: tuple[str, ...]) -> list[str]:
    """Command of one check in .venv."""
    return [venv_file(home, words[0]), *words[1:]]


def check_env(home: str) -> dict[str, str]:
    """Environment of the checks: pyright and its npm keep what they fetch inside .venv."""
    inside = {
        "PYRIGHT_PYTHON_CACHE_DIR": os.path.join(home, ".venv", "pyright"),
        "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1",
        "npm_config_cache": os.path.join(home, ".venv", "npm"),
    }
    return {**inside, **os.environ}


def run_test(home: str, words: list[str]) -> int:
    """Run the tests, then the checks whatever the tests said; 1 when any of them failed."""
    import subprocess
    import time

    begun = time.monotonic()
    code = subprocess.call([venv_file(home, "python"), "-m", "pytest", *pytest_words(words)], cwd=home)
    rows = [("tests", code == 0, time.monotonic() - begun)]
    for name, command in () if "--fast" in words else CHECKS:
        begun = time.monotonic()
        code, output = captured(check_command(home, command), home, check_env(home))
        rows.append((name, code == 0, time.monotonic() - begun))
        if code:
            sys.stdout.write(f"\n{name} says:\n{output.strip()}\n")
    sys.stdout.write("\n" + summary(rows))
    return 0 if all(good for _, good, _ in rows) else 1


def summary(rows: list[tuple[str, bool, float]]) -> str:
    """Lay out the closing table: what ran, whether it passed, seconds."""
    lines = (f"{name:<12} {'ok' if good else 'FAILED':<6} {seconds:7.1f} s\n" for name, good, seconds in rows)
    return "".join(lines)


RESOLVER_OPTIONS = (
    *("--universal", "--python-version", "3.11", "--generate-hashes"),
    *("--no-emit-index-url", "--no-header", "--no-annotate"),
    # One version of a library for every Python, where one fits: all users' numbers come from the same code.
    *("--fork-strategy", "fewest"),
    *("--no-cache", "--quiet"),
)


def run_lock(home: str, words: list[str]) -> int:
    """Make requirements/dev.txt and, from the same versions, requirements/run.txt anew."""
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix=".lock-", dir=home)
    try:
        resolver = get_resolver(folder)
        needs = os.path.join(folder, "build.in")
        with open(needs, "w", encoding="utf-8") as file:
            file.write(build_needs(home))
        write_lock(home, resolver, "dev", [needs, "--extra", "dev", "--extra", "formats", *words])
        write_lock(home, resolver, "run", [needs, "--extra", "formats", "--constraint", "requirements/dev.txt", *words])
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def build_needs(home: str) -> str:
    """What a build of the project needs: locked too, since set-up builds with what is in .venv."""
    import tomllib

    with open(os.path.join(home, "pyproject.toml"), "rb") as file:
        needs = tomllib.load(file)["build-system"]["requires"]
    return "\n".join(needs) + "\n"


def get_resolver(folder: str) -> str:
    """Fetch uv into an environment of its own in `folder`; return the path of its program."""
    say("Fetching the resolver ...")
    tools = os.path.join(folder, "tools")
    os.mkdir(tools)
    make_venv(tools)
    pip_install(tools, "uv")
    return venv_file(tools, "uv")


def write_lock(home: str, resolver: str, kind: str, words: list[str]) -> None:
    """Resolve into requirements/<kind>.txt, keeping its versions where they still fit.

    The file must hold no address of any kind, so that it says nothing about where it was made and works
    with whatever mirror a person uses.
    """
    say(f"Resolving requirements/{kind}.txt ...")
    target = os.path.join(home, "requirements", kind + ".txt")
    draft = os.path.join(os.path.dirname(words[0]), kind + ".txt")
    if os.path.exists(target):
        with open(target, encoding="utf-8") as old, open(draft, "w", encoding="utf-8") as new:
            new.write(old.read())
    options = [*RESOLVER_OPTIONS, "--output-file", draft]
    code, output = captured([resolver, "pip", "compile", "pyproject.toml", *words, *options], home)
    if code:
        raise SetupError(failure_text("resolving " + kind, output))
    with open(draft, encoding="utf-8") as file:
        text = file.read()
    if lock_faults(text):
        raise SetupError("Not written, the new lock is not clean: " + "; ".join(lock_faults(text)[:5]))
    with open(target, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def lock_faults(text: str) -> list[str]:
    """List what must not be in a lock: addresses, options, paths, requirements without version or hash."""
    faults: list[str] = []
    for entry in text.replace("\\\n", " ").splitlines():
        words = entry.partition(" ;")[0].split()
        hashed = " --hash=sha256:" in entry
        if words and not ("==" in words[0] and hashed and "/" not in entry and " @ " not in entry):
            faults.append(entry[:80])
    return faults


def main(words: list[str]) -> int:
    """Do what the words say; return the exit code."""
    try:
        if words[:1] == ["lock"]:
            return run_lock(HERE, words[1:])
        if words[:1] == ["test"]:
            ensure(HERE, "dev")
            return run_test(HERE, words[1:])
        ensure(HERE, "run")
        return run_program(HERE, words)
    except (SetupError, OSError) as problem:
        text = str(problem)
        say(text if isinstance(problem, SetupError) else f"{text}\n{advice(text)}")
        return 1
    except KeyboardInterrupt:
        say("Stopped. The next start goes on from here.")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
