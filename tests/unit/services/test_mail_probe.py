"""A mail that is asked for says that it is a test, and what becomes of it."""

from __future__ import annotations

from adapters.memory.alerts import MemoryNotifier
from adapters.memory.runtime import MemoryClock
from domain.errors import NotifyError, NotifyUnavailable
from domain.health import Status
from domain.services.health_aggregation import MailProbe
from tests.support.builders import NOON


def a_probe(notifier: MemoryNotifier) -> MailProbe:
    return MailProbe(notifier=notifier, clock=MemoryClock(NOON), limit_s=10.0, home="/a/home")


async def test_one_mail_is_sent_that_says_what_it_is() -> None:
    notifier = MemoryNotifier()
    assert (await a_probe(notifier).check()).status is Status.PASS
    (message,) = notifier.sent
    assert "test" in message.subject
    assert "/a/home" in message.text


async def test_a_mail_that_is_refused_is_a_failure_with_a_next_step() -> None:
    for fault in (NotifyError("refused (535)"), NotifyUnavailable("nobody there")):
        notifier = MemoryNotifier()
        notifier.fault = fault
        answer = await a_probe(notifier).check()
        assert (answer.status, answer.summary) == (Status.FAIL, str(fault))
        assert "alerts.mail" in answer.next_step
