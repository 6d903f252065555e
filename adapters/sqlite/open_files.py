"""The files of an open database, and whether its path still leads to them.

SQLite works on the files that it has opened, wherever they are meanwhile: in a folder that was moved, on a
disk that was unmounted, or without a name. What is stored there then is not in the home's database.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum, auto
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import attrs

from adapters.files.data_folder import FileId, file_id
from adapters.files.regular_file import make_folder
from domain.errors import StoreMissing

_DESCRIPTORS = Path("/dev/fd")  # of this process, on Linux and macOS
# https://sqlite.org/walformat.html: in the index the page size, the number of frames, the salts, and how many
# frames are in the database; in the log 16 bytes before the salts, and 24 in each frame before the page.
_INDEX = struct.Struct("=14xHI12x8s56xI")
# https://sqlite.org/fileformat2.html and SQLite's os.h: the two bytes of the journal mode, and the bytes of
# the file that each process locks while it has the database open.
_MODE_AT, _MODE_BYTES, _IS_WAL = 18, 2, b"\x02\x02"
_SHARED_AT, _SHARED_BYTES = 0x40000002, 510
_LOG_HEADER_BYTES, _LOG_SALTS_AT, _SALTS_BYTES, _FRAME_HEADER_BYTES = 32, 16, 8, 24


class _Index(NamedTuple):
    """The beginning of the log's index."""

    page_size: int
    frames: int
    salts: bytes
    backfilled: int

    @property
    def log_bytes(self) -> int:
        """The least length of the log."""
        page_bytes = 65536 if self.page_size == 1 else self.page_size
        return _LOG_HEADER_BYTES + self.frames * (_FRAME_HEADER_BYTES + page_bytes)

    def is_copied_as_far_as(self, other: _Index | None) -> bool:
        """Return whether nothing of the log was copied into the database since the other look."""
        return other is not None and (self.salts, self.backfilled) == (other.salts, other.backfilled)


class Condition(Enum):
    """Where the files of an open database are."""

    IN_PLACE = auto()
    AWAY = auto()  # they exist, but the path does not lead to them: moved, or on a disk that is away
    DELETED = auto()  # the database has no name left, and nothing is at the path
    REPLACED = auto()  # another file is at the path
    LOG_LOST = auto()  # the database is in place; its log or index was deleted or replaced
    LOG_CUT = auto()  # what was in the log is gone
    OVERWRITTEN = auto()  # the database was written to, and not from its log


