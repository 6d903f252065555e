"""Alerts and health probes in memory."""

from __future__ import annotations

import attrs

from domain.alerts.messages import Message
from domain.errors import NotifyError
from domain.health.report import Answer, Status, Weight
from ports.clock import Clock


class MemoryAlertBoard:
    """A board that shows `text`, None for nothing."""

    def __init__(self) -> None:
        self.text: str | None = None

    def put(self, text: str) -> None:
        self.text = text

    def clear(self) -> None:
        self.text = None


class MemoryNotifier:
    """A notifier that keeps the messages it sent. While `fault` is set, `send` raises it."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.fault: NotifyError | None = None

    async def send(self, message: Message, deadline_s: float) -> None:  # noqa: ARG002 - it takes no time
        if self.fault is not None:
            raise self.fault
        self.sent.append(message)


class MemoryHeartbeat:
    """A heartbeat that keeps its pings. While `fault` is set, `beat` raises it."""

    def __init__(self) -> None:
        self.beats: list[bool] = []
        self.fault: NotifyError | None = None

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:  # noqa: ARG002 - it takes no time
        if self.fault is not None:
            raise self.fault
        self.beats.append(is_well)


class MemoryReportMail:
    """Counts the reports that it sent. While `fault` is set, `send` raises it."""

    def __init__(self) -> None:
        self.sent = 0
        self.fault: NotifyError | None = None

    async def send(self) -> None:
        if self.fault is not None:
            raise self.fault
        self.sent += 1


@attrs.define(kw_only=True)
class MemoryProbe:
    """A probe that answers after `takes_s`, never if that is None, or raises `fault` if it is set."""

    component: str
    clock: Clock
    status: Status = Status.PASS
    summary: str = "fine"
    weight: Weight = Weight.ORDINARY
    takes_s: float | None = 0.0
    fault: BaseException | None = None

    async def check(self) -> Answer:
        while self.takes_s is None:
            await self.clock.sleep(3600)
        await self.clock.sleep(self.takes_s)
        if self.fault is not None:
            raise self.fault
        return Answer(self.status, self.summary)
