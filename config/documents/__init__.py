"""YAML files as documents: read with positions, checked, turned into settings, and edited."""
