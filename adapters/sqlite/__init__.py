"""The database: one SQLite file in WAL mode."""
