"""The dashboard: pages over the stored readings, which change nothing."""
