"""Which requests a cycle sends, and what comes of the replies."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from domain.cycle import Cause, SourceReply
from domain.errors import SourceGarbled, SourceThrottled, SourceUnavailable
from domain.reading import Quantity
from tests.support.alexa_stand_in import (
    EXCHANGE,
    GRAPHQL,
    PHOENIX,
    SAMPLED_AT,
    TOKEN,
    Device,
    StandIn,
    an_answer,
)
from tests.support.amazon_bench import AmazonBench, in_front_of
from tests.support.canned_alexa import discovered, states

BEDROOM = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ23005314600J4", name="Bedroom")
KITCHEN_ID, BEDROOM_ID = "alexa:GAJ23005314600H3", "alexa:GAJ23005314600J4"
INVALID = {"errors": [{"message": "Validation error"}], "data": None}


def nothing_listed() -> Any:
    return an_answer({"data": {"endpoints": {"items": []}, "listEndpoints": {"endpoints": []}}})


def devices_in(reply: SourceReply) -> list[str]:
    return [*(each.device_id for each in reply.readings), *(each.device_id for each in reply.unread)]


async def test_a_cycle_is_one_request_for_all_monitors(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    assert bench.operations() == ["amazon.token", "amazon.discovery", "amazon.graphql"]
    assert len((await bench.read()).readings) == 2
    assert bench.operations() == ["amazon.graphql"]
    assert stand_in.questions[-1]["variables"] == {
        "endpointIds": [device.endpoint for device in stand_in.devices]
    }
    async with in_front_of(stand_in.hosts, state=bench.state) as another_process:
        assert len((await another_process.read()).readings) == 2
        assert another_process.operations() == ["amazon.graphql"]


class CountingState:
    """Counts how often the state is read."""

    def __init__(self, bench: AmazonBench) -> None:
        self.gets, self._state = 0, bench.state

    def get(self, key: str) -> Any:
        self.gets += 1
        return self._state.get(key)

    def put(self, key: str, value: Any) -> None:
        self._state.put(key, value)


async def test_the_state_is_read_once_a_process(stand_in: StandIn, bench: AmazonBench) -> None:
    state = CountingState(bench)
    async with in_front_of(stand_in.hosts, state=state) as counted:
        await counted.read()
        before = state.gets
        for _ in range(3):
            await counted.read()
        assert state.gets == before


@pytest.mark.parametrize("is_in_a_list", [False, True])
async def test_the_values_are_those_of_the_monitor(
    stand_in: StandIn, bench: AmazonBench, is_in_a_list: bool
) -> None:
    stand_in.answers_in_a_list = is_in_a_list
    reading = await bench.reading()
    assert reading.values == {
        Quantity.TEMPERATURE: 20.5,
        Quantity.RELATIVE_HUMIDITY: 53.0,
        Quantity.VOC_INDEX: 12.0,
        Quantity.PM25: 3.0,
        Quantity.PM10: 4.0,
        Quantity.CARBON_MONOXIDE: 0.5,
        Quantity.IAQ_SCORE: 97.0,
    }
    assert reading.observed_at == datetime(2026, 3, 1, 11, 58, 30, 500_000, tzinfo=UTC)
    assert (reading.device_id, reading.location) == (KITCHEN_ID, "Kitchen")


# Discovery: once a day, or when a monitor is missed.


async def test_monitors_are_asked_for_once_a_day(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.devices.append(BEDROOM)
    bench.wall.advance(3600 * 23)
    assert set(devices_in(await bench.read())) == {KITCHEN_ID}
    bench.wall.advance(3600 * 2)
    assert set(devices_in(await bench.read())) == {KITCHEN_ID, BEDROOM_ID}


async def test_a_missed_monitor_is_searched_for(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    bench.wall.advance(3600)
    moved = "5c7d3f2e-0000-4000-8000-0000000000ff"  # the same monitor, set up again at another endpoint
    stand_in.devices = [Device(entity=moved, sampled_at="2026-03-01T13:00:00Z")]
    bench.operations()
    assert [reading.device_id for reading in (await bench.read()).readings] == [KITCHEN_ID]
    assert bench.operations().count("amazon.discovery") == 1


async def test_a_monitor_that_stays_away_is_not_searched_for_in_every_cycle(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    bench.wall.advance(3600)
    bench.operations()
    stand_in.script(PHOENIX, an_answer({"deviceStates": []}))
    for _ in range(2):
        stand_in.script(GRAPHQL, nothing_listed())
        assert {unread.cause for unread in (await bench.read()).unread} == {Cause.NOT_LISTED}
    asked = bench.operations()
    assert (asked.count("amazon.discovery"), asked.count("amazon.phoenix")) == (1, 1)


async def test_a_search_that_fails_costs_the_others_nothing(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    bench.wall.advance(3600)
    stand_in.devices = [Device(sampled_at="2026-03-01T13:00:00Z")]
    only_kitchen = an_answer({"data": {"listEndpoints": {"endpoints": [stand_in.devices[0].state()]}}})
    stand_in.script(GRAPHQL, only_kitchen, an_answer(b"", 500), an_answer(b"", 500))
    reply = await bench.read()
    assert [reading.location for reading in reply.readings] == ["Kitchen"]
    assert [unread.cause for unread in reply.unread] == [Cause.NOT_LISTED]
    assert bench.journal.events() == ("amazon.discovery",)
    bench.operations()
    await bench.read()
    assert bench.operations() == ["amazon.graphql"]  # no search in every cycle


async def test_a_reply_that_suddenly_lists_no_monitor_is_not_believed(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    bench.wall.advance(3600 * 25)
    stand_in.devices[0].sampled_at = "2026-03-02T12:59:00Z"
    stand_in.script(GRAPHQL, nothing_listed(), nothing_listed())
    assert len((await bench.read()).readings) == 1


@pytest.mark.parametrize("is_alive", [True, False])
async def test_a_monitor_that_a_list_forgets_is_read_on_while_it_is_alive(
    stand_in: StandIn, bench: AmazonBench, is_alive: bool
) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    bench.wall.advance(3600 * 25)
    kitchen, bedroom = (attrs.evolve(one, sampled_at="2026-03-02T12:59:00Z") for one in stand_in.devices)
    stand_in.devices = [kitchen, bedroom] if is_alive else [kitchen]
    shown = states(*stand_in.devices)
    stand_in.script(GRAPHQL, an_answer(shown), an_answer(discovered(kitchen)), an_answer(shown))
    for _ in range(2):
        reply = await bench.read()
        assert len(reply.readings) == 1 + is_alive
        bench.wall.advance(300)


async def test_an_account_without_monitors_is_not_asked_in_every_cycle(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.devices = []
    for _ in range(2):
        reply = await bench.read()
        assert (reply.readings, reply.unread) == ((), ())
        assert reply.notes == ("the Amazon account has no air quality monitor",)
    assert bench.operations().count("amazon.discovery") == 2  # both forms, once
    bench.wall.advance(16 * 60)
    stand_in.devices = [Device(sampled_at="2026-03-01T12:16:00Z")]
    assert len((await bench.read()).readings) == 1


@pytest.mark.parametrize("serial", ["gaj23005314600j4", "alexa:GAJ23005314600J4"])
async def test_only_the_wanted_monitor_is_read(stand_in: StandIn, serial: str) -> None:
    stand_in.devices.append(BEDROOM)
    async with in_front_of(stand_in.hosts, device_serial=serial) as bench:
        assert (await bench.reading()).location == "Bedroom"
    assert stand_in.questions[-1]["variables"] == {"endpointIds": [BEDROOM.endpoint]}


async def test_a_wanted_monitor_that_is_not_there_is_noted(stand_in: StandIn) -> None:
    async with in_front_of(stand_in.hosts, device_serial="GAJ9") as bench:
        reply = await bench.read()
    assert reply.readings == ()
    assert "it has: GAJ23005314600H3" in reply.notes[0]


@pytest.mark.parametrize(
    "first_form",
    [
        {"data": {"endpoints": {"items": [{"legacyAppliance": Device(serial=None).appliance()}]}}},
        {"errors": [{"message": "Validation error"}]},
    ],
    ids=["without the serial", "failed"],
)
async def test_the_second_form_of_discovery_fills_in(
    stand_in: StandIn, bench: AmazonBench, first_form: Any
) -> None:
    stand_in.script(GRAPHQL, an_answer(first_form))
    reading = await bench.reading()
    assert (reading.device_id, reading.location) == (KITCHEN_ID, "Kitchen")


async def test_if_the_second_form_fails_the_first_one_counts(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.devices = [Device(serial=None), BEDROOM]
    items = [{"legacyAppliance": device.appliance()} for device in stand_in.devices]
    stand_in.script(GRAPHQL, an_answer({"data": {"endpoints": {"items": items}}}), an_answer(b"", 500))
    assert set(devices_in(await bench.read())) == {f"alexa:{Device().entity}", BEDROOM_ID}


async def test_if_both_forms_fail_the_first_error_is_raised(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.script(GRAPHQL, an_answer(INVALID), an_answer({"errors": [{"message": "the other error"}]}))
    with pytest.raises(SourceGarbled, match="Validation error"):
        await bench.read()


@pytest.mark.parametrize("status", [500, 429, 401, 403])
async def test_a_daily_discovery_that_fails_costs_no_reading(
    stand_in: StandIn, bench: AmazonBench, status: int
) -> None:
    await bench.read()
    bench.wall.advance(3600 * 25)
    stand_in.devices[0].sampled_at = "2026-03-02T12:59:00Z"
    failures = [an_answer(b"", status) for _ in range(4)]
    stand_in.script(GRAPHQL, an_answer(states(stand_in.devices[0])), *failures)
    if status == 401:
        stand_in.script(EXCHANGE, an_answer(b"", 500))
    bench.operations()
    assert len((await bench.read()).readings) == 1
    assert "amazon.discovery" in bench.journal.events()
    stand_in.scripts.clear()
    bench.operations()
    bench.wall.advance(600)
    await bench.read()
    assert "amazon.discovery" not in bench.operations()
    bench.wall.advance(3600)
    await bench.read()
    assert bench.operations().count("amazon.discovery") == 1


async def test_without_a_token_neither_discovery_nor_readings_are_asked_for(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    bench.wall.advance(3600 * 25)
    stand_in.script(TOKEN, an_answer(b"", 500))
    stand_in.asked.clear()
    with pytest.raises(SourceUnavailable, match="token endpoint"):
        await bench.read()
    assert stand_in.asked == [TOKEN]


# The second interface, for when the first one fails.


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (INVALID, 200),
        (b"<html>", 403),
        (b"<html>", 404),
        (b"<html>", 500),
        (b"<html>", 299),
        ({"data": {"listEndpoints": {"endpoints": [{"id": Device().endpoint, "features": None}]}}}, 200),
    ],
)
async def test_the_second_interface_serves_where_graphql_fails(
    stand_in: StandIn, bench: AmazonBench, content: Any, status: int
) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, an_answer(content, status))
    reply = await bench.read()
    (reading,) = reply.readings
    assert (len(reading.values), reading.observed_at, reading.is_reachable) == (7, None, True)
    assert reply.notes[0].startswith("read the monitors through the second interface")
    assert ("Validation error" in reply.notes[0]) == (content is INVALID)
    assert bench.journal.events() == ("amazon.fallback",)
    assert stand_in.count(PHOENIX) == 1


async def test_if_both_interfaces_fail_the_first_error_is_raised(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    for second in (an_answer(b"", 500), an_answer({"deviceStates": []}), an_answer({"deviceStates": [{}]})):
        stand_in.script(GRAPHQL, an_answer(INVALID))
        stand_in.script(PHOENIX, second)
        with pytest.raises(SourceGarbled, match="Validation error"):
            await bench.read()


@pytest.mark.parametrize("is_first", [True, False])
async def test_throttling_by_either_interface_is_the_error(
    stand_in: StandIn, bench: AmazonBench, is_first: bool
) -> None:
    await bench.read()
    throttled = an_answer({"message": "Rate exceeded"}, 400, Retry_After="30")
    stand_in.script(GRAPHQL, throttled if is_first else an_answer(b"", 500))
    stand_in.script(PHOENIX, throttled)
    with pytest.raises(SourceThrottled) as raised:
        await bench.read()
    assert raised.value.retry_after_s == 30
    assert stand_in.count(PHOENIX) == (0 if is_first else 1)


async def test_the_raw_reply_is_recorded_if_the_home_wants_it(stand_in: StandIn) -> None:
    async with in_front_of(stand_in.hosts, raw_response=True) as bench:
        assert SAMPLED_AT in ((await bench.reading()).raw_response or "")


@pytest.mark.parametrize("compresses", [False, True])
@pytest.mark.parametrize("monitors", [1, 5, 40])
async def test_the_bytes_of_every_request_are_those_that_the_service_sent(
    stand_in: StandIn, bench: AmazonBench, monitors: int, compresses: bool
) -> None:
    stand_in.compresses = compresses
    stand_in.devices = [Device(entity=f"{number:032x}", serial=f"G{number}") for number in range(monitors)]
    await bench.read()
    stand_in.script(GRAPHQL, an_answer(INVALID))  # the values come by the other interface
    assert len((await bench.read()).readings) == monitors
    measured = bench.meter.drain()
    paths = {"amazon.token": TOKEN, "amazon.phoenix": PHOENIX}
    assert [
        (paths.get(each.operation, GRAPHQL), each.wire_bytes, each.payload_bytes) for each in measured
    ] == stand_in.sent
    assert {each.operation for each in measured} == {*paths, "amazon.discovery", "amazon.graphql"}
    assert {(each.source, each.succeeded) for each in measured} == {("amazon", True)}
    assert all((wire < payload) is compresses for _, wire, payload in stand_in.sent if payload > 200)
