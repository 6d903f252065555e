"""Ask every component for its health, each in isolation, and have an answer for each by a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import attrs

from domain.alerts.messages import Message
from domain.errors import HomeclimateError, NotifyError, SourceError, SourceUnavailable
from domain.health.report import Answer, ComponentResult, HealthReport, Status, Weight, failed, passed
from domain.health.rules import judge_reply, judge_source_error
from ports.alerts import Notifier
from ports.clock import Clock
from ports.probe import Probe
from ports.source import Source

NOT_ASKED = "could not be checked before the deadline"

OnResult = Callable[[ComponentResult], None]
# Called when the stage before has answered, since its probes depend on what that has found.
Stage = Callable[[], Sequence[Probe]]


@attrs.frozen(kw_only=True)
class HealthCheck:
    """Runs probes; one that hangs or crashes affects no other. `limit_s` is for all stages together.

    `is_starved` returns whether this process hardly ran, so that a missing answer proves nothing;
    `explain` returns what the system denies, then what to do, and None for other errors.
    """

    clock: Clock
    limit_s: float
    is_starved: Callable[[], bool] = lambda: False
    explain: Callable[[BaseException], str | None] = lambda _: None

    async def run(self, stages: Sequence[Stage], on_result: OnResult) -> HealthReport:
        """Return the results in the order of the probes; `on_result` gets each as it comes.

        A probe without an answer at the limit has failed, or is unknown; it is left running.
        """
        until_s = self.clock.elapsed_s() + self.limit_s
        results: list[ComponentResult] = []
        for stage in stages:
            results += await self._run_stage(stage(), until_s, on_result)
        return HealthReport(tuple(results))

    async def _run_stage(
        self, probes: Sequence[Probe], until_s: float, on_result: OnResult
    ) -> list[ComponentResult]:
        if self.clock.elapsed_s() >= until_s:
            unasked = [not_asked(probe.component, probe.weight) for probe in probes]
            for result in unasked:
                on_result(result)
            return unasked
        tasks = [asyncio.ensure_future(self._check(probe, on_result)) for probe in probes]
        limit = asyncio.ensure_future(self.clock.sleep(until_s - self.clock.elapsed_s()))
        try:
            running = set(tasks)
            while running and not limit.done():
                await asyncio.wait({*running, limit}, return_when=asyncio.FIRST_COMPLETED)
                running = {task for task in tasks if not task.done()}
        finally:
            limit.cancel()
        results = []
        for probe, task in zip(probes, tasks, strict=True):
            if not task.done():
                task.cancel()
                missing = not_asked if self.is_starved() else no_answer
                result = attrs.evolve(missing(probe.component, probe.weight), duration_s=self.limit_s)
                on_result(result)
                results.append(result)
            else:
                results.append(task.result())
        return results

    async def _check(self, probe: Probe, on_result: OnResult) -> ComponentResult:
        began_s = self.clock.elapsed_s()
        try:
            answer = await probe.check()
        except asyncio.CancelledError:
            raise
        except HomeclimateError as error:
            answer = failed(str(error), "Follow this message; nothing else is known.")
        except BaseException as error:  # noqa: BLE001 - isolation boundary: even an exit stays inside
            what, _, step = (self.explain(error) or "").partition(". ")
            answer = failed(
                what or f"the check itself failed: {type(error).__name__}: {error}",
                f"{step}."
                if step
                else "Report it as a bug, with the file that `homeclimate health --bundle FILE.zip` writes.",
            )
        result = ComponentResult(
            component=probe.component,
            status=answer.status,
            summary=answer.summary,
            next_step=answer.next_step,
            weight=answer.weight or probe.weight,
            duration_s=self.clock.elapsed_s() - began_s,
        )
        on_result(result)
        return result


def no_answer(component: str, weight: Weight) -> ComponentResult:
    """Return the result of a component that has not answered in time."""
    return ComponentResult(
        component=component,
        status=Status.FAIL,
        summary="no answer before the deadline",
        next_step="Find out what blocks it. `--timeout SECONDS` waits longer, `--only NAME` checks it alone.",
        weight=weight,
    )


def not_asked(component: str, weight: Weight) -> ComponentResult:
    """Return the result of a component that was not asked, or had no time to answer."""
    return ComponentResult(
        component=component,
        status=Status.UNKNOWN,
        summary=NOT_ASKED,
        next_step="Check again when the machine is less busy, or with `--timeout SECONDS`.",
        weight=weight,
    )


@attrs.frozen(kw_only=True)
class MailProbe:
    """Sends a test mail, within `limit_s`. `notifier` is None if no mail server is configured."""

    notifier: Notifier | None
    clock: Clock
    limit_s: float
    home: str
    component: str = "mail"
    weight: Weight = Weight.ORDINARY

    async def check(self) -> Answer:
        if self.notifier is None:
            return failed(
                "no usable mail server is configured",
                "Fill in alerts.mail in config.yaml: docs/how-to/get-notified.md.",
            )
        message = Message(
            subject="homeclimate: a test",
            text=f"This is a test of the mail settings: nothing is wrong.\n\nHome: {self.home}\n",
        )
        try:
            await self.notifier.send(message, self.clock.elapsed_s() + self.limit_s)
        except NotifyError as error:
            return failed(
                str(error), "Correct alerts.mail in config.yaml, or alerts.mail_password in secrets.yaml."
            )
        return passed("the mail server accepted a test mail; check that it arrives")


@attrs.frozen(kw_only=True)
class SourceProbe:
    """Asks a source once, as a cycle would, and stores nothing. Closes it afterwards."""

    component: str
    make: Callable[[], Source]
    clock: Clock
    limit_s: float
    unavailable_step: str
    weight: Weight = Weight.SOURCE
    is_starved: Callable[[], bool] = lambda: False

    async def check(self) -> Answer:
        deadline_s = self.clock.elapsed_s() + self.limit_s
        source = self.make()
        try:
            return judge_reply(await source.read(self.clock.now(), deadline_s))
        except SourceError as error:
            if isinstance(error, SourceUnavailable) and self.is_starved():
                return Answer(Status.UNKNOWN, NOT_ASKED, self.unavailable_step)
            return judge_source_error(error, source=self.component, unavailable_step=self.unavailable_step)
        finally:
            await source.close()
