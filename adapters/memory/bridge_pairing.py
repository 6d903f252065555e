"""Bridges that can be met and paired with, without a network."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from domain.errors import SourceError, SourceRefused, SourceUnavailable
from ports.bridge_pairing import Met, Unproved


class MemoryBridgePairing:
    """Meets who stands at an address. Each question for a key takes the next answer, None from then on."""

    def __init__(
        self, bridges: Mapping[str, Met] | None = None, answers: Iterable[str | SourceError | None] = ()
    ) -> None:
        self._bridges = bridges or {}
        self._answers = deque(answers)
        self.asked = 0
        self.is_closed = False

    def will_answer(self, *answers: str | SourceError | None) -> None:
        """Add answers after those that are still to come."""
        self._answers.extend(answers)

    async def meet(
        self, address: str, *, expected_id: str | None = None, pin: str | None = None
    ) -> Met | Unproved:
        bridge = self._bridges.get(address)
        if bridge is None:
            raise SourceUnavailable(f"no bridge answers at {address}")
        own_pin = bridge.certificate_sha256
        if own_pin is not None and own_pin != pin:
            return Unproved(address=address, bridge_id=bridge.bridge_id, certificate_sha256=own_pin)
        if expected_id not in (None, bridge.bridge_id):
            raise SourceRefused(f"another bridge answers at {address}")
        return bridge

    async def ask_for_key(self, bridge: Met) -> str | None:  # noqa: ARG002 - there is only one to ask
        self.asked += 1
        answer = self._answers.popleft() if self._answers else None
        if isinstance(answer, SourceError):
            raise answer
        return answer

    async def close(self) -> None:
        self.is_closed = True
