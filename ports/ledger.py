"""What became of the cycles, read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from domain.values import frozen


@frozen(kw_only=True)
class SourceRecord:
    """One source's record.

    `slot`, `state`, `cause`, `detail`, `readings` and `unread` are those of its newest planned slot up to the
    asked end; a state is one of stored, failed, deferred, missed. `ahead` is its newest planned slot after
    that end, which only a wrong clock can have written; where there is no other, `slot` is that one.
    `slots` counts the planned slots between the asked instants by state. `mended` counts the cycles between
    them in which a repeated attempt brought the readings after one that had failed, `unmended` those that
    were lost to a trouble that passes.
    """

    source: str
    slot: datetime
    state: str
    cause: str | None = None
    detail: str | None = None
    readings: int = 0
    unread: int = 0
    slots: Mapping[str, int] = attrs.field(factory=dict)
    mended: int = 0
    unmended: int = 0
    ahead: datetime | None = None


class Ledger(Protocol):
    """Reads what a `Store` keeps of its cycles; never changes it. Blocks."""

    def records(self, since: datetime, until: datetime) -> Sequence[SourceRecord]:
        """The record of each source that ever had a planned slot, by name. Raises `StoreError`."""
        ...
