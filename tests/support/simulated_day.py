"""A day of a home's cycles in moved time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from adapters.simulator.clock import MovedClock
from domain.services.alerting import FinishedCycle
from domain.services.continuous_collection import Timetable, run_planned
from entrypoints.wiring.collecting import Collecting
from tests.support.builders import NOON

SLOTS = 288  # of five minutes


async def run_day(
    now: Collecting,
    clock: MovedClock,
    *,
    before: Callable[[int], object],
    after: Callable[[int], object],
) -> None:
    """Run the cycles of a day from NOON on; `before` and `after` are called for each slot."""
    timetable = Timetable(now.collection, clock)
    for number in range(SLOTS):
        clock.move_to(NOON + timedelta(minutes=5 * number, seconds=1))
        before(number)
        planned = timetable.next_cycle()
        cycle = await run_planned(now.collection, clock, planned)
        timetable.mark_run(planned)
        await now.alerting.after(FinishedCycle(cycle=cycle))
        after(number)
    await now.collection.close()
