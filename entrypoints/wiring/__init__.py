"""The composition root: constructs adapters and services."""
