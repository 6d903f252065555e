"""Wiring of exports: what reads the rows, and what writes files."""

from __future__ import annotations

from pathlib import Path

from adapters.files.parquet import require_duckdb, write_parquet
from adapters.files.unfinished import replacement
from adapters.sqlite.backup.backups import copy_compactly
from adapters.sqlite.history.exporting import SqliteExportedRows
from adapters.sqlite.history.queries import is_simulated
from entrypoints.wiring.home import Home
from entrypoints.wiring.storage import naive_zone, require_database
from ports.stored_data import ExportedRows

__all__ = ["exported_rows", "holds_simulated", "replacement", "require_duckdb", "write_copy", "write_parquet"]


def exported_rows(home: Home) -> ExportedRows:
    """Return what reads the stored readings row by row."""
    return SqliteExportedRows(home.files.database, naive_zone=naive_zone(home))


def holds_simulated(home: Home) -> bool:
    """Return whether the readings are those of a simulated home."""
    return is_simulated(home.files.database)


def write_copy(home: Home, file: Path) -> None:
    """Write the database as one file, which needs no other to be read. Raise StoreError."""
    require_database(home)
    copy_compactly(home.files.database, file, busy_timeout_ms=home.settings.storage.busy_timeout_ms)
