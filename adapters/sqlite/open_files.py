"""The files of an open database, and whether its path still leads to them.

SQLite works on the files that it has opened, wherever they are meanwhile: in a folder that was moved, on a
disk that was unmounted, or without a name. What is stored there then is not in the home's database.
"""

from __future__ import annotations

import os
import stat
from enum import Enum, auto
from pathlib import Path

import attrs

from adapters.files.data_folder import FileId, file_id

_DESCRIPTORS = "/dev/fd"  # of this process, on Linux and macOS


class Condition(Enum):
    """Where the files of an open database are."""

    IN_PLACE = auto()
    AWAY = auto()  # they exist, but the path does not lead to them: moved, or on a disk that is away
    DELETED = auto()  # the database has no name left, and nothing is at the path
    REPLACED = auto()  # another file is at the path
    LOG_LOST = auto()  # the database is in place; its log or index was deleted or replaced


@attrs.frozen(kw_only=True)
class OpenFiles:
    """The files as they were when the database was opened.

    `path` is as configured and may be a link; `real` is the file that it led to. `log` and `index` are None
    in a journal mode without them.
    """

    path: Path
    real: Path
    status: os.stat_result
    folder: FileId | None
    log: FileId | None
    index: FileId | None

    @classmethod
    def at(cls, path: Path, *, has_log: bool) -> OpenFiles:
        """Return the files that the path leads to. Raise `OSError`."""
        real = path.resolve()
        return cls(
            path=path,
            real=real,
            status=real.stat(),
            folder=file_id(real.parent),
            log=file_id(f"{real}-wal") if has_log else None,
            index=file_id(f"{real}-shm") if has_log else None,
        )

    @property
    def database(self) -> FileId:
        return self.status.st_dev, self.status.st_ino

    def condition(self) -> Condition:
        """Look at the files; only if the path leads elsewhere does it take more than three stat calls."""
        found = file_id(self.path)
        if found == self.database:
            is_whole = (self.log is None or file_id(f"{self.real}-wal") == self.log) and (
                self.index is None or file_id(f"{self.real}-shm") == self.index
            )
            return Condition.IN_PLACE if is_whole else Condition.LOG_LOST
        if found is not None:
            return Condition.REPLACED
        return Condition.DELETED if self.has_no_name() and self._can_be_made_again() else Condition.AWAY

    def has_no_name(self) -> bool:
        """Return whether the database was deleted, so that only this process's descriptor keeps it."""
        return _links(self.database) == 0

    def _can_be_made_again(self) -> bool:
        """Return whether the folder of the file is there, or was deleted with it; a link may lead nowhere."""
        if self.path.resolve() != self.real:
            return False
        folder = file_id(self.real.parent)
        return folder == self.folder or (folder is None and self.real.parent.parent.is_dir())


def _links(database: FileId) -> int | None:
    """Return how many names the open file has; None if this process does not have it open.

    Opening the file to find out would not do: closing that descriptor releases SQLite's locks.
    """
    for descriptor in Path(_DESCRIPTORS).iterdir():
        try:
            status = os.fstat(int(descriptor.name))
        except (OSError, ValueError):  # the descriptor of the listing itself
            continue
        if stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) == database:
            return status.st_nlink
    return None
