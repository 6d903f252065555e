"""Atomic writes, locks, the state file and the spool on disk."""
