"""Lenient JSON and what all HTTP replies share."""
