"""Readings that nothing could keep: the ledger must say so, and may say it only of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from adapters.simulator.simulation.effects import TO_NEXT_CYCLE, Loss, Stopped
from adapters.simulator.simulation.machine import FullDisk
from adapters.simulator.simulation.troubles import Trouble


def lost_with_memory(troubles: Sequence[Trouble], start: datetime) -> Iterator[Loss]:
    """Yield the losses where a collector had readings only in its memory, and was stopped."""
    next_cycle_s = TO_NEXT_CYCLE.total_seconds()
    stops = [one for one in troubles if any(isinstance(effect, Stopped) for effect in one.kind.effects)]
    for full in troubles:
        if any(isinstance(effect, FullDisk) and not effect.has_room for effect in full.kind.effects):
            for stop in stops:
                stops_s = stop.begins_s + next_cycle_s
                if full.begins_s < stops_s and stop.begins_s < full.ends_s + next_cycle_s:
                    begin = start + timedelta(seconds=full.begins_s)
                    yield Loss(begin, start + timedelta(seconds=stops_s))
