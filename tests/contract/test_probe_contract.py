"""Whoever is asked how a component is answers without holding up the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from adapters.blocking_probe import BlockingProbe
from adapters.memory.clock import MemoryClock
from adapters.memory.notifier import MemoryNotifier
from adapters.memory.probe import MemoryProbe
from adapters.memory.source import MemorySource
from domain.health import Answer, Status, Weight, passed
from domain.outcome import SourceReply
from domain.services.mail_probe import MailProbe
from domain.services.source_probe import SourceProbe
from ports.probe import Probe
from tests.builders import NOON, a_reading

CLOCK = MemoryClock(NOON)
PROBES: dict[str, Callable[[], Probe]] = {
    "memory": lambda: MemoryProbe(component="one", clock=CLOCK),
    "blocking": lambda: BlockingProbe("one", lambda: passed("well"), Weight.ESSENTIAL),
    "source": lambda: SourceProbe(
        component="one",
        make=lambda: MemorySource("one", [SourceReply(readings=(a_reading(),))]),
        clock=CLOCK,
        limit_s=1.0,
        program="./run",
    ),
    "mail": lambda: MailProbe(
        notifier=MemoryNotifier(), clock=CLOCK, limit_s=1.0, home="/a/home", component="one"
    ),
}


@pytest.mark.parametrize("make", PROBES.values(), ids=PROBES)
async def test_it_answers_for_its_component(make: Callable[[], Probe]) -> None:
    probe = make()
    answer = await probe.look()
    assert isinstance(answer, Answer)
    assert answer.status is Status.PASS
    assert answer.seen
    assert probe.component == "one"
    assert probe.weight in Weight


async def test_one_that_blocks_holds_nobody_up_and_may_be_left_behind() -> None:
    let_go = threading.Event()
    probe = BlockingProbe("stuck", lambda: passed(str(let_go.wait(30))))
    looking = asyncio.ensure_future(probe.look())
    await asyncio.sleep(0)
    assert not looking.done()  # and yet this test goes on
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    let_go.set()
