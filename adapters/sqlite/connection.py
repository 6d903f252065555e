"""Connections to the database, and the settings of the one that writes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import quote

import attrs

from adapters.files.regular_file import check_regular

_FILES = ("", "-wal", "-shm", "-journal")
_SWITCH_TO_WAL_MS = 500  # the switch needs the database for itself; else the old mode stays

# A text that a flipped bit has made invalid UTF-8 is read all the same.
_decode = partial(str, encoding="utf-8", errors="surrogateescape")

# The value that is set, and the one that SQLite reports then.
_SETTINGS: Mapping[str, tuple[str, int]] = {
    "synchronous": ("FULL", 2),  # NORMAL loses acknowledged cycles in a power cut
    "fullfsync": ("ON", 1),
    "checkpoint_fullfsync": ("ON", 1),
    "foreign_keys": ("ON", 1),
    "journal_size_limit": ("4194304", 4194304),
    "cell_size_check": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "mmap_size": ("0", 0),
    "cache_size": ("-512", -512),  # kB, for the pages of a cycle; the system caches the others
}


@attrs.frozen(kw_only=True)
class RefusedSetting:
    """A setting that SQLite did not take."""

    name: str
    wanted: str
    got: str


def connect(path: Path, *, mode: str, busy_timeout_ms: int, is_immutable: bool = False) -> sqlite3.Connection:
    """Open a connection without implicit transactions. `mode` is SQLite's: ro, rw or rwc.

    Raise `OSError` if the database or one of its logs is not a file: SQLite would wait for a pipe.
    """
    real = Path(os.path.realpath(path))  # where SQLite looks for the logs of a link
    for suffix in _FILES:
        check_regular(real.with_name(f"{real.name}{suffix}"))
    connection = sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode={mode}{'&immutable=1' if is_immutable else ''}",
        uri=True,
        isolation_level=None,
        timeout=busy_timeout_ms / 1000,
        check_same_thread=False,  # one thread at a time, but not always the same
    )
    connection.text_factory = _decode
    if mode == "ro":
        connection.execute("PRAGMA query_only=ON")
    return connection


def connect_for_reading(path: Path, *, busy_timeout_ms: int) -> sqlite3.Connection:
    """Open a connection that only reads, also on a disk that takes no file, which SQLite needs even then.

    Without a log all is in the database itself, and it can be read as a file that is not changed.
    """
    connection = connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        log = Path(f"{os.path.realpath(path)}-wal")
        is_busy = str(getattr(error, "sqlite_errorname", "")).startswith("SQLITE_BUSY")
        if is_busy or (log.exists() and log.stat().st_size):
            raise
        return connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms, is_immutable=True)
    except BaseException:
        connection.close()
        raise
    return connection


def apply_settings(
    connection: sqlite3.Connection, *, busy_timeout_ms: int, wal_checkpoint_pages: int
) -> tuple[RefusedSetting, ...]:
    """Apply the settings of a writing connection; return those that SQLite did not take."""
    refused = [_switch_to_wal(connection)]
    wanted = {
        **_SETTINGS,
        "busy_timeout": (str(busy_timeout_ms), busy_timeout_ms),
        "wal_autocheckpoint": (str(wal_checkpoint_pages), wal_checkpoint_pages),
    }
    for name, (value, expected) in wanted.items():
        connection.execute(f"PRAGMA {name}={value}")
        got = connection.execute(f"PRAGMA {name}").fetchone()
        if got is not None and got[0] != expected:  # None: built without this feature
            refused.append(RefusedSetting(name=name, wanted=value, got=str(got[0])))
    return tuple(one for one in refused if one is not None)


def _switch_to_wal(connection: sqlite3.Connection) -> RefusedSetting | None:
    connection.execute(f"PRAGMA busy_timeout={_SWITCH_TO_WAL_MS}")
    try:
        got = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    except sqlite3.OperationalError as error:
        got = f"{journal_mode(connection)} ({error})"
    return None if got == "wal" else RefusedSetting(name="journal_mode", wanted="wal", got=got)


def journal_mode(connection: sqlite3.Connection) -> str:
    """Return the journal mode: wal, delete, ..."""
    return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
