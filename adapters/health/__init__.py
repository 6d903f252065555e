"""Probes of the machine and of files."""
