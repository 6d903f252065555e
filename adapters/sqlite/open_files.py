"""The files of an open database, and whether its path still leads to them.

SQLite works on the files that it has opened, wherever they are meanwhile: in a folder that was moved, on a
disk that was unmounted, or without a name. What is stored there then is not in the home's database.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path

import attrs

from adapters.files.data_folder import FileId, file_id

_DESCRIPTORS = Path("/dev/fd")  # of this process, on Linux and macOS
# https://sqlite.org/walformat.html: in the index the page size, the number of frames, the salts, and how many
# frames are in the database; in the log 16 bytes before the salts, and 24 in each frame before the page.
_INDEX_BYTES = 100
_PAGE_SIZE_AT, _FRAMES_AT, _SALTS_AT, _BACKFILLED_AT = 14, 16, 32, 96
_LOG_HEADER_BYTES, _LOG_SALTS_AT, _SALTS_BYTES, _FRAME_HEADER_BYTES = 32, 16, 8, 24


class Condition(Enum):
    """Where the files of an open database are."""

    IN_PLACE = auto()
    AWAY = auto()  # they exist, but the path does not lead to them: moved, or on a disk that is away
    DELETED = auto()  # the database has no name left, and nothing is at the path
    REPLACED = auto()  # another file is at the path
    LOG_LOST = auto()  # the database is in place; its log or index was deleted or replaced
    LOG_CUT = auto()  # what was in the log is gone


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
    log_descriptor: int | None = None
    index_descriptor: int | None = None

    @classmethod
    def at(cls, path: Path, *, has_log: bool) -> OpenFiles:
        """Return the files that the path leads to. Raise `OSError`."""
        real = path.resolve()
        log = file_id(f"{real}-wal") if has_log else None
        index = file_id(f"{real}-shm") if has_log else None
        return cls(
            path=path,
            real=real,
            status=real.stat(),
            folder=file_id(real.parent),
            log=log,
            index=index,
            log_descriptor=next(_descriptors(log), None),
            index_descriptor=next(_descriptors(index), None),
        )

    @property
    def database(self) -> FileId:
        return self.status.st_dev, self.status.st_ino

    def condition(self) -> Condition:
        """Look at the files: a few system calls while they are in place."""
        found = file_id(self.path)
        if found == self.database:
            if (self.log is not None and file_id(f"{self.real}-wal") != self.log) or (
                self.index is not None and file_id(f"{self.real}-shm") != self.index
            ):
                return Condition.LOG_LOST
            return Condition.LOG_CUT if self._is_log_cut() else Condition.IN_PLACE
        if found is not None:
            return Condition.REPLACED
        return Condition.DELETED if self.has_no_name() and self._can_be_made_again() else Condition.AWAY

    def has_no_name(self) -> bool:
        """Return whether the database was deleted, so that only the descriptors of processes keep it."""
        return (descriptor := self.descriptor()) is not None and os.fstat(descriptor).st_nlink == 0

    def descriptor(self) -> int | None:
        """Return a descriptor by which this process has the database open.

        Opening the file would not do: closing that descriptor releases SQLite's locks.
        """
        return next(_descriptors(self.database), None)

    def with_folder(self) -> OpenFiles:
        """Make the folder, if it was deleted with the file. Raise `OSError`."""
        self.real.parent.mkdir(exist_ok=True)
        return attrs.evolve(self, folder=file_id(self.real.parent))

    def is_log_in_database(self) -> bool:
        """Return whether everything in the log has been copied into the database too."""
        header = self._index_header()
        return header is not None and _number(header, _BACKFILLED_AT) == _number(header, _FRAMES_AT)

    def _can_be_made_again(self) -> bool:
        """Return whether the folder of the file is there, or was deleted with it; a link may lead nowhere."""
        if self.path.resolve() != self.real:
            return False
        folder = file_id(self.real.parent)
        return folder == self.folder or (folder is None and self.real.parent.parent.is_dir())

    def _is_log_cut(self) -> bool:
        """Return whether the log is shorter than the index says, or is that of another index.

        Another program may write or shorten the log in between; then the index has changed too.
        """
        header = self._index_header()
        if header is None or not _number(header, _FRAMES_AT):
            return False
        if (descriptor := _still_open(self.log_descriptor, self.log)) is None:
            return False
        (page_size,) = struct.unpack_from("=H", header, _PAGE_SIZE_AT)
        frame_bytes = _FRAME_HEADER_BYTES + (65536 if page_size == 1 else page_size)
        salts = os.pread(descriptor, _SALTS_BYTES, _LOG_SALTS_AT)
        is_whole = (
            os.fstat(descriptor).st_size >= _LOG_HEADER_BYTES + _number(header, _FRAMES_AT) * frame_bytes
            and salts == header[_SALTS_AT : _SALTS_AT + _SALTS_BYTES]
        )
        return not is_whole and self._index_header() == header

    def _index_header(self) -> bytes | None:
        """Return the beginning of the index; None if it cannot be read."""
        if (descriptor := _still_open(self.index_descriptor, self.index)) is None:
            return None
        header = os.pread(descriptor, _INDEX_BYTES, 0)
        return header if len(header) == _INDEX_BYTES else None


def _number(header: bytes, offset: int) -> int:
    (number,) = struct.unpack_from("=I", header, offset)
    return int(number)


def _still_open(descriptor: int | None, file: FileId | None) -> int | None:
    """Return the descriptor, or another one of the file if it has been closed since; None without one."""
    with suppress(OSError):
        if descriptor is not None and _id_of(descriptor) == file:
            return descriptor
    return next(_descriptors(file), None)


def _id_of(descriptor: int) -> FileId:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _descriptors(file: FileId | None) -> Iterator[int]:
    """Yield the descriptors by which this process has the file open."""
    for name in _DESCRIPTORS.iterdir() if file is not None else ():
        with suppress(OSError, ValueError):  # the descriptor of the listing itself is closed by then
            if _id_of(int(name.name)) == file:
                yield int(name.name)
