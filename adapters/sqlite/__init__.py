"""The database: one SQLite file in WAL mode."""

from adapters.sqlite.history import SqliteHistory
from adapters.sqlite.store import SqliteStore

__all__ = ["SqliteHistory", "SqliteStore"]
