"""The contract of probes: none blocks the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from adapters.health.probes import BlockingProbe
from adapters.memory.alerts import MemoryNotifier, MemoryProbe
from adapters.memory.runtime import MemoryClock
from adapters.memory.source import Hangs, MemorySource
from domain.alerts.messages import Message
from domain.cycle import SourceReply
from domain.health.report import Answer, Status, Weight, passed
from domain.services.health_aggregation import MailProbe, SourceProbe
from ports.probe import Probe
from tests.support.builders import NOON, a_reading

CLOCK = MemoryClock(NOON)
PROBES: dict[str, Callable[[], Probe]] = {
    "memory": lambda: MemoryProbe(component="one", clock=CLOCK),
    "blocking": lambda: BlockingProbe("one", lambda: passed("well"), Weight.ESSENTIAL),
    "source": lambda: SourceProbe(
        component="one",
        make=lambda: MemorySource("one", [SourceReply(readings=(a_reading(),))]),
        clock=CLOCK,
        limit_s=1.0,
        unavailable_step="Check the network.",
    ),
    "mail": lambda: MailProbe(
        notifier=MemoryNotifier(), clock=CLOCK, limit_s=1.0, home="/a/home", component="one"
    ),
}


@pytest.mark.parametrize("make", PROBES.values(), ids=PROBES)
async def test_probe_answers_for_its_component(make: Callable[[], Probe]) -> None:
    probe = make()
    answer = await probe.check()
    assert isinstance(answer, Answer)
    assert answer.status is Status.PASS
    assert answer.summary
    assert probe.component == "one"
    assert probe.weight in Weight


@pytest.mark.parametrize("make", PROBES.values(), ids=PROBES)
async def test_check_changes_neither_component_nor_weight(make: Callable[[], Probe]) -> None:
    probe = make()
    before = probe.component, probe.weight
    await probe.check()
    assert (probe.component, probe.weight) == before


STUCK_CLOCK = MemoryClock(NOON)
MAY_END = threading.Event()


class StuckNotifier:
    """A notifier that hangs."""

    async def send(self, message: Message, deadline_s: float) -> None:
        await asyncio.Event().wait()


STUCK: dict[str, Callable[[], Probe]] = {
    "memory": lambda: MemoryProbe(component="one", clock=STUCK_CLOCK, takes_s=None),
    "blocking": lambda: BlockingProbe("one", lambda: passed(str(MAY_END.wait(30)))),
    "source": lambda: SourceProbe(
        component="one",
        make=lambda: MemorySource("one", [Hangs()]),
        clock=STUCK_CLOCK,
        limit_s=1.0,
        unavailable_step="Check the network.",
    ),
    "mail": lambda: MailProbe(
        notifier=StuckNotifier(), clock=STUCK_CLOCK, limit_s=1.0, home="/a/home", component="one"
    ),
}


@pytest.mark.parametrize("make", STUCK.values(), ids=STUCK)
async def test_hanging_probe_can_be_cancelled(make: Callable[[], Probe]) -> None:
    MAY_END.clear()
    looking = asyncio.ensure_future(make().check())
    for _ in range(10):
        await asyncio.sleep(0)
    assert not looking.done()
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    MAY_END.set()  # the thread ends
