"""Asks every component how it is, each by itself, and has an answer for each by a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import attrs

from domain.alert_messages import Message
from domain.errors import HomeclimateError, NotifyError, SourceError
from domain.health import Answer, ComponentResult, HealthReport, Status, Weight, failed, passed
from domain.health_rules import of_reply, of_source_error
from ports.alerts import Notifier
from ports.clock import Clock
from ports.probe import Probe
from ports.source import Source

Tell = Callable[[ComponentResult], None]
# Asked when the stage before has answered, since its probes are made of what that has found.
Stage = Callable[[], Sequence[Probe]]

_NO_ANSWER = "no answer before the deadline"
_HOW_TO_WAIT = "Look at what holds it up; `--timeout SECONDS` waits longer, `--only NAME` asks it alone."


@attrs.frozen(kw_only=True)
class HealthCheck:
    """Stuck, crashing and exiting probes cost nobody but themselves."""

    clock: Clock
    limit_s: float

    async def of(self, stages: Sequence[Stage], tell: Tell) -> HealthReport:
        """The answers in the order of the probes; `tell` hears each as it comes.

        All stages together have `limit_s` of the clock's seconds. A probe that has not answered then has
        failed; it is left behind, and nobody waits for its end.
        """
        until_s = self.clock.elapsed_s() + self.limit_s
        answers: list[ComponentResult] = []
        for stage in stages:
            answers += await self._answers(stage(), until_s, tell)
        return HealthReport(tuple(answers))

    async def _answers(self, probes: Sequence[Probe], until_s: float, tell: Tell) -> list[ComponentResult]:
        asked = [asyncio.ensure_future(self._answer(probe, tell)) for probe in probes]
        limit = asyncio.ensure_future(self.clock.sleep(until_s - self.clock.elapsed_s()))
        try:
            waiting = set(asked)
            while waiting and not limit.done():
                await asyncio.wait({*waiting, limit}, return_when=asyncio.FIRST_COMPLETED)
                waiting = {one for one in asked if not one.done()}
        finally:
            limit.cancel()
        return [
            one.result() if one.done() else self._given_up(probe, one, tell)
            for probe, one in zip(probes, asked, strict=True)
        ]

    async def _answer(self, probe: Probe, tell: Tell) -> ComponentResult:
        began_s = self.clock.elapsed_s()
        try:
            answer = await probe.check()
        except asyncio.CancelledError:
            raise
        except HomeclimateError as error:
            answer = failed(str(error), "Do what this says; nothing else is known.")
        except BaseException as error:  # noqa: BLE001 - an isolation boundary: even an exit stays inside
            answer = failed(
                f"the check itself failed: {type(error).__name__}: {error}",
                "Report it as a fault of the program, with the file that `health --bundle FILE.zip` makes.",
            )
        result = _result(probe, answer, self.clock.elapsed_s() - began_s)
        tell(result)
        return result

    def _given_up(self, probe: Probe, asked: asyncio.Future[ComponentResult], tell: Tell) -> ComponentResult:
        asked.cancel()
        result = attrs.evolve(given_up(probe.component, probe.weight), duration_s=self.limit_s)
        tell(result)
        return result


def given_up(component: str, weight: Weight) -> ComponentResult:
    """What is told of a component that has not answered."""
    return ComponentResult(
        component=component, status=Status.FAIL, summary=_NO_ANSWER, next_step=_HOW_TO_WAIT, weight=weight
    )


def _result(probe: Probe, answer: Answer, duration_s: float) -> ComponentResult:
    return ComponentResult(
        component=probe.component,
        status=answer.status,
        summary=answer.summary,
        next_step=answer.next_step,
        weight=answer.weight or probe.weight,
        duration_s=duration_s,
    )


# Sends a mail, to see whether it can be sent.


@attrs.frozen(kw_only=True)
class MailProbe:
    """One mail, marked as a test. `limit_s` is all the time that it has."""

    notifier: Notifier
    clock: Clock
    limit_s: float
    home: str
    component: str = "mail"
    weight: Weight = Weight.ORDINARY

    async def check(self) -> Answer:
        message = Message(
            subject="homeclimate: a test",
            text=f"Asked for with `health --send-test-mail`: nothing is wrong.\n\nHome: {self.home}\n",
        )
        try:
            await self.notifier.send(message, self.clock.elapsed_s() + self.limit_s)
        except NotifyError as error:
            return failed(
                str(error), "Mend alerts.mail in config.yaml, or alerts.mail_password in secrets.yaml."
            )
        return passed("the mail server has taken a test; look whether it arrives")


# Asks a source once, as a cycle would, and stores nothing.


@attrs.frozen(kw_only=True)
class SourceProbe:
    """One attempt, since a person waits; the source is closed afterwards. `limit_s` is all that it has."""

    component: str
    make: Callable[[], Source]
    clock: Clock
    limit_s: float
    program: str
    weight: Weight = Weight.SOURCE

    async def check(self) -> Answer:
        now_s = self.clock.elapsed_s()
        source = self.make()
        try:
            return of_reply(await source.read(self.clock.now(), now_s + self.limit_s))
        except SourceError as error:
            return of_source_error(error, source=self.component, program=self.program)
        finally:
            await source.close()
