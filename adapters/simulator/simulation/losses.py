"""Readings that nothing could keep: the ledger must say so, and may say it only of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.simulator.simulation.effects import TO_NEXT_CYCLE_S, Effect, Killed, Loss, Stopped
from adapters.simulator.simulation.machine import FullDisk, Part
from adapters.simulator.simulation.troubles import Trouble


def lost_with_memory(troubles: Sequence[Trouble]) -> Iterator[Loss]:
    """Yield the losses where a collector had readings only in its memory, and was stopped."""
    ends = [one for one in troubles if any(_ends_collector(effect) for effect in one.effects)]
    for full in troubles:
        if any(isinstance(effect, FullDisk) and not effect.has_room for effect in full.effects):
            for end in ends:
                if full.begins_s < end.ends_s and end.begins_s < full.ends_s + TO_NEXT_CYCLE_S:
                    yield Loss(full.begins_s - TO_NEXT_CYCLE_S, end.ends_s + TO_NEXT_CYCLE_S)


def _ends_collector(effect: Effect) -> bool:
    return isinstance(effect.effect if isinstance(effect, Part) else effect, Stopped | Killed)
