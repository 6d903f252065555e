"""The ways to reach people."""

from __future__ import annotations

from typing import Protocol

from domain.alerts.messages import Message


class AlertBoard(Protocol):
    """Shows one notice until it is cleared. Never raises; failures are logged."""

    def put(self, text: str) -> None:
        """Show this notice; do nothing if it is shown already."""
        ...

    def clear(self) -> None:
        """Remove the notice, also that of another process."""
        ...


class Heartbeat(Protocol):
    """Pings a monitor, which raises an alarm when pings stop. Must not block the event loop."""

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:
        """Report that a cycle was run, and whether any reading of it was kept. Raise `NotifyError`."""
        ...


class ReportMail(Protocol):
    """Builds the report of the last week, and mails it. Must not block the event loop."""

    async def send(self) -> None:
        """Build and send it, within minutes. Raise `NotifyError`."""
        ...


class Notifier(Protocol):
    """Sends messages to people, such as by mail. Must not block the event loop."""

    async def send(self, message: Message, deadline_s: float) -> None:
        """Hand the message over for delivery, before `deadline_s` by the clock port.

        Raise `NotifyUnavailable` if it may succeed later, `NotifyError` if never.
        """
        ...
