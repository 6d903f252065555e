"""Tells mypy that `domain.values.frozen` makes a class as `attrs.frozen` does, as attrs documents it."""

from __future__ import annotations

from mypy.plugin import Plugin
from mypy.plugins.attrs import attr_frozen_makers

attr_frozen_makers.add("domain.values.frozen")


def plugin(version: str) -> type[Plugin]:
    """One that adds nothing of its own."""
    return Plugin
