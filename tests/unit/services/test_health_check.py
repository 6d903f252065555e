"""Every component answers for itself, and by the deadline there is an answer for each."""

from __future__ import annotations

import asyncio

import pytest

from adapters.memory.alerts import MemoryProbe
from adapters.memory.runtime import MemoryClock
from domain.errors import StoreError
from domain.health import Answer, ComponentResult, Health, HealthReport, Status, Weight
from domain.services.health_aggregation import HealthCheck
from ports.probe import Probe
from tests.support.builders import NOON

LIMIT_S = 14.0


class Asked:
    """A check over fakes, and what was told as it came."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOON)
        self.told: list[tuple[str, Status, float]] = []

    def probe(self, component: str, **more: object) -> MemoryProbe:
        return MemoryProbe(component=component, clock=self.clock, **more)  # type: ignore[arg-type]

    async def of(self, *stages: list[Probe]) -> HealthReport:
        check = HealthCheck(clock=self.clock, limit_s=LIMIT_S)
        return await check.run([lambda stage=stage: stage for stage in stages], self._hear)  # type: ignore[misc]

    def _hear(self, answer: ComponentResult) -> None:
        self.told.append((answer.component, answer.status, self.clock.elapsed_s()))


@pytest.fixture
def asked() -> Asked:
    return Asked()


async def test_health_check_all_pass(asked: Asked) -> None:
    report = await asked.of([asked.probe("one"), asked.probe("two")])
    assert [result.component for result in report.results] == ["one", "two"]
    assert report.health is Health.HEALTHY


async def test_health_check_partial_failure(asked: Asked) -> None:
    report = await asked.of([asked.probe("one", status=Status.FAIL), asked.probe("two")])
    assert report.health is Health.SOME_FAILED


async def test_health_check_critical_failure(asked: Asked) -> None:
    report = await asked.of([asked.probe("one", status=Status.FAIL, weight=Weight.ESSENTIAL)])
    assert report.health is Health.CANNOT_COLLECT


async def test_health_check_timeout(asked: Asked) -> None:
    stuck = asked.probe("stuck", takes_s=None, weight=Weight.ESSENTIAL)
    report = await asked.of([stuck, asked.probe("quick", takes_s=1)])
    assert asked.clock.elapsed_s() == LIMIT_S
    assert asked.told == [("quick", Status.PASS, 1), ("stuck", Status.FAIL, LIMIT_S)]
    assert report.results[0].summary == "no answer before the deadline"
    assert report.results[0].next_step
    assert report.health is Health.CANNOT_COLLECT


async def test_an_answer_is_told_as_it_comes_and_reported_in_the_order_of_the_probes(asked: Asked) -> None:
    report = await asked.of([asked.probe("slow", takes_s=3), asked.probe("quick", takes_s=1)])
    assert [component for component, _, _ in asked.told] == ["quick", "slow"]
    assert [result.component for result in report.results] == ["slow", "quick"]
    assert [result.duration_s for result in report.results] == [3, 1]


@pytest.mark.parametrize(
    "fault",
    [ZeroDivisionError("1/0"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), StopIteration()],
)
async def test_health_check_component_isolation(asked: Asked, fault: BaseException) -> None:
    crashing = asked.probe("crashing", takes_s=1, fault=fault)
    report = await asked.of([crashing, asked.probe("slow", takes_s=2)])
    crashed, slow = report.results
    assert crashed.status is Status.FAIL
    assert slow.status is Status.PASS


async def test_what_a_named_failure_says_is_what_was_seen(asked: Asked) -> None:
    report = await asked.of([asked.probe("store", fault=StoreError("the file is a folder"))])
    assert report.results[0].summary == "the file is a folder"


async def test_a_fault_of_the_program_asks_to_be_reported(asked: Asked) -> None:
    report = await asked.of([asked.probe("store", fault=ZeroDivisionError("1/0"))])
    assert "ZeroDivisionError" in report.results[0].summary
    assert "--bundle" in report.results[0].next_step


async def test_stages_share_the_deadline_and_the_later_is_made_when_the_earlier_has_answered(
    asked: Asked,
) -> None:
    made_at: list[float] = []

    def second() -> list[Probe]:
        made_at.append(asked.clock.elapsed_s())
        return [asked.probe("stuck", takes_s=None)]

    check = HealthCheck(clock=asked.clock, limit_s=LIMIT_S)
    report = await check.run([lambda: [asked.probe("first", takes_s=5)], second], lambda _: None)
    assert made_at == [5]
    assert asked.clock.elapsed_s() == LIMIT_S
    assert [result.status for result in report.results] == [Status.PASS, Status.FAIL]


async def test_a_probe_that_is_given_up_is_cancelled_and_one_that_defies_it_holds_nobody(
    asked: Asked,
) -> None:
    class Defiant:
        component, weight = "defiant", Weight.ORDINARY

        async def check(self) -> Answer:
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancelled.append(True)
                    if len(cancelled) > 2:  # the test's own end
                        raise

    cancelled: list[bool] = []
    report = await asked.of([Defiant()])
    assert report.results[0].status is Status.FAIL
    await asyncio.sleep(0)
    assert cancelled
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        for _ in range(3):
            task.cancel()
            await asyncio.sleep(0)
