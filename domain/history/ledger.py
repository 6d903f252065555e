"""Rows of the ledger, and runs of rows that are alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import attrs

from domain.measurements import ReadCost

_Number = TypeVar("_Number", int, float)
Cost = Mapping[tuple[str, datetime], ReadCost]


@attrs.frozen(kw_only=True)
class LedgerRow:
    """What became of a source at a slot: its state is one of stored, failed, deferred, missed.

    `readings` counts those that were stored, `unread` has cause and detail of devices without one.
    `is_planned` is False for a cycle that was run by hand.
    """

    source: str
    slot: datetime
    interval_s: int
    is_planned: bool
    state: str
    cause: str = ""
    detail: str = ""
    readings: int = 0
    unread: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class LedgerRun:
    """Slots in a row of one source with the same outcome; `row` is that of the last one.

    `slots` counts them. `attempts` and `duration_s` are the most that a read of them took; None if unknown.
    """

    row: LedgerRow
    first_slot: datetime
    slots: int = 1
    attempts: int | None = None
    duration_s: float | None = None

    @property
    def is_complete(self) -> bool:
        return self.row.state == "stored" and not self.row.unread


def runs_of(rows: Iterable[LedgerRow], costs: Cost) -> Sequence[LedgerRun]:
    """Join rows that follow each other and are alike but for their details; sort by the first slot.

    The rows of each source are in the order of their slots.
    """
    runs: list[LedgerRun] = []
    newest: dict[tuple[str, bool], int] = {}
    for row in rows:
        cost = costs.get((row.source, row.slot))
        one = LedgerRun(
            row=row,
            first_slot=row.slot,
            attempts=None if cost is None else cost.attempts,
            duration_s=None if cost is None else cost.duration_s,
        )
        place = newest.get((row.source, row.is_planned))
        if place is not None and _is_next(runs[place], one):
            before = runs[place]
            runs[place] = attrs.evolve(
                one,
                first_slot=before.first_slot,
                slots=before.slots + 1,
                attempts=_most(before.attempts, one.attempts),
                duration_s=_most(before.duration_s, one.duration_s),
            )
        else:
            newest[row.source, row.is_planned] = len(runs)
            runs.append(one)
    return sorted(runs, key=lambda run: (run.first_slot, run.row.source))


def _is_next(before: LedgerRun, after: LedgerRun) -> bool:
    is_in_row = after.row.slot - before.row.slot <= timedelta(seconds=1.5 * before.row.interval_s)
    return is_in_row and _outcome(before.row) == _outcome(after.row)


def _outcome(row: LedgerRow) -> tuple[object, ...]:
    unread = {device_id: cause for device_id, (cause, _) in row.unread.items()}
    return row.state, row.cause, row.readings, unread


def _most(one: _Number | None, other: _Number | None) -> _Number | None:
    return max((each for each in (one, other) if each is not None), default=None)
