"""Where a person sees that they must act."""

from __future__ import annotations

from typing import Protocol


class AlertBoard(Protocol):
    """One notice, that stands until it is taken down. Never raises; what cannot be done is in the journal."""

    def put(self, text: str) -> None:
        """Let the notice say that; nothing is done where it says so already."""
        ...

    def clear(self) -> None:
        """Take the notice down, whoever put it there."""
        ...
