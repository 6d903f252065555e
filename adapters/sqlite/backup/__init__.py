"""Backups: made, kept in folders, and brought back."""
