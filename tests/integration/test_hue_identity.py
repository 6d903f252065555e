"""Proofs of identity on the wire, and the errors without one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from adapters.hue.tls import SIGNIFY_ROOTS
from adapters.memory.runtime import MemoryClock
from adapters.memory.source import MemoryBridgeFinder
from adapters.memory.state import MemoryState
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002_OLD
from domain.errors import SourceError, SourceRefused, SourceThrottled, SourceUnavailable
from ports.setup import AnnouncedBridge
from tests.support.hue_bench import HueBench, in_front_of
from tests.support.namespaces import run_apart

ANOTHER_ID = "ecb5fafffe000001"


async def refusal(bench: HueBench, error: type[SourceError] = SourceRefused) -> str:
    with pytest.raises(error) as refused:
        await bench.read()
    return str(refused.value)


async def test_another_bridge_at_the_address_is_named(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge, bridge_id=ANOTHER_ID) as bench:
        message = await refusal(bench)
    assert f"{bridge.id} instead of {ANOTHER_ID}" in message
    assert "collectors.hue in config/config.yaml" in message
    assert bridge.requests == []


async def test_replaced_bridge_is_named_at_the_next_read(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge) as bench:
        await bench.read()
        bridge.faults.add("kind=certificate which=other")
        await refusal(bench, SourceUnavailable)  # its connection is gone: no more is known yet
        assert f"001788fffe0ddba1 instead of {bridge.id}" in await refusal(bench)
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


async def test_wrong_certificate_for_a_moment_costs_one_read(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge) as bench:
        await bench.read()
        bridge.unplug()
        bridge.plug_in()
        bridge.faults.add("count=1 kind=certificate which=other")
        assert "the certificate is not the bridge's" in await refusal(bench)
        assert len((await bench.read()).readings) == 8


async def test_self_signed_bridge_is_refused_with_the_line_that_pins_it(home_clock: MemoryClock) -> None:
    with SimulatedHome(clock=home_clock, bridges=(BSB002_OLD,)).running() as home:
        bridge = home.bridge
        async with in_front_of(bridge) as bench:
            message = await refusal(bench)
        assert bridge.requests == []
        line = re.search(r"bridges: \[.*\]", message)
        assert line is not None
        [pinned] = yaml.safe_load(line[0])["bridges"]
        assert pinned == {
            "id": bridge.id,
            "address": bridge.address,
            "certificate_sha256": bridge.certificate_sha256,
        }
        terms = {"address": pinned["address"], "bridge_id": pinned["id"]}
        async with in_front_of(bridge, certificate_sha256=pinned["certificate_sha256"], **terms) as bench:
            assert len((await bench.read()).readings) == 8


async def test_pinned_bridge_needs_its_own_certificate(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge, certificate_sha256="ab" * 32) as bench:
        message = await refusal(bench)
    assert "is not the pinned one" in message
    assert f"its fingerprint is {bridge.certificate_sha256} now" in message
    assert bridge.requests == []
    async with in_front_of(bridge, certificate_sha256=bridge.certificate_sha256) as bench:
        assert len((await bench.read()).readings) == 8
        bridge.faults.add("kind=certificate which=self-signed")
        with pytest.raises(SourceError):
            await bench.read()
        assert "is not the pinned one" in await refusal(bench)


async def test_unknown_bridge_id_is_learned_once(home_clock: MemoryClock) -> None:
    state = MemoryState()
    with SimulatedHome(clock=home_clock).running() as home:
        bridge = home.bridge
        async with in_front_of(bridge, bridge_id=None, state=state) as bench:
            assert len((await bench.read()).readings) == 8
        bridge.faults.add("kind=certificate which=other")
        async with in_front_of(bridge, bridge_id=None, state=state) as bench:
            message = await refusal(bench)
    assert f"001788fffe0ddba1 instead of {bridge.id}" in message
    assert "certificate_sha256" not in message


async def test_signify_roots_refuse_a_simulated_bridge(simulated_home: SimulatedHome) -> None:
    async with in_front_of(simulated_home.bridge, roots=SIGNIFY_ROOTS) as bench:
        assert "the certificate is not the bridge's" in await refusal(bench)


async def test_a_wait_that_the_bridge_asks_for_at_the_first_request_is_heeded(
    simulated_home: SimulatedHome,
) -> None:
    simulated_home.bridge.faults.add("path=/api/config kind=throttle retry_after=2 count=1")
    async with in_front_of(simulated_home.bridge) as bench:
        with pytest.raises(SourceThrottled) as raised:
            await bench.read()
        assert raised.value.retry_after_s == 2
        assert [one.path for one in simulated_home.bridge.requests] == ["/api/config"]
        assert len((await bench.read()).readings) == 8


async def test_moved_bridge_is_read_where_it_is_announced(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    finder = MemoryBridgeFinder([AnnouncedBridge(address=bridge.address, bridge_id=bridge.id)])
    async with in_front_of(bridge, address="127.0.0.1:9", finder=finder) as bench:
        assert len((await bench.read()).readings) == 8


async def test_bridge_that_moves_between_two_reads_is_found_by_the_second_attempt(
    simulated_home: SimulatedHome,
) -> None:
    bridge = simulated_home.bridge

    class Finder:
        def find(self, _timeout_s: float, _bridge_id: str | None = None) -> list[AnnouncedBridge]:
            return [AnnouncedBridge(address=bridge.address, bridge_id=bridge.id)]

    async with in_front_of(bridge, finder=Finder()) as bench:
        await bench.read()
        bridge.move()
        assert "Connection refused" in await refusal(bench, SourceUnavailable)
        assert len((await bench.read()).readings) == 8


def test_key_goes_over_plain_http_only_where_the_address_says_so() -> None:
    """At the usual ports: 443 is closed, and a bridge with the configured id answers at 80."""
    without, plain, met = map(json.loads, run_apart("tests.support.plain_bridge").splitlines())
    assert without["requests"] == ["http /api/config"]
    assert without["result"].startswith("WithoutHttps: ")
    assert "write http://127.0.0.1" in without["result"]
    assert plain["requests"] == ["http /api/***/sensors", "http /api/config"]
    assert plain["result"] == "8 readings"
    assert met == {"address": "http://127.0.0.1", "is_encrypted": False}, "as setup writes it down"


@pytest.mark.proof
def test_home_of_an_earlier_version_is_read_on_without_https(tmp_path: Path) -> None:
    """It has stored reads by v1 at a bare address, and nothing in the state; a new home has neither."""
    steps = [
        json.loads(line)
        for line in run_apart("tests.support.plain_bridge", str(tmp_path / "home")).splitlines()
    ]
    keyed, unkeyed = ["/api/***/sensors", "/api/config"], ["/api/config"]
    assert [(step["code"], step["requests"]) for step in steps] == [(0, keyed)] * 3 + [(2, unkeyed)]
