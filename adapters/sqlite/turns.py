"""Writing beside a collector: short transactions, between which it has its turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from adapters.sqlite.lock import DatabaseLock


@contextmanager
def turn(connection: sqlite3.Connection, lock: DatabaseLock) -> Iterator[None]:
    """A transaction, while no other process of ours is at work."""
    with lock.held(), transaction(connection):
        yield


@contextmanager
def transaction(connection: sqlite3.Connection, begin: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    """All or nothing, durable on return."""
    connection.execute(begin)
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
