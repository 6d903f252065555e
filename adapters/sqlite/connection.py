"""Opening the database: the settings of a connection, each asked for and read back."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import quote

import attrs

_SWITCH_TO_WAL_MS = 500  # it needs the database for itself; whoever is in the way keeps us in the old mode

# A text that a flipped bit has made none is read all the same: nobody is stopped who did not ask for it.
_as_it_is = partial(str, encoding="utf-8", errors="surrogateescape")

# What is asked for, and what SQLite answers when it has been had.
_SETTINGS: Mapping[str, tuple[str, int]] = {
    "synchronous": ("FULL", 2),  # NORMAL loses acknowledged cycles in a power cut
    "fullfsync": ("ON", 1),
    "checkpoint_fullfsync": ("ON", 1),
    "foreign_keys": ("ON", 1),
    "journal_size_limit": ("4194304", 4194304),
    "cell_size_check": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "mmap_size": ("0", 0),
    "cache_size": ("-512", -512),  # kB: the pages of a cycle; others are in the system's cache anyway
}


@attrs.frozen
class Wish:
    """A setting that could not be had."""

    name: str
    wanted: str
    got: str


def connect(path: Path, *, mode: str, busy_timeout_ms: int) -> sqlite3.Connection:
    """A connection whose transactions are begun by hand. `mode` is SQLite's: ro, rw."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=busy_timeout_ms / 1000,
        check_same_thread=False,  # one thread at a time, but not always the same one
    )
    connection.text_factory = _as_it_is
    if mode == "ro":
        connection.execute("PRAGMA query_only=ON")
    return connection


def settle(
    connection: sqlite3.Connection, *, busy_timeout_ms: int, wal_checkpoint_pages: int
) -> tuple[Wish, ...]:
    """Make every setting of a writing connection, and return those that could not be had."""
    unmet = [_switched_to_wal(connection)]
    wanted = {
        **_SETTINGS,
        "busy_timeout": (str(busy_timeout_ms), busy_timeout_ms),
        "wal_autocheckpoint": (str(wal_checkpoint_pages), wal_checkpoint_pages),
    }
    for name, (value, answer) in wanted.items():
        connection.execute(f"PRAGMA {name}={value}")
        got = connection.execute(f"PRAGMA {name}").fetchone()
        if got is not None and got[0] != answer:  # None: built without the feature at all
            unmet.append(Wish(name, value, str(got[0])))
    return tuple(wish for wish in unmet if wish is not None)


def _switched_to_wal(connection: sqlite3.Connection) -> Wish | None:
    connection.execute(f"PRAGMA busy_timeout={_SWITCH_TO_WAL_MS}")
    try:
        mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.OperationalError as error:
        return Wish("journal_mode", "wal", f"{journal_mode(connection)} ({error})")
    return None if mode == "wal" else Wish("journal_mode", "wal", mode)


def journal_mode(connection: sqlite3.Connection) -> str:
    """How the database keeps a transaction until it is done."""
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
