"""The rounds: each contestant does a cycle in turn, so that a slow moment of the machine meets them all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from domain.schedule import slot_at
from tests.peers.contestants import ALONE, OURS, Contestant, Entry, at_work, simulated_bridge
from tests.support.deployments import a_deployment

SENSORS = 20
WARM_UP = 15  # an hour of cycles and more, so that ours has asked for the details once
_INTERVAL_S = 300
_TEMPERATURE = "v2/temperature"

Costs = Mapping[str, list[dict[str, Any]]]


@attrs.frozen(kw_only=True)
class Field:
    """The bridge, the clock that it lives by, and a folder for what is stored."""

    bridge: Mapping[str, str]
    clock: MovedClock
    folder: Path

    def task(self, entry: Entry) -> Mapping[str, str]:
        """What a contestant is told at its start; its folder is empty."""
        place = self.folder / entry.module
        shutil.rmtree(place, ignore_errors=True)
        deployment = a_deployment(
            place,
            address=self.bridge["address"],
            bridge_id=self.bridge["bridge_id"],
            key=self.bridge["key"],
            ca_file=Path(self.bridge["ca_file"]),
        )
        return {**self.bridge, "home": str(deployment.folder), "database": str(place / "peer.db")}


@contextmanager
def a_field() -> Iterator[Field]:
    """A bridge that answers, until the block ends."""
    with TemporaryDirectory(prefix="peers-") as name:
        folder = Path(name)
        clock = MovedClock(SystemClock(), folder / "clock")
        with simulated_bridge(SENSORS, folder / "clock") as bridge:
            yield Field(bridge=bridge, clock=clock, folder=folder)


def costs_of(field: Field, entries: Sequence[Entry], cycles: int) -> Costs:
    """What each cycle cost each of them, the warm-up left out."""
    costs: dict[str, list[dict[str, Any]]] = {entry.name: [] for entry in entries}
    with ExitStack() as stack:
        running = {entry: stack.enter_context(at_work(entry, field.task(entry))) for entry in entries}
        for number, slot in enumerate(slots(field.clock, WARM_UP + cycles)):
            field.clock.move_to(slot + timedelta(seconds=1))
            running[ALONE].cycle(_TEMPERATURE)  # what the simulator computes anew with each slot is not timed
            for entry, cost in _round(running, slot, number).items():
                if number >= WARM_UP:
                    costs[entry.name].append(cost)
    return costs


def slots(clock: MovedClock, count: int) -> Iterator[datetime]:
    """The newest slots, oldest first."""
    clock.move_back()
    newest = slot_at(clock.now(), _INTERVAL_S)
    for number in range(count):
        yield newest - timedelta(seconds=_INTERVAL_S * (count - number))


def _round(
    running: Mapping[Entry, Contestant], slot: datetime, number: int
) -> Mapping[Entry, dict[str, Any]]:
    """Each round begins with another one; last come the requests of ours alone, which are known by then."""
    others = [entry for entry in running if entry is not ALONE and number % entry.every == 0]
    first = number % len(others)
    costs = {entry: running[entry].cycle(slot.isoformat()) for entry in others[first:] + others[:first]}
    asked = costs[OURS]["asked"]
    costs[ALONE] = running[ALONE].cycle(" ".join(asked))
    return {entry: {**cost, "asked": asked} for entry, cost in costs.items()}
