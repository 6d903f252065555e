"""Locks that another program has held on a database, and the cycles that met them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from adapters.simulator.simulation.account.home_list import HomeList
from adapters.simulator.simulation.account.incidents import LOOK_AFTER_S, AlertLook, Seen

_LONGEST_CYCLE_S = 30.0


@attrs.frozen
class Lock:
    """A lock of the database, in true seconds from the start."""

    begins_s: float
    ends_s: float
    is_short: bool


def short_locks(locks: Sequence[Lock], seen: Sequence[Seen], home_list: HomeList) -> Iterator[bool]:
    """Yield of each short lock that a cycle met whether the ledger had the cycle when it ended.

    A cycle meets a lock if its last answer comes while it is held. One that meets a long lock as well does
    not count.
    """
    for lock in locks:
        if not lock.is_short:
            continue
        for look in seen:
            if not isinstance(look, AlertLook) or look.is_stored is None:
                continue
            ended_s = look.at_s - LOOK_AFTER_S
            asked = [home_list.cycles.get(key) for key in look.slots.items()]
            last_s = max((one.last_s for one in asked if one is not None), default=None)
            if last_s is None or not lock.begins_s <= last_s < lock.ends_s:
                continue
            if ended_s - last_s < _LONGEST_CYCLE_S and not any(
                other.begins_s < ended_s and other.ends_s > last_s and not other.is_short for other in locks
            ):
                yield look.is_stored
