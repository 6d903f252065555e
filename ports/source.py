"""A service that is asked for readings."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from domain.cycle import SourceReply


class Source(Protocol):
    """Asked once a cycle for the readings of all its devices.

    `name` identifies it in the ledger, the logs and `--source`, and never changes for the same service.
    """

    @property
    def name(self) -> str: ...

    async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
        """Return the newest values of all devices, with `slot` as `collected_at`.

        Return or raise by `deadline_s`, an instant of `Clock.elapsed_s`. Raise only `SourceError`. Must not
        block the event loop. One call at a time.
        """
        ...

    async def close(self) -> None:
        """Close the connections. The source may be read again afterwards."""
        ...
