"""An alert board that is looked at by tests."""

from __future__ import annotations

import attrs

from domain.alert_messages import Message
from domain.errors import NotifyError
from domain.health import Answer, Status, Weight
from ports.clock import Clock


class MemoryAlertBoard:
    """`text` is what stands there now, None for nothing."""

    def __init__(self) -> None:
        self.text: str | None = None

    def put(self, text: str) -> None:
        self.text = text

    def clear(self) -> None:
        self.text = None


# A notifier and a heartbeat that only remember.


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


# A probe that answers what it was given, after as long as it was told.


@attrs.define(kw_only=True)
class MemoryProbe:
    """With `takes_s` None it never answers; `fault`, if any, is raised in place of an answer."""

    component: str
    clock: Clock
    status: Status = Status.PASS
    summary: str = "as it should be"
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
