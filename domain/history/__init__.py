"""Stored readings as people look at them: series, breaks, limits and exports."""
