"""What is done after a cycle never holds the next one up, and never ends the program."""

from __future__ import annotations

import asyncio

from adapters.memory.runtime import MemoryClock, MemoryJournal
from domain.services.alerting import BackgroundQueue
from tests.support.builders import NOON


class Worker:
    """Does items that take virtual seconds."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.clock = MemoryClock(NOON)
        self.journal = MemoryJournal()
        self.done: list[int] = []
        self.takes_s = takes_s
        self.beside = BackgroundQueue[int](self.work, clock=self.clock, journal=self.journal)

    async def work(self, item: int) -> None:
        if item < 0:
            raise ValueError("a fault of ours")
        await self.clock.sleep(self.takes_s)
        self.done.append(item)


async def test_items_are_done_one_after_the_other_and_adding_returns_at_once() -> None:
    worker = Worker(takes_s=10)
    for item in range(3):
        worker.beside.add(item)
    assert (worker.done, worker.clock.elapsed_s()) == ([], 0)
    await worker.beside.finish(60)
    assert (worker.done, worker.clock.elapsed_s()) == ([0, 1, 2], 30)


async def test_an_item_that_fails_is_said_and_costs_no_other() -> None:
    worker = Worker()
    for item in (1, -1, 2):
        worker.beside.add(item)
    await worker.beside.finish(60)
    assert worker.done == [1, 2]
    assert worker.journal.of("after_cycle.bug")[0].fields["error"] == "ValueError: a fault of ours"


async def test_work_that_never_ends_does_not_hold_the_end_up() -> None:
    worker = Worker(takes_s=1e9)
    worker.beside.add(1)
    await asyncio.sleep(0)
    await worker.beside.finish(30)
    assert (worker.done, worker.clock.elapsed_s()) == ([], 30)


async def test_what_cannot_keep_up_drops_the_oldest_and_remembers_not_for_ever() -> None:
    worker = Worker()
    for item in range(250):
        worker.beside.add(item)
    await worker.beside.finish(60)
    assert worker.done == list(range(150, 250))


async def test_after_a_pause_the_work_goes_on() -> None:
    worker = Worker()
    worker.beside.add(1)
    await worker.beside.finish(60)
    worker.beside.add(2)
    await worker.beside.finish(60)
    assert worker.done == [1, 2]
