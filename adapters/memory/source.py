"""A source that says what it was told to say."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from datetime import datetime

import attrs

from domain.errors import SourceError, SourceUnavailable
from domain.outcome import SourceReply
from domain.values import frozen


@frozen
class Hangs:
    """An answer that does not come."""


class MemorySource:
    """Each read takes the next answer: a reply is returned, an error is raised, `Hangs` waits for ever.

    The readings of a reply get the slot that was asked for. `asked` keeps those slots, oldest first. When
    the answers run out, the source is unavailable.
    """

    def __init__(self, name: str, answers: Iterable[SourceReply | SourceError | Hangs] = ()) -> None:
        self._name = name
        self._answers = deque(answers)
        self.asked: list[datetime] = []
        self.is_closed = False

    @property
    def name(self) -> str:
        return self._name

    def will_answer(self, *answers: SourceReply | SourceError | Hangs) -> None:
        """Add answers after those that are still to come."""
        self._answers.extend(answers)

    def forget_answers(self) -> None:
        """Take back the answers that are still to come."""
        self._answers.clear()

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:  # noqa: ARG002 - it has no clock
        self.is_closed = False
        self.asked.append(slot)
        if not self._answers:
            raise SourceUnavailable(f"{self._name} has no answer left")
        match self._answers.popleft():
            case SourceReply() as reply:
                readings = tuple(attrs.evolve(reading, collected_at=slot) for reading in reply.readings)
                return attrs.evolve(reply, readings=readings)
            case Hangs():
                await asyncio.Event().wait()
                raise AssertionError("an event that nobody sets was set")
            case error:
                raise error

    async def close(self) -> None:
        self.is_closed = True
