"""In-memory implementations of the ports, for tests, dry runs and health checks."""
