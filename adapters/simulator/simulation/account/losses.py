"""Readings that nothing could keep: the ledger must say so, and may say it only of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from adapters.simulator.simulation.account.locks import Lock
from adapters.simulator.simulation.effects import TO_NEXT_CYCLE_S, Effect, Killed, Loss, Stopped
from adapters.simulator.simulation.machine import DataAway, FullDisk, Part
from adapters.simulator.simulation.troubles import Trouble

_ROOM_LASTS_S = 2 * 3600.0  # of the spool on a full disk that has room


def lost_with_memory(troubles: Sequence[Trouble]) -> Iterator[Loss]:
    """Yield the losses where a collector had readings only in its memory, and was stopped."""
    ends = [one for one in troubles if any(_ends_collector(effect) for effect in one.effects)]
    for full in troubles:
        disks = [one for one in full.effects if isinstance(one, FullDisk)]
        if not disks:
            continue
        since_s = full.begins_s
        since_s += _ROOM_LASTS_S if all(disk.has_room for disk in disks) else -TO_NEXT_CYCLE_S
        for end in ends:
            if since_s < end.ends_s and end.begins_s < full.ends_s + TO_NEXT_CYCLE_S:
                yield Loss(since_s, end.ends_s + TO_NEXT_CYCLE_S)


def unwritable(troubles: Sequence[Trouble]) -> Iterator[Lock]:
    """Yield when nothing could be stored in the database, as while another program keeps a lock on it."""
    for one in troubles:
        if any(isinstance(_itself(effect), FullDisk | DataAway) for effect in one.effects):
            yield Lock(one.begins_s, one.ends_s, is_short=False)


def _ends_collector(effect: Effect) -> bool:
    return isinstance(_itself(effect), Stopped | Killed)


def _itself(effect: Effect) -> Effect:
    return effect.effect if isinstance(effect, Part) else effect
