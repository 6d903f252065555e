"""A notifier and a heartbeat that only remember."""

from __future__ import annotations

from domain.alert_text import Message
from domain.errors import NotifyError


class MemoryNotifier:
    """Keeps what was sent, oldest first. While `fault` is set, `send` raises it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.fault: NotifyError | None = None

    async def send(self, message: Message, deadline_s: float) -> None:  # noqa: ARG002 - it takes no time
        if self.fault is not None:
            raise self.fault
        self.sent.append(message)


class MemoryHeartbeat:
    """Keeps the beats, oldest first. While `fault` is set, `beat` raises it."""

    def __init__(self) -> None:
        self.beats: list[bool] = []
        self.fault: NotifyError | None = None

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:  # noqa: ARG002 - it takes no time
        if self.fault is not None:
            raise self.fault
        self.beats.append(is_well)
