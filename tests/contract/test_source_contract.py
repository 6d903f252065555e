"""The contract of a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta

import attrs
import pytest

from adapters.memory.runtime import MemoryClock
from adapters.memory.source import MemorySource
from adapters.simulator.faults import MonitorGone
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_SECOND, BSB003
from domain.errors import SourceError, SourceUnavailable
from ports.source import Source
from tests.support.amazon_bench import an_amazon_bench, hosts_of_simulation
from tests.support.builders import NOON, a_reading, a_reply
from tests.support.hue_bench import a_hue_bench, wait_for_reads

FAR_AWAY_S = 1e9


@attrs.frozen(kw_only=True)
class Bench:
    """A source in front of a service with two devices, which can be broken and mended."""

    source: Source
    break_service: Callable[[], None]
    mend_service: Callable[[], None]


@contextmanager
def a_memory_bench() -> Iterator[Bench]:
    source = MemorySource("hue")
    reply = a_reply(a_reading("hue:1"), a_reading("hue:2"))
    source.will_answer(*[reply] * 5)

    def break_service() -> None:
        source.forget_answers()
        source.will_answer(*[SourceUnavailable("no route")] * 5)

    def mend_service() -> None:
        source.forget_answers()
        source.will_answer(*[reply] * 5)

    yield Bench(source=source, break_service=break_service, mend_service=mend_service)


@contextmanager
def a_bridge_bench() -> Iterator[Bench]:
    """A real connection to the third of a home's bridges, which has two of its rooms."""
    clock = MemoryClock(NOON)
    with SimulatedHome(clock=clock, bridges=(BSB002, BSB002_SECOND, BSB003)).running() as home:
        bridge = home.bridges[2]
        hue = a_hue_bench(
            bridge.address, api_key=bridge.key, bridge_id=bridge.id, roots=bridge.ca_file, wall=clock
        )
        yield Bench(source=hue.source, break_service=bridge.unplug, mend_service=bridge.plug_in)
        wait_for_reads()


@contextmanager
def an_amazon_source_bench() -> Iterator[Bench]:
    """A real connection to the Alexa service of a home, to read two of its three monitors."""
    clock = MemoryClock(NOON)
    with SimulatedHome(clock=clock).running() as home:
        alexa = home.alexa
        alexa.faults.add(MonitorGone(alexa.monitors[2].serial))
        amazon = an_amazon_bench(
            hosts_of_simulation(alexa),
            refresh_token=alexa.refresh_token,
            roots=alexa.ca_file,
            wall=clock,
        )
        yield Bench(source=amazon.source, break_service=alexa.unplug, mend_service=alexa.plug_in)


BENCHES: dict[str, Callable[[], AbstractContextManager[Bench]]] = {
    "memory": a_memory_bench,
    "hue": a_bridge_bench,
    "amazon": an_amazon_source_bench,
}


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with BENCHES[request.param]() as bench:
        yield bench


async def test_readings_belong_to_the_requested_slot(bench: Bench) -> None:
    for slot in (NOON, NOON + timedelta(seconds=300)):
        reply = await bench.source.read(slot, FAR_AWAY_S)
        assert len(reply.readings) == 2
        assert {reading.collected_at for reading in reply.readings} == {slot}
    await bench.source.close()


async def test_each_device_is_named_once(bench: Bench) -> None:
    reply = await bench.source.read(NOON, FAR_AWAY_S)
    devices = [*(each.device_id for each in reply.readings), *(each.device_id for each in reply.unread)]
    assert len(devices) == len(set(devices))
    await bench.source.close()


async def test_a_broken_service_is_a_source_error(bench: Bench) -> None:
    bench.break_service()
    with pytest.raises(SourceError):
        await bench.source.read(NOON, FAR_AWAY_S)
    await bench.source.close()


async def test_a_source_answers_again_after_an_error(bench: Bench) -> None:
    bench.break_service()
    with pytest.raises(SourceError):
        await bench.source.read(NOON, FAR_AWAY_S)
    bench.mend_service()
    assert len((await bench.source.read(NOON, FAR_AWAY_S)).readings) == 2
    await bench.source.close()


async def test_a_closed_source_may_be_read_again(bench: Bench) -> None:
    await bench.source.read(NOON, FAR_AWAY_S)
    await bench.source.close()
    await bench.source.close()
    assert len((await bench.source.read(NOON, FAR_AWAY_S)).readings) == 2
    await bench.source.close()


async def test_the_name_of_a_source_does_not_change(bench: Bench) -> None:
    name = bench.source.name
    await bench.source.read(NOON, FAR_AWAY_S)
    await bench.source.close()
    assert bench.source.name == name != ""
