"""Cycles in which the collector was killed, and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from adapters.simulator.simulation.account.shown import Shown
from domain.schedule import slot_at

if TYPE_CHECKING:
    from adapters.simulator.simulation.account.home_list import AskedCycle

_INTERVAL_S = 300
_LONGEST_CYCLE = timedelta(seconds=30)
_SOURCES = ("hue", "amazon")
Key = tuple[str, datetime]  # source and slot


@attrs.frozen(kw_only=True)
class KilledCycle:
    """A cycle in which the collector was killed when its clock showed `at`.

    `handed` is what was shown of each device, by source, of those that gave a whole reply in it. `has_line`
    if the cycle had been printed: then its replies are noted like any other's. `causes` are those that were
    right for each source that was asked; none, if it handed over its readings. `asked` is what that was.
    """

    at: datetime
    has_line: bool
    handed: Mapping[str, Mapping[str, Shown]]
    causes: Mapping[str, frozenset[str]] = attrs.field(factory=dict)
    asked: Mapping[str, AskedCycle] = attrs.field(factory=dict)

    def key(self, source: str, outside: Collection[Key]) -> Key:
        """Return the row of the source's cycle: its slot, or its second if it was outside the schedule."""
        for key in outside:
            if key[0] == source and timedelta() <= self.at - key[1] <= _LONGEST_CYCLE:
                return key
        return source, slot_at(self.at, _INTERVAL_S)

    def moment(self, ended: Collection[Key], again: Collection[Key], outside: Collection[Key]) -> str:
        """Return when in the cycle the collector was killed, in words for a report.

        `ended` are the rows of cycles that came to an end, `again` those that ran again after the kill.
        """
        if self.has_line:
            return "after its line"
        keys = [self.key(source, outside) for source in _SOURCES]
        if any(key in ended and key not in again for key in keys):
            return "after the commit"
        return "before the commit" if len(self.handed) == len(_SOURCES) else "while it asked"
