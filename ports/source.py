"""A service that is asked for readings."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.cycle import SourceReply


class Source(Protocol):
    """A Hue bridge, an Amazon account: asked once a cycle for everything that it has.

    `name` is how the ledger, the logs and `--source` call it; it never changes for the same service.
    """

    @property
    def name(self) -> str: ...

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Ask for the newest values of all devices; the readings get `slot` as `collected_at`.

        `deadline_s` is an instant of `Clock.elapsed_s`: by then the call has returned or raised. Raises only
        `SourceError`. Must not block the event loop. One call at a time.
        """
        ...

    async def close(self) -> None:
        """Let go of connections. The source may be read again afterwards."""
        ...
