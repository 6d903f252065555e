"""Which samples become readings, and what a home keeps of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.amazon.monitors import Monitor
from adapters.amazon.source import Keeping, reply_of
from adapters.amazon.states import Sampled, Samples
from domain.cycle import Cause, SourceReply
from domain.reading import DeviceKind, Quantity
from tests.support.builders import NOON

MONITOR = Monitor(endpoint_id="e", entity_id="e", serial="GAJ1", name="Kitchen")


def some_samples(*, at: datetime | None = NOON, **changes: Any) -> Samples:
    values = {Quantity.TEMPERATURE: Sampled(21.5, at), Quantity.PM25: Sampled(3.0, at)}
    fields: dict[str, Any] = {"values": values, "is_reachable": True}
    return Samples(**(fields | changes))


def kept(
    samples: Samples | None, monitor: Monitor = MONITOR, now: datetime = NOON, **keeping: Any
) -> SourceReply:
    return reply_of([(monitor, samples)], NOON, now, Keeping(**keeping))


def test_a_sample_becomes_a_reading_of_the_slot() -> None:
    (reading,) = kept(some_samples()).readings
    assert (reading.device_id, reading.kind, reading.location) == (
        "alexa:GAJ1",
        DeviceKind.ALEXA_AQM,
        "Kitchen",
    )
    assert (reading.collected_at, reading.observed_at) == (NOON, NOON)
    assert reading.values == {Quantity.TEMPERATURE: 21.5, Quantity.PM25: 3.0}
    assert (reading.battery_percent, reading.is_reachable, reading.raw_response) == (None, True, None)


def test_a_reading_was_observed_when_the_newest_of_its_values_was_taken() -> None:
    minutes_ago = [NOON - timedelta(minutes=minutes) for minutes in (400, 7)]
    values = {
        quantity: Sampled(1.0, at)
        for quantity, at in zip((Quantity.CARBON_MONOXIDE, Quantity.PM25), minutes_ago, strict=True)
    }
    (reading,) = kept(Samples(values=values)).readings
    assert reading.observed_at == NOON - timedelta(minutes=7)
    assert set(reading.values) == {Quantity.CARBON_MONOXIDE, Quantity.PM25}


@pytest.mark.parametrize(
    ("interval_s", "minutes", "is_stale"),
    [(300, 15, False), (300, 16, True), (60, 15, False), (60, 16, True), (900, 45, False), (900, 46, True)],
)
def test_samples_older_than_three_intervals_are_no_reading(
    interval_s: int, minutes: int, is_stale: bool
) -> None:
    at = NOON - timedelta(minutes=minutes)
    reply = kept(some_samples(at=at), interval=timedelta(seconds=interval_s))
    assert bool(reply.readings) is not is_stale
    if is_stale:
        (unread,) = reply.unread
        assert (unread.cause, unread.detail) == (Cause.STALE, f"since {at.isoformat()}")


def test_samples_without_a_time_are_a_reading_without_one() -> None:
    (reading,) = kept(some_samples(at=None)).readings
    assert reading.observed_at is None


def test_a_sample_from_the_future_was_observed_now_at_the_latest_and_that_is_said() -> None:
    reply = kept(some_samples(at=NOON + timedelta(hours=3)))
    assert [reading.observed_at for reading in reply.readings] == [NOON]
    assert reply.notes == ("Kitchen: its samples are ahead of this computer's clock by 3:00:00",)


def test_a_few_seconds_of_the_future_are_no_matter() -> None:
    assert kept(some_samples(at=NOON + timedelta(seconds=90))).notes == ()


def test_an_unreachable_monitor_gives_no_reading_however_many_values_it_has() -> None:
    (unread,) = kept(some_samples(is_reachable=False)).unread
    assert (unread.device_id, unread.cause, unread.detail) == ("alexa:GAJ1", Cause.UNREACHABLE, "Kitchen")


def test_a_monitor_that_is_not_told_of_is_not_listed() -> None:
    (unread,) = kept(None).unread
    assert unread.cause is Cause.NOT_LISTED


def test_a_monitor_without_values_says_what_became_of_them() -> None:
    (unread,) = kept(Samples(left_out=["INTERNAL_ERROR", "INTERNAL_ERROR"])).unread
    assert (unread.cause, unread.detail) == (Cause.NO_VALUE, "Kitchen (INTERNAL_ERROR)")


def test_values_that_did_not_come_are_said_beside_those_that_did() -> None:
    reply = kept(some_samples(left_out=["INTERNAL_ERROR"]))
    assert len(reply.readings) == 1
    assert reply.notes == ("Kitchen: not all values came (INTERNAL_ERROR)",)


def test_a_monitor_without_an_identity_is_not_stored_and_that_is_said() -> None:
    reply = kept(some_samples(), Monitor(endpoint_id="e", entity_id="e", serial=None, name="Hall"))
    assert (reply.readings, reply.unread) == ((), ())
    assert reply.notes == ("a monitor without a serial number is not stored: Hall",)


def test_a_monitor_that_is_listed_twice_counts_once() -> None:
    pairs = [(MONITOR, None), (MONITOR, some_samples()), (MONITOR, some_samples())]
    reply = reply_of(pairs, NOON, NOON, Keeping())
    assert (len(reply.readings), reply.unread) == (1, ())


@pytest.mark.parametrize(
    ("keeping", "location"),
    [
        ({}, "Kitchen"),
        ({"locations": {"GAJ1": "Küche"}}, "Küche"),
        ({"locations": {"alexa:gaj1": "Küche"}, "fallback_location": "Home"}, "Küche"),
        ({"locations": {"GAJ2": "Küche"}, "fallback_location": "Home"}, "Home"),
        ({"locations": {"GAJ2": "Küche"}}, "Kitchen"),
    ],
)
def test_a_monitor_stands_where_the_home_says_else_where_amazon_says(
    keeping: dict[str, Any], location: str
) -> None:
    assert [reading.location for reading in kept(some_samples(), **keeping).readings] == [location]


def test_a_monitor_without_a_name_stands_somewhere() -> None:
    (reading,) = kept(some_samples(), Monitor(endpoint_id="e", entity_id="e", serial="GAJ1")).readings
    assert reading.location == "unknown"


def test_a_home_keeps_only_what_it_wants() -> None:
    samples = some_samples(others={"range.12": Sampled(7.0)}, raw={"id": "e"})
    (reading,) = kept(
        samples, quantities=frozenset({Quantity.PM25}), reachability=False, raw_response=True
    ).readings
    assert (reading.values, reading.other_values) == ({Quantity.PM25: 3.0}, {"range.12": 7.0})
    assert reading.is_reachable is None
    assert json.loads(reading.raw_response or "") == {"id": "e"}


def test_a_home_that_wants_nothing_of_what_came_gets_no_reading() -> None:
    (unread,) = kept(some_samples(), quantities=frozenset()).unread
    assert unread.cause is Cause.NO_VALUE


def test_a_reply_that_is_nested_too_deep_to_be_written_is_not_kept() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    (reading,) = kept(some_samples(raw=deep), raw_response=True).readings
    assert reading.raw_response is None
