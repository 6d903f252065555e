"""The upkeep of a store: checks, backups and restoring, and the disk and lease that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import attrs


@attrs.frozen(kw_only=True)
class Checked:
    """The result of checking everything that is stored; no findings if all is sound.

    `kept_as` is where a database that was damaged beyond use was set aside; a new one is in use.
    """

    findings: Sequence[str] = ()
    kept_as: str | None = None


@attrs.frozen(kw_only=True)
class BackedUp:
    """A verified backup. The findings are values that were wrong in the store already.

    `kept` are older backups that would have been removed, and why: the store lacks rows of them.
    """

    file: str
    size_bytes: int
    findings: Sequence[str] = ()
    kept: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Copied:
    """A verified copy of `backup`, the newest, on a second disk; `kept` are copies, as in `BackedUp`.

    `is_same_disk` means that the folder for copies is on the disk of the backup.
    """

    backup: str
    file: str
    size_bytes: int
    is_same_disk: bool = False
    kept: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen
class Skipped:
    """No backup or copy, on purpose, and why."""

    reason: str


class Upkeep(Protocol):
    """May take long, without blocking the event loop or keeping a cycle from being stored.

    One call at a time. Each raises `StoreError` if it cannot be done now.
    """

    async def check(self) -> Checked:
        """Check everything that is stored; set aside what is damaged beyond use."""
        ...

    async def back_up(self) -> BackedUp | Skipped:
        """Make a verified backup, and delete superfluous ones."""
        ...

    async def copy_backup(self, *, may_remove: bool) -> Copied | Skipped:
        """Copy the newest backup to the second disk, if that is there.

        `may_remove` allows to delete superfluous copies: the newest backup has no findings.
        """
        ...

    async def tidy(self) -> None:
        """Keep the store small and its checksums complete."""
        ...

    async def restore(self) -> str | None:
        """Merge the newest sound backup into the store that replaced a damaged one; return its file.

        Return None if no backup is sound. An interrupted merge is continued.
        """
        ...


class DatabaseLog(Protocol):
    """The write-ahead log of the database. It grows as long as another program keeps reading."""

    def size_bytes(self) -> int | None:
        """Return its size, 0 without a log, None if it is unknown. Never raises."""
        ...


class Disk(Protocol):
    """The disk with the home's data."""

    def free_bytes(self) -> int | None:
        """Return the space that an ordinary user may still write, None if unknown. Never raises."""
        ...


class UpkeepLease(Protocol):
    """Held by one process of a home at a time; released by the system when that process ends."""

    def acquire(self) -> bool:
        """Try to acquire the lease; return whether this process holds it. Never waits or raises."""
        ...

    def release(self) -> None:
        """Release the lease; do nothing if it is not held."""
        ...
