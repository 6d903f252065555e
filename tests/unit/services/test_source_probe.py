"""A source is asked once, as a cycle would ask it, and let go of."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from domain.cycle import SourceReply
from domain.errors import SourceThrottled
from domain.health import Status, Weight
from domain.services.health_aggregation import SourceProbe
from ports.source import Source
from tests.support.builders import NOON, a_reading


class Asked:
    """A source that notes how it was asked."""

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


def a_probe(source: Source, clock: MemoryClock) -> SourceProbe:
    return SourceProbe(
        component="hue",
        make=lambda: source,
        clock=clock,
        limit_s=12.0,
        program="./run",
        unavailable_step="Check the network.",
    )


async def test_a_source_has_its_limit_and_one_attempt() -> None:
    clock = MemoryClock(NOON)
    clock.advance(5)
    source = Asked(SourceThrottled("not so fast", retry_after_s=1.0))
    answer = await a_probe(source, clock).check()
    assert (answer.status, source.deadlines_s, source.is_closed) == (Status.FAIL, [17.0], True)


async def test_a_source_that_answers_is_closed_too() -> None:
    source = Asked(SourceReply(readings=(a_reading(),)))
    answer = await a_probe(source, MemoryClock(NOON)).check()
    assert (answer.status, source.is_closed) == (Status.PASS, True)


async def test_what_is_no_failure_of_a_source_is_left_to_who_asks() -> None:
    source = Asked(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await a_probe(source, MemoryClock(NOON)).check()
    assert source.is_closed


def test_one_source_that_works_is_enough() -> None:
    assert a_probe(Asked(SourceReply(readings=())), MemoryClock(NOON)).weight is Weight.SOURCE
