"""Damaged databases: whole files, flipped bits and ruined pages, and what is still in them."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from itertools import count
from mmap import ACCESS_READ, mmap
from pathlib import Path

import attrs

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.sqlite.care.file_pages import Pages
from adapters.sqlite.care.salvage import Salvaged, Salvaging
from adapters.sqlite.care.verification import check_home
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.opening import Opening
from adapters.sqlite.rows.checksums import LedgerRow, add_missing_checksums
from adapters.sqlite.rows.readings import READING_COLUMNS
from adapters.sqlite.schema import OUR_TABLES_NOW
from domain.errors import StoreError
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_due,
    a_failed,
    a_measurement,
    a_reading,
    an_unread,
)
from tests.support.databases import a_store, rows
from tests.support.old_homes import Age, make_old_home

PAGE = 4096


def _without_header(content: bytes) -> bytes:
    return bytes(100) + content[100:]


def _text(content: bytes) -> bytes:
    return b"temperature,location\n" * 400


def _empty(content: bytes) -> bytes:
    return b""


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2 // PAGE * PAGE]


def _one_page(content: bytes) -> bytes:
    return content[:PAGE]


def _torn_in_a_page(content: bytes) -> bytes:
    return content[: -PAGE * 3 - 1234]


def _without_schema(content: bytes) -> bytes:
    return content[:100] + b"\x5a" * (PAGE - 100) + content[PAGE:]


def _zeros_inside(content: bytes) -> bytes:
    return content[: 2 * PAGE] + bytes(len(content) - 3 * PAGE) + content[-PAGE:]


def _noise_inside(content: bytes) -> bytes:
    noise = random.Random(1).randbytes(len(content) - 3 * PAGE)  # noqa: S311 - no secret
    return content[: 2 * PAGE] + noise + content[-PAGE:]


def _noise(content: bytes) -> bytes:
    return random.Random(2).randbytes(len(content))  # noqa: S311 - no secret


def _pages_swapped(content: bytes) -> bytes:
    pages = [content[at : at + PAGE] for at in range(0, len(content), PAGE)]
    return b"".join([pages[0], *reversed(pages[1:])])


def _one_page_everywhere(content: bytes) -> bytes:
    return content[:PAGE] + content[PAGE : 2 * PAGE] * (len(content) // PAGE - 1)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "without its header": _without_header,
    "a text": _text,
    "empty": _empty,
    "cut to half": _half,
    "cut to one page": _one_page,
    "cut inside a page": _torn_in_a_page,
    "without its schema": _without_schema,
    "zeros inside": _zeros_inside,
    "noise inside": _noise_inside,
    "noise": _noise,
    "its pages in another order": _pages_swapped,
    "one page again and again": _one_page_everywhere,
}


def damage(path: Path, how: str) -> bytes:
    """Damage the file after a checkpoint; return its new content."""
    if path.with_name(f"{path.name}-wal").exists():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    damaged = DAMAGES[how](path.read_bytes())
    with path.open("r+b") as file:  # the same file, for those that have it open
        file.write(damaged)
        file.truncate()
    return damaged


OLD_ROWS = 500
_ROOMS = ("Küche", "Bad", "Attic", "Salon d'été")

KINDS = ("random bytes", "zeros", "another page")
_ROWS = f"SELECT {', '.join(READING_COLUMNS)} FROM readings"  # noqa: S608 - names of columns

_COUNTED = {"readings": READING_COLUMNS, "outcomes": (*LedgerRow._fields, "crc")}  # what a checksum counts

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
        long = "ici" * (3000 if number % 10 == 3 else number % 7)  # the long ones take pages of their own
        readings = [
            a_reading(
                f"hue:{place:02}",
                collected_at=slot,
                location=_ROOMS[place],
                raw_response=f'{{"temperature": {2000 + number}, "où": "{long}"}}',
            )
            for place in range(4)
        ]
        measured = a_measurement(slot, duration_s=number / 7)
        collected = a_collected(*readings, due=a_due(slot=slot), unread=(an_unread(),))
        store.append(a_cycle(collected, a_failed(a_due("amazon", slot)), measurements=(measured,)))
    store.close()
    lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_missing_checksums(connection, lock)
    lock.close()


def dump(path: Path) -> Dump | None:
    """Return the rows of our tables with the columns that a checksum counts; None if some are unreadable."""
    selects = {
        table: f"SELECT {', '.join(_COUNTED.get(table, '*'))} FROM {table}"  # noqa: S608 - our names
        for table in sorted(OUR_TABLES_NOW)
    }
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.text_factory = lambda content: content.decode("utf-8", "surrogateescape")
            return {table: connection.execute(select).fetchall() for table, select in selects.items()}
    except (sqlite3.Error, UnicodeDecodeError):
        return None


def is_reported(path: Path) -> bool:
    """Return whether the check finds something, or fails."""
    try:
        return bool(check_home(path, busy_timeout_ms=1000))
    except StoreError:
        return True


@attrs.frozen(kw_only=True)
class Flip:
    """A flipped bit: the tables whose rows changed or became unreadable, and whether the check reports it."""

    offset: int
    bit: int
    changed: frozenset[str]
    reported: bool

    @property
    def must_be_reported(self) -> bool:
        """Return whether a reading or a ledger row changed."""
        return bool(self.changed & set(_COUNTED))


def flip(original: bytes, sound: Dump, damaged: Path, chance: random.Random) -> Flip:
    """Flip a bit of the database somewhere, in a copy at this path."""
    offset, bit = chance.randrange(len(original)), chance.randrange(8)
    content = bytearray(original)
    content[offset] ^= 1 << bit
    damaged.write_bytes(content)
    found = dump(damaged)
    changed = (
        set(sound) if found is None else {name for name in sound if ascii(found[name]) != ascii(sound[name])}
    )
    return Flip(offset=offset, bit=bit, changed=frozenset(changed), reported=is_reported(damaged))


@attrs.frozen(kw_only=True)
class Ruin:
    """The result of ruining one page: of the `sound` readings on other pages, `saved` were salvaged.

    `altered` ones are not what was stored; `doubts` is how many runs of readings were named for that.
    """

    page: int
    kind: str
    is_free: bool
    reported: bool
    sound: int
    saved: int
    altered: int
    doubts: int


class RuinedHome:
    """A home of which one page after the other is ruined, each time in a copy."""

    def __init__(self, folder: Path, cycles: int) -> None:
        self._folder = folder
        self.path = folder / "readings.db"
        a_home_with_checksums(self.path, cycles)
        self._original = self.path.read_bytes()
        with self.path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
            pages = Pages(content)
            self._size, self.pages = pages.size, len(pages)
            self._free = pages._free()
            leaves = [(record.rowid, record.page) for record in pages.records() if len(record.values) > 15]
        self._page_of = {rowid: page for rowid, page in leaves if rowid is not None}
        self._rows = {row[0]: row[1:] for row in rows(self.path, _ROWS)}
        assert set(self._page_of) == set(self._rows)

    def ruin(self, page: int, kind: str, chance: random.Random) -> Ruin:
        """Ruin the page, check, and salvage what is left into a new home."""
        damaged, new = self._folder / "damaged.db", self._folder / "new" / "readings.db"
        damaged.write_bytes(self._ruined(page, kind, chance))
        reported = is_reported(damaged)
        salvaged = salvage(damaged, new)
        found = {row[1:] for row in rows(new, _ROWS)}
        for file in new.parent.iterdir():
            file.unlink()
        sound = [row for rowid, row in self._rows.items() if self._page_of[rowid] != page]
        return Ruin(
            page=page,
            kind=kind,
            is_free=page in self._free,
            reported=reported,
            sound=len(sound),
            saved=sum(row in found for row in sound),
            altered=len(found - set(self._rows.values())),
            doubts=len(salvaged.doubtful),
        )

    def _ruined(self, page: int, kind: str, chance: random.Random) -> bytes:
        content, size = bytearray(self._original), self._size
        begin = (page - 1) * size
        match kind:
            case "random bytes":
                content[begin : begin + size] = chance.randbytes(size)
            case "zeros":
                content[begin : begin + size] = bytes(size)
            case _:
                others = (self._page(chance.randrange(1, self.pages + 1)) for _ in count())
                content[begin : begin + size] = next(other for other in others if other != self._page(page))
        return bytes(content)

    def _page(self, number: int) -> bytes:
        return self._original[(number - 1) * self._size : number * self._size]


def salvage(damaged: Path, path: Path, *, is_simulated: bool = False) -> Salvaged:
    """Merge what the damaged file holds into the home at the path."""
    opening = Opening(
        path=path,
        is_simulated=is_simulated,
        busy_timeout_ms=1000,
        wal_checkpoint_pages=1000,
        journal=MemoryJournal(),
        clock=MemoryClock(NOON),
    )
    lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=1)
    try:
        return Salvaging(opening=opening, lock=lock).merge(damaged)
    finally:
        lock.close()
