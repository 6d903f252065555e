"""Whether the ledger explains each gap of each device, as docs/reference/database.md promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta

from adapters.simulator.simulation.account.incidents import Key, Row

_EXPECTED_FOR = timedelta(hours=23)  # after its source has listed it; it may be an hour longer
_UNREACHABLE = "unreachable"  # all else that a device can lack is not simulated


def unexplained_gaps(
    rows: Mapping[Key, Row],
    read: Mapping[Key, Sequence[str]],
    forgotten_s: Sequence[float],
    turn_s: Callable[[Key], float],
) -> Mapping[str, int]:
    """Count what is wrong with the devices that a row names as unread, in words.

    `turn_s` returns when a row had its turn, in true seconds: a clock that was set shows slots in another
    order. `read` are the devices that have a reading of a row. A device counts from its first reading on, as
    long as its source lists it, until its reading is taken from another one. What was listed before the
    seconds `forgotten_s` does not count after them.
    """
    listed: dict[str, dict[str, Key]] = {}
    wrong = Counter[str]()
    at_s = {key: turn_s(key) for key in rows}
    for key in sorted(rows, key=lambda key: (at_s[key], key[1])):
        source, slot = key
        known = listed.setdefault(source, {})
        for device, last in list(known.items()):
            is_forgotten = any(at_s[last] <= second <= at_s[key] for second in forgotten_s)
            if slot - last[1] >= _EXPECTED_FOR or is_forgotten:
                del known[device]
        for device in rows[key].taken:
            known.pop(device, None)  # another source's from now on
        wrong.update(_wrong(source, rows[key], read.get(key, ()), known))
        if rows[key].state == "stored":
            known.update(dict.fromkeys(read.get(key, ()), key))
            known.update({device: key for device in rows[key].unread if device in known})
    return dict(sorted(wrong.items()))


def _wrong(source: str, row: Row, read: Collection[str], known: Collection[str]) -> Iterator[str]:
    right = _UNREACHABLE if row.state == "stored" else row.cause
    for cause in row.unread.values():
        if cause != right:
            yield f"{source} {cause} in a row that is {row.state} {row.cause or ''}".rstrip()
    for device in known:
        if device not in read and device not in row.unread:
            yield f"{source} not in a row that is {row.state}"
