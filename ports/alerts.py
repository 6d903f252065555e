"""Where a person sees that they must act."""

from __future__ import annotations

from typing import Protocol

from domain.alert_messages import Message


class AlertBoard(Protocol):
    """One notice, that stands until it is taken down. Never raises; what cannot be done is in the journal."""

    def put(self, text: str) -> None:
        """Let the notice say that; nothing is done where it says so already."""
        ...

    def clear(self) -> None:
        """Take the notice down, whoever put it there."""
        ...


# Tells a dead-man's switch that the program lives.


class Heartbeat(Protocol):
    """Whoever listens raises an alarm when nothing comes. Must not block the event loop."""

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:
        """Tell that a cycle was run, and whether anything was kept of it. Raises `NotifyError`."""
        ...


# Tells a person, wherever they are.


class Notifier(Protocol):
    """Mail, or whatever reaches somebody. Must not block the event loop."""

    async def send(self, message: Message, deadline_s: float) -> None:
        """Hand the message over for delivery. Returns or raises by `deadline_s`, an instant of the clock's.

        Raises `NotifyUnavailable` where it may be handed over later, `NotifyError` where never.
        """
        ...
