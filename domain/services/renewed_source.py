"""A source that is built again after what it signs in with has changed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from domain.cycle import SourceReply
from domain.errors import SourceError
from ports.source import Source

LOOK_EVERY_READS = 12  # while all is well: another account may have been set up


class RenewedSource:
    """Passes reads on, and looks after a failed one, and now and then, whether the credential has changed.

    `credential` returns a mark of what a source would be built with now, None if that is unknown;
    `built_with` is the present one.
    """

    def __init__(
        self, *, build: Callable[[], Source], credential: Callable[[], Awaitable[str | None]], built_with: str
    ) -> None:
        self._build = build
        self._credential = credential
        self._source, self._built_with = build(), built_with
        self._reads_until_look = LOOK_EVERY_READS

    @property
    def name(self) -> str:
        return self._source.name

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the reply of the source; see `ports.source.Source`."""
        if self._reads_until_look <= 0:
            await self._renew()
        try:
            reply = await self._source.read(slot, deadline_s)
        except SourceError:
            self._reads_until_look = 0
            raise
        self._reads_until_look -= 1
        return reply

    async def close(self) -> None:
        """Close the source."""
        await self._source.close()

    async def _renew(self) -> None:
        mark = await self._credential()
        if mark is not None and mark != self._built_with:
            await self._source.close()
            self._source, self._built_with = self._build(), mark
        self._reads_until_look = LOOK_EVERY_READS
