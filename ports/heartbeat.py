"""Tells a dead-man's switch that the program lives."""

from __future__ import annotations

from typing import Protocol


class Heartbeat(Protocol):
    """Whoever listens raises an alarm when nothing comes. Must not block the event loop."""

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:
        """Tell that a cycle was run, and whether anything was kept of it. Raises `NotifyError`."""
        ...
