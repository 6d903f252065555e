"""Databases in which bits are turned and pages are ruined, and what is in them all the same."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import attrs

from adapters.sqlite.checking import checked
from adapters.sqlite.checksumming import complete
from adapters.sqlite.lock import DatabaseLock
from adapters.sqlite.schema import OUR_TABLES_NOW
from domain.baseline import Measurement
from domain.errors import StoreError
from tests.builders import NOON, a_collected, a_cycle, a_due, a_failed, a_reading, an_unread
from tests.databases import a_store
from tests.old_homes import Age, make_old_home

OLD_ROWS = 1000
_ROOMS = ("Küche", "Bad", "Attic", "Salon d'été")

Dump = Mapping[str, Sequence[tuple[object, ...]]]


def a_home_with_checksums(path: Path, cycles: int, age: Age = Age.B) -> None:
    """Old rows and new ones, all with their checksums; closed, so that all is in the one file."""
    make_old_home(path, age, OLD_ROWS)
    store = a_store(path)
    store.open()
    connection = store._connection
    assert connection is not None
    connection.execute("PRAGMA synchronous=OFF")  # of no effect but on how long this takes
    for number in range(cycles):
        slot = NOON + timedelta(minutes=5 * number)
        readings = [
            a_reading(
                f"hue:{place:02}",
                collected_at=slot,
                location=_ROOMS[place],
                raw_response=f'{{"temperature": {2000 + number}, "où": "{"ici" * (number % 7)}"}}',
            )
            for place in range(4)
        ]
        measured = Measurement(operation="hue.get", source="hue", began_at=slot, duration_s=number / 7)
        collected = a_collected(*readings, due=a_due(slot=slot), unread=(an_unread(),))
        store.append(a_cycle(collected, a_failed(a_due("amazon", slot)), measurements=(measured,)))
    store.close()
    lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        complete(connection, lock)
    lock.close()


def dump(path: Path) -> Dump | None:
    """All rows of our tables; None when some cannot be read."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
            return {
                table: connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our names
                for table in sorted(OUR_TABLES_NOW)
            }
    except sqlite3.Error:
        return None


def is_reported(path: Path) -> bool:
    """Whether the check says that something is wrong, one way or another."""
    try:
        return bool(checked(path, is_simulated=False, busy_timeout_ms=1000))
    except StoreError:
        return True


@attrs.frozen(kw_only=True)
class Flip:
    """A bit that was turned: whether a row is another or out of reach, and whether the check says so."""

    offset: int
    bit: int
    changed_rows: bool
    reported: bool


def flip(original: bytes, sound: Dump, damaged: Path, chance: random.Random) -> Flip:
    """Turn a bit of the database somewhere, at this path."""
    offset, bit = chance.randrange(len(original)), chance.randrange(8)
    content = bytearray(original)
    content[offset] ^= 1 << bit
    damaged.write_bytes(content)
    found = dump(damaged)
    differs = found is None or ascii(found) != ascii(sound)
    return Flip(offset=offset, bit=bit, changed_rows=differs, reported=is_reported(damaged))
