"""A source that is built again after what it signs in with has changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from domain.cycle import SourceReply
from domain.errors import SourceError
from ports.source import Source


class RenewedSource:
    """Passes reads on. After a failed one it looks whether the credential is still the same, and else renews.

    `credential` returns a mark of what a source would be built with now.
    """

    def __init__(self, *, build: Callable[[], Source], credential: Callable[[], str]) -> None:
        self._build = build
        self._credential = credential
        self._source, self._built_with = build(), credential()
        self._has_failed = False

    @property
    def name(self) -> str:
        return self._source.name

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the reply of the source; see `ports.source.Source`."""
        if self._has_failed and (mark := self._credential()) != self._built_with:
            await self._source.close()
            self._source, self._built_with = self._build(), mark
        try:
            reply = await self._source.read(slot, deadline_s)
        except SourceError:
            self._has_failed = True
            raise
        self._has_failed = False
        return reply

    async def close(self) -> None:
        """Close the source."""
        await self._source.close()
