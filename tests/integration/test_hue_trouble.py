"""A Hue source in front of a bridge in trouble: each trouble has an outcome, and none is a crash."""

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
    SourceGarbled,
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
    "fault", ["kind=html", "kind=garbled", "kind=error type=3", "kind=redirect", "kind=huge bytes=5000000"]
)
async def test_sensors_that_make_no_sense_are_read_from_the_whole_bridge(
    bridge: SimulatedBridge, strategy: Strategy, where: str, fault: str
) -> None:
    bridge.faults.add(f"{where} {fault}")
    async with in_front_of(bridge, strategy=strategy) as bench:
        reply = await bench.read()
        assert len(reply.readings) == 8
        assert reply.notes[0].startswith("read the whole bridge, since the sensors alone could not be read: ")
        assert bench.operations() == ["hue.config", CALLS[strategy], "hue.v1/whole_bridge"]
        assert bench.journal.events() == ("hue.fallback",)


@SMALL
@pytest.mark.parametrize(
    ("fault", "raised", "message"),
    [
        ("kind=throttle", SourceThrottled, "HTTP 429"),
        ("kind=throttle retry_after=7", SourceThrottled, "HTTP 429"),
        ("kind=throttle retry_after_date=90", SourceThrottled, "HTTP 429"),
        ("kind=unavailable", SourceUnavailable, "HTTP 503"),
        ("kind=revoked", CredentialsRefused, "press its round button"),
        ("kind=reset", SourceUnavailable, "without an answer|reset by peer"),
        ("kind=half", SourceUnavailable, "ended before it was complete"),
    ],
)
async def test_trouble_that_the_whole_bridge_would_share_is_not_met_with_a_larger_read(
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


@pytest.mark.parametrize(
    ("fault", "wait_s"),
    [("", None), ("retry_after=7", 7.0), ("retry_after_date=90", 90.0), ("retry_after_date=-90", 0.0)],
)
async def test_the_wait_that_the_bridge_names_is_passed_on(
    bridge: SimulatedBridge, home_clock: MemoryClock, fault: str, wait_s: float | None
) -> None:
    bridge.faults.add(f"kind=throttle {fault}")
    async with in_front_of(bridge, wall=home_clock) as bench:
        with pytest.raises(SourceThrottled) as throttled:
            await bench.read()
    assert throttled.value.retry_after_s == wait_s


@pytest.mark.parametrize("where", ["", "path=/api/config"], ids=["everywhere", "at the greeting"])
@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        ("kind=throttle", SourceThrottled),
        ("kind=unavailable", SourceUnavailable),
        ("kind=reset", SourceUnavailable),
        ("kind=half", SourceUnavailable),
        ("kind=error type=901", SourceUnavailable),
        ("kind=redirect", SourceRefused),
    ],
)
async def test_trouble_from_the_beginning_is_an_error_with_a_name(
    bridge: SimulatedBridge, where: str, fault: str, raised: type[SourceError]
) -> None:
    bridge.faults.add(f"{where} {fault}")
    async with in_front_of(bridge) as bench:
        with pytest.raises(raised):
            await bench.read()
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


@pytest.mark.parametrize("fault", ["kind=html", "kind=garbled", "kind=huge bytes=5000000"])
async def test_everything_in_disorder_is_garbled(bridge: SimulatedBridge, fault: str) -> None:
    bridge.faults.add(fault)
    async with in_front_of(bridge) as bench:
        with pytest.raises(SourceGarbled):
            await bench.read()
        assert bench.operations() == ["hue.config", "hue.v2/temperature", "hue.v1/whole_bridge"]


@pytest.mark.parametrize("fault", ["kind=html", "kind=garbled"])
async def test_a_greeting_in_disorder_costs_nothing(bridge: SimulatedBridge, fault: str) -> None:
    bridge.faults.add(f"path=/api/config {fault}")
    async with in_front_of(bridge) as bench:
        assert len((await bench.read()).readings) == 8


