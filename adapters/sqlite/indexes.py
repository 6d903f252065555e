"""The fourth migration: `readings` without the indexes that cost more room than they save time."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from adapters.sqlite.migrations import PRUNED, migrate
from adapters.sqlite.schema import CREATE_RARE_KINDS_INDEX

_IDENTITY = ("device_id", "timestamp")
_KINDS_INDEX = "idx_readings_device_type"
# As the earlier program made them. What has another name, or other columns, is somebody else's and stays.
_EARLIER: Mapping[str, Sequence[str]] = {
    "idx_readings_device_id": ("device_id",),
    "idx_readings_device_timestamp": _IDENTITY,
    _KINDS_INDEX: ("device_type",),
}
_SELECT_INDEXES = "SELECT name, \"unique\", partial FROM pragma_index_list('readings')"
_SELECT_COLUMNS = 'SELECT name, "desc", coll FROM pragma_index_xinfo(?) WHERE key = 1 ORDER BY seqno'

Columns = tuple[tuple[str | None, int, str], ...]  # each with its direction and its collation


def superfluous(connection: sqlite3.Connection) -> Sequence[str]:
    """The indexes of the earlier program that another one stands for, or a smaller one could."""
    unique, plain = _indexes(connection)
    keys = [columns for columns in unique if tuple(name for name, *_ in columns) == _IDENTITY]
    found = []
    for index, names in _EARLIER.items():
        columns = plain.get(index, ())
        is_as_made = columns == tuple((name, 0, "BINARY") for name in names)
        is_in_key = any(key[: len(columns)] == columns for key in keys)
        if is_as_made and (is_in_key or index == _KINDS_INDEX):
            found.append(index)
    return found


def drop_superfluous(connection: sqlite3.Connection) -> None:
    """Let go of them, in the caller's transaction. No row is touched."""
    for index in superfluous(connection):
        connection.execute(f"DROP INDEX {index}")
        if index == _KINDS_INDEX:
            connection.execute(CREATE_RARE_KINDS_INDEX)


def prune(connection: sqlite3.Connection) -> None:
    """4: all or nothing. Raises what SQLite raises; then nothing has changed."""
    # what an index held stands in the table too: writing zeros over it would only take long
    connection.execute("PRAGMA secure_delete=OFF")
    migrate(connection, drop_superfluous, PRUNED, lambda: None)


def _indexes(connection: sqlite3.Connection) -> tuple[Sequence[Columns], Mapping[str, Columns]]:
    """The columns of the unique indexes, and of the others by name; both without those of some rows only."""
    unique: list[Columns] = []
    plain: dict[str, Columns] = {}
    for name, is_unique, is_partial in connection.execute(_SELECT_INDEXES).fetchall():
        columns = tuple(connection.execute(_SELECT_COLUMNS, (name,)).fetchall())
        if is_partial:
            continue
        if is_unique:
            unique.append(columns)
        else:
            plain[name] = columns
    return unique, plain
