"""Room for waiting cycles that a full disk cannot take away: a file of zeros, overwritten in place."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

from adapters.files.atomic_write import sync_folder
from adapters.files.regular_file import open_regular

_MODE = 0o640
_BLOCK = 64 * 1024


class SpoolReserve:
    """A file of `size_bytes` that begins with lines and goes on with zeros.

    It is written with zeros: what `fallocate` reserves needs room again when it is written to. Where a file
    system puts what is overwritten in another place (btrfs, ZFS, APFS), it is no help on a full disk. The
    caller holds the lock of the folder. Errors are `OSError`.
    """

    def __init__(self, path: Path, size_bytes: int) -> None:
        self.path = path
        self._size_bytes = size_bytes

    def make(self) -> None:
        """Make the file, unless it exists or would leave less room on the disk than it takes itself."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size == self._size_bytes:
                return
        disk = os.statvfs(self.path.parent)
        if disk.f_bavail * disk.f_frsize < 2 * self._size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        unfinished = self.path.with_name(f"{self.path.name}.making")
        try:
            unfinished.unlink(missing_ok=True)  # of a process that was killed, or a link to another file
            descriptor = open_regular(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE)
            try:
                _write_zeros(descriptor, self._size_bytes)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            unfinished.rename(self.path)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        sync_folder(self.path.parent)

    def is_blank(self) -> bool:
        """Return whether it has nothing but zeros, without looking for lines; False if it cannot be read."""
        try:
            descriptor = open_regular(self.path, os.O_RDONLY)
        except OSError:
            return False
        try:
            content = os.pread(descriptor, self._size_bytes, 0)
        except OSError:
            return False
        finally:
            os.close(descriptor)
        return content == bytes(self._size_bytes)

    def add(self, line: bytes) -> None:
        """Write the line behind the others, durably. A partial line that a crash left is overwritten."""
        descriptor = open_regular(self.path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            end = end_of_whole_lines(descriptor)
            if end + len(line) > self._size_bytes:
                raise OSError(errno.ENOSPC, "the reserve is used up")
            try:
                write_at(descriptor, line, end)
                os.fsync(descriptor)
            except OSError:
                with contextlib.suppress(OSError):
                    write_at(descriptor, bytes(len(line)), end)
                raise
        finally:
            os.close(descriptor)

    def clear(self) -> None:
        """Write zeros over the lines.

        The ends of the lines go first, the last one first of all: a process that is killed leaves whole
        lines, and what counts as a partial one.
        """
        descriptor = open_regular(self.path, os.O_RDWR | os.O_NOFOLLOW)
        try:
            end = end_of_whole_lines(descriptor)
            content = os.pread(descriptor, end, 0)
            while (last := content.rfind(b"\n", 0, end)) >= 0:
                write_at(descriptor, b"\0", last)
                end = last
            os.fsync(descriptor)
            _write_zeros(descriptor, len(content))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_at(descriptor: int, content: bytes, offset: int) -> None:
    """Write all of the content."""
    written = 0
    while written < len(content):
        written += os.pwrite(descriptor, content[written:], offset + written)


def end_of_whole_lines(descriptor: int) -> int:
    """Return the offset behind the last line that has an end."""
    end = os.fstat(descriptor).st_size
    while end:
        begin = max(end - _BLOCK, 0)
        last = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if last >= 0:
            return begin + last + 1
        end = begin
    return 0


def _write_zeros(descriptor: int, size_bytes: int) -> None:
    for offset in range(0, size_bytes, _BLOCK):
        write_at(descriptor, bytes(min(_BLOCK, size_bytes - offset)), offset)
