"""Which samples become readings, and what a home records of them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest

from adapters.amazon.monitors import Monitor
from adapters.amazon.source import MonitorSettings, make_reply
from adapters.amazon.states import Samples
from domain.cycle import Cause, SourceReply
from domain.reading import DeviceKind, Quantity
from tests.support.builders import NOON

MONITOR = Monitor(endpoint_id="e", entity_id="entity", serial="GAJ1", name="Kitchen")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def some_samples(*, at: datetime | None = NOON, **changes: Any) -> Samples:
    fields: dict[str, Any] = {
        "values": {Quantity.TEMPERATURE: 21.5, Quantity.PM25: 3.0},
        "observed_at": at,
        "heard_at": at,
        "is_reachable": True,
    }
    return Samples(**(fields | changes))


def reply_to(samples: Samples | None, monitor: Monitor = MONITOR, **settings: Any) -> SourceReply:
    return make_reply([(monitor, samples)], NOON, NOON, MonitorSettings(**settings))


def test_samples_become_a_reading_of_the_slot() -> None:
    (reading,) = reply_to(some_samples(at=NOON - timedelta(minutes=7))).readings
    assert (reading.device_id, reading.kind) == ("alexa:GAJ1", DeviceKind.ALEXA_AQM)
    assert (reading.collected_at, reading.observed_at) == (NOON, NOON - timedelta(minutes=7))
    assert reading.values == {Quantity.TEMPERATURE: 21.5, Quantity.PM25: 3.0}
    assert (reading.battery_percent, reading.is_reachable, reading.raw_response) == (None, True, None)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    "worse", [None, some_samples(at=NOON - DAY / 2), some_samples(at=None, is_dated=False)]
)
@pytest.mark.parametrize("serial", ["GAJ1", "gaj1"])
def test_a_monitor_under_two_entities_is_read_once(
    worse: Samples | None, serial: str, *, is_first: bool
) -> None:
    """The entity of an earlier registration may still be listed."""
    best = (MONITOR, some_samples(at=NOON - SECOND))
    pairs = [best, (attrs.evolve(MONITOR, entity_id="earlier", serial=serial), worse)]
    reply = make_reply(pairs if is_first else pairs[::-1], NOON, NOON, MonitorSettings())
    assert [reading.observed_at for reading in reply.readings] == [NOON - SECOND]
    assert reply.unread == ()


@pytest.mark.parametrize(
    ("observed_before", "heard_before", "is_dated", "is_stale"),
    [
        (DAY - SECOND, DAY - SECOND, True, False),
        (DAY, DAY, True, True),
        (30 * DAY, DAY - SECOND, True, False),  # only its reachability is newer: nothing has changed since
        (30 * DAY, 2 * DAY, True, True),
        (None, None, False, False),
        (None, 2 * DAY, True, True),
        (2 * DAY, 2 * DAY, False, False),  # a sample without a time may be new
    ],
)
def test_stale_only_when_every_sample_is_older_than_a_day(
    observed_before: timedelta | None, heard_before: timedelta | None, is_dated: bool, is_stale: bool
) -> None:
    observed_at = None if observed_before is None else NOON - observed_before
    heard_at = None if heard_before is None else NOON - heard_before
    reply = reply_to(some_samples(observed_at=observed_at, heard_at=heard_at, is_dated=is_dated))
    if is_stale:
        assert heard_at is not None
        (unread,) = reply.unread
        assert (unread.cause, unread.detail) == (Cause.STALE, f"since {heard_at.isoformat()}")
    assert [reading.observed_at for reading in reply.readings] == ([] if is_stale else [observed_at])


@pytest.mark.parametrize(
    ("ahead", "notes"),
    [
        (timedelta(hours=3), ("Kitchen: its samples are ahead of this computer's clock by 3:00:00",)),
        (timedelta(seconds=90), ()),
    ],
)
def test_a_sample_from_the_future_was_observed_now(ahead: timedelta, notes: tuple[str, ...]) -> None:
    reply = reply_to(some_samples(at=NOON + ahead))
    assert [reading.observed_at for reading in reply.readings] == [NOON]
    assert reply.notes == notes


@pytest.mark.parametrize(
    ("samples", "cause", "detail"),
    [
        (some_samples(is_reachable=False), Cause.UNREACHABLE, "Kitchen"),
        (None, Cause.NOT_LISTED, "Kitchen"),
        (Samples(left_out=["INTERNAL_ERROR"] * 2), Cause.NO_VALUE, "Kitchen (INTERNAL_ERROR)"),
    ],
)
def test_a_monitor_without_a_reading_has_a_cause(samples: Samples | None, cause: Cause, detail: str) -> None:
    reply = reply_to(samples)
    assert reply.readings == ()
    assert [(each.device_id, each.cause, each.detail) for each in reply.unread] == [
        ("alexa:GAJ1", cause, detail)
    ]


def test_values_that_are_missing_are_noted_beside_the_reading() -> None:
    reply = reply_to(some_samples(left_out=["INTERNAL_ERROR"]))
    assert len(reply.readings) == 1
    assert reply.notes == ("Kitchen: not all values came (INTERNAL_ERROR)",)


def test_without_a_serial_the_entity_is_the_identity() -> None:
    monitor = attrs.evolve(MONITOR, serial=None)
    (reading,) = reply_to(some_samples(), monitor, locations={"ENTITY": "Hall"}).readings
    assert (reading.device_id, reading.location) == ("alexa:entity", "Hall")


@pytest.mark.parametrize(
    ("name", "settings", "location"),
    [
        ("Kitchen", {}, "Kitchen"),
        ("Kitchen", {"locations": {"GAJ1": "Küche"}}, "Küche"),
        ("Kitchen", {"locations": {"alexa:gaj1": "Küche"}, "fallback_location": "Home"}, "Küche"),
        ("Kitchen", {"locations": {"GAJ2": "Küche"}, "fallback_location": "Home"}, "Home"),
        ("Kitchen", {"locations": {"GAJ2": "Küche"}}, "Kitchen"),
        ("", {}, "unknown"),
        ("", {"unnamed": "Hall"}, "Hall"),
        ("Kitchen", {"earlier": {"alexa:gaj1": "Hall"}, "fallback_location": "Home"}, "Hall"),
        ("Kitchen", {"earlier": {"alexa:gaj1": "Hall"}, "locations": {"GAJ1": "Küche"}}, "Küche"),
    ],
)
def test_the_location_is_the_homes_name_else_amazons(
    name: str, settings: dict[str, Any], location: str
) -> None:
    reply = reply_to(some_samples(), attrs.evolve(MONITOR, name=name), **settings)
    assert [reading.location for reading in reply.readings] == [location]


def test_a_home_records_only_what_it_wants() -> None:
    samples = some_samples(others={"range.12": 7.0}, raw={"id": "e"})
    (reading,) = reply_to(
        samples, quantities=frozenset({Quantity.PM25}), reachability=False, raw_response=True
    ).readings
    assert (reading.values, reading.other_values) == ({Quantity.PM25: 3.0}, {"range.12": 7.0})
    assert (reading.is_reachable, json.loads(reading.raw_response or "")) == (None, {"id": "e"})
    (unread,) = reply_to(some_samples(), quantities=frozenset()).unread
    assert unread.cause is Cause.NO_VALUE


def test_a_reply_nested_too_deep_to_be_written_is_not_recorded() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    (reading,) = reply_to(some_samples(raw=deep), raw_response=True).readings
    assert reading.raw_response is None
