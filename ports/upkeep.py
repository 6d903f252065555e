"""What a store needs now and then, besides cycles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.values import frozen


@frozen(kw_only=True)
class Checked:
    """What a look at everything that is stored found; no findings when all is sound.

    `kept_as` is where a store that was damaged beyond use was put aside, if it was: a new one is at work.
    """

    findings: Sequence[str] = ()
    kept_as: str | None = None


@frozen(kw_only=True)
class BackedUp:
    """A backup that was verified. The findings are values that were wrong in the store already."""

    file: str
    size_bytes: int
    findings: Sequence[str] = ()


@frozen
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
