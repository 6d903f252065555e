"""The room that is left."""

from __future__ import annotations

from typing import Protocol


class Disk(Protocol):
    """The disk that the home's data lie on."""

    def free_bytes(self) -> int | None:
        """What an ordinary user may still write; None where that cannot be told. Never raises."""
        ...
