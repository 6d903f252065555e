"""Sources, accounts and bridges with scripted answers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from domain.cycle import SourceReply
from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.setup import AnnouncedBridge, CodePair, Linked, Pending, Refused, UnverifiedBridge, VerifiedBridge


@attrs.frozen
class Hangs:
    """An answer that never comes."""


class MemorySource:
    """Each read takes the next answer: returns a reply, raises an error, or hangs.

    The readings of a reply get the requested slot; `asked` keeps those slots, oldest first. Without a further
    answer the source is unavailable.
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
        """Append answers."""
        self._answers.extend(answers)

    def forget_answers(self) -> None:
        """Drop the remaining answers."""
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


class MemoryAccountLinking:
    """Each poll takes the next answer, or raises it; without a further answer it is `Pending`."""

    def __init__(self, answers: Iterable[Pending | Linked | Refused | SourceError] = ()) -> None:
        self._answers = deque(answers)
        self.polls = 0

    def will_answer(self, *answers: Pending | Linked | Refused | SourceError) -> None:
        """Append answers."""
        self._answers.extend(answers)

    async def begin(self) -> CodePair:
        return CodePair(
            public_code="ABC123",
            private_code="kept between us",
            page="https://www.amazon.com/code",
            expires_in_s=600.0,
            interval_s=3.0,
        )

    async def poll(self, pair: CodePair) -> Pending | Linked | Refused:  # noqa: ARG002 - there is only one
        self.polls += 1
        answer = self._answers.popleft() if self._answers else Pending()
        if isinstance(answer, SourceError):
            raise answer
        return answer


class MemoryBridgeFinder:
    """Finds the given bridges at once, or raises the given SourceError.

    `looked_for` keeps the requested ids, None for any.
    """

    def __init__(self, announced: Iterable[AnnouncedBridge] | SourceError = ()) -> None:
        self._announced = announced if isinstance(announced, SourceError) else tuple(announced)
        self.looked_for: list[str | None] = []

    def find(self, timeout_s: float, bridge_id: str | None = None) -> Sequence[AnnouncedBridge]:  # noqa: ARG002
        self.looked_for.append(bridge_id)
        if isinstance(self._announced, SourceError):
            raise self._announced
        by_id = {one.bridge_id or one.address: one for one in reversed(self._announced)}
        return tuple(by_id[each] for each in sorted(by_id))


class MemoryBridgePairing:
    """Identifies bridges by address. Each request for a key takes the next answer, then None."""

    def __init__(
        self,
        bridges: Mapping[str, VerifiedBridge] | None = None,
        answers: Iterable[str | SourceError | None] = (),
    ) -> None:
        self._bridges = bridges or {}
        self._answers = deque(answers)
        self.asked = 0
        self.is_closed = False

    def will_answer(self, *answers: str | SourceError | None) -> None:
        """Append answers."""
        self._answers.extend(answers)

    async def identify(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> VerifiedBridge | UnverifiedBridge:
        bridge = self._bridges.get(address)
        if bridge is None:
            raise SourceUnavailable(f"no bridge answers at {address}")
        own_pin = bridge.certificate_sha256
        if own_pin is not None and own_pin != pin:
            return UnverifiedBridge(address=address, bridge_id=bridge.bridge_id, certificate_sha256=own_pin)
        if expected_id not in (None, bridge.bridge_id):
            raise SourceRefused(f"another bridge answers at {address}")
        return bridge

    async def ask_for_key(self, bridge: VerifiedBridge) -> str | None:  # noqa: ARG002 - there is only one to ask
        self.asked += 1
        answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, SourceError):
            raise answer
        return answer

    async def close(self) -> None:
        self.is_closed = True