@attrs.define(kw_only=True)
class OpenFiles:
    """The files as they were when the database was opened. Any thread may look at them.

    `path` is as configured and may be a link; `real` is the file that it led to. `log` and `index` are None
    in a journal mode without them. `is_log_copied` if the last commit is in the database itself too, and
    `log_bytes` is the length of the log after it.
    """

    path: Path
    real: Path
    status: os.stat_result
    folder: FileId | None
    log: FileId | None
    index: FileId | None
    log_descriptor: int | None = None
    index_descriptor: int | None = None
    database: FileId = attrs.field(init=False)
    is_log_copied: bool = attrs.field(init=False, default=False)
    log_bytes: int = attrs.field(init=False, default=0)
    _log_names: tuple[str, str] = attrs.field(init=False)
    _stamp: tuple[int, int] = attrs.field(init=False)  # length and time of the last change
    _index: _Index | None = attrs.field(init=False)

    @classmethod
    def at(cls, path: Path, *, has_log: bool) -> OpenFiles:
        """Return the files that the path leads to. Raise `OSError`."""
        real = Path(os.path.realpath(path))
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

    def __attrs_post_init__(self) -> None:
        self.database = self.status.st_dev, self.status.st_ino
        self._log_names = f"{self.real}-wal", f"{self.real}-shm"
        self._stamp, self._index = (self.status.st_size, self.status.st_mtime_ns), self._read_index()

    def condition(self) -> Condition:
        """Look at the files: a few system calls while they are in place."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - as in file_id
        except OSError:
            return Condition.DELETED if self.has_no_name() and self._can_be_made_again() else Condition.AWAY
        if (found.st_dev, found.st_ino) != self.database:
            return Condition.REPLACED
        if not self._has_logs():
            return Condition.LOG_LOST
        stamp, index = (found.st_size, found.st_mtime_ns), self._read_index()
        if index is not None and index.frames and self._is_log_cut(index):
            return Condition.LOG_CUT
        if stamp != self._stamp and index is not None and index.is_copied_as_far_as(self._index):
            return Condition.OVERWRITTEN
        self._stamp, self._index = stamp, index
        return Condition.IN_PLACE

    def note_commit(self) -> bool:
        """Take the database as a commit has left it; return whether the path leads to it, and to its log."""
        try:
            found = os.stat(self.path)  # noqa: PTH116 - as in file_id
        except OSError:
            return False
        if (found.st_dev, found.st_ino) != self.database or not self._has_logs():
            return False
        self._stamp, self._index = (found.st_size, found.st_mtime_ns), self._read_index()
        self.is_log_copied = self._index is not None and self._index.backfilled == self._index.frames
        return True

    def has_no_name(self) -> bool:
        """Return whether the database was deleted, so that only the descriptors of processes keep it."""
        for descriptor in _descriptors(self.database):
            with suppress(OSError):  # as in _read_open
                return os.fstat(descriptor).st_nlink == 0
        return False

    def descriptor(self) -> int | None:
        """Return a descriptor by which this process has the database open.

        Opening the file would not do: closing that descriptor releases SQLite's locks.
        """
        return next(_descriptors(self.database), None)

    def with_folder(self) -> OpenFiles:
        """Make the folder, if it was deleted with the file. Raise `OSError`."""
        make_folder(self.real.parent, parents=False)
        return attrs.evolve(self, folder=file_id(self.real.parent))

    def forget_logs(self) -> None:
        """Remove the names of the log and its index: SQLite would apply them to the file at the path now.

        The connection that has them open goes on with them. Raise `OSError`.
        """
        for name, known in zip(self._log_names, (self.log, self.index), strict=True):
            if known is not None and file_id(name) == known:
                Path(name).unlink()

    def _has_logs(self) -> bool:
        """Return whether the log and its index are at their names; note how long the log is."""
        for name, known in zip(self._log_names, (self.log, self.index), strict=True):
            if known is None:
                continue
            try:
                found = os.stat(name)  # noqa: PTH116 - as in file_id
            except OSError:
                return False
            if (found.st_dev, found.st_ino) != known:
                return False
            if known is self.log:
                self.log_bytes = found.st_size
        return True

    def _can_be_made_again(self) -> bool:
        """Return whether the folder of the file is there, or was deleted with it; a link may lead nowhere."""
        if Path(os.path.realpath(self.path)) != self.real:
            return False
        folder = file_id(self.real.parent)
        return folder == self.folder or (folder is None and self.real.parent.parent.is_dir())

    def _is_log_cut(self, index: _Index) -> bool:
        """Return whether the log is shorter than by its index, or belongs to another index.

        Another program may write or shorten the log in between; then the index has changed too.
        """
        read = _read_open(self.log_descriptor, self.log, _SALTS_BYTES, at=_LOG_SALTS_AT)
        if read is None:
            return False
        salts, log_bytes = read
        is_long = max(self.log_bytes, log_bytes) >= index.log_bytes  # it may have grown since
        return not (is_long and salts == index.salts) and self._read_index() == index

    def _read_index(self) -> _Index | None:
        """Return the beginning of the index; None if it cannot be read."""
        header, _ = _read_open(self.index_descriptor, self.index, _INDEX.size) or (b"", 0)
        return _Index._make(_INDEX.unpack(header)) if len(header) == _INDEX.size else None


def _read_open(known: int | None, file: FileId | None, size: int, *, at: int = 0) -> tuple[bytes, int] | None:
    """Return bytes of an open file and its length, by the known descriptor or another one of the file.

    The descriptors are SQLite's: another connection of this process may close one at any time, and its number
    may be given to another file.
    """
    for descriptor in chain(() if known is None else (known,), _descriptors(file)):
        with suppress(OSError):
            read = os.pread(descriptor, size, at)
            status = os.fstat(descriptor)
            if (status.st_dev, status.st_ino) == file:
                return read, status.st_size
    return None


def _descriptors(file: FileId | None) -> Iterator[int]:
    """Yield the descriptors by which this process has the file open; none where the system lists none."""
    try:
        names = [path.name for path in _DESCRIPTORS.iterdir()] if file is not None else []
    except OSError:
        return
    for name in names:
        with suppress(OSError, ValueError):  # the descriptor of the listing itself is closed by now
            status = os.fstat(int(name))
            if (status.st_dev, status.st_ino) == file:
                yield int(name)


def require_whole(path: Path) -> None:
    """Raise `StoreMissing` if another process has the database open, and its log or index is not there.

    That process still has them, and puts them back with its next cycle; what this one would read or write
    meanwhile is not the whole database.
    """
    real = os.path.realpath(path)
    missing = [suffix for suffix in ("-wal", "-shm") if file_id(f"{real}{suffix}") is None]
    if not missing or next(_descriptors(file_id(real)), None) is not None:
        return  # this process has it open: closing a second descriptor would release SQLite's locks
    try:
        descriptor = os.open(real, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # that it cannot be opened is found by whoever opens it
    try:
        if os.pread(descriptor, _MODE_BYTES, _MODE_AT) != _IS_WAL:
            return
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_AT)
    except BlockingIOError:
        raise StoreMissing(
            f"{real}{missing[0]} was deleted while another process has the database open. "
            "That process puts it back with its next cycle; do not end it before"
        ) from None
    except OSError:  # a file system without locks
        return
    finally:
        os.close(descriptor)
