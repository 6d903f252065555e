"""The one way to open a file of a home: what is no regular file is refused at once, not waited for.

As root, what is made belongs to the owner of its folder, who could not use it otherwise.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

_FOLDER_MODE = 0o750  # when and where somebody is at home concerns nobody else

_KINDS = {
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_NO_PARTNER = (errno.ENXIO, errno.ENODEV)  # of a pipe without a reader, a socket, a device without a driver


class NotAFileError(OSError):
    """What is at the path is not a regular file."""


def open_regular(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a regular file and return its descriptor. Raise `OSError`, a `NotAFileError` for anything else.

    Opening a pipe, a socket or a device would wait for a partner, or have an effect; a folder is refused too.
    With `O_NOFOLLOW` a symbolic link is refused: it could lead root to a file of the system.
    """
    try:
        descriptor = _open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, mode)
    except OSError as error:
        if flags & os.O_NOFOLLOW:
            check_no_link(path)
        if error.errno not in _NO_PARTNER and not isinstance(error, IsADirectoryError):
            raise
        check_regular(path)
        raise
    try:
        _check(path, os.fstat(descriptor).st_mode)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_folder(path: Path, *, parents: bool = True) -> None:
    """Make the folder, and those above it, unless it is there. Raise `OSError`."""
    if path.is_dir():
        return
    missing = [each for each in (path, *path.parents) if not os.path.lexists(each)] if parents else []
    for folder in reversed(missing or [path]):
        folder.mkdir(mode=_FOLDER_MODE, exist_ok=True)
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                give_to_owner(descriptor, folder.parent)
            finally:
                os.close(descriptor)


def give_to_owner(descriptor: int, folder: Path, owner: os.stat_result | None = None) -> None:
    """As root, give what this process has just made to the owner, else to the one of its folder."""
    if _is_root():
        with suppress(OSError):
            owner = owner or folder.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)


@contextmanager
def reading(path: Path, flags: int = 0) -> Iterator[BinaryIO]:
    """Open a regular file for reading. Raise `OSError`."""
    with os.fdopen(open_regular(path, os.O_RDONLY | flags), "rb") as file:
        yield file


def read_regular(path: Path, most_bytes: int = -1) -> bytes:
    """Return the content of a regular file, or its first bytes. Raise `OSError`."""
    with reading(path) as file:
        return file.read(most_bytes)


def check_regular(path: Path) -> None:
    """Raise `NotAFileError` if something else is at the path. Nothing there is no error."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    _check(path, mode)


def check_no_link(path: Path) -> None:
    """Raise `OSError` if the path is a symbolic link. A link to a folder above it is no error."""
    if path.is_symlink():
        raise OSError(
            errno.ELOOP,
            "it is a symbolic link, which is not followed. Remove it; to have it elsewhere, link its folder",
            str(path),
        )


def problem_of_file(path: Path, flags: int = os.O_RDWR) -> str | None:
    """Return why this process could not open the file, or make it if it is missing; None if it could.

    Changes nothing.
    """
    try:
        os.close(open_regular(path, flags | os.O_NOFOLLOW))
    except FileNotFoundError:
        return problem_of_folder(path.parent)
    except OSError as error:
        return f"{path} cannot be opened: {error.strerror}"
    return None


def problem_of_folder(folder: Path) -> str | None:
    """Return why this process could not make a file in the folder, or the folder itself; None if it could.

    Changes nothing.
    """
    try:
        nearest = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
        TemporaryFile(dir=nearest).close()
    except OSError as error:
        return f"no file can be made in {folder}: {error.strerror}"
    return None


def problem_of_removal(path: Path) -> str | None:
    """Return why this process could not rename or remove the file; None if it could. Changes nothing."""
    if path.is_dir() and not path.is_symlink():
        return f"{path} is a folder, not a file. Move it away"
    try:
        path.rmdir()  # Linux looks at all permissions before it refuses what is no folder
    except (NotADirectoryError, FileNotFoundError):
        return None
    except OSError as error:
        return f"{path} cannot be renamed or removed: {error.strerror}"
    return None


def _is_root() -> bool:
    return os.geteuid() == 0


def _open(path: Path, flags: int, mode: int) -> int:
    """Open the file. What was there before, or is behind a link, keeps its owner."""
    if flags & os.O_CREAT and _is_root():
        with suppress(FileExistsError):
            descriptor = os.open(path, flags | os.O_EXCL, mode)
            give_to_owner(descriptor, path.parent)
            return descriptor
    return os.open(path, flags, mode)


def _check(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise NotAFileError(errno.EISDIR, "it is a folder, not a file", str(path))
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise NotAFileError(errno.EINVAL, f"it is {kind}, not a file", str(path))
