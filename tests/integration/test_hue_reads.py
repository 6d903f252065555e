"""A healthy bridge: what is read, by which strategy, and how often."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001
from domain.cycle import Cause
from tests.support.bridge_client import ask_v1
from tests.support.builders import NOON
from tests.support.hue_bench import in_front_of, temperatures

FIRST_READ = ["hue.config", "hue.v2/temperature", "hue.v1/sensors"]
STRATEGIES: list[Strategy] = ["auto", "v2", "v1", "whole_bridge"]


def shown_at_noon(home: SimulatedHome) -> dict[str, float]:
    return {sensor.device_id: home.temperature(sensor.device_id, NOON) for sensor in home.sensors}


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_every_strategy_reads_every_sensor_alike(
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


async def test_details_are_read_hourly_and_links_when_a_sensor_is_quiet(
    simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    asked = {}
    async with in_front_of(simulated_home.bridge, wall=home_clock) as bench:
        for minutes in range(0, 65, 5):
            await bench.read()
            asked[minutes] = bench.operations()
            home_clock.advance(300)
    assert asked.pop(0) == FIRST_READ
    assert asked.pop(60) == ["hue.v2/temperature", "hue.v1/sensors"]
    links = [minutes for minutes, operations in asked.items() if len(operations) > 1]
    assert links  # the bedroom and the cellar keep their temperature for long
    assert all(later - earlier >= 15 for earlier, later in zip([0, *links], links, strict=False))
    assert {tuple(operations) for operations in asked.values()} == {
        ("hue.v2/temperature",),
        ("hue.v2/temperature", "hue.v2/zigbee_connectivity"),
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_lost_sensor_is_unread_until_it_is_heard_again(
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


async def test_failed_read_is_measured(simulated_home: SimulatedHome) -> None:
    simulated_home.bridge.faults.add("path=/clip kind=throttle")
    async with in_front_of(simulated_home.bridge) as bench:
        with pytest.raises(Exception, match="fewer requests"):
            await bench.read()
        config, throttled = bench.meter.drain()
    assert config.succeeded
    assert throttled.succeeded  # the call: it has a complete answer
    assert throttled.payload_bytes == simulated_home.bridge.requests[-1].reply_bytes


async def test_keys_of_other_applications_are_never_shown(
    simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    bridge = simulated_home.bridge
    keys = list(ask_v1(bridge, "config").json["whitelist"])
    assert len(keys) > 3
    async with in_front_of(bridge, wall=home_clock, strategy="whole_bridge", raw_response=True) as bench:
        text = repr(await bench.read())
        bridge.faults.add("kind=garbled")
        with pytest.raises(Exception, match=r"not JSON: [0-9,]+ bytes$") as raised:
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


async def test_connection_closed_between_cycles_costs_nothing(
    simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    async with in_front_of(simulated_home.bridge, wall=home_clock) as bench:
        first = await bench.read()
        simulated_home.bridge.unplug()
        simulated_home.bridge.plug_in()
        assert await bench.read() == first
        assert bench.operations() == [*FIRST_READ, "hue.v2/temperature"]


async def test_environment_does_not_matter(
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
