"""The files of a log: rolled when they are full, never beyond their bound, whatever the disk says."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs

_MODE = 0o640
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_S = 0.001
_RENAME_ATTEMPTS = 3  # each by another record: a log never waits


@attrs.define(kw_only=True)
class LogFolder:
    """`<name>` and its older parts `<name>.1` (the newest) to `<name>.<backups>`, each within `max_bytes`.

    Processes may share the folder: nothing is kept open, and a lock on the folder makes looking at the size,
    rolling and writing one act. It is held for microseconds; when it is not to be had, since its holder was
    stopped, the record is written without it, into a margin below `max_bytes` that is kept for this.
    `failed_rolls` counts the attempts at rolling since the last one that worked.
    """

    folder: Path
    name: str
    max_bytes: int
    backups: int
    margin_bytes: int
    failed_rolls: int = 0

    def prepare(self) -> None:
        """Make the folder, and remove what is over the bound. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def write(self, line: bytes) -> bool:
        """Write the line; whether the files were rolled for it without trouble. Raises `OSError`."""
        with self._alone() as is_alone:
            limit = self.max_bytes - (self.margin_bytes if is_alone else 0)
            is_rolled = False
            needed = _size(self._path(0)) + len(line)
            if needed > limit:
                is_rolled = self._make_room(must=needed > self.max_bytes)
            descriptor = os.open(self._path(0), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                written = os.write(descriptor, line)
                if written < len(line):  # the disk is full, and half a line would swallow the next
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)
            return is_rolled

    def _make_room(self, *, must: bool) -> bool:
        """Roll. Where names cannot be changed, that is tried again with later records while the margin lasts.

        Then the content is copied, and where that cannot be either, its older half goes: the bound counts for
        more than the oldest records.
        """
        try:
            self._roll()
        except OSError:
            self.failed_rolls += 1
            if must or self.failed_rolls >= _RENAME_ATTEMPTS:
                self._copy_away()
                self._sweep()
            return False
        self._sweep()
        return True

    def _roll(self) -> None:
        if not self.backups:
            os.truncate(self._path(0), 0)
            return
        for number in self._to_move():
            os.replace(self._path(number), self._path(number + 1))  # noqa: PTH105 - beside the other calls of os

    def _copy_away(self) -> None:
        try:
            for number in self._to_move():
                shutil.copyfile(self._path(number), self._path(number + 1))
            os.truncate(self._path(0), 0)
        except OSError:
            _drop_older_half(self._path(0))

    def _to_move(self) -> Iterator[int]:
        """Up to the first gap, highest first: what an attempt that failed has moved is not moved again."""
        numbers = range(1, self.backups + 1)
        gap = next((number for number in numbers if not self._path(number).exists()), self.backups)
        return reversed(range(gap))

    def _sweep(self) -> None:
        """Remove what is numbered too high; and rolled files, oldest first, until the folder has room.

        Logs of other names count too, and so does whatever else stands there: the bound is the folder's. Each
        log that is written to may grow to its limit. Our own rolled files go first, then those of others.
        """
        rolled: list[Path] = []
        room = self.max_bytes * (self.backups + 1)
        for path in self.folder.iterdir():
            if path.name.startswith(f"{self.name}.") and _number(path) > self.backups:
                path.unlink(missing_ok=True)
            elif path.stem.endswith(".log") and _number(path) > 0:
                rolled.append(path)
                room -= _size(path)
            elif path.suffix != ".log":
                room -= _size(path)
            elif path.name != self.name:
                room -= self.max_bytes
        room -= self.max_bytes
        rolled.sort(key=lambda path: (path.stem != self.name, -_number(path)))
        while room < 0 and rolled:
            room += _size(rolled[0])
            rolled.pop(0).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process writes meanwhile."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield _is_locked(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, number: int) -> Path:
        return self.folder / (f"{self.name}.{number}" if number else self.name)


def _is_locked(descriptor: int) -> bool:
    pause = threading.Event()
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_LOCK_PAUSE_S)
        except OSError:
            return False  # a file system without locks
        else:
            return True
    return False


def _number(path: Path) -> int:
    suffix = path.suffix[1:]
    return int(suffix) if suffix.isdecimal() else -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _drop_older_half(path: Path) -> None:
    """Keep the newer lines of the file, in place: this works on a full disk too."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        newer = os.pread(descriptor, size, size // 2).partition(b"\n")[2]
        os.pwrite(descriptor, newer, 0)
        os.ftruncate(descriptor, len(newer))
    finally:
        os.close(descriptor)
