"""Stores on real files, and a look at what is in them that goes past the adapters."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters.memory.clock import MemoryClock
from adapters.memory.journal import MemoryJournal
from adapters.sqlite import SqliteStore
from adapters.sqlite.migrations import add_ledger
from tests.builders import NOON
from tests.old_homes import Age, make_old_home


def a_store(path: Path, *, journal: MemoryJournal | None = None, **changes: Any) -> SqliteStore:
    """A store that is not open yet."""
    return SqliteStore(path, journal=journal or MemoryJournal(), clock=MemoryClock(NOON), **changes)


def rows(path: Path, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What another program gets for this SQL."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql, parameters).fetchall()


def changed(path: Path, *statements: str) -> None:
    """Let another program do this to the database."""
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def an_unrelaxed_home(path: Path, age: Age, count: int = 500) -> None:
    """A home of that age, as it is once it has its ledger and not yet its relaxed table."""
    make_old_home(path, age, count)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        add_ledger(connection, is_simulated=False)
