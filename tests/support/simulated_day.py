"""A day of a home's cycles in moved time, and a home with a bridge and an Amazon account to live it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from domain.cycle import Cause
from domain.services.alerting import FinishedCycle
from domain.services.continuous_collection import Timetable
from entrypoints.wiring.collecting import Collecting
from tests.support.builders import NOON
from tests.support.deployments import Deployment, a_deployment, with_amazon

SLOTS = 288  # of five minutes


async def run_day(
    now: Collecting,
    clock: MovedClock,
    *,
    before: Callable[[int], object],
    after: Callable[[int], object],
) -> None:
    """Run the cycles of a day from NOON on; `before` and `after` are called for each slot."""
    timetable = Timetable(now.collection)
    for number in range(SLOTS):
        clock.move_to(NOON + timedelta(minutes=5 * number, seconds=1))
        before(number)
        planned = timetable.next_cycle(clock.now(), Cause.STOPPED)
        cycle = await now.collection.run(planned.dues, planned.missed, planned.progress)
        timetable.mark_run(planned)
        await now.alerting.after(FinishedCycle(cycle=cycle))
        after(number)
    await now.collection.close()


def a_home_with_an_account(folder: Path, home: SimulatedHome) -> Deployment:
    """Write the files of a home with the simulated bridge and the simulated account."""
    bridge, alexa = home.bridge, home.alexa
    deployment = a_deployment(
        folder, address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
    )
    return with_amazon(deployment, url=alexa.url, refresh_token=alexa.refresh_token, ca_file=alexa.ca_file)
