"""Health checks: isolation, deadlines, and the probes for mail and sources."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import attrs
import pytest

from adapters.health.probes import BlockingProbe
from adapters.memory.alerts import MemoryNotifier, MemoryProbe
from adapters.memory.runtime import MemoryClock
from domain.cycle import SourceReply
from domain.errors import (
    NotifyError,
    NotifyUnavailable,
    SourceError,
    SourceThrottled,
    SourceUnavailable,
    StoreError,
)
from domain.health.report import Answer, ComponentResult, Health, HealthReport, Status, Weight, passed
from domain.services.health_aggregation import HealthCheck, MailProbe, SourceProbe
from ports.probe import Probe
from ports.source import Source
from tests.support.builders import NOON, a_reading

LIMIT_S = 14.0


class Asked:
    """A health check with fakes, and the results as they came."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOON)
        self.results: list[tuple[str, Status, float]] = []

    def probe(self, component: str, **more: object) -> MemoryProbe:
        return MemoryProbe(component=component, clock=self.clock, **more)  # type: ignore[arg-type]

    async def of(self, *stages: list[Probe]) -> HealthReport:
        check = HealthCheck(clock=self.clock, limit_s=LIMIT_S)
        run = asyncio.ensure_future(check.run([lambda stage=stage: stage for stage in stages], self._hear))  # type: ignore[misc]
        late = asyncio.ensure_future(self.clock.sleep(LIMIT_S + 1))
        await asyncio.wait({run, late}, return_when=asyncio.FIRST_COMPLETED)
        assert run.done(), "the check ends by its limit"
        late.cancel()
        return run.result()

    def _hear(self, answer: ComponentResult) -> None:
        self.results.append((answer.component, answer.status, self.clock.elapsed_s()))


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def ended() -> Iterator[threading.Event]:
    """Set when the test ends, so that no thread is left behind."""
    event = threading.Event()
    yield event
    event.set()


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


async def test_health_check_timeout(asked: Asked, ended: threading.Event) -> None:
    def hang() -> Answer:
        ended.wait(20)  # like a disk that never answers
        return passed("at last")

    stuck = BlockingProbe("stuck", hang, Weight.ESSENTIAL)
    report = await asked.of([stuck, asked.probe("quick", takes_s=1)])
    assert asked.clock.elapsed_s() == LIMIT_S
    assert asked.results == [("quick", Status.PASS, 1), ("stuck", Status.FAIL, LIMIT_S)]
    assert report.results[0].summary == "no answer before the deadline"
    assert report.results[0].next_step
    assert report.health is Health.CANNOT_COLLECT


async def test_without_time_to_run_no_answer_is_unknown(asked: Asked) -> None:
    check = HealthCheck(clock=asked.clock, limit_s=LIMIT_S, is_starved=lambda: True)
    stuck = asked.probe("stuck", takes_s=None, weight=Weight.ESSENTIAL)
    report = await check.run([lambda: [stuck]], lambda _: None)
    assert [result.status for result in report.results] == [Status.UNKNOWN]
    assert report.health is Health.SOME_FAILED


async def test_stage_that_has_no_time_left_is_unknown(asked: Asked) -> None:
    stuck = asked.probe("stuck", takes_s=None)
    report = await asked.of([stuck], [asked.probe("next", weight=Weight.ESSENTIAL)])
    assert [result.status for result in report.results] == [Status.FAIL, Status.UNKNOWN]
    assert report.health is Health.SOME_FAILED


async def test_results_come_at_once_and_are_reported_in_order(asked: Asked) -> None:
    report = await asked.of([asked.probe("slow", takes_s=3), asked.probe("quick", takes_s=1)])
    assert [component for component, _, _ in asked.results] == ["quick", "slow"]
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


async def test_message_of_a_known_error_is_the_summary(asked: Asked) -> None:
    report = await asked.of([asked.probe("store", fault=StoreError("the file is a folder"))])
    assert report.results[0].summary == "the file is a folder"


async def test_unknown_error_asks_for_a_bug_report(asked: Asked) -> None:
    report = await asked.of([asked.probe("store", fault=ZeroDivisionError("1/0"))])
    assert "ZeroDivisionError" in report.results[0].summary
    assert "--bundle" in report.results[0].next_step


async def test_stages_share_the_deadline_and_run_in_order(
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


async def test_late_probe_is_cancelled_and_not_waited_for(
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


def a_mail_probe(notifier: MemoryNotifier) -> MailProbe:
    return MailProbe(notifier=notifier, clock=MemoryClock(NOON), limit_s=10.0, home="/a/home")


async def test_test_mail_says_what_it_is() -> None:
    notifier = MemoryNotifier()
    assert (await a_mail_probe(notifier).check()).status is Status.PASS
    (message,) = notifier.sent
    assert "test" in message.subject
    assert "/a/home" in message.text


async def test_refused_test_mail_fails_with_a_next_step() -> None:
    for fault in (NotifyError("refused (535)"), NotifyUnavailable("nobody there")):
        notifier = MemoryNotifier()
        notifier.fault = fault
        answer = await a_mail_probe(notifier).check()
        assert (answer.status, answer.summary) == (Status.FAIL, str(fault))
        assert "alerts.mail" in answer.next_step


class AskedSource:
    """A source that records its calls."""

    name = "hue"

    def __init__(self, answer: SourceReply | Exception) -> None:
        self.answer = answer
        self.deadlines_s: list[float] = []
        self.is_closed = False

    async def read(self, slot: object, deadline_s: float) -> SourceReply:
        self.deadlines_s.append(deadline_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def close(self) -> None:
        self.is_closed = True


def a_source_probe(source: Source, clock: MemoryClock) -> SourceProbe:
    return SourceProbe(
        component="hue",
        make=lambda: source,
        clock=clock,
        limit_s=12.0,
        unavailable_step="Check the network.",
    )


async def test_source_probe_makes_one_attempt_within_its_limit() -> None:
    clock = MemoryClock(NOON)
    clock.advance(5)
    source = AskedSource(SourceThrottled("not so fast", retry_after_s=1.0))
    answer = await a_source_probe(source, clock).check()
    assert (answer.status, source.deadlines_s, source.is_closed) == (Status.FAIL, [17.0], True)


@pytest.mark.parametrize(
    ("error", "is_starved", "status"),
    [
        (SourceUnavailable("no reply"), False, Status.FAIL),
        (SourceUnavailable("no reply"), True, Status.UNKNOWN),
        (SourceThrottled("not so fast"), True, Status.FAIL),
    ],
)
async def test_source_that_is_not_reached_for_lack_of_time_is_unknown(
    error: SourceError, is_starved: bool, status: Status
) -> None:
    probe = attrs.evolve(a_source_probe(AskedSource(error), MemoryClock(NOON)), is_starved=lambda: is_starved)
    assert (await probe.check()).status is status


async def test_source_probe_closes_its_source() -> None:
    source = AskedSource(SourceReply(readings=(a_reading(),)))
    answer = await a_source_probe(source, MemoryClock(NOON)).check()
    assert (answer.status, source.is_closed) == (Status.PASS, True)


async def test_source_probe_passes_on_other_errors() -> None:
    source = AskedSource(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await a_source_probe(source, MemoryClock(NOON)).check()
    assert source.is_closed


def test_one_usable_source_is_enough() -> None:
    assert a_source_probe(AskedSource(SourceReply(readings=())), MemoryClock(NOON)).weight is Weight.SOURCE
