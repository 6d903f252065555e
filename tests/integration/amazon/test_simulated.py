"""The simulated Alexa service over TLS: its values are read, and its faults are distinguished."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.amazon.thermostats import ThermostatSettings
from adapters.memory.runtime import MemoryClock
from adapters.simulator import faults
from adapters.simulator.amazon.endpoints import thermostat_celsius
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.faults import Fault
from domain.cycle import Cause
from domain.errors import SourceUnavailable
from domain.reading import Quantity
from tests.support.amazon_bench import AmazonBench, in_front_of_simulation

GRAPHQL = "/nexus/v1/graphql"


async def check_truth(bench: AmazonBench, alexa: SimulatedAlexa, *, with_time: bool = True) -> None:
    """Check that each monitor is read with all that the service shows of it, or is unreachable."""
    reply, now = await bench.read(), bench.wall.now()
    readings = {reading.device_id: reading for reading in reply.readings}
    causes = {unread.device_id: unread.cause for unread in reply.unread}
    for monitor in alexa.monitors:
        if not alexa.is_reachable(monitor.serial, now):
            assert causes.pop(monitor.device_id) is Cause.UNREACHABLE
            continue
        reading = readings.pop(monitor.device_id)
        assert reading.location == monitor.name
        assert set(reading.values) == set(monitor.quantities)
        for quantity, value in reading.values.items():
            assert value == pytest.approx(alexa.value(monitor.serial, quantity, now), abs=0.01)
        times = [alexa.observed_at(monitor.serial, quantity, now) for quantity in monitor.quantities]
        assert not with_time or reading.observed_at is not None
        if reading.observed_at is not None:
            assert abs((reading.observed_at - max(times)).total_seconds()) < 0.001
    assert (readings, causes) == ({}, {})


async def test_a_day_of_the_service_is_read_as_it_is(alexa: SimulatedAlexa, signed_in: AmazonBench) -> None:
    for hour in range(24):
        alexa.set_scale(("CELSIUS", "FAHRENHEIT", "KELVIN")[hour % 3])
        await check_truth(signed_in, alexa)
        assert signed_in.operations()[-1] == "amazon.graphql"
        signed_in.wall.advance(3_600)


async def test_the_second_interface_shows_the_same(alexa: SimulatedAlexa, signed_in: AmazonBench) -> None:
    alexa.faults.add(Fault(effect=faults.Unavailable(), path=GRAPHQL))
    await check_truth(signed_in, alexa, with_time=False)
    assert signed_in.operations() == ["amazon.graphql", "amazon.phoenix"]


@pytest.mark.parametrize("effect", [faults.Reset(), faults.HalfBody(), faults.Silence(), faults.Garbled()])
async def test_a_first_interface_that_gives_no_reply_is_replaced_at_once(
    alexa: SimulatedAlexa, signed_in: AmazonBench, effect: faults.Effect
) -> None:
    alexa.faults.add(Fault(effect=effect, path=GRAPHQL))
    if isinstance(effect, faults.Silence):
        reply = await signed_in.read(within_s=1.0)  # which leaves a part for the second one
        assert len(reply.readings) + len(reply.unread) == 3
    else:
        await check_truth(signed_in, alexa, with_time=False)
    assert signed_in.operations() == ["amazon.graphql", "amazon.phoenix"]


async def test_what_the_first_interface_cannot_find_comes_from_the_second(
    alexa: SimulatedAlexa, signed_in: AmazonBench
) -> None:
    alexa.faults.add(faults.FailedFeatures(("temperatureSensor", "range:8"), "NOT_FOUND"))
    for _ in range(2):
        await check_truth(signed_in, alexa, with_time=False)
        assert signed_in.operations() == ["amazon.graphql", "amazon.phoenix"]
        signed_in.wall.advance(300)


async def test_odd_lists_and_numbers_are_read_as_they_are_meant(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    for effect in (faults.ListedTwice(), faults.AnotherMaker(), faults.TextNumbers()):
        alexa.faults.add(effect)
    async with in_front_of_simulation(alexa, wall=home_clock) as bench:
        reply = await bench.read()
        assert [note.partition(":")[0] for note in reply.notes] == ["Balcony air is not recorded"]
        await check_truth(bench, alexa)
        alexa.faults.add(Fault(effect=faults.Unavailable(), path=GRAPHQL))
        await check_truth(bench, alexa, with_time=False)


@pytest.mark.parametrize(
    "trouble",
    [
        None,
        faults.NestThermostat(answers=False),
        Fault(effect=faults.Unavailable(), path="/api/phoenix/state"),
    ],
)
async def test_a_nest_thermostat_is_read_and_its_trouble_costs_no_monitor(
    alexa: SimulatedAlexa, home_clock: MemoryClock, trouble: faults.Effect | Fault | None
) -> None:
    if trouble is None or isinstance(trouble, Fault):
        alexa.faults.add(faults.NestThermostat())
    if trouble is not None:
        alexa.faults.add(trouble)
    settings = ThermostatSettings()
    async with in_front_of_simulation(alexa, wall=home_clock, thermostats=settings) as bench:
        reply = await bench.read()
    monitors = {one.device_id for one in alexa.monitors}
    read, unread = {one.device_id for one in reply.readings}, {one.device_id for one in reply.unread}
    assert read | unread > monitors
    nests = [one for one in reply.readings if one.device_id not in monitors]
    if trouble is None:
        (nest,) = nests
        assert nest.values[Quantity.TEMPERATURE] == thermostat_celsius(1, home_clock.now())
        assert (nest.location, nest.thermostat_mode) == ("Hallway", "heating")
    else:
        assert nests == []
        assert [one.cause for one in reply.unread if one.device_id not in monitors] == [Cause.NO_VALUE]


@pytest.mark.parametrize(
    ("roots", "is_expired", "words"),
    [
        ({"roots": None}, False, r"certificate of 127\.0\.0\.1 is not trusted"),
        ({}, True, r"expired.*is this computer's clock right"),
    ],
)
async def test_a_certificate_that_is_not_trusted_is_named(
    alexa: SimulatedAlexa, home_clock: MemoryClock, roots: dict[str, Any], is_expired: bool, words: str
) -> None:
    if is_expired:
        alexa.faults.add(faults.WrongCertificate("expired"))
    async with in_front_of_simulation(alexa, wall=home_clock, **roots) as bench:
        with pytest.raises(SourceUnavailable, match=words):
            await bench.read()
    assert [one.path for one in alexa.requests if one.path] == []  # a failed handshake has none
