"""Checks, backups, quarantine and salvage of the database."""
