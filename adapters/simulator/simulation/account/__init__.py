"""Counts what the simulated home handed over against what a collector has stored."""
