"""Several straps in the room, and several sessions on one strap: what is taken, asked for, waited for and refused."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from devices.checking import event_fault
from devices.choosing import Chooser, StrapQuestion
from devices.events import LinkState
from devices.finding import CHOOSE, GOES_ON, NAME_IT, OTHERS, SEVERAL, Aids
from devices.heart_rate_measurement import encode
from devices.known_straps import KnownStraps
from devices.strap import LOOKING, Delays
from devices.strap_lock import StrapLocks
from tests.bluez.hearing import QUICK, Heard, hearing
from tests.bluez.rig import MISSING, ROOT, Rig, Strap

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "BlueZ can be faked here")
PATIENT = Delays(scale=10)
"""Others are waited for 15 s: who is connected within a test's patience has been taken at once."""
H10, TICKR = "Polar H10 12345678", "TICKR 4711"


@dataclass
class Home:
    """What sessions of one person share on one computer."""

    folder: Path
    chooser: Chooser = field(default_factory=lambda: Chooser(can_ask=True))

    @property
    def known(self) -> KnownStraps:
        return KnownStraps(self.folder / "straps.json")

    def aids(self, *, can_ask: bool = True, keeps: bool = True) -> Aids:
        self.chooser.can_ask = can_ask
        known = KnownStraps(self.folder / "straps.json", keeps=keeps)
        return Aids(known, self.chooser, StrapLocks(self.folder / "locks"))

    def used(self, *straps: Strap) -> None:
        """These were used before, the last one named last."""
        for day, strap in enumerate(straps, 1):
            made = KnownStraps(self.folder / "straps.json", now=partial(datetime, 2026, 11, day, tzinfo=UTC))
            made.remember(strap.address, strap.spec.name or "")

    def asked(self) -> StrapQuestion:
        assert self.chooser.question is not None
        return self.chooser.question

    def offered(self) -> list[str]:
        return [sight.address for sight in self.asked().sights]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def going(scenario: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario()
        for _ in range(3):
            await asyncio.sleep(0)
        assert "strap" not in {task.get_name() for task in asyncio.all_tasks()}

    asyncio.run(whole())


def last_said(heard: Heard) -> tuple[str, str]:
    return heard.links[-1].why, heard.links[-1].advice


@pytest.mark.fault(17, "fake")
class TestWithoutAMemory:
    def test_one_strap_is_taken_and_remembered_when_it_sends(self, rig: Rig, home: Home) -> None:
        strap = rig.add_strap(H10)

        async def scenario() -> None:
            async with hearing(aids=home.aids()) as heard:
                await rig.reached(lambda: heard.connected(1))
                await rig.reached(home.known.newest_first)
            (known,) = home.known.newest_first()
            assert (known.address, known.name) == (strap.address, H10)
            age_s = (datetime.now(UTC) - datetime.fromisoformat(known.last_used)).total_seconds()
            assert 0 <= age_s < 60

        going(scenario)

    def test_a_strap_that_never_sent_is_not_remembered(self, rig: Rig, home: Home) -> None:
        strap = rig.add_strap(H10)
        strap.hide_services()

        async def scenario() -> None:
            async with hearing(aids=home.aids()):
                await rig.reached(lambda: strap.connecting or strap.connected)
            assert home.known.newest_first() == []

        going(scenario)

    def test_of_two_that_show_one_after_the_other_neither_is_taken_before_a_choice(self, rig: Rig, home: Home) -> None:
        first = rig.add_strap(H10, rssi=-70)

        async def scenario() -> None:
            async with hearing(aids=home.aids(), delays=Delays(scale=0.2)) as heard:
                await rig.reached(lambda: rig.discovering)
                second = rig.add_strap(TICKR, rssi=-50)
                await rig.reached(lambda: home.chooser.question)
                assert home.offered() == [second.address, first.address], "the strongest comes first"
                assert home.asked().missing is None
                await rig.reached(lambda: last_said(heard) == (SEVERAL, CHOOSE))
                assert not first.connected
                assert not second.connected
                home.chooser.choose(first.address)
                await rig.reached(lambda: first.subscribed)
                assert home.chooser.question is None
                assert not second.connected

        going(scenario)

    def test_while_it_is_asked_the_list_grows_at_its_end_and_a_late_name_is_filled_in(
        self, rig: Rig, home: Home
    ) -> None:
        straps = [rig.add_strap(H10, rssi=-80), rig.add_strap(None, rssi=-90)]

        async def scenario() -> None:
            async with hearing(aids=home.aids()) as heard:
                await rig.reached(lambda: home.chooser.question)
                straps.append(rig.add_strap(TICKR, rssi=-30))
                await rig.reached(lambda: len(home.asked().sights) == 3)
                assert home.offered() == [strap.address for strap in straps]
                assert home.asked().sights[1].name == ""
                straps[1].rename("Garmin HRM")
                await rig.reached(lambda: home.asked().sights[1].name == "Garmin HRM")
                straps[0].set_rssi(-42)
                await rig.reached(lambda: home.asked().sights[0].rssi == -42)
                home.chooser.choose(straps[2].address)
                await rig.reached(lambda: heard.connected(1))
                assert straps[2].connected

        going(scenario)

    def test_with_nobody_to_ask_the_strongest_is_taken_and_the_others_are_named(self, rig: Rig, home: Home) -> None:
        rig.add_strap(TICKR, rssi=-80)
        rig.add_strap(None, rssi=-90)
        near = rig.add_strap(H10, rssi=-40)

        async def scenario() -> None:
            async with hearing(aids=home.aids(can_ask=False)) as heard:
                await rig.reached(lambda: heard.connected(1))
                assert near.connected
                (said,) = [link for link in heard.links if "strongest" in link.why]
                assert said.why.startswith(f"{H10} has the strongest signal")
                assert TICKR in said.why
                assert "a strap without a name" in said.why
                assert said.advice == NAME_IT

        going(scenario)

    def test_while_the_strongest_cannot_be_connected_that_is_told_and_not_again_that_it_is_taken(
        self, rig: Rig, home: Home
    ) -> None:
        near = rig.add_strap(H10, rssi=-40)
        rig.add_strap(TICKR, rssi=-80)
        near.fail_connects(12, "error")

        async def scenario() -> None:
            async with hearing(aids=home.aids(can_ask=False)) as heard:
                await rig.reached(lambda: heard.connected(1))
                assert heard.times("strongest") == 1
                assert heard.times("cannot be connected") == 1

        going(scenario)

    def test_names_of_any_length_and_content_end_no_session(self, rig: Rig, home: Home) -> None:
        for number, sign in enumerate("ABCDE"):
            rig.add_strap("\x1b[2J\n" + sign * 240, rssi=-50 - number)

        async def scenario() -> None:
            async with hearing(aids=home.aids(can_ask=False)) as heard:
                await rig.reached(lambda: heard.connected(1))
                assert heard.said("has the strongest signal")
                assert all(event_fault(event, event.stamp_us) is None for event in heard.events)
                assert all(link.why.isprintable() for link in heard.links)

        going(scenario)

    def test_a_name_that_is_the_address_is_none(self, rig: Rig, home: Home) -> None:
        strap = rig.add_strap("a09e1a000001")

        async def scenario() -> None:
            async with hearing(aids=home.aids()) as heard:
                await rig.reached(lambda: heard.connected(1))
                assert strap.address == "A0:9E:1A:00:00:01"
                assert heard.links[-1].why == "Connected to a strap without a name."

        going(scenario)

    def test_a_name_that_fits_several_is_a_choice_among_those(self, rig: Rig, home: Home) -> None:
        rig.add_strap(TICKR, rssi=-20)
        one, two = rig.add_strap("Polar H10 1", rssi=-80), rig.add_strap("Polar H10 2", rssi=-50)

        async def scenario() -> None:
            async with hearing("polar", aids=home.aids()):
                await rig.reached(lambda: home.chooser.question)
                assert home.offered() == [two.address, one.address]
                home.chooser.choose(one.address)
                await rig.reached(lambda: one.subscribed)

        going(scenario)


@pytest.mark.fault(17, "fake")
class TestWithAMemory:
    def test_the_last_one_is_taken_at_once_whatever_is_nearer(self, rig: Rig, home: Home) -> None:
        mine, other = rig.add_strap(H10, rssi=-90), rig.add_strap(TICKR, rssi=-30)
        home.used(other, mine)

        async def scenario() -> None:
            async with hearing(aids=home.aids(), delays=PATIENT) as heard:
                await rig.reached(lambda: heard.connected(1))
                assert heard.states == ["scanning", "connecting", "streaming"]
                assert not other.connected

        going(scenario)

    @pytest.mark.parametrize("words", ["", "Polar"])
    def test_another_one_is_never_taken_silently_and_the_last_one_is_whenever_it_shows(
        self, rig: Rig, home: Home, words: str
    ) -> None:
        other = rig.add_strap("Polar H9", rssi=-30)
        mine = rig.add_strap(H10)
        home.used(mine)
        mine.leave()

        async def scenario() -> None:
            async with hearing(words, aids=home.aids()) as heard:
                await rig.reached(lambda: home.chooser.question)
                assert home.asked().missing == H10
                assert not home.asked().missing_in_use
                assert home.offered() == [other.address]
                await rig.reached(lambda: last_said(heard) == (f"Your strap {H10} is not in sight.", CHOOSE))
                await asyncio.sleep(QUICK.of(40))
                assert not other.connected, "the question stays through one search and the next"
                assert home.chooser.question is not None
                mine.come_back()
                await rig.reached(lambda: mine.subscribed)
                assert home.chooser.question is None

        going(scenario)

    def test_another_one_is_taken_when_a_person_says_so_and_is_the_last_one_next_time(
        self, rig: Rig, home: Home
    ) -> None:
        mine, other = rig.add_strap(H10), rig.add_strap(TICKR)
        home.used(mine)
        mine.leave()

        async def scenario() -> None:
            async with hearing(aids=home.aids()):
                await rig.reached(lambda: home.chooser.question)
                home.chooser.choose(other.address)
                await rig.reached(lambda: home.known.newest_first()[0].address == other.address)
            mine.come_back()
            async with hearing(aids=home.aids()):
                await rig.reached(lambda: other.subscribed)
                assert not mine.connected

        going(scenario)

    def test_a_chosen_strap_that_fails_to_connect_is_not_asked_for_again(self, rig: Rig, home: Home) -> None:
        chosen, other = rig.add_strap(H10, rssi=-80), rig.add_strap(TICKR)
        chosen.fail_connects(2, "error")

        async def scenario() -> None:
            async with hearing(aids=home.aids()) as heard:
                await rig.reached(lambda: home.chooser.question)
                home.chooser.choose(chosen.address)
                await rig.reached(lambda: heard.connected(1))
                assert [link.why for link in heard.links].count(SEVERAL) == 1
                assert not other.connected

        going(scenario)

    def test_with_nobody_to_ask_the_last_one_is_waited_for_and_the_others_are_named(self, rig: Rig, home: Home) -> None:
        mine, other = rig.add_strap(H10), rig.add_strap(TICKR)
        home.used(mine)
        mine.leave()

        async def scenario() -> None:
            async with hearing(aids=home.aids(can_ask=False)) as heard:
                await rig.reached(lambda: heard.said("not in sight"))
                assert last_said(heard) == (f"Your strap {H10} is not in sight. In sight: {TICKR}.", NAME_IT)
                await asyncio.sleep(QUICK.of(40))
                assert len(heard.links) == 2, "said once"
                assert not other.connected
                mine.come_back()
                await rig.reached(lambda: mine.subscribed)
            async with hearing("tickr", aids=home.aids(can_ask=False)):
                await rig.reached(lambda: other.subscribed)

        going(scenario)

    def test_an_address_is_one_strap_whatever_was_used_last(self, rig: Rig, home: Home) -> None:
        mine, other = rig.add_strap(H10), rig.add_strap(TICKR)
        home.used(mine)

        async def scenario() -> None:
            async with hearing(other.address.lower(), aids=home.aids(), delays=PATIENT) as heard:
                await rig.reached(lambda: heard.connected(1))
                assert heard.states == ["scanning", "connecting", "streaming"]

        going(scenario)

    @pytest.mark.fault(18, "fake")
    def test_case_18_no_address_is_ever_in_what_a_session_hears(self, rig: Rig, home: Home) -> None:
        strap, other = rig.add_strap(None, rssi=-40), rig.add_strap(None, rssi=-80)

        async def scenario() -> None:
            async with hearing(aids=home.aids(can_ask=False)) as heard:
                await rig.reached(lambda: strap.subscribed)
                strap.drop_link()
                await rig.reached(lambda: heard.connected(2))
                said = " ".join(f"{link.why} {link.advice}" for link in heard.links)
                assert "Connecting to a strap without a name." in said
                for address in (strap.address, other.address):
                    assert address not in said
                    assert address.replace(":", "-") not in said

        going(scenario)

    def test_what_shall_not_be_kept_is_not_and_what_is_there_still_helps(self, rig: Rig, home: Home) -> None:
        mine, other = rig.add_strap(H10), rig.add_strap(TICKR)
        home.used(other, mine)
        before = (home.folder / "straps.json").read_bytes()

        async def scenario() -> None:
            async with hearing(aids=home.aids(keeps=False)) as heard:
                await rig.reached(lambda: mine.subscribed)
                await rig.reached(lambda: heard.batteries)
            assert (home.folder / "straps.json").read_bytes() == before

        going(scenario)


def packets(count: int) -> list[bytes]:
    return [encode(60, rr_1024=(700 + number, 800 + number)) for number in range(count)]


READER = """
import asyncio, sys
from pathlib import Path
from devices.finding import Aids
from devices.strap_lock import StrapLocks
from tests.bluez.hearing import hearing
async def main():
    async with hearing(aids=Aids(locks=StrapLocks(Path(sys.argv[1])))) as heard:
        while "streaming" not in heard.states:
            await asyncio.sleep(0.01)
        print("reads", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@contextmanager
def read_by_another_session(home: Home) -> Generator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-c", READER, str(home.folder / "locks")]
    with subprocess.Popen(words, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"reads\n"
            yield other
        finally:
            other.kill()


def is_refused(link: LinkState) -> bool:
    return link.why.startswith("Another session on this computer is reading")


class TestOneReader:
    @pytest.mark.fault(6, "fake")
    @pytest.mark.fault(31, "fake")
    @pytest.mark.parametrize("known", [False, True])
    def test_r11_a_second_session_is_refused_within_100_ms_and_goes_on_when_the_first_is_killed(
        self, rig: Rig, home: Home, known: bool
    ) -> None:
        strap = rig.add_strap(H10)
        if known:
            home.used(strap)

        async def scenario() -> None:
            with read_by_another_session(home) as other:
                async with hearing(aids=home.aids(), delays=Delays()) as heard:
                    await rig.reached(lambda: any(map(is_refused, heard.links)))
                    assert heard.links[0].why == LOOKING
                    name = f"your strap {H10}" if known else H10
                    assert last_said(heard) == (f"Another session on this computer is reading {name}.", GOES_ON)
                    assert heard.links[-1].stamp_us - heard.links[0].stamp_us < 100_000
                    assert strap.subscribers == 1
                    other.kill()
                    await asyncio.to_thread(other.wait)
                    await rig.reached(lambda: heard.connected(1))
                    assert strap.burst(sent := packets(20)) == 20
                    await rig.reached(partial(heard.packets, 20))
                    assert heard.raws == sent, "each notification once"

        going(scenario)

    @pytest.mark.fault(31, "fake")
    def test_a_second_session_begins_by_itself_when_the_first_one_ends(self, rig: Rig, home: Home) -> None:
        strap = rig.add_strap(H10)

        async def scenario() -> None:
            with read_by_another_session(home) as other:
                async with hearing(aids=home.aids()) as heard:
                    await rig.reached(lambda: any(map(is_refused, heard.links)))
                    strap.drop_link()
                    await rig.reached(lambda: strap.subscribed)
                    assert not heard.connected(1), "a lost link does not hand the strap over"
                    other.send_signal(signal.SIGINT)
                    await rig.reached(lambda: heard.connected(1))
                    strap.burst(sent := packets(5))
                    await rig.reached(lambda: heard.raws == sent)

        going(scenario)

    @pytest.mark.fault(6, "fake")
    @pytest.mark.fault(17, "fake")
    def test_when_the_last_one_is_read_elsewhere_others_are_offered(self, rig: Rig, home: Home) -> None:
        mine = rig.add_strap(H10)
        home.used(mine)

        async def scenario() -> None:
            with read_by_another_session(home):
                other = rig.add_strap(TICKR)
                async with hearing(aids=home.aids()) as heard:
                    await rig.reached(lambda: heard.said(OTHERS))
                    assert len({link.why for link in heard.links}) == len(heard.links), "each reason once"
                    assert (home.asked().missing, home.asked().missing_in_use) == (H10, True)
                    assert [(sight.address, sight.in_use) for sight in home.asked().sights] == [
                        (mine.address, True),
                        (other.address, False),
                    ]
                    home.chooser.choose(mine.address)
                    assert home.chooser.question is not None, "it cannot be chosen"
                    home.chooser.choose(other.address)
                    await rig.reached(lambda: other.subscribed)

        going(scenario)


@pytest.mark.fault(6, "fake")
def test_with_nobody_to_ask_a_last_one_that_is_read_elsewhere_is_waited_for_and_the_others_are_named(
    rig: Rig, home: Home
) -> None:
    home.used(rig.add_strap(H10))

    async def scenario() -> None:
        with read_by_another_session(home):
            other = rig.add_strap(TICKR)
            async with hearing(aids=home.aids(can_ask=False)) as heard:
                await rig.reached(lambda: heard.said(f"is reading your strap {H10}. In sight: {TICKR}."))
                assert heard.links[-1].advice == f"{GOES_ON} {NAME_IT}"
                assert len({link.why for link in heard.links}) == len(heard.links), "each reason once"
                assert not other.connected

    going(scenario)


@pytest.mark.fault(16, "fake")
def test_case_16_leaving_while_it_is_asked_ends_at_once_and_withdraws_the_question(rig: Rig, home: Home) -> None:
    rig.add_strap(H10)
    rig.add_strap(TICKR)

    async def scenario() -> None:
        async with hearing(aids=home.aids()):
            await rig.reached(lambda: home.chooser.question)
            began = time.monotonic()
        assert time.monotonic() - began < 2
        assert home.chooser.question is None
        await rig.reached(lambda: not rig.discovering)

    going(scenario)


@pytest.mark.fault(3, "fake")
def test_case_3_bluetooth_that_goes_off_while_it_is_asked_withdraws_the_question_and_asks_again(
    rig: Rig, home: Home
) -> None:
    rig.add_strap(H10)
    rig.add_strap(TICKR)

    async def scenario() -> None:
        async with hearing(aids=home.aids()) as heard:
            await rig.reached(lambda: home.chooser.question)
            rig.power(on=False)
            await rig.reached(lambda: heard.states[-1] == "off" and home.chooser.question is None)
            rig.power(on=True)
            await rig.reached(lambda: home.chooser.question)

    going(scenario)
