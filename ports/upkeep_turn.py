"""Whose turn it is to look after the store."""

from __future__ import annotations

from typing import Protocol


class UpkeepTurn(Protocol):
    """One process of a home at a time has the turn. It goes back by itself when that process ends."""

    def take(self) -> bool:
        """Have the turn, if no other process has it; whether that is so. Never waits, and never raises."""
        ...

    def let_go(self) -> None:
        """Give the turn back; when it was not had, nothing happens."""
        ...
