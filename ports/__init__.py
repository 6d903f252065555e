"""Protocols for everything outside the domain, grouped by purpose. Their docstrings are the contracts."""
