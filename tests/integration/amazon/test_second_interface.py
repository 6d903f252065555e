"""Values that the first interface lacks and the second one has."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from domain.cycle import Cause
from domain.reading import Quantity
from tests.support.alexa_stand_in import GRAPHQL, PHOENIX, Device, StandIn, an_answer
from tests.support.amazon_bench import AmazonBench, in_front_of
from tests.support.canned_alexa import phoenix_states, states

BEDROOM = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ23005314600J4", name="Bedroom")
ALL = {*Quantity} - {Quantity.CARBON_DIOXIDE}
WITHOUT_TEMPERATURE = ALL - {Quantity.TEMPERATURE}


def lacking(device: Device, *keys: str, error: str | None = None) -> Device:
    """The device as the first interface shows it: some values in error, absent or null."""
    if error is not None:
        return attrs.evolve(device, errors=dict.fromkeys(keys, error))
    ranges = {key: value for key, value in device.ranges.items() if key not in keys}
    temperature = None if "temperatureSensor" in keys else device.temperature
    return attrs.evolve(device, ranges=ranges, temperature=temperature)


def first_shows(stand_in: StandIn, *devices: Device) -> None:
    stand_in.script(GRAPHQL, an_answer(states(*devices)))


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (["temperatureSensor"], "NOT_FOUND"),
        (["temperatureSensor"], "INTERNAL_ERROR"),
        (["temperatureSensor"], None),
        (["6"], "NOT_FOUND"),
        (["6"], None),
        (["7"], None),
        (["4", "5", "8", "9", "temperatureSensor"], None),
    ],
)
async def test_a_missing_value_comes_from_the_second_interface(
    stand_in: StandIn, bench: AmazonBench, keys: list[str], error: str | None
) -> None:
    await bench.read()
    for _ in range(3):
        bench.wall.advance(300)
        first_shows(stand_in, lacking(Device(), *keys, error=error))
        reply = await bench.read()
        assert set(reply.readings[0].values) == ALL
        assert reply.readings[0].observed_at is not None
        [note] = reply.notes
        assert note.startswith("Kitchen: ")
        assert note.endswith("from the second interface; the first has no value")
    assert stand_in.count(PHOENIX) == 3
    bench.operations()
    bench.wall.advance(300)
    assert (await bench.read()).notes == ()  # the first one has it again
    assert bench.operations() == ["amazon.graphql"]


async def test_only_the_monitor_that_lacks_something_is_asked_for(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    first_shows(stand_in, Device(), lacking(BEDROOM, "temperatureSensor", error="NOT_FOUND"))
    assert [set(each.values) for each in (await bench.read()).readings] == [ALL, ALL]
    assert [each["entityId"] for each in stand_in.questions[-1]["stateRequests"]] == [BEDROOM.entity]


async def test_a_monitor_that_only_the_second_interface_lists_is_read(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    for _ in range(2):
        bench.wall.advance(300)
        first_shows(stand_in, Device())
        assert [each.location for each in (await bench.read()).readings] == ["Kitchen", "Bedroom"]


async def test_where_the_second_interface_lacks_it_too_it_is_asked_hourly(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    stand_in.devices = [lacking(Device(), "temperatureSensor", error="NOT_FOUND")]
    nothing = lacking(Device(), "temperatureSensor")
    asked = 0
    for minutes in range(0, 125, 5):
        bench.wall.advance(300)
        stand_in.scripts[PHOENIX] = [an_answer(phoenix_states(nothing))]
        async with in_front_of(stand_in.hosts, state=bench.state, wall=bench.wall) as process:
            reply = await process.read()
        assert set(reply.readings[0].values) == WITHOUT_TEMPERATURE
        assert reply.notes == ("Kitchen: not all values came (temperature: NOT_FOUND)",)
        asked += not stand_in.scripts[PHOENIX]
        assert asked == 1 + minutes // 60
    stand_in.scripts.clear()
    stand_in.devices[0].errors = {}
    bench.wall.advance(3600)
    first_shows(stand_in, lacking(Device(), "temperatureSensor"))
    assert set((await bench.reading()).values) == ALL


@pytest.mark.parametrize(
    ("content", "status", "asked_next"),
    [
        (b"", 500, True),
        (b"", 429, False),
        ({"message": "Rate exceeded"}, 400, False),
        (b"", 403, False),
        ({"errors": [{"message": "no"}]}, 200, True),
    ],
)
async def test_a_second_interface_that_fails_costs_nothing_else(
    stand_in: StandIn, bench: AmazonBench, content: Any, status: int, asked_next: bool
) -> None:
    await bench.read()
    partial = lacking(Device(), "temperatureSensor", error="NOT_FOUND")
    first_shows(stand_in, partial)
    await bench.read()  # from now on it is known to have the temperature
    stand_in.script(PHOENIX, an_answer(content, status))
    first_shows(stand_in, partial, *[])
    assert set((await bench.reading()).values) == WITHOUT_TEMPERATURE
    assert bench.journal.events() == ("amazon.second_interface",)
    bench.operations()
    first_shows(stand_in, partial)
    await bench.read()
    assert ("amazon.phoenix" in bench.operations()) == asked_next


async def test_a_second_interface_that_does_not_answer_costs_nothing_else(stand_in: StandIn) -> None:
    async with in_front_of(stand_in.hosts) as bench:
        await bench.read()
        first_shows(stand_in, lacking(Device(), "temperatureSensor"))
        reply = await bench.read(within_s=0.9)  # less than what is kept back: there is no time to ask
        assert set(reply.readings[0].values) == WITHOUT_TEMPERATURE
        assert stand_in.count(PHOENIX) == 0


async def test_only_what_the_home_records_is_looked_for(stand_in: StandIn) -> None:
    async with in_front_of(stand_in.hosts, quantities=frozenset({Quantity.PM25})) as bench:
        await bench.read()
        first_shows(stand_in, lacking(Device(), "temperatureSensor", error="NOT_FOUND"))
        assert set((await bench.reading()).values) == {Quantity.PM25}
    assert stand_in.count(PHOENIX) == 0


async def test_an_unreachable_monitor_is_not_looked_for(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    first_shows(stand_in, Device(ranges={}, temperature=None, reachability="UNREACHABLE"))
    assert [each.cause for each in (await bench.read()).unread] == [Cause.UNREACHABLE]
    assert stand_in.count(PHOENIX) == 0
