"""Who presses the button in time gets a key; who does not is told, and so is every trouble that stays."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.memory.source import MemoryBridgePairing
from domain.errors import SourceError, SourceGarbled, SourceThrottled, SourceUnavailable
from domain.services.source_setup import BUTTON_S, Pairing
from ports.setup import VerifiedBridge
from tests.support.builders import NOON

BRIDGE = VerifiedBridge(address="192.0.2.1", bridge_id="001788fffe123456", name="Hue Bridge", model="BSB002")


class Bench:
    def __init__(self, *answers: str | SourceError | None) -> None:
        self.bridges = MemoryBridgePairing(answers=answers)
        self.clock = MemoryClock(NOON)
        self.told: list[int] = []

    async def key(self) -> str | None:
        return await Pairing(bridges=self.bridges, clock=self.clock).key(BRIDGE, self.told.append)


async def test_the_key_comes_when_the_button_is_pressed() -> None:
    bench = Bench(None, None, "key")
    assert await bench.key() == "key"
    assert bench.told == [30, 29, 28]
    assert bench.clock.elapsed_s() == 2.0


async def test_without_a_press_there_is_none_after_half_a_minute() -> None:
    bench = Bench()
    assert await bench.key() is None
    assert bench.bridges.asked == BUTTON_S
    assert bench.clock.elapsed_s() == BUTTON_S
    assert bench.told == list(range(BUTTON_S, 0, -1))


@pytest.mark.parametrize("trouble", [SourceUnavailable("no route"), SourceThrottled("too many")])
async def test_a_passing_trouble_does_not_end_the_waiting(trouble: SourceError) -> None:
    assert await Bench(trouble, None, trouble, "key").key() == "key"


async def test_a_trouble_that_stays_is_told_in_place_of_a_missing_press() -> None:
    with pytest.raises(SourceUnavailable, match="no route"):
        await Bench(None, *[SourceUnavailable("no route")] * 40).key()


async def test_a_trouble_that_went_is_not_the_reason() -> None:
    assert await Bench(*[SourceUnavailable("no route")] * 10).key() is None


async def test_an_answer_that_makes_no_sense_ends_it_at_once() -> None:
    bench = Bench(SourceGarbled("a web page"), "key")
    with pytest.raises(SourceGarbled):
        await bench.key()
    assert bench.bridges.asked == 1
