"""What the domain needs from outside: Protocols, grouped by purpose. Their docstrings are the contracts."""
