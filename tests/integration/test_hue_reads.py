"""Reads of a healthy bridge: values by every strategy, requests, measurements."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001
from domain.cycle import Cause
from domain.errors import SourceGarbled, SourceRefused
from tests.support.bridge_client import ask_v1
from tests.support.builders import NOON
from tests.support.hue_bench import in_front_of, temperatures

FIRST_READ = ["hue.config", "hue.v2/temperature", "hue.v1/sensors"]
STRATEGIES: list[Strategy] = ["auto", "v2", "v1", "whole_bridge"]


def shown_at_noon(home: SimulatedHome) -> dict[str, float]:
    return {sensor.device_id: home.temperature(sensor.device_id, NOON) for sensor in home.sensors}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_strategy_reads_every_sensor(
    simulated_home: SimulatedHome, home_clock: MemoryClock, strategy: Strategy
) -> None:
    async with in_front_of(simulated_home.bridge, wall=home_clock, strategy=strategy) as bench:
        reply = await bench.read()
    assert temperatures(reply) == shown_at_noon(simulated_home)
    assert {reading.location for reading in reply.readings} == {each.name for each in simulated_home.sensors}
    for reading in reply.readings:
        observed_at = simulated_home.observed_at(reading.device_id, NOON)
        assert reading.observed_at is not None
        assert abs(reading.observed_at - observed_at) < timedelta(seconds=1)
        assert reading.battery_percent is not None
        assert reading.is_reachable is True
        assert reading.collected_at == NOON
    assert (reply.unread, reply.notes) == ((), ())


async def test_cycle_asks_for_the_temperatures_only(
    simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge, wall=home_clock) as bench:
        await bench.read()
        assert bench.operations() == FIRST_READ
        for _ in range(5):
            await bench.read()
        assert bench.operations() == ["hue.v2/temperature"] * 5
    assert {request.at_once for request in bridge.requests} == {1}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_lost_sensor_is_unread_until_it_reports_again(
    simulated_home: SimulatedHome, home_clock: MemoryClock, strategy: Strategy
) -> None:
    home, cellar = simulated_home, simulated_home.sensors[-1].device_id
    while home.is_reachable(cellar, home_clock.now()):
        home_clock.advance(300)
    home_clock.advance(-300)
    cycles_behind = {True: 0, False: 0}
    async with in_front_of(home.bridge, wall=home_clock, strategy=strategy) as bench:
        assert cellar in temperatures(await bench.read())
        for _ in range(12 * 9):
            home_clock.advance(300)
            reply = await bench.read()
            is_reachable = home.is_reachable(cellar, home_clock.now())
            unread = {each.device_id: each.cause for each in reply.unread}
            assert cellar in (unread if cellar in unread else temperatures(reply))
            assert set(unread.values()) <= {Cause.UNREACHABLE}
            cycles_behind[is_reachable] += (cellar in unread) is is_reachable
    assert home.is_reachable(cellar, home_clock.now())
    # v2 reports only changes of a value: the link is read a quarter of an hour later
    assert cycles_behind[False] <= (4 if strategy in ("auto", "v2") else 0)
    assert cycles_behind[True] <= (1 if strategy in ("auto", "v2") else 0)


async def test_read_is_measured(simulated_home: SimulatedHome, home_clock: MemoryClock) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge, wall=home_clock) as bench:
        await bench.read()
        measured = bench.meter.drain()
    assert [each.payload_bytes for each in measured] == [each.reply_bytes for each in bridge.requests]
    assert [each.wire_bytes for each in measured] == [each.reply_bytes for each in bridge.requests]
    assert all(each.succeeded and each.source == "hue" and each.duration_s > 0 for each in measured)


async def test_keys_of_other_applications_are_never_shown(
    simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    bridge = simulated_home.bridge
    keys = list(ask_v1(bridge, "config").json["whitelist"])
    assert len(keys) > 3
    async with in_front_of(bridge, wall=home_clock, strategy="whole_bridge", raw_response=True) as bench:
        text = repr(await bench.read())
        bridge.faults.add("kind=garbled")
        with pytest.raises(SourceGarbled, match=r"not JSON: [0-9,]+ bytes$") as raised:
            await bench.read()
        text += repr(raised.value) + repr(raised.value.__cause__) + bench.shown()
    assert "ZLLTemperature" in text
    assert not [key for key in keys if key in text]


async def test_round_bridge_is_read_over_http(home_clock: MemoryClock) -> None:
    with SimulatedHome(clock=home_clock, bridges=(BSB001,)).running() as home:
        address = f"http://{home.bridge.http_address}/"
        async with in_front_of(home.bridge, wall=home_clock, address=address) as bench:
            assert temperatures(await bench.read()) == shown_at_noon(home)
            await bench.read()
            assert bench.operations() == ["hue.config", "hue.v1/sensors", "hue.v1/sensors"]


async def test_proxies_and_roots_of_the_environment_are_ignored(
    simulated_home: SimulatedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "/nonexistent/roots.pem")
    monkeypatch.delenv("NO_PROXY", raising=False)
    async with in_front_of(simulated_home.bridge) as bench:
        assert len((await bench.read()).readings) == 8
    with SimulatedHome(clock=MemoryClock(NOON), bridges=(BSB001,)).running() as home:
        async with in_front_of(home.bridge, address=f"http://{home.bridge.http_address}") as bench:
            assert len((await bench.read()).readings) == 8


async def test_connection_closed_between_cycles_is_opened_again(
    simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    async with in_front_of(simulated_home.bridge, wall=home_clock) as bench:
        first = await bench.read()
        simulated_home.bridge.unplug()
        simulated_home.bridge.plug_in()
        assert await bench.read() == first
        assert bench.operations() == [*FIRST_READ, "hue.v2/temperature"]


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_redirect_is_never_followed(
    simulated_home: SimulatedHome, home_clock: MemoryClock, scheme: str
) -> None:
    bridge = simulated_home.bridge
    with SimulatedHome(clock=home_clock).running() as elsewhere:
        places = {"https": elsewhere.bridge.address, "http": elsewhere.bridge.http_address}
        bridge.faults.add(f"kind=redirect location={scheme}://{places[scheme]}/api/config")
        async with in_front_of(bridge) as bench:
            with pytest.raises(SourceRefused, match="redirects the request"):
                await bench.read()
        assert elsewhere.bridge.requests == []
