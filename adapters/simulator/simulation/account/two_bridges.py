"""Readings of a device that two bridges list: the newest is to be stored, and the ledger to say so."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.simulator.simulation.account.shown import Shown

if TYPE_CHECKING:
    from adapters.simulator.simulation.account.incidents import Key, Row

_TAKEN = re.compile(r"the reading of (?P<device>\S+)( \(.*\))? is taken from (?P<source>\S+)")
Listed = dict[tuple[str, datetime], dict[str, Shown]]  # by device and slot, and by source


def newest(listed: Mapping[str, Shown]) -> tuple[str, Shown]:
    """Return the source with the newest observation, and what it showed; the first one of the same time."""
    return max(listed.items(), key=lambda item: _age_order(item[1]))


def wrong_rows(listed: Listed, rows: Mapping[Key, Row]) -> Iterator[str]:
    """Yield what is wrong with a row of the ledger that was handed a reading of several bridges.

    A row counts the readings that were stored of its source. Each other one is named in it with the source
    from which the device's reading is taken. Of the same time either may be.
    """
    counts, reads = Counter[tuple[str, datetime]](), dict[tuple[str, datetime], int]()
    for (device, slot), of_source in listed.items():
        taken = newest(of_source)[1]
        sources = [source for source, one in of_source.items() if _age_order(one) == _age_order(taken)]
        for source in of_source:
            row = rows.get((source, slot))
            if row is None or row.state != "stored":
                continue  # counted with the causes
            taken_from = row.taken.get(device, source)
            counts[source, slot] += taken_from == source and device not in row.unread
            reads[source, slot] = row.readings
            if len(of_source) > 1 and taken_from not in sources:
                yield f"a reading is taken from {taken_from} instead of {' or '.join(sources)}"
    for key, number in reads.items():
        if number != counts[key]:
            yield f"{number} readings instead of {counts[key]}"


def taken_from_others(notes: str | None) -> Mapping[str, str]:
    """Return the source from which each device's reading is taken, by the notes of a row, which are JSON."""
    found = (_TAKEN.fullmatch(note) for note in json.loads(notes or "[]"))
    return {match["device"]: match["source"] for match in found if match}


def _age_order(shown: Shown) -> datetime:
    if shown.observed_at is None:
        raise ValueError("a bridge shows the time of every reading")
    return shown.observed_at
