"""docs/adding_a_device.md and the example plug-in, done as they say: built, installed, tested and used."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from devices.contract import SourceContract
from devices.events import LinkState, Packet, SourceEvent
from devices.heart_rate_measurement import decode
from devices.source import Source, parse_spec
from tests.cli.programs import PROGRAM, ROOT, environment, run, start

PAGE = (ROOT / "docs" / "adding_a_device.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "udp_source"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
INSTALL = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target"]


def install(package: Path, site: Path) -> None:
    """Build and install a package as a user does, but into a folder of its own and without the network."""
    done = subprocess.run(
        [sys.executable, *INSTALL, str(site), str(package)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def metronome(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page makes, with the package installed in its `site`."""
    folder = tmp_path_factory.mktemp("metronome")
    for _, text in BLOCKS:
        if text.startswith("# "):
            (folder / text.split("\n", 1)[0].removeprefix("# ")).write_text(text, "utf-8")
    install(folder, folder / "site")
    return folder


def test_the_page_has_no_block_that_is_not_run() -> None:
    assert [language for language, _ in BLOCKS] == ["python", "toml", "python", "sh"]


@pytest.mark.slow
@pytest.mark.timeout(120)  # builds a package and starts the program several times
def test_every_line_of_the_page_runs(metronome: Path) -> None:
    (shell,) = [text for language, text in BLOCKS if language == "sh"]
    lines = [shlex.split(line, comments=True) for line in shell.splitlines()]
    assert lines[0] == ["python", "-m", "pip", "install", "."], "done by the fixture"
    assert lines[1] == ["python", "-m", "pytest", "test_metronome.py"]
    env = {**environment(metronome), "PYTHONPATH": os.pathsep.join([str(metronome / "site"), str(ROOT)])}
    tested = subprocess.run(
        [sys.executable, *lines[1][1:], "-q", "-p", "no:cacheprovider"],
        env=env, cwd=metronome, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
    assert "7 passed" in tested.stdout
    for words in lines[2:]:
        assert words[0] == "biofeedback"
        done = subprocess.run(
            [*PROGRAM, *words[1:]], env=env, cwd=metronome, capture_output=True, text=True, check=False
        )
        assert done.returncode == (3 if words[1] == "doctor" and "✗ Bluetooth" in done.stdout else 0), done.stderr
        assert words[1] != "doctor" or "metronome: from biofeedback-metronome 1.0" in done.stdout
    recording = read_recording(metronome / "beats.session.jsonl")
    ticks = [value for line in recording.lines if line.kind == "packet" for value in line.body["ticks"]]
    assert ticks == [1024] * 60


@pytest.mark.slow
def test_the_metronome_refuses_what_it_does_not_know_in_the_words_of_the_page(metronome: Path) -> None:
    done = run(metronome, "practice", "--source", "metronome:fast", env={"PYTHONPATH": str(metronome / "site")})
    assert (done.returncode, done.stderr) == (
        2, "biofeedback: 'metronome:fast' is no metronome.\nWrite 300 to 2000 ms: metronome:1000.\n"
    )  # fmt: skip


# The example with a real port.


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def load_example() -> Any:  # noqa: ANN401 - a module that is not on the path
    spec = importlib.util.spec_from_file_location("biofeedback_udp", EXAMPLE / "biofeedback_udp.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestUdpSource(SourceContract):
    least_events = 5
    step_s = 0.0005

    @asynccontextmanager
    async def world(self) -> AsyncGenerator[None]:
        self.port = free_port()
        sending = asyncio.create_task(self._send())
        yield
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending

    async def _send(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            while True:
                sender.sendto(b"812 830.5", ("127.0.0.1", self.port))
                await asyncio.sleep(0.001)

    def source(self) -> Source:
        return cast("Source", load_example().open_udp(parse_spec(f"udp:{self.port}")))


@pytest.mark.slow
@pytest.mark.timeout(120)  # builds a package and starts the program several times
def test_the_example_is_installed_and_brings_what_is_sent_to_its_port(tmp_path: Path) -> None:
    package, site, port = tmp_path / "package", tmp_path / "site", free_port()
    shutil.copytree(EXAMPLE, package, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    install(package, site)
    words = ["practice", "--source", f"udp:{port}", "--view", "none", "--json", "--output", str(tmp_path / "out")]
    with start(tmp_path, *words, env={"PYTHONPATH": str(site)}) as program:
        assert program.stdout is not None
        while "Waiting for intervals on UDP port" not in program.stdout.readline():
            assert program.poll() is None, program.communicate()[1]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for text in (b"1000 500", b"not a number", b"\xff\xfe", b"0", b"nan", b"750", b"2000.0\n"):
                sender.sendto(text, ("127.0.0.1", port))
        while '"ticks": [2048]' not in program.stdout.readline():
            assert program.poll() is None
        program.terminate()
        _, talk = program.communicate(timeout=15)
    assert program.returncode == 130, talk
    (path,) = (tmp_path / "out").iterdir()
    assert verify(path).exact
    lines = read_recording(path).lines
    assert [line.body["ticks"] for line in lines if line.kind == "packet"] == [[1024, 512], [768], [2048]]
    (opened,) = [line.body["source"] for line in lines if line.kind == "open"]
    assert (opened["kind"], opened["plugin"]) == ("strap", {"name": "biofeedback-udp", "version": "1.0"})


def test_a_port_that_is_taken_is_told_before_anything_is_recorded(tmp_path: Path) -> None:
    site = tmp_path / "site"
    shutil.copytree(EXAMPLE, site)
    info = site / "biofeedback_udp-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: biofeedback-udp\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[biofeedback.sources]\nudp = biofeedback_udp:open_udp\n", "utf-8")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        words = ["practice", "--source", f"udp:{taken.getsockname()[1]}", "--view", "none", "--output", "out"]
        done = run(tmp_path, *words, env={"PYTHONPATH": str(site)})
    assert done.returncode == 1
    assert done.stderr.startswith("biofeedback: The plug-in biofeedback-udp 1.0 failed: UDP port ")
    assert done.stderr.splitlines()[1:] == ["Choose another one."]
    assert not list(tmp_path.rglob("*.jsonl*"))


def test_the_example_stamps_what_comes_with_the_clock_it_is_given() -> None:
    async def listen() -> list[SourceEvent]:
        test = TestUdpSource()
        async with test.world():
            source = test.source()
            async with source:
                heard: list[SourceEvent] = []
                async for event in source.events(StoppedClock()):
                    heard.append(event)
                    if len(heard) == 3:
                        break
        return heard

    waiting, streaming, packet = asyncio.run(listen())
    assert isinstance(waiting, LinkState)
    assert isinstance(streaming, LinkState)
    assert isinstance(packet, Packet)
    assert {waiting.stamp_us, streaming.stamp_us, packet.stamp_us} == {42}
    assert decode(packet.raw).rr_1024 == (831, 850)


class StoppedClock:
    def now(self) -> int:
        return 42

    async def sleep_until(self, at_us: int) -> None:
        """Nothing waits on it."""
