"""Atomic writes, locks, the state file, the spool on disk, and where a database may be."""
