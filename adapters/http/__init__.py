"""Lenient JSON, and helpers for HTTP replies."""
