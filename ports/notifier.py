"""Tells a person, wherever they are."""

from __future__ import annotations

from typing import Protocol

from domain.alert_text import Message


class Notifier(Protocol):
    """Mail, or whatever reaches somebody. Must not block the event loop."""

    async def send(self, message: Message, deadline_s: float) -> None:
        """Hand the message over for delivery. Returns or raises by `deadline_s`, an instant of the clock's.

        Raises `NotifyUnavailable` where it may be handed over later, `NotifyError` where never.
        """
        ...
