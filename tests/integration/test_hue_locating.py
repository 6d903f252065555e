"""A bridge that moved is found by its id only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from adapters.hue.bridge import BridgeOpener
from adapters.hue.calls import Call
from adapters.hue.connecting import BridgeConnector, BridgeMemory
from adapters.hue.locating import BridgeLocator
from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryMeter
from adapters.memory.source import MemoryBridgeFinder
from adapters.memory.state import MemoryState
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_SECOND
from adapters.simulator.hue.service import SimulatedBridge
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.setup import AnnouncedBridge
from tests.support.builders import NOON
from tests.support.hue_bench import WallOf

NOWHERE, NOWHERE_ELSE = "127.0.0.1:9", "127.0.0.1:7"


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    with SimulatedHome(clock=MemoryClock(NOON), bridges=(BSB002, BSB002_SECOND, BSB001)).running() as home:
        yield home


class Bench:
    """Locates one bridge; state and wall clock outlive `reached`, as they do the processes of a home."""

    def __init__(self, *announced: AnnouncedBridge, trouble: SourceError | None = None) -> None:
        self.finder = MemoryBridgeFinder(trouble or announced)
        self.state = MemoryState()
        self.journal = MemoryJournal()
        self.wall = MemoryClock(NOON)
        self.clock = WallOf(wall=self.wall)

    def reached(self, bridge: SimulatedBridge, address: str, within_s: float = 10.0, **changes: Any) -> str:
        """Return the address where it was reached. Raise SourceError."""
        terms: dict[str, Any] = {"bridge_id": bridge.id, "certificate_sha256": None, "roots": bridge.ca_file}
        memory = BridgeMemory(self.state)
        locator = BridgeLocator(
            connector=BridgeConnector(memory=memory, **(terms | changes)),
            address=address,
            finder=self.finder,
            memory=memory,
            clock=self.clock,
            journal=self.journal,
        )
        opener = BridgeOpener(
            source="hue", api_key=bridge.key, timeout_s=5, clock=self.clock, meter=MemoryMeter(self.clock)
        )
        deadline_s = self.clock.elapsed_s() + within_s
        call = Call(opener=opener, kept=None, deadline_s=deadline_s, clock=self.clock)
        try:
            found = locator.connect(call)
            return (found.endpoint or "").removeprefix("GET ").partition("/")[0]
        finally:
            call.end()


def announced(bridge: SimulatedBridge, **changes: Any) -> AnnouncedBridge:
    return AnnouncedBridge(**({"address": bridge.address, "bridge_id": bridge.id} | changes))


def test_bridge_that_answers_is_not_searched_for(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridge))
    assert bench.reached(home.bridge, home.bridge.address) == home.bridge.address
    assert bench.finder.looked_for == []


def test_moved_bridge_is_found_and_remembered(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridges[1]), announced(home.bridge))
    assert bench.reached(home.bridge, NOWHERE) == home.bridge.address
    assert bench.finder.looked_for == [home.bridge.id]
    assert bench.reached(home.bridge, NOWHERE) == home.bridge.address
    assert bench.finder.looked_for == [home.bridge.id], "its new address is remembered"
    (record,) = bench.journal.of("hue.looked_for")
    assert home.bridge.address in str(record.fields["found"])


def test_bridge_without_an_address_is_found_by_its_id(home: SimulatedHome) -> None:
    assert Bench(announced(home.bridge)).reached(home.bridge, "") == home.bridge.address


def test_another_bridge_at_the_address_starts_a_search(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridge))
    assert bench.reached(home.bridge, home.bridges[1].address) == home.bridge.address


def test_network_is_searched_once_in_ten_minutes(home: SimulatedHome) -> None:
    bench = Bench()
    for minutes in (0, 5, 9):
        bench.wall.step_wall(minutes * 60 - (bench.wall.now() - NOON) / timedelta(seconds=1))
        with pytest.raises(SourceUnavailable):
            bench.reached(home.bridge, NOWHERE)
    assert bench.finder.looked_for == [home.bridge.id]
    bench.wall.step_wall(60)
    with pytest.raises(SourceUnavailable):
        bench.reached(home.bridge, NOWHERE)
    assert bench.finder.looked_for == [home.bridge.id] * 2


def test_bridge_that_moves_twice_is_found_twice(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridge))
    bench.state.put(
        f"hue.found.{home.bridge.id}", {"address": NOWHERE_ELSE, "configured": NOWHERE, "looked_at": None}
    )
    assert bench.reached(home.bridge, NOWHERE) == home.bridge.address


def test_changed_configuration_overrides_the_found_address(home: SimulatedHome) -> None:
    bench = Bench()
    bench.state.put(f"hue.found.{home.bridge.id}", {"address": home.bridge.address, "configured": NOWHERE})
    with pytest.raises(SourceUnavailable):
        bench.reached(home.bridge, NOWHERE_ELSE)


def test_impostor_that_announces_the_id_gets_nothing(home: SimulatedHome) -> None:
    impostor = home.bridges[1]
    bench = Bench(announced(impostor, bridge_id=home.bridge.id))
    with pytest.raises(SourceUnavailable, match=NOWHERE):
        bench.reached(home.bridge, NOWHERE)
    assert {request.path for request in impostor.requests} <= {"/api/config"}


def test_bridge_that_had_https_is_not_followed_to_http(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridge))
    bench.reached(home.bridge, home.bridge.address)
    home.bridge.unplug()
    round_one = home.bridges[2]
    bench.finder = MemoryBridgeFinder([announced(home.bridge, address=f"http://{round_one.http_address}")])
    with pytest.raises(SourceUnavailable):
        bench.reached(home.bridge, NOWHERE)
    assert round_one.requests == []


def test_no_search_without_time_for_the_read(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridge))
    with pytest.raises(SourceUnavailable):
        bench.reached(home.bridge, NOWHERE, within_s=2.0)
    assert bench.finder.looked_for == []
    assert bench.reached(home.bridge, NOWHERE) == home.bridge.address, "that did not count as a look"


def test_failed_search_keeps_the_first_error(home: SimulatedHome) -> None:
    bench = Bench(trouble=SourceUnavailable("no multicast here"))
    with pytest.raises(SourceUnavailable, match=NOWHERE):
        bench.reached(home.bridge, NOWHERE)
    (record,) = bench.journal.of("hue.looked_for")
    assert record.fields["error"] == "no multicast here"


def test_only_bridge_is_taken_and_kept(
    home: SimulatedHome,
) -> None:
    bench = Bench(announced(home.bridge))
    assert bench.reached(home.bridge, "", bridge_id=None) == home.bridge.address
    home.bridge.unplug()
    bench.finder = MemoryBridgeFinder([announced(home.bridges[1])])
    bench.wall.advance(3600)
    with pytest.raises(SourceUnavailable):
        bench.reached(home.bridge, "", bridge_id=None)
    assert home.bridges[1].requests == []


def test_none_of_several_bridges_is_taken(home: SimulatedHome) -> None:
    bench = Bench(announced(home.bridge), announced(home.bridges[1]))
    with pytest.raises(SourceRefused, match="several bridges answer"):
        bench.reached(home.bridge, "", bridge_id=None)


def test_remembered_id_is_searched_for(home: SimulatedHome) -> None:
    address = home.bridge.address
    bench = Bench(announced(home.bridge))
    bench.state.put(f"hue.reach.{NOWHERE}", {"bridge_id": home.bridge.id, "has_https": True})
    assert bench.reached(home.bridge, NOWHERE, bridge_id=None) == address
    assert bench.finder.looked_for == [home.bridge.id]


def test_nothing_found_says_what_to_do(home: SimulatedHome) -> None:
    with pytest.raises(SourceUnavailable, match="homeclimate setup --address ADDRESS"):
        Bench().reached(home.bridge, "")
