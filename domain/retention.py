"""Which backups are kept: one of each of the last days that have one, and one of each week before them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import datetime

DAYS, WEEKS = 7, 4


def superfluous(taken_at: Iterable[datetime]) -> frozenset[datetime]:
    """Those of the instants whose backup may go.

    Kept are the newest of each of the seven newest days, and beside them that of each of the four newest
    weeks. Days without a backup do not count, so that a home that was off for a month loses none.
    """
    every = sorted(taken_at, reverse=True)
    daily = frozenset(_newest_of_each((instant.date(), instant) for instant in every)[:DAYS])
    of_weeks = _newest_of_each((instant.isocalendar()[:2], instant) for instant in every)
    weekly = frozenset([instant for instant in of_weeks if instant not in daily][:WEEKS])
    return frozenset(every) - daily - weekly


def _newest_of_each(newest_first: Iterable[tuple[Hashable, datetime]]) -> list[datetime]:
    found: dict[Hashable, datetime] = {}
    for period, instant in newest_first:
        found.setdefault(period, instant)
    return list(found.values())
