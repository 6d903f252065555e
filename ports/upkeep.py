"""What a store needs now and then, besides cycles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class Checked:
    """What a look at everything that is stored found; no findings when all is sound.

    `kept_as` is where a store that was damaged beyond use was put aside, if it was: a new one is at work.
    """

    findings: Sequence[str] = ()
    kept_as: str | None = None


@attrs.frozen(kw_only=True)
class BackedUp:
    """A backup that was verified. The findings are values that were wrong in the store already."""

    file: str
    size_bytes: int
    findings: Sequence[str] = ()


@attrs.frozen
class Skipped:
    """No backup, on purpose, and why."""

    reason: str


class Upkeep(Protocol):
    """Takes as long as it takes, without blocking the event loop, and never keeps a cycle from being stored.

    One call at a time. Each raises `StoreError` when it could not be done now.
    """

    async def check(self) -> Checked:
        """Look at everything that is stored; what is damaged beyond use is put aside."""
        ...

    async def back_up(self) -> BackedUp | Skipped:
        """Make a verified backup, and thin out the old ones."""
        ...

    async def tidy(self) -> None:
        """Do what keeps the store small and its proofs complete."""
        ...

    async def restore(self) -> str | None:
        """Merge the newest sound backup into the store that took the place of a damaged one; its file.

        None when none is sound. Goes on where it was cut off.
        """
        ...


# What was written to the database and is not part of its file yet.


class DatabaseLog(Protocol):
    """The log beside the database. It stays long as long as somebody reads and does not end."""

    def size_bytes(self) -> int | None:
        """How long it is, 0 where there is none; None where that cannot be told. Never raises."""
        ...


# The room that is left.


class Disk(Protocol):
    """The disk that the home's data lie on."""

    def free_bytes(self) -> int | None:
        """What an ordinary user may still write; None where that cannot be told. Never raises."""
        ...


# Whose turn it is to look after the store.


class UpkeepLease(Protocol):
    """One process of a home at a time has the turn. It goes back by itself when that process ends."""

    def acquire(self) -> bool:
        """Have the turn, if no other process has it; whether that is so. Never waits, and never raises."""
        ...

    def release(self) -> None:
        """Give the turn back; when it was not had, nothing happens."""
        ...
