"""What is asked of the service in a cycle, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from domain.cycle import Cause
from domain.errors import SourceGarbled, SourceThrottled, SourceUnavailable
from domain.reading import Quantity
from tests.support.alexa_stand_in import GRAPHQL, PHOENIX, SAMPLED_AT, TOKEN, Device, StandIn, an_answer
from tests.support.amazon_bench import AmazonBench, an_amazon_bench
from tests.support.builders import NOON

BEDROOM = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ23005314600J4", name="Bedroom")


async def test_a_cycle_is_one_request_for_all_monitors(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    assert bench.operations() == ["amazon.token", "amazon.discovery", "amazon.graphql"]
    assert len((await bench.read()).readings) == 2
    assert bench.operations() == ["amazon.graphql"]
    assert stand_in.questions[-1]["variables"] == {
        "endpointIds": [device.endpoint for device in stand_in.devices]
    }


async def test_another_process_asks_for_neither_token_nor_monitors_again(stand_in: StandIn) -> None:
    first = an_amazon_bench(stand_in.hosts)
    await first.read()
    await first.source.close()
    second = an_amazon_bench(stand_in.hosts, state=first.state)
    assert len((await second.read()).readings) == 1
    assert second.operations() == ["amazon.graphql"]
    await second.source.close()


async def test_the_values_are_those_of_the_monitor(bench: AmazonBench) -> None:
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
    assert (reading.device_id, reading.location) == ("alexa:GAJ23005314600H3", "Kitchen")


async def test_an_answer_in_a_list_is_understood(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.answers_in_a_list = True
    assert len(await bench.values()) == 7


async def test_a_monitor_without_pm10_is_read_as_any_other(stand_in: StandIn, bench: AmazonBench) -> None:
    del stand_in.devices[0].ranges["7"]
    values = await bench.values()
    assert Quantity.PM10 not in values
    assert len(values) == 6


async def test_partial_data_are_taken_quantity_by_quantity(stand_in: StandIn, bench: AmazonBench) -> None:
    device = stand_in.devices[0]
    device.ranges = {"4": None, "6": float("nan"), "8": 0.5, "9": 97.0}
    device.errors = {"9": "INTERNAL_ERROR", "temperatureSensor": "INTERNAL_ERROR"}
    reply = await bench.read()
    assert [reading.values for reading in reply.readings] == [{Quantity.CARBON_MONOXIDE: 0.5}]
    assert reply.notes == ("Kitchen: not all values came (a value that is no number, INTERNAL_ERROR)",)


async def test_one_silent_monitor_does_not_cost_the_other_its_reading(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.devices = [attrs.evolve(BEDROOM, reachability="UNREACHABLE"), Device()]
    reply = await bench.read()
    assert [reading.location for reading in reply.readings] == ["Kitchen"]
    assert [(unread.device_id, unread.cause) for unread in reply.unread] == [
        ("alexa:GAJ23005314600J4", Cause.UNREACHABLE)
    ]


async def test_a_monitor_that_has_been_silent_for_long_is_stale(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    bench.wall.advance(timedelta(hours=25).total_seconds())
    (unread,) = (await bench.read()).unread
    assert (unread.cause, unread.detail) == (Cause.STALE, "since 2026-03-01T11:58:30+00:00")
    stand_in.devices[0].sampled_at = "2026-03-02T12:59:59Z"
    assert (await bench.reading()).observed_at == datetime(2026, 3, 2, 12, 59, 59, tzinfo=UTC)


async def test_a_clock_that_goes_wrong_costs_no_reading_of_the_future(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    bench.wall.step_wall(-3 * 3600)
    reply = await bench.read()
    assert [reading.observed_at for reading in reply.readings] == [NOON - timedelta(hours=3)]
    assert "ahead of this computer's clock by 2:58:30" in reply.notes[0]


async def test_monitors_are_asked_for_once_a_day(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.devices.append(BEDROOM)
    bench.wall.advance(3600 * 23)
    assert _all_devices(await bench.read()) == {"alexa:GAJ23005314600H3"}
    bench.wall.advance(3600 * 2)
    assert len(_all_devices(await bench.read())) == 2


async def test_a_monitor_that_is_missed_is_looked_for(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    bench.wall.advance(3600)
    moved = "5c7d3f2e-0000-4000-8000-0000000000ff"  # set up anew: the same monitor at another endpoint
    stand_in.devices = [Device(entity=moved, sampled_at="2026-03-01T13:00:00Z")]
    bench.operations()
    assert [reading.device_id for reading in (await bench.read()).readings] == ["alexa:GAJ23005314600H3"]
    assert bench.operations().count("amazon.discovery") == 1


async def test_a_monitor_that_stays_away_is_not_looked_for_at_every_cycle(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    bench.wall.advance(3600)
    listed_only = an_answer({"data": {"listEndpoints": {"endpoints": []}}})
    stand_in.script(GRAPHQL, listed_only)
    bench.operations()
    assert {unread.cause for unread in (await bench.read()).unread} == {Cause.NOT_LISTED}
    stand_in.script(GRAPHQL, an_answer({"data": {"listEndpoints": {"endpoints": []}}}))
    await bench.read()
    assert bench.operations().count("amazon.discovery") == 1


async def test_a_search_that_fails_costs_the_others_nothing(stand_in: StandIn, bench: AmazonBench) -> None:
    stand_in.devices.append(BEDROOM)
    await bench.read()
    bench.wall.advance(3600)
    one = an_answer(
        {"data": {"listEndpoints": {"endpoints": [Device(sampled_at="2026-03-01T13:00:00Z").state()]}}}
    )
    stand_in.script(GRAPHQL, one, an_answer(b"", 500), an_answer(b"", 500))
    reply = await bench.read()
    assert [reading.location for reading in reply.readings] == ["Kitchen"]
    assert [unread.cause for unread in reply.unread] == [Cause.NOT_LISTED]
    assert bench.journal.events() == ("amazon.discovery",)
    bench.operations()
    stand_in.devices = [Device(sampled_at="2026-03-01T13:00:00Z")]
    await bench.read()
    assert bench.operations() == ["amazon.graphql"]  # not searched for at every cycle


async def test_an_answer_that_suddenly_lists_no_monitor_is_not_believed_at_once(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    bench.wall.advance(3600 * 25)
    stand_in.devices[0].sampled_at = "2026-03-02T12:59:00Z"
    none: dict[str, Any] = {"data": {"endpoints": {"items": []}, "listEndpoints": {"endpoints": []}}}
    stand_in.script(GRAPHQL, an_answer(none), an_answer(none))
    assert len((await bench.read()).readings) == 1


async def test_when_the_second_form_fails_what_the_first_told_is_taken(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    appliances = [{"legacyAppliance": device.appliance()} for device in (Device(serial=None), BEDROOM)]
    stand_in.devices = [BEDROOM]
    stand_in.script(GRAPHQL, an_answer({"data": {"endpoints": {"items": appliances}}}), an_answer(b"", 500))
    reply = await bench.read()
    assert [reading.location for reading in reply.readings] == ["Bedroom"]
    assert [unread.device_id for unread in reply.unread] == [f"alexa:{Device().entity}"]


async def test_an_account_without_a_monitor_says_so_and_is_not_asked_at_every_cycle(
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


async def test_only_the_monitor_that_is_wanted_is_read(stand_in: StandIn) -> None:
    stand_in.devices.append(BEDROOM)
    bench = an_amazon_bench(stand_in.hosts, device_serial="gaj23005314600j4")
    assert (await bench.reading()).location == "Bedroom"
    assert stand_in.questions[-1]["variables"] == {"endpointIds": [BEDROOM.endpoint]}
    await bench.source.close()


async def test_a_wanted_monitor_that_there_is_not_is_said_with_those_that_there_are(
    stand_in: StandIn,
) -> None:
    bench = an_amazon_bench(stand_in.hosts, device_serial="GAJ9")
    reply = await bench.read()
    assert reply.readings == ()
    assert "it has: GAJ23005314600H3" in reply.notes[0]
    await bench.source.close()


async def test_a_serial_number_that_one_form_of_discovery_lacks_is_taken_from_the_other(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.script(
        GRAPHQL,
        an_answer({"data": {"endpoints": {"items": [{"legacyAppliance": Device(serial=None).appliance()}]}}}),
    )
    assert (await bench.reading()).device_id == "alexa:GAJ23005314600H3"


async def test_a_form_of_discovery_that_fails_is_replaced_by_the_other(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.script(GRAPHQL, an_answer({"errors": [{"message": "Validation error"}]}))
    assert (await bench.reading()).location == "Kitchen"


async def test_when_no_form_of_discovery_works_the_first_error_is_told(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    stand_in.script(
        GRAPHQL,
        an_answer({"errors": [{"message": "Validation error"}]}),
        an_answer({"errors": [{"message": "the other error"}]}),
    )
    with pytest.raises(SourceGarbled, match="Validation error"):
        await bench.read()


async def test_a_daily_discovery_that_fails_costs_no_reading(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    bench.wall.advance(3600 * 25)
    stand_in.devices[0].sampled_at = "2026-03-02T12:59:00Z"
    stand_in.script(GRAPHQL, an_answer(b"", 500), an_answer(b"", 500))
    bench.operations()
    assert len((await bench.read()).readings) == 1
    assert "amazon.discovery" in bench.journal.events()
    bench.wall.advance(600)
    await bench.read()
    assert bench.operations().count("amazon.discovery") == 2  # both forms, once
    bench.wall.advance(3600)
    await bench.read()
    assert bench.operations().count("amazon.discovery") == 1


async def test_a_daily_discovery_without_a_token_is_not_followed_by_a_reading_without_one(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    bench.wall.advance(3600 * 25)
    stand_in.script(TOKEN, an_answer(b"", 500))
    stand_in.asked.clear()
    with pytest.raises(SourceUnavailable, match="token endpoint"):
        await bench.read()
    assert stand_in.asked == [TOKEN]


async def test_the_second_reader_serves_where_graphql_fails(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, an_answer({"errors": [{"message": "Validation error"}], "data": None}))
    reply = await bench.read()
    (reading,) = reply.readings
    assert (len(reading.values), reading.observed_at, reading.is_reachable) == (7, None, True)
    assert reply.notes[0].startswith("read the monitors through the second interface")
    assert "Validation error" in reply.notes[0]
    assert bench.journal.events() == ("amazon.fallback",)


@pytest.mark.parametrize("status", [403, 404, 500, 299])
async def test_the_second_reader_serves_whatever_the_status_of_the_first(
    stand_in: StandIn, bench: AmazonBench, status: int
) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, an_answer(b"<html>", status))
    assert len((await bench.read()).readings) == 1
    assert stand_in.count(PHOENIX) == 1


async def test_the_second_reader_serves_where_every_value_is_missing(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    empty = {"data": {"listEndpoints": {"endpoints": [{"id": Device().endpoint, "features": None}]}}}
    stand_in.script(GRAPHQL, an_answer(empty))
    assert len((await bench.reading()).values) == 7


async def test_when_both_readers_fail_the_first_error_is_told(stand_in: StandIn, bench: AmazonBench) -> None:
    await bench.read()
    for second in (an_answer(b"", 500), an_answer({"deviceStates": []}), an_answer({"deviceStates": [{}]})):
        stand_in.script(GRAPHQL, an_answer({"errors": [{"message": "Validation error"}]}))
        stand_in.script(PHOENIX, second)
        with pytest.raises(SourceGarbled, match="Validation error"):
            await bench.read()


async def test_a_second_reader_that_asks_for_fewer_requests_is_heard(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, an_answer(b"", 500))
    stand_in.script(PHOENIX, an_answer(b"", 429))
    with pytest.raises(SourceThrottled):
        await bench.read()


async def test_the_second_reader_is_not_asked_when_the_first_asks_for_fewer_requests(
    stand_in: StandIn, bench: AmazonBench
) -> None:
    await bench.read()
    stand_in.script(GRAPHQL, an_answer({"message": "Rate exceeded"}, 400, Retry_After="30"))
    with pytest.raises(SourceThrottled) as throttled:
        await bench.read()
    assert throttled.value.retry_after_s == 30
    assert stand_in.count(PHOENIX) == 0


async def test_what_amazon_sent_is_kept_where_the_home_wants_it(stand_in: StandIn) -> None:
    bench = an_amazon_bench(stand_in.hosts, raw_response=True)
    assert SAMPLED_AT in ((await bench.reading()).raw_response or "")
    await bench.source.close()


async def test_the_bytes_of_every_request_are_measured(bench: AmazonBench) -> None:
    await bench.read()
    for measured in bench.meter.drain():
        assert (measured.source, measured.succeeded) == ("amazon", True)
        assert measured.wire_bytes == measured.payload_bytes > 50


def _all_devices(reply: object) -> set[str]:
    return {each.device_id for part in ("readings", "unread") for each in getattr(reply, part)}
