"""The data folder of a home: it may be on a disk that goes away, and nothing is made in its place then."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from adapters.files.regular_file import make_folder

FileId = tuple[int, int]  # device and inode


def file_id(path: str | Path) -> FileId | None:
    """Return what the path leads to, links resolved; None if nothing that can be reached is there."""
    try:
        status = os.stat(path)  # noqa: PTH116 - several times a cycle; a new Path costs more than the call
    except OSError:
        return None
    return status.st_dev, status.st_ino


class DataFolder:
    """The folder as this process found it with the home's database in it.

    Code that makes files in the folder calls `require` before. Until the database was found, `is_missing`
    returns whether the folder should be there and is not.
    """

    def __init__(self, path: Path, *, is_missing: Callable[[], bool] = lambda: False) -> None:
        self.path = path
        self._is_missing = is_missing
        self._known: FileId | None = None

    def remember(self) -> None:
        """Remember the folder that is there now as that of the home."""
        self._known = file_id(self.path)

    def is_away(self) -> bool:
        """Return whether the folder was there, and is missing or another one now."""
        return self._is_missing() if self._known is None else file_id(self.path) != self._known

    def require(self) -> None:
        """Raise `FileNotFoundError` if the folder is away."""
        if self.is_away():
            raise FileNotFoundError(errno.ENOENT, "the data folder is away", str(self.path))


class LastingFolder:
    """A folder that is made where it is missing, but only while what it is in is what was there at first.

    That may be on a disk that goes away, or be moved: nothing is made in its place then.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._above = next(each for each in path.parents if os.path.isdir(each))  # noqa: PTH112 - never raises
        self._known = file_id(self._above)

    def make(self) -> None:
        """Make the folder if it is missing. Raise `OSError`."""
        if file_id(self.path) is None and file_id(self._above) != self._known:
            raise FileNotFoundError(errno.ENOENT, "the folder above is away", str(self._above))
        make_folder(self.path)
