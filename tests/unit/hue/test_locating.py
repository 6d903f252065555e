"""Locating a bridge that moved, by its id only."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.hue.calls import Call
from adapters.hue.connecting import BridgeConnector, BridgeMemory, EarlierReads
from adapters.hue.locating import BridgeLocator
from adapters.hue.tls import SIGNIFY_ROOTS
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.source import MemoryBridgeFinder
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryMeasurements
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.setup import AnnouncedBridge
from tests.support.builders import NOON
from tests.support.canned_bridge import CONFIG, CannedOpener, a_canned_opener

ID, OTHER_ID = "001788fffe2e57ed", "ecb5fafffe000001"
ADDRESS, OTHER, NOWHERE, NOWHERE_ELSE = "192.0.2.1", "192.0.2.2", "192.0.2.8", "192.0.2.9"
MOVED = AnnouncedBridge(address=ADDRESS, bridge_id=ID)
STRANGER = AnnouncedBridge(address=OTHER, bridge_id=OTHER_ID)


class Home:
    """Two bridges and what is announced; every `connect` is a process of its own."""

    def __init__(self, *announced: AnnouncedBridge, error: SourceError | None = None) -> None:
        self.finder = MemoryBridgeFinder(error or announced)
        self.state = MemoryState()
        self.journal = MemoryJournal()
        self.clock = MemoryClock(NOON)
        self.bridges: dict[str, Any] = {ADDRESS: CONFIG, OTHER: {**CONFIG, "bridgeid": OTHER_ID}}
        self.opener: CannedOpener
        self.earlier: EarlierReads | None = None

    def connect(self, address: str = NOWHERE, bridge_id: str | None = ID, within_s: float = 10.0) -> str:
        """Return the address of the connection. Raise SourceError."""
        self.opener = a_canned_opener(
            {
                place if "://" in place else f"https://{place}": {"hue.config": config}
                for place, config in self.bridges.items()
            }
        )
        memory = BridgeMemory(self.state)
        locator = BridgeLocator(
            connector=BridgeConnector(
                bridge_id=bridge_id,
                certificate_sha256=None,
                roots=SIGNIFY_ROOTS,
                memory=memory,
                earlier=self.earlier,
            ),
            address=address,
            finder=self.finder,
            memory=memory,
            clock=self.clock,
            journal=self.journal,
        )
        deadline_s = self.clock.elapsed_s() + within_s
        call = Call(opener=self.opener, kept=None, deadline_s=deadline_s, clock=self.clock)
        return (locator.connect(call).endpoint or "").removeprefix("GET ").partition("/")[0]


def test_bridge_at_its_address_starts_no_search() -> None:
    home = Home(MOVED)
    assert home.connect(ADDRESS) == ADDRESS
    assert home.finder.searches == []


def test_moved_bridge_is_located_once_and_remembered() -> None:
    home = Home(STRANGER, MOVED)
    assert [home.connect(), home.connect()] == [ADDRESS] * 2
    assert home.finder.searches == [ID]
    (record,) = home.journal.of("hue.looked_for")
    assert ADDRESS in str(record.fields["found"])


@pytest.mark.parametrize("address", ["", OTHER], ids=["no address", "another bridge there"])
def test_bridge_is_located_by_its_id(address: str) -> None:
    assert Home(MOVED).connect(address) == ADDRESS


def test_configured_bridge_of_unknown_id_is_not_replaced_by_another() -> None:
    home = Home(STRANGER)
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1:9"):
            home.connect("127.0.0.1:9", bridge_id=None)
    assert home.finder.searches == []
    assert not [url for url in home.opener.asked if OTHER in url]


def test_network_is_searched_once_in_ten_minutes() -> None:
    home = Home()
    for seconds, searches in ((0, 1), (300, 1), (240, 1), (60, 2)):
        home.clock.advance(seconds)
        with pytest.raises(SourceUnavailable):
            home.connect()
        assert home.finder.searches == [ID] * searches


def test_bridge_that_moves_twice_is_located_twice() -> None:
    home = Home(MOVED)
    home.state.put(f"hue.found.{ID}", {"address": NOWHERE_ELSE, "configured": NOWHERE, "looked_at": None})
    assert home.connect() == ADDRESS


def test_changed_configuration_overrides_the_remembered_address() -> None:
    home = Home()
    home.state.put(f"hue.found.{ID}", {"address": ADDRESS, "configured": NOWHERE})
    with pytest.raises(SourceUnavailable):
        home.connect(NOWHERE_ELSE)


def test_impostor_that_announces_the_id_gets_no_key() -> None:
    home = Home(AnnouncedBridge(address=OTHER, bridge_id=ID))
    with pytest.raises(SourceUnavailable, match=NOWHERE):
        home.connect()
    assert set(home.opener.asked) == {"hue.config"}


def test_bridge_that_had_https_is_not_followed_to_http() -> None:
    home = Home(AnnouncedBridge(address=f"http://{ADDRESS}", bridge_id=ID))
    home.connect(ADDRESS)
    with pytest.raises(SourceUnavailable):
        home.connect()
    assert [url for url, _ in home.opener.opened] == [f"https://{NOWHERE}"]


ROUND = {**CONFIG, "modelid": "BSB001", "swversion": "01041302"}


class PlainReads(EarlierReads):
    """The stored reads of a home of an earlier version with a round bridge."""

    def have_no_v2(self) -> bool:
        return True


@pytest.mark.parametrize("is_old_home", [False, True])
def test_round_bridge_that_moved_gets_no_key_but_a_message(is_old_home: bool) -> None:
    home = Home(MOVED)
    home.bridges = {f"http://{ADDRESS}": ROUND}
    if is_old_home:
        measurements = MemoryMeasurements(MemoryStore())
        home.earlier = PlainReads(source="hue", measurements=measurements, clock=home.clock)
    for written in (NOWHERE, f"http://{NOWHERE}"):
        with pytest.raises(SourceRefused, match=f"write http://{ADDRESS}"):
            home.connect(written)
        home.clock.advance(3600)
        assert set(home.opener.asked) == {"hue.config"}


def test_announcement_cannot_ask_for_plain_http() -> None:
    home = Home(AnnouncedBridge(address=f"http://{ADDRESS}", bridge_id=ID))
    home.bridges = {f"http://{ADDRESS}": ROUND}
    with pytest.raises(SourceUnavailable):
        home.connect()
    assert f"http://{ADDRESS}" not in [url for url, _ in home.opener.opened]


def test_round_bridge_that_an_earlier_version_followed_is_read_on() -> None:
    home = Home()
    home.bridges = {f"http://{ADDRESS}": ROUND}
    home.state.put(f"hue.found.{ID}", {"address": ADDRESS, "configured": NOWHERE, "bridge_id": ID})
    assert home.connect() == ADDRESS
    home.state.put(f"hue.bridge.{ID}", {"has_https": True})
    with pytest.raises(SourceUnavailable):
        home.connect()


def test_search_needs_time_for_the_read() -> None:
    home = Home(MOVED)
    with pytest.raises(SourceUnavailable):
        home.connect(within_s=2.0)
    assert home.finder.searches == []
    assert home.connect() == ADDRESS, "a search that did not begin does not delay the next"


def test_failed_search_raises_the_first_error() -> None:
    home = Home(error=SourceUnavailable("no multicast here"))
    with pytest.raises(SourceUnavailable, match=NOWHERE):
        home.connect()
    (record,) = home.journal.of("hue.looked_for")
    assert record.fields["error"] == "no multicast here"


def test_only_bridge_is_taken_and_no_other_later() -> None:
    home = Home(MOVED)
    assert home.connect("", bridge_id=None) == ADDRESS
    del home.bridges[ADDRESS]
    home.finder = MemoryBridgeFinder([STRANGER])
    home.clock.advance(3600)
    with pytest.raises(SourceUnavailable):
        home.connect("", bridge_id=None)
    assert f"https://{OTHER}" not in [url for url, _ in home.opener.opened]


def test_several_bridges_without_a_configured_one_are_refused() -> None:
    with pytest.raises(SourceRefused, match="several bridges answer"):
        Home(MOVED, STRANGER).connect("", bridge_id=None)


def test_remembered_id_is_searched_for() -> None:
    home = Home(MOVED)
    home.state.put(f"hue.reach.{NOWHERE}", {"bridge_id": ID, "has_https": True})
    assert home.connect(bridge_id=None) == ADDRESS
    assert home.finder.searches == [ID]


def test_failure_without_an_address_names_the_command() -> None:
    with pytest.raises(SourceUnavailable, match="homeclimate setup --address ADDRESS"):
        Home().connect("")
