"""What every meter promises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import attrs
import pytest

from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.runtime.meter import SystemMeter
from domain.measurements import Operation
from ports.meter import Meter
from tests.support.builders import NOON


@attrs.frozen
class Bench:
    """A meter, the clock that it reads, and a way to spend CPU time."""

    meter: Meter
    clock: MemoryClock
    work: Callable[[float], None]


@pytest.fixture(params=["memory", "system"])
def bench(request: pytest.FixtureRequest) -> Bench:
    clock = MemoryClock(NOON)
    memory = MemoryMeter(clock)

    def work(seconds: float) -> None:
        memory.used_cpu_s += seconds

    system = SystemMeter(clock, process_time=lambda: memory.used_cpu_s)
    return Bench(memory if request.param == "memory" else system, clock, work)


@pytest.mark.parametrize("duration_s", [0.0, 0.25, 8.0])
def test_an_operation_has_its_duration_and_what_was_counted(bench: Bench, duration_s: float) -> None:
    with bench.meter.measuring("read", "hue") as tally:
        bench.clock.advance(duration_s)
        bench.clock.step_wall(-3600)  # the wall clock does not count
        tally.wire_bytes += 812
        tally.payload_bytes += 4096
        tally.strategy = "v2"
    assert bench.meter.drain() == (
        Operation(
            operation="read",
            source="hue",
            duration_s=duration_s,
            wire_bytes=812,
            payload_bytes=4096,
            strategy="v2",
            succeeded=True,
        ),
    )


@pytest.mark.parametrize("error", [ValueError("garbled"), asyncio.CancelledError(), KeyboardInterrupt()])
def test_an_exception_passes_through_and_marks_the_operation(bench: Bench, error: BaseException) -> None:
    def fail() -> None:
        bench.clock.advance(2)
        raise error

    with pytest.raises(type(error)) as raised, bench.meter.measuring("read", "hue"):
        fail()
    assert raised.value is error
    assert [(each.succeeded, each.duration_s) for each in bench.meter.drain()] == [(False, 2.0)]


def test_cpu_time_is_read_apart_from_elapsed_time(bench: Bench) -> None:
    bench.clock.advance(5)
    bench.work(0.25)
    assert bench.meter.cpu_s() == 0.25


def test_operations_are_drained_once_in_the_order_in_which_they_ended(bench: Bench) -> None:
    assert bench.meter.drain() == ()
    with bench.meter.measuring("cycle", ""), bench.meter.measuring("read", "hue"):
        pass
    assert [each.operation for each in bench.meter.drain()] == ["read", "cycle"]
    assert bench.meter.drain() == ()


async def test_sixteen_tasks_at_once_stay_apart(bench: Bench) -> None:
    async def measure(number: int) -> None:
        with bench.meter.measuring("read", str(number)) as tally:
            for _ in range(4):
                await bench.clock.sleep(number)
                tally.wire_bytes += number

    await asyncio.gather(*map(measure, range(16)))
    measured = {each.source: (each.duration_s, each.wire_bytes) for each in bench.meter.drain()}
    assert measured == {str(number): (number * 4.0, number * 4) for number in range(16)}


def test_sixteen_threads_at_once_stay_apart_and_lose_nothing(bench: Bench) -> None:
    drained: list[Operation] = []

    def measure(number: int) -> None:
        for _ in range(100):
            with bench.meter.measuring("read", str(number)) as tally:
                tally.wire_bytes += number

    threads = [threading.Thread(target=measure, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        drained.extend(bench.meter.drain())
    drained.extend(bench.meter.drain())
    assert len(drained) == 1600
    assert all(each.wire_bytes == int(each.source) for each in drained)


def test_a_meter_that_is_never_drained_keeps_the_newest() -> None:
    meter = SystemMeter(MemoryClock(NOON), kept=3)
    for number in range(5):
        with meter.measuring("read", str(number)):
            pass
    assert [each.source for each in meter.drain()] == ["2", "3", "4"]


def test_the_system_meter_reads_the_cpu_time_of_the_process() -> None:
    meter = SystemMeter(MemoryClock(NOON))
    began_s = meter.cpu_s()
    sum(range(200_000))
    assert 0 < meter.cpu_s() - began_s < 60
