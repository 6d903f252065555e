"""Whether the ledger explains each gap of each device, as docs/reference/database.md promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from adapters.simulator.simulation.incidents import Key, Row

_EXPECTED_FOR = timedelta(hours=23)  # after its source has listed it; it may be an hour longer
_UNREACHABLE = "unreachable"  # all else that a device can lack is not simulated


def unexplained_gaps(
    rows: Mapping[Key, Row],
    read: Mapping[Key, Sequence[str]],
    forgotten: Sequence[datetime],
    turn_s: Callable[[datetime], float],
) -> Mapping[str, int]:
    """Count what is wrong with the devices that a row names as unread, in words.

    `turn_s` returns when a slot had its turn: a clock that was set shows slots in another order. `read` are
    the devices that have a reading of a row. A device counts from its first reading on, as long as its source
    lists it, until its reading is taken from another one. What was listed before the instants `forgotten`
    does not count after them.
    """
    listed: dict[str, dict[str, datetime]] = {}
    wrong = Counter[str]()
    for key in sorted(rows, key=lambda key: (turn_s(key[1]), key[1])):
        source, slot = key
        known = listed.setdefault(source, {})
        for device, at in list(known.items()):
            if slot - at >= _EXPECTED_FOR or any(at <= instant <= slot for instant in forgotten):
                del known[device]
        for device in rows[key].taken:
            known.pop(device, None)  # another source's from now on
        wrong.update(_wrong(source, rows[key], read.get(key, ()), known))
        if rows[key].state == "stored":
            known.update(dict.fromkeys(read.get(key, ()), slot))
            known.update({device: slot for device in rows[key].unread if device in known})
    return dict(sorted(wrong.items()))


def _wrong(source: str, row: Row, read: Collection[str], known: Collection[str]) -> Iterator[str]:
    right = _UNREACHABLE if row.state == "stored" else row.cause
    for cause in row.unread.values():
        if cause != right:
            yield f"{source} {cause} in a row that is {row.state} {row.cause or ''}".rstrip()
    for device in known:
        if device not in read and device not in row.unread:
            yield f"{source} not in a row that is {row.state}"
