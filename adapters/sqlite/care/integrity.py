"""SQLite's own check of a database file, through a connection of its own."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import store_errors
from domain.errors import StoreCorrupt, StoreError

_BUSY_TIMEOUT_MS = 5000


def require_file(path: Path) -> None:
    """Raise `StoreError` if there is no file at the path."""
    if not path.is_file():
        raise StoreError(f"{path} does not exist. Run collect first, or check storage.database_path")


def first_fault(path: Path) -> str | None:
    """Return the first fault of the file, indexes included; None if it is sound.

    Raises `StoreError` when the check cannot be made.
    """
    return _check(path, "PRAGMA integrity_check(1)")


def structural_fault(path: Path) -> str | None:
    """Return the first fault by which rows are lost or wrong; None if there is none.

    An index that does not match its table is no such fault. Raises `StoreError` when the check cannot be
    made.
    """
    return _check(path, "PRAGMA quick_check(1)")


def _check(path: Path, pragma: str) -> str | None:
    if path.is_file() and path.stat().st_size == 0:  # to SQLite that is a database without tables
        return "the file is empty"
    try:
        with (
            store_errors(path),
            closing(connect(path, mode="ro", busy_timeout_ms=_BUSY_TIMEOUT_MS)) as connection,
        ):
            connection.execute("PRAGMA cell_size_check=ON")
            connection.execute("PRAGMA ignore_check_constraints=ON")  # what is refused today is no damage
            result = str(connection.execute(pragma).fetchone()[0])
    except StoreCorrupt as error:
        return str(error.__cause__ or error)
    return None if result == "ok" else " ".join(result.split())
