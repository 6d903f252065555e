"""A connection for reading what a database of ours holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.faults import told_apart
from adapters.sqlite.migrations import user_version
from domain.errors import StoreError, StoreOutdated


@contextmanager
def reading_from(path: Path, busy_timeout_ms: int) -> Iterator[sqlite3.Connection]:
    """The database, open for as long as the block lasts; rows go by names. Raises `StoreError`."""
    with told_apart(path):
        if not path.exists():
            raise StoreError(f"there is no database at {path} yet; the first cycle makes it")
        with closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as connection:
            if user_version(connection) == 0:
                raise StoreOutdated(
                    f"{path} is from before this program; its first cycle brings it up to date"
                )
            connection.row_factory = sqlite3.Row
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            yield connection