@EVERY_READ
async def test_a_sensor_without_a_temperature_is_unread_and_the_others_are_not(
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
@pytest.mark.parametrize("value", ["null", "true", '"21.5"', "1e999"])
async def test_temperatures_that_are_no_numbers_are_no_readings(
    bridge: SimulatedBridge, strategy: Strategy, value: str
) -> None:
    bridge.faults.add(f"kind=overwrite field=temperature value='{value}'")
    async with in_front_of(bridge, strategy=strategy) as bench:
        reply = await bench.read()
    assert ([each.cause for each in reply.unread], reply.readings) == ([Cause.NO_VALUE] * 8, ())


async def test_v2_reading_of_an_unknown_time_counts(bridge: SimulatedBridge) -> None:
    bridge.faults.add("kind=no-dates")
    async with in_front_of(bridge, strategy="v2") as bench:
        reply = await bench.read()
    assert [reading.observed_at for reading in reply.readings] == [None] * 8


@pytest.mark.parametrize("strategy", ["v1", "whole_bridge"])
async def test_v1_value_that_was_never_reported_is_no_reading(
    bridge: SimulatedBridge, strategy: Strategy
) -> None:
    bridge.faults.add("kind=no-dates")
    async with in_front_of(bridge, strategy=strategy) as bench:
        reply = await bench.read()
    assert ([each.cause for each in reply.unread], reply.readings) == ([Cause.NO_VALUE] * 8, ())


@EVERY_READ
async def test_what_older_firmware_leaves_out_is_not_missed(
    simulated_home: SimulatedHome, bridge: SimulatedBridge, home_clock: MemoryClock, strategy: Strategy
) -> None:
    bridge.faults.add("kind=missing")
    async with in_front_of(bridge, wall=home_clock, strategy=strategy) as bench:
        reply = await bench.read()
    assert temperatures(reply) == {
        sensor.device_id: simulated_home.temperature(sensor.device_id, NOON)
        for sensor in simulated_home.sensors
    }


@EVERY_READ
async def test_a_sensor_that_is_switched_off_is_accounted_for(
    bridge: SimulatedBridge, strategy: Strategy
) -> None:
    field = "enabled" if strategy == "v2" else "on"
    bridge.faults.add(f"kind=overwrite field={field} value=false")
    async with in_front_of(bridge, strategy=strategy) as bench:
        assert {each.cause for each in (await bench.read()).unread} == {Cause.SWITCHED_OFF}


@pytest.mark.parametrize("strategy", ["v1", "whole_bridge"])
async def test_sensors_without_an_identity_are_not_stored_and_that_is_said(
    bridge: SimulatedBridge, strategy: Strategy
) -> None:
    bridge.faults.add("kind=missing fields=uniqueid")
    async with in_front_of(bridge, strategy=strategy) as bench:
        reply = await bench.read()
    assert (reply.readings, reply.unread) == ((), ())
    assert len([note for note in reply.notes if "without a unique id" in note]) == 8


async def test_a_bridge_that_is_not_there_is_an_error_that_says_where(bridge: SimulatedBridge) -> None:
    bridge.unplug()
    async with in_front_of(bridge) as bench:
        with pytest.raises(
            SourceUnavailable, match=r"https://127\.0\.0\.1.*Connection refused.*Is the bridge on"
        ):
            await bench.read()
        bridge.plug_in()
        assert len((await bench.read()).readings) == 8


@pytest.mark.parametrize("fault", ["kind=throttle", "kind=unavailable"])
async def test_a_bridge_in_passing_trouble_is_not_asked_again_who_it_is(
    bridge: SimulatedBridge, fault: str
) -> None:
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
async def test_a_bridge_that_refuses_is_asked_who_it_is_before_the_next_read(
    bridge: SimulatedBridge, fault: str
) -> None:
    async with in_front_of(bridge, strategy="v1") as bench:
        await bench.read()
        bridge.faults.add(fault)
        with pytest.raises(SourceError):
            await bench.read()
        bridge.faults.clear()
        bench.operations()
        await bench.read()
        assert bench.operations() == ["hue.config", "hue.v1/sensors"]


async def test_a_bridge_without_https_is_asked_who_it_is_after_any_trouble(home_clock: MemoryClock) -> None:
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


async def test_a_key_that_is_revoked_and_given_again_is_used_again(bridge: SimulatedBridge) -> None:
    async with in_front_of(bridge) as bench:
        await bench.read()
        bridge.faults.add("kind=revoked")
        with pytest.raises(CredentialsRefused, match="round button"):
            await bench.read()
        bridge.faults.clear()
        assert len((await bench.read()).readings) == 8


@EVERY_READ
@pytest.mark.parametrize(
    "fault",
    ["html", "garbled", "error type=3", "error type=901", "redirect", "half", "reset", "throttle", "revoked"],
)
async def test_no_trouble_shows_the_key(bridge: SimulatedBridge, strategy: Strategy, fault: str) -> None:
    bridge.faults.add(f"first=2 kind={fault}")
    async with in_front_of(bridge, strategy=strategy) as bench:
        with pytest.raises(SourceError) as failed:
            await bench.read()
        cause = failed.value.__cause__
        told = f"{failed.value!r} {cause!r} {bench.told()} {bench.source!r} {bench.meter.drain()}"
    assert bridge.key not in told


@pytest.mark.parametrize("scheme", ["https", "http"])
async def test_a_redirect_is_never_followed(
    bridge: SimulatedBridge, home_clock: MemoryClock, scheme: str
) -> None:
    with SimulatedHome(clock=home_clock).running() as elsewhere:
        places = {"https": elsewhere.bridge.address, "http": elsewhere.bridge.http_address}
        bridge.faults.add(f"kind=redirect location={scheme}://{places[scheme]}/api/config")
        async with in_front_of(bridge) as bench:
            with pytest.raises(SourceRefused, match="redirects the request"):
                await bench.read()
        assert elsewhere.bridge.requests == []
