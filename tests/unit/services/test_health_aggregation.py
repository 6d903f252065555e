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
from domain.alerts.messages import Message
from domain.cycle import SourceReply
from domain.errors import (
    CredentialsRefused,
    NotifyError,
    NotifyUnavailable,
    SourceError,
    SourceThrottled,
    SourceUnavailable,
    StoreError,
)
from domain.health.report import Answer, ComponentResult, Health, HealthReport, Status, Weight, failed, passed
from domain.health.rules import judge_source_error
from domain.services.health_aggregation import NOT_ASKED, HealthCheck, MailProbe, SourceProbe
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
    assert report.results[0] == ComponentResult(
        component="stuck",
        status=Status.FAIL,
        summary="no answer before the deadline",
        next_step="Find out what blocks it. `--timeout SECONDS` waits longer, `--only NAME` checks it alone.",
        weight=Weight.ESSENTIAL,
        duration_s=LIMIT_S,
    )
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
    stuck_result, next_result = report.results
    assert stuck_result.status is Status.FAIL
    assert next_result == ComponentResult(
        component="next",
        status=Status.UNKNOWN,
        summary=NOT_ASKED,
        next_step="Check again when the machine is less busy, or with `--timeout SECONDS`.",
        weight=Weight.ESSENTIAL,
    )
    assert asked.results[-1] == ("next", Status.UNKNOWN, LIMIT_S)
    assert report.health is Health.SOME_FAILED


async def test_results_come_at_once_and_are_reported_in_order(asked: Asked) -> None:
    asked.clock.advance(7)
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
    assert report.results[0].next_step == "Follow this message; nothing else is known."


async def test_unknown_error_asks_for_a_bug_report(asked: Asked) -> None:
    report = await asked.of([asked.probe("store", fault=ZeroDivisionError("1/0"))])
    assert "ZeroDivisionError" in report.results[0].summary
    assert report.results[0].next_step == (
        "Report it as a bug, with the file that `homeclimate health --bundle FILE.zip` writes."
    )


@pytest.mark.parametrize(
    ("text", "next_step"),
    [
        ("the disk of readings.db is full. Make room. Then check again", "Make room. Then check again."),
        ("the disk of readings.db is full", "Report it as a bug, with the file"),
    ],
)
async def test_what_the_system_denies_is_explained(asked: Asked, text: str, next_step: str) -> None:
    fault = OSError("ENOSPC")
    check = HealthCheck(
        clock=asked.clock, limit_s=LIMIT_S, explain=lambda error: text if error is fault else None
    )
    report = await check.run([lambda: [asked.probe("store", fault=fault)]], lambda _: None)
    assert report.results[0].summary == "the disk of readings.db is full"
    assert report.results[0].next_step.startswith(next_step)


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


class TimedNotifier(MemoryNotifier):
    """A notifier that keeps the deadlines too."""

    def __init__(self) -> None:
        super().__init__()
        self.deadlines_s: list[float] = []

    async def send(self, message: Message, deadline_s: float) -> None:
        self.deadlines_s.append(deadline_s)
        await super().send(message, deadline_s)


def a_mail_probe(notifier: MemoryNotifier | None) -> MailProbe:
    clock = MemoryClock(NOON)
    clock.advance(5)
    return MailProbe(notifier=notifier, clock=clock, limit_s=10.0, home="/a/home")


async def test_test_mail_says_what_it_is() -> None:
    notifier = TimedNotifier()
    assert await a_mail_probe(notifier).check() == passed(
        "the mail server accepted a test mail; check that it arrives"
    )
    (message,) = notifier.sent
    assert message.subject == "homeclimate: a test"
    assert "/a/home" in message.text
    assert notifier.deadlines_s == [15.0]


async def test_without_a_mail_server_the_setting_is_named() -> None:
    assert await a_mail_probe(None).check() == failed(
        "no usable mail server is configured",
        "Fill in alerts.mail in config.yaml: docs/how-to/get-notified.md.",
    )


async def test_refused_test_mail_fails_with_a_next_step() -> None:
    for fault in (NotifyError("refused (535)"), NotifyUnavailable("nobody there")):
        notifier = MemoryNotifier()
        notifier.fault = fault
        assert await a_mail_probe(notifier).check() == failed(
            str(fault), "Correct alerts.mail in config.yaml, or alerts.mail_password in secrets.yaml."
        )


class AskedSource:
    """A source that records its calls."""

    name = "hue"

    def __init__(self, answer: SourceReply | Exception) -> None:
        self.answer = answer
        self.requested: list[tuple[object, float]] = []
        self.is_closed = False

    async def read(self, slot: object, deadline_s: float) -> SourceReply:
        self.requested.append((slot, deadline_s))
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
    error = SourceThrottled("not so fast", retry_after_s=1.0)
    source = AskedSource(error)
    answer = await a_source_probe(source, clock).check()
    assert (source.requested, source.is_closed) == ([(clock.now(), 17.0)], True)
    assert answer.status is Status.FAIL
    assert answer == judge_source_error(error, source="hue", unavailable_step="Check the network.")


@pytest.mark.parametrize(
    ("error", "is_starved", "answer"),
    [
        (SourceUnavailable("no reply"), False, failed("no reply", "Check the network.")),
        (
            SourceUnavailable("no reply"),
            True,
            Answer(Status.UNKNOWN, "could not be checked before the deadline", "Check the network."),
        ),
    ],
)
async def test_source_that_is_not_reached_for_lack_of_time_is_unknown(
    error: SourceError, is_starved: bool, answer: Answer
) -> None:
    probe = attrs.evolve(a_source_probe(AskedSource(error), MemoryClock(NOON)), is_starved=lambda: is_starved)
    assert await probe.check() == answer


@pytest.mark.parametrize("error", [SourceThrottled("not so fast"), CredentialsRefused("revoked")])
async def test_an_answer_of_a_source_is_judged_whatever_the_time(error: SourceError) -> None:
    probe = attrs.evolve(a_source_probe(AskedSource(error), MemoryClock(NOON)), is_starved=lambda: True)
    assert await probe.check() == judge_source_error(
        error, source="hue", unavailable_step="Check the network."
    )


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
