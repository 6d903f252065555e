"""Whether a database file is sound, as a connection of its own finds it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.errors import told_apart
from domain.errors import StoreCorrupt, StoreError

_BUSY_TIMEOUT_MS = 5000


def require_file(path: Path) -> None:
    """Raises `StoreError` where there is no database to copy."""
    if not path.is_file():
        raise StoreError(f"{path} is not there. Nothing is stored yet, or storage.database_path is another")


def first_fault(path: Path) -> str | None:
    """What is wrong with the file, its indexes included; None when it is sound. Changes nothing.

    Raises `StoreError` when that cannot be told.
    """
    return _verdict(path, "PRAGMA integrity_check(1)")


def structural_fault(path: Path) -> str | None:
    """What is wrong with the structure of the file, so that rows in it are lost or wrong; None when nothing.

    An index that does not fit its table is none of it: all rows are there. Raises `StoreError` when that
    cannot be told.
    """
    return _verdict(path, "PRAGMA quick_check(1)")


def _verdict(path: Path, pragma: str) -> str | None:
    if path.is_file() and path.stat().st_size == 0:  # to SQLite that is a database without a table
        return "the file is empty"
    try:
        with (
            told_apart(path),
            closing(connect(path, mode="ro", busy_timeout_ms=_BUSY_TIMEOUT_MS)) as connection,
        ):
            connection.execute("PRAGMA cell_size_check=ON")
            connection.execute("PRAGMA ignore_check_constraints=ON")  # what is refused today is no damage
            verdict = str(connection.execute(pragma).fetchone()[0])
    except StoreCorrupt as error:
        return str(error.__cause__ or error)
    return None if verdict == "ok" else " ".join(verdict.split())
