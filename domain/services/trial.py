"""Asks a source as a cycle would ask it, to see whether it answers at all."""

from __future__ import annotations

from domain.outcome import SourceReply
from domain.retry import RetryPolicy
from domain.services.collection import SOURCE_BUDGET_S
from domain.values import frozen
from ports.clock import Clock
from ports.retrier import Retrier
from ports.source import Source


@frozen(kw_only=True)
class Trial:
    """Nothing of what comes is stored."""

    retrier: Retrier
    clock: Clock

    async def of(self, source: Source) -> SourceReply:
        """What the source hands over within its budget; closes the source. Raises SourceError."""
        deadline_s = self.clock.elapsed_s() + SOURCE_BUDGET_S
        try:
            return await self.retrier.call(
                lambda: source.read(self.clock.now(), deadline_s),
                name=f"{source.name}.trial",
                policy=RetryPolicy(),
                deadline_s=deadline_s,
            )
        finally:
            await source.close()
