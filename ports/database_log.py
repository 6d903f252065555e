"""What was written to the database and is not part of its file yet."""

from __future__ import annotations

from typing import Protocol


class DatabaseLog(Protocol):
    """The log beside the database. It stays long as long as somebody reads and does not end."""

    def size_bytes(self) -> int | None:
        """How long it is, 0 where there is none; None where that cannot be told. Never raises."""
        ...
