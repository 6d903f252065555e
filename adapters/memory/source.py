"""Sources, accounts and bridges in memory, with scripted answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

import attrs

from domain.cycle import SourceReply
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.setup import AnnouncedBridge, CodePair, Linked, Pending, Refused, UnverifiedBridge, VerifiedBridge

Answer = TypeVar("Answer")


@attrs.frozen
class Hangs:
    """An answer that never comes."""


class Script(Generic[Answer]):
    """Answers for one kind of call, given one after the other; an error among them is raised."""

    def __init__(self, answers: Iterable[Answer | SourceError]) -> None:
        self._answers = deque(answers)

    def will_answer(self, *answers: Answer | SourceError) -> None:
        """Append answers."""
        self._answers.extend(answers)

    def forget_answers(self) -> None:
        """Drop the remaining answers."""
        self._answers.clear()

    def _next_answer(self, default: Answer | SourceError) -> Answer:
        answer = self._answers.popleft() if self._answers else default
        if isinstance(answer, SourceError):
            raise answer
        return answer


class MemorySource(Script[SourceReply | Hangs]):
    """A source with scripted replies, whose readings get the requested slot.

    `requested` are the slots of all reads, oldest first. Without an answer the source is unavailable.
    """

    def __init__(self, name: str, answers: Iterable[SourceReply | SourceError | Hangs] = ()) -> None:
        super().__init__(answers)
        self._name = name
        self.requested: list[datetime] = []
        self.is_closed = False

    @property
    def name(self) -> str:
        return self._name

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:  # noqa: ARG002 - it has no clock
        self.is_closed = False
        self.requested.append(slot)
        reply = self._next_answer(SourceUnavailable(f"{self._name} has no answer left"))
        while isinstance(reply, Hangs):
            await asyncio.Event().wait()
        readings = tuple(attrs.evolve(reading, collected_at=slot) for reading in reply.readings)
        return attrs.evolve(reply, readings=readings)

    async def close(self) -> None:
        self.is_closed = True


class MemoryAccountLinking(Script[Pending | Linked | Refused]):
    """An account with scripted answers to polls; without an answer it is `Pending`. `polls` counts them."""

    def __init__(self, answers: Iterable[Pending | Linked | Refused | SourceError] = ()) -> None:
        super().__init__(answers)
        self.polls = 0

    async def begin(self) -> CodePair:
        return CodePair(
            public_code="ABC123",
            private_code="the private code",
            page="https://www.amazon.com/code",
            expires_in_s=600.0,
            interval_s=3.0,
        )

    async def poll(self, pair: CodePair) -> Pending | Linked | Refused:  # noqa: ARG002 - there is only one
        self.polls += 1
        return self._next_answer(Pending())


class MemoryBridgeFinder:
    """Finds the given bridges at once, or raises the given error.

    `searches` are the ids that were searched for, None for any.
    """

    def __init__(self, announced: Iterable[AnnouncedBridge] | SourceError = ()) -> None:
        self._announced = announced if isinstance(announced, SourceError) else tuple(announced)
        self.searches: list[str | None] = []

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:  # noqa: ARG002
        self.searches.append(bridge_id)
        if isinstance(self._announced, SourceError):
            raise self._announced
        by_id = {one.bridge_id or one.address: one for one in reversed(self._announced)}
        return tuple(by_id[each] for each in sorted(by_id))


class MemoryBridgePairing(Script[str | None]):
    """Bridges by address, with scripted answers to requests for a key; without an answer there is no key."""

    def __init__(
        self,
        bridges: Mapping[str, VerifiedBridge] | None = None,
        answers: Iterable[str | SourceError | None] = (),
    ) -> None:
        super().__init__(answers)
        self._bridges = bridges or {}
        self.key_requests = 0
        self.is_closed = False

    async def identify(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> VerifiedBridge | UnverifiedBridge:
        bridge = self._bridges.get(address)
        if bridge is None:
            raise SourceUnavailable(f"no bridge answers at {address}")
        own_pin = bridge.certificate_sha256
        if own_pin is not None and own_pin != pin:
            return UnverifiedBridge(
                address=address,
                bridge_id=bridge.bridge_id,
                name=bridge.name,
                model=bridge.model,
                certificate_sha256=own_pin,
            )
        if expected_id not in (None, bridge.bridge_id):
            raise SourceRefused(f"another bridge answers at {address}")
        return bridge

    async def ask_for_key(self, bridge: VerifiedBridge) -> str | None:  # noqa: ARG002 - there is only one
        self.key_requests += 1
        return self._next_answer(None)

    async def close(self) -> None:
        self.is_closed = True
