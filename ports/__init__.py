"""What the domain needs of the world: Protocols, a file each. Their docstrings are the contracts."""
