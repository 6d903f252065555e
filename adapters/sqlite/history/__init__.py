"""Stored readings read back: queries, roll-ups by the hour, and exports."""
