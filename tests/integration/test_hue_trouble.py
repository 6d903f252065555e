"""A bridge in trouble: every fault ends in readings or in our error."""

from __future__ import annotations

import pytest

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001
from adapters.simulator.hue.service import SimulatedBridge
from domain.cycle import Cause
from domain.errors import (
    CredentialsRefused,
    SourceError,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from tests.support.builders import NOON
from tests.support.hue_bench import in_front_of, temperatures

V2 = "path=/clip/v2/resource/temperature"
V1 = "path=/api/***/sensors"
SMALL_READS: list[tuple[Strategy, str]] = [("v2", V2), ("v1", V1)]
SMALL = pytest.mark.parametrize(("strategy", "where"), SMALL_READS, ids=["v2", "v1"])
EVERY_READ = pytest.mark.parametrize("strategy", ["v2", "v1", "whole_bridge"])
CALLS = {"v2": "hue.v2/temperature", "v1": "hue.v1/sensors"}


@pytest.fixture
def bridge(simulated_home: SimulatedHome) -> SimulatedBridge:
    return simulated_home.bridge


@SMALL
@pytest.mark.parametrize(
    ("fault", "raised", "message"),
    [
        ("kind=throttle", SourceThrottled, "HTTP 429"),
        ("kind=unavailable", SourceUnavailable, "HTTP 503"),
        ("kind=revoked", CredentialsRefused, "press its round button"),
        ("kind=reset", SourceUnavailable, "without an answer|reset by peer"),
        ("kind=half", SourceUnavailable, "ended before it was complete"),
    ],
)
async def test_shared_trouble_leads_to_no_larger_read(
    bridge: SimulatedBridge,
    strategy: Strategy,
    where: str,
    fault: str,
    raised: type[SourceError],
    message: str,
) -> None:
    bridge.faults.add(f"{where} {fault}")
    async with in_front_of(bridge, strategy=strategy) as bench:
        with pytest.raises(SourceError, match=message) as failed:
            await bench.read()
        assert type(failed.value) is raised
        assert bench.operations() == ["hue.config", CALLS[strategy]]
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


@pytest.mark.parametrize("where", ["", "path=/api/config"], ids=["everywhere", "first request"])
@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("kind=throttle", SourceThrottled),
        ("kind=reset", SourceUnavailable),
        ("kind=error type=901", SourceUnavailable),
        ("kind=redirect", SourceRefused),
    ],
)
async def test_trouble_from_the_first_request_is_our_error(
    bridge: SimulatedBridge, where: str, fault: str, raised: type[SourceError]
) -> None:
    bridge.faults.add(f"{where} {fault}")
    async with in_front_of(bridge) as bench:
        with pytest.raises(raised):
            await bench.read()
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


@EVERY_READ
async def test_sensor_without_a_temperature_is_unread_alone(
    simulated_home: SimulatedHome, bridge: SimulatedBridge, home_clock: MemoryClock, strategy: Strategy
) -> None:
    victim = simulated_home.sensors[3]
    where = bridge.v2_id(victim.device_id) if strategy == "v2" else victim.uniqueid
    bridge.faults.add(f"kind=null where={where}")
    async with in_front_of(bridge, wall=home_clock, strategy=strategy) as bench:
        reply = await bench.read()
    assert [(each.device_id, each.cause) for each in reply.unread] == [(victim.device_id, Cause.NO_VALUE)]
    assert len(reply.readings) == 7


@EVERY_READ
async def test_fields_missing_in_older_firmware_are_not_needed(
    simulated_home: SimulatedHome, bridge: SimulatedBridge, home_clock: MemoryClock, strategy: Strategy
) -> None:
    bridge.faults.add("kind=missing")
    async with in_front_of(bridge, wall=home_clock, strategy=strategy) as bench:
        reply = await bench.read()
    assert temperatures(reply) == {
        sensor.device_id: simulated_home.temperature(sensor.device_id, NOON)
        for sensor in simulated_home.sensors
    }


async def test_absent_bridge_is_reported_with_its_address(bridge: SimulatedBridge) -> None:
    bridge.unplug()
    async with in_front_of(bridge) as bench:
        with pytest.raises(
            SourceUnavailable, match=r"https://127\.0\.0\.1.*Connection refused.*Is the bridge on"
        ):
            await bench.read()
        bridge.plug_in()
        assert len((await bench.read()).readings) == 8


@pytest.mark.parametrize("fault", ["kind=throttle"])
async def test_passing_trouble_keeps_the_connection(bridge: SimulatedBridge, fault: str) -> None:
    async with in_front_of(bridge, strategy="v1") as bench:
        await bench.read()
        bench.operations()
        bridge.faults.add(fault)
        with pytest.raises(SourceError):
            await bench.read()
        bridge.faults.clear()
        await bench.read()
        assert bench.operations() == ["hue.v1/sensors", "hue.v1/sensors"]


@pytest.mark.parametrize("fault", ["kind=revoked", "path=/api/*** kind=redirect"])
async def test_refusal_checks_the_identity_before_the_next_read(bridge: SimulatedBridge, fault: str) -> None:
    async with in_front_of(bridge, strategy="v1") as bench:
        await bench.read()
        bridge.faults.add(fault)
        with pytest.raises(SourceError):
            await bench.read()
        bridge.faults.clear()
        bench.operations()
        await bench.read()
        assert bench.operations() == ["hue.config", "hue.v1/sensors"]


async def test_any_trouble_without_https_checks_the_identity(home_clock: MemoryClock) -> None:
    with SimulatedHome(clock=home_clock, bridges=(BSB001,)).running() as home:
        async with in_front_of(home.bridge, address=f"http://{home.bridge.http_address}") as bench:
            await bench.read()
            home.bridge.faults.add("kind=unavailable")
            with pytest.raises(SourceUnavailable):
                await bench.read()
            home.bridge.faults.clear()
            bench.operations()
            await bench.read()
            assert bench.operations() == ["hue.config", "hue.v1/sensors"]


@EVERY_READ
@pytest.mark.parametrize(
    "fault",
    ["html", "error type=3", "redirect", "half", "reset", "throttle"],
)
async def test_no_trouble_shows_the_key(bridge: SimulatedBridge, strategy: Strategy, fault: str) -> None:
    bridge.faults.add(f"first=2 kind={fault}")
    async with in_front_of(bridge, strategy=strategy) as bench:
        with pytest.raises(SourceError) as failed:
            await bench.read()
        cause = failed.value.__cause__
        text = f"{failed.value!r} {cause!r} {bench.shown()} {bench.source!r} {bench.meter.drain()}"
    assert bridge.key not in text


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_redirect_is_never_followed(
    bridge: SimulatedBridge, home_clock: MemoryClock, scheme: str
) -> None:
    with SimulatedHome(clock=home_clock).running() as elsewhere:
        places = {"https": elsewhere.bridge.address, "http": elsewhere.bridge.http_address}
        bridge.faults.add(f"kind=redirect location={scheme}://{places[scheme]}/api/config")
        async with in_front_of(bridge) as bench:
            with pytest.raises(SourceRefused, match="redirects the request"):
                await bench.read()
        assert elsewhere.bridge.requests == []
