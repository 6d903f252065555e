"""The simulated home's Alexa service, over TLS: what it shows is read, and its faults are told apart."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

import pytest

from adapters.amazon.hosts import Hosts
from adapters.amazon.linking import AmazonLinking
from adapters.memory.runtime import MemoryClock
from adapters.simulator import faults
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.faults import Effect, Fault
from adapters.simulator.home import SimulatedHome
from domain.cycle import Cause, SourceReply
from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from domain.reading import Quantity
from ports.setup import Linked, Pending, Refused
from tests.support.amazon_bench import AmazonBench, in_front_of
from tests.support.builders import NOON

GRAPHQL = "/nexus/v1/graphql"


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


@pytest.fixture
async def bench(alexa: SimulatedAlexa, home_clock: MemoryClock) -> AsyncIterator[AmazonBench]:
    """A source that has been let in and knows the monitors."""
    async with a_bench(alexa, home_clock) as bench:
        await bench.read()
        bench.operations()
        yield bench


def hosts(alexa: SimulatedAlexa) -> Hosts:
    return Hosts(domain="amazon.com", alexa=alexa.url, api=alexa.url, www=alexa.url)


def a_bench(
    alexa: SimulatedAlexa, clock: MemoryClock, **changes: Any
) -> AbstractAsyncContextManager[AmazonBench]:
    fields: dict[str, Any] = {"refresh_token": alexa.refresh_token, "roots": alexa.ca_file, "wall": clock}
    return in_front_of(hosts(alexa), **(fields | changes))


def check_truth(
    reply: SourceReply, alexa: SimulatedAlexa, at: datetime = NOON, *, with_time: bool = True
) -> None:
    """Each monitor has a reading with all that the service shows of it, or is unreachable."""
    found = {reading.device_id: reading for reading in reply.readings}
    causes = {unread.device_id: unread.cause for unread in reply.unread}
    for monitor in alexa.monitors:
        if not alexa.is_reachable(monitor.serial, at):
            assert causes.pop(monitor.device_id) is Cause.UNREACHABLE
            continue
        reading = found.pop(monitor.device_id)
        assert set(reading.values) == set(monitor.quantities)
        for quantity, value in reading.values.items():
            assert value == pytest.approx(alexa.value(monitor.serial, quantity, at), abs=0.01)
        times = [alexa.observed_at(monitor.serial, quantity, at) for quantity in monitor.quantities]
        assert not with_time or reading.observed_at is not None
        if reading.observed_at is not None:
            assert abs((reading.observed_at - max(times)).total_seconds()) < 0.001
        assert reading.location == monitor.name
    assert (found, causes) == ({}, {})


async def test_what_the_service_shows_is_what_is_read(alexa: SimulatedAlexa, bench: AmazonBench) -> None:
    check_truth(await bench.read(), alexa)
    assert bench.operations() == ["amazon.graphql"]


async def test_a_day_of_the_service_is_read_as_it_is(alexa: SimulatedAlexa, bench: AmazonBench) -> None:
    for _ in range(24):
        bench.wall.advance(3_600)
        check_truth(await bench.read(), alexa, bench.wall.now())


@pytest.mark.parametrize("scale", ["CELSIUS", "FAHRENHEIT", "KELVIN"])
async def test_temperatures_of_every_scale_are_the_same(
    alexa: SimulatedAlexa, bench: AmazonBench, scale: str
) -> None:
    alexa.set_scale(scale)
    check_truth(await bench.read(), alexa)


async def test_a_browsers_cookies_are_let_in_too(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    async with a_bench(alexa, home_clock, refresh_token=None, cookies=alexa.cookies) as bench:
        check_truth(await bench.read(), alexa)
        alexa.end_sessions()
        with pytest.raises(CredentialsRefused):
            await bench.read()


async def test_the_second_interface_shows_the_same(alexa: SimulatedAlexa, bench: AmazonBench) -> None:
    alexa.faults.add(Fault(effect=faults.Unavailable(), path=GRAPHQL))
    reply = await bench.read()
    check_truth(reply, alexa, with_time=False)
    assert "second interface" in reply.notes[0]


async def test_the_certificate_must_come_from_the_roots(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    async with a_bench(alexa, home_clock, roots=None) as bench:
        with pytest.raises(SourceUnavailable, match=r"certificate of 127\.0\.0\.1 is not trusted"):
            await bench.read()
        assert alexa.requests == []


async def test_an_expired_certificate_makes_one_think_of_the_clock(
    alexa: SimulatedAlexa, home_clock: MemoryClock
) -> None:
    alexa.faults.add(faults.WrongCertificate("expired"))
    async with a_bench(alexa, home_clock) as bench:
        with pytest.raises(SourceUnavailable, match=r"expired.*is this computer's clock right"):
            await bench.read()


@pytest.mark.parametrize("answered", ["errors", "401", "page", "redirect"])
async def test_a_stale_token_is_renewed_once_and_the_request_repeated_once(
    alexa: SimulatedAlexa, bench: AmazonBench, answered: Any
) -> None:
    bench.wall.advance(120)
    alexa.faults.add(Fault(effect=faults.StaleToken(answered), count=1))
    check_truth(await bench.read(), alexa, bench.wall.now())
    assert bench.operations() == ["amazon.graphql", "amazon.token", "amazon.graphql"]


async def test_tokens_that_ended_early_are_renewed(alexa: SimulatedAlexa, bench: AmazonBench) -> None:
    bench.wall.advance(120)
    alexa.end_access()
    check_truth(await bench.read(), alexa, bench.wall.now())


REFUSALS: list[tuple[Effect, type[SourceError]]] = [
    (faults.Forbidden(), SourceRefused),
    (faults.ThrottledInside("errors"), SourceThrottled),
    (faults.ThrottledInside("rate"), SourceThrottled),
    (faults.ThrottledInside("exception"), SourceThrottled),
    (faults.Throttle(30.0), SourceThrottled),
    (faults.Throttle(30.0, as_date=True), SourceThrottled),
    (faults.Unavailable(), SourceUnavailable),
    (faults.HtmlPage(), SourceUnavailable),
    (faults.Garbled(), SourceUnavailable),
    (faults.Reset(), SourceUnavailable),
    (faults.HalfBody(), SourceUnavailable),
    (faults.StaleToken(), CredentialsStale),
]


@pytest.mark.parametrize(("effect", "error"), REFUSALS, ids=lambda each: str(each)[:60])
async def test_every_fault_of_the_service_is_the_error_that_it_is(
    alexa: SimulatedAlexa, bench: AmazonBench, effect: Effect, error: type[SourceError]
) -> None:
    alexa.faults.add(effect)
    with pytest.raises(error) as raised:
        await bench.read()
    if isinstance(raised.value, SourceThrottled) and isinstance(effect, faults.Throttle):
        assert raised.value.retry_after_s is not None
    assert alexa.refresh_token not in str(raised.value)
    alexa.faults.clear()
    check_truth(await bench.read(), alexa, bench.wall.now())


@pytest.mark.parametrize("shape", ["error", "error.code", "response.error.code"])
async def test_a_refused_refresh_token_needs_a_person_the_second_time(
    alexa: SimulatedAlexa, home_clock: MemoryClock, shape: Any
) -> None:
    alexa.faults.add(faults.RefusedToken(shape=shape))
    async with a_bench(alexa, home_clock) as bench:
        with pytest.raises(SourceUnavailable, match="invalid_grant"):
            await bench.read()
        bench.wall.advance(300)
        with pytest.raises(CredentialsRefused, match="homeclimate setup amazon"):
            await bench.read()


@pytest.mark.parametrize("shape", ["html", "empty"])
async def test_a_refresh_token_that_is_not_clearly_refused_is_not(
    alexa: SimulatedAlexa, home_clock: MemoryClock, shape: Any
) -> None:
    alexa.faults.add(faults.RefusedToken(shape=shape))
    async with a_bench(alexa, home_clock) as bench:
        for _ in range(3):
            with pytest.raises(SourceUnavailable):
                await bench.read()
            bench.wall.advance(300)
        alexa.faults.clear()
        check_truth(await bench.read(), alexa, bench.wall.now())


async def test_missing_features_cost_only_themselves(alexa: SimulatedAlexa, bench: AmazonBench) -> None:
    alexa.faults.add(faults.MissingFeatures(("temperatureSensor", "range:6")))
    for reading in (await bench.read()).readings:
        assert not {Quantity.TEMPERATURE, Quantity.PM25} & set(reading.values)
        assert {Quantity.RELATIVE_HUMIDITY, Quantity.VOC_INDEX} <= set(reading.values)


async def test_failed_features_cost_only_themselves_and_are_said(
    alexa: SimulatedAlexa, bench: AmazonBench
) -> None:
    alexa.faults.add(faults.FailedFeatures(("range:8",)))
    reply = await bench.read()
    assert all(Quantity.CARBON_MONOXIDE not in reading.values for reading in reply.readings)
    assert [note for note in reply.notes if "INTERNAL_ERROR" in note]


CAUSES: list[tuple[Callable[[str], list[Effect]], Cause]] = [
    (
        lambda where: [
            faults.StaleSamples(by_s=90_000.0, where=where),
            faults.MissingFeatures(("connectivity",), where=where),
        ],
        Cause.STALE,
    ),
    (lambda where: [faults.MonitorGone(where)], Cause.NOT_LISTED),
    (lambda where: [faults.MonitorUnreachable(where=where)], Cause.UNREACHABLE),
]


@pytest.mark.parametrize(("effects", "cause"), CAUSES, ids=[cause for _, cause in CAUSES])
async def test_a_monitor_in_trouble_costs_the_others_nothing(
    alexa: SimulatedAlexa, bench: AmazonBench, effects: Callable[[str], list[Effect]], cause: Cause
) -> None:
    all_read = {reading.device_id for reading in (await bench.read()).readings}
    monitor = next(each for each in alexa.monitors if each.device_id in all_read)
    for effect in effects(monitor.serial):
        alexa.faults.add(effect)
    reply = await bench.read()
    assert {reading.device_id for reading in reply.readings} == all_read - {monitor.device_id}
    assert {unread.device_id: unread.cause for unread in reply.unread}[monitor.device_id] is cause


async def test_a_monitor_whose_clock_is_ahead_is_read_and_its_times_are_not_believed(
    alexa: SimulatedAlexa, bench: AmazonBench
) -> None:
    alexa.faults.add(faults.SkewedClock(7_200.0))
    reply = await bench.read()
    assert {reading.observed_at for reading in reply.readings} == {NOON}
    assert all("ahead of this computer's clock" in note for note in reply.notes)


async def test_the_program_is_linked_by_the_code_that_a_person_types(
    alexa: SimulatedAlexa, bench: AmazonBench
) -> None:
    linking = AmazonLinking(session=bench.session, hosts=hosts(alexa), state=bench.state, clock=bench.clock)
    pair = await linking.begin()
    assert await linking.poll(pair) == Pending()
    alexa.approve(pair.public_code)
    linked = await linking.poll(pair)
    assert isinstance(linked, Linked)
    async with a_bench(alexa, bench.wall, refresh_token=linked.refresh_token) as own:
        check_truth(await own.read(), alexa)
    before = len(alexa.registrations)
    await linking.deregister(linked.access_token)
    assert len(alexa.registrations) == before - 1


async def test_a_person_may_decline(alexa: SimulatedAlexa, bench: AmazonBench) -> None:
    linking = AmazonLinking(session=bench.session, hosts=hosts(alexa), state=bench.state, clock=bench.clock)
    pair = await linking.begin()
    alexa.deny(pair.public_code)
    assert isinstance(await linking.poll(pair), Refused)
