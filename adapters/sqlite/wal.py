"""The write-ahead log: its length, and how it is kept short while others read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import attrs

from adapters.sqlite.connection import journal_mode
from domain.alerts.incidents import WAL_HELD_BYTES, WAL_SHORT_BYTES
from ports.journal import Journal, Level

LONG_BYTES, HELD_BYTES = WAL_SHORT_BYTES, WAL_HELD_BYTES

# https://sqlite.org/wal.html#walresetbug: the first release without it, and those of the earlier lines.
_FIXED = (3, 51, 3)
_FIXED_IN_LINE: Mapping[tuple[int, int], int] = {(3, 44): 6, (3, 50): 7}


def has_reset_bug(version: tuple[int, int, int]) -> bool:
    """Return whether this SQLite can damage a log that one connection checkpoints while another writes."""
    major, minor, patch = version
    fixed = _FIXED_IN_LINE.get((major, minor))
    return version < _FIXED and (fixed is None or patch < fixed)


def size_bytes(path: Path) -> int:
    """Return the length of the log of the database at the path, which may be a link."""
    try:
        return os.stat(f"{os.path.realpath(path)}-wal").st_size  # noqa: PTH116 - each cycle; a new Path costs more than the call
    except FileNotFoundError:
        return 0


@attrs.frozen
class WalFile:
    """The log of the database at the path, as a file."""

    path: Path

    def size_bytes(self) -> int | None:
        try:
            return size_bytes(self.path)
        except OSError:
            return None


@attrs.define(kw_only=True)
class Wal:
    """The log of one database, for the connection that writes."""

    path: Path
    journal: Journal
    busy_timeout_ms: int
    _is_held: bool = attrs.field(default=False, init=False)

    def report_opening(self, connection: sqlite3.Connection) -> None:
        """Record in the journal how the database was opened."""
        version = sqlite3.sqlite_version_info
        fields: dict[str, object] = {
            "path": str(self.path),
            "mode": journal_mode(connection),
            "checkpoint_pages": connection.execute("PRAGMA wal_autocheckpoint").fetchone()[0],
            "wal_bytes": size_bytes(self.path),
            "sqlite": sqlite3.sqlite_version,
        }
        if has_reset_bug((version[0], version[1], version[2])):
            fields["fault"] = (
                "this SQLite can damage the file when another program writes to it at the same time; "
                "homeclimate's own processes take turns. Let others only read, or use SQLite 3.51.3 or newer"
            )
        self.journal.record(Level.WARNING if "fault" in fields else Level.INFO, "store.opened", **fields)

    @contextmanager
    def not_waiting(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Let SQLite give up at once where another program has locked what it needs."""
        connection.execute("PRAGMA busy_timeout=0")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout={self.busy_timeout_ms}")

    def shorten(
        self, connection: sqlite3.Connection, *, beyond_bytes: int, log_bytes: int | None = None
    ) -> None:
        """Checkpoint a log that is longer than that. Do not wait for readers; the next call tries again.

        `log_bytes` is its length, if that is known.
        """
        if log_bytes is None:
            log_bytes = size_bytes(self.path)
        if log_bytes > beyond_bytes:
            try:
                with self.not_waiting(connection):
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.Error as error:  # what was committed stays committed
                self.journal.record(Level.WARNING, "store.wal_not_shortened", error=str(error))
            log_bytes = size_bytes(self.path)
        if log_bytes > HELD_BYTES and not self._is_held:
            self._is_held = True
            self.journal.record(
                Level.WARNING,
                "store.wal_held",
                path=str(self.path),
                wal_bytes=log_bytes,
                reason="another program has been reading for long; close it, or let it read in shorter steps",
            )
        elif log_bytes <= LONG_BYTES and self._is_held:
            self._is_held = False
            self.journal.record(Level.INFO, "store.wal_released", path=str(self.path), wal_bytes=log_bytes)
