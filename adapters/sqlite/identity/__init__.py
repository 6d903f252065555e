"""Which home a database belongs to, and what takes its place while it is missing."""
