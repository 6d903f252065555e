"""The tables of a new database, in the format of now."""

from __future__ import annotations

import sqlite3

from adapters.sqlite.indexes import prune
from adapters.sqlite.migrations import add_checksums, add_ledger
from adapters.sqlite.relaxing import relax


def make_tables(connection: sqlite3.Connection, *, is_simulated: bool) -> None:
    """By the steps that an old one takes, so that there is one way in which a table comes to be."""
    add_ledger(connection, is_simulated=is_simulated)
    relax(connection)
    add_checksums(connection)
    prune(connection)
