"""What everybody promises who knows where bridges are; who asks by multicast is tried in test_mdns.py too."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import pytest

from adapters.hue.discovery import CloudFinder
from adapters.memory.source import MemoryBridgeFinder
from adapters.runtime.clock import SystemClock
from domain.errors import SourceError, SourceUnavailable
from ports.setup import AnnouncedBridge, BridgeFinder
from tests.support.look_up import LookUp, a_look_up

FIRST = AnnouncedBridge(address="192.0.2.1", bridge_id="001788fffe111111")
SECOND = AnnouncedBridge(address="192.0.2.2:8443", bridge_id="ecb5fafffe222222")

Bench = Callable[[Sequence[AnnouncedBridge] | None], AbstractContextManager[BridgeFinder]]


@contextmanager
def memory(announced: Sequence[AnnouncedBridge] | None) -> Iterator[BridgeFinder]:
    yield MemoryBridgeFinder(SourceUnavailable("no network") if announced is None else announced)


@contextmanager
def cloud(announced: Sequence[AnnouncedBridge] | None) -> Iterator[BridgeFinder]:
    listed = [_item(one) for one in announced or ()]
    with a_look_up(LookUp(status=503) if announced is None else LookUp(body=json.dumps(listed))) as url:
        yield CloudFinder(url=url, clock=SystemClock())


@pytest.fixture(params=[memory, cloud], ids=["memory", "cloud"])
def finding(request: pytest.FixtureRequest) -> Bench:
    bench: Bench = request.param
    return bench


def test_bridges_are_found_in_the_order_of_ids(finding: Bench) -> None:
    with finding([SECOND, FIRST]) as finder:
        assert tuple(finder.find(2.0)) == (FIRST, SECOND)


def test_each_bridge_is_found_once(finding: Bench) -> None:
    with finding([FIRST, SECOND, FIRST]) as finder:
        assert tuple(finder.find(2.0)) == (FIRST, SECOND)


def test_wanted_bridge_is_found(finding: Bench) -> None:
    with finding([FIRST, SECOND]) as finder:
        assert SECOND in finder.find(2.0, SECOND.bridge_id)


def test_nothing_announced_finds_nothing(finding: Bench) -> None:
    with finding([]) as finder:
        assert tuple(finder.find(2.0)) == ()


def test_failed_search_raises_our_error(finding: Bench) -> None:
    with finding(None) as finder, pytest.raises(SourceError):
        finder.find(2.0)


def _item(announced: AnnouncedBridge) -> dict[str, object]:
    host, _, port = announced.address.partition(":")
    return {
        "id": (announced.bridge_id or "").upper(),
        "internalipaddress": host,
        "port": int(port or 443),
    }
