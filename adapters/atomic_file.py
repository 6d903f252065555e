"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

# What a file system says that cannot make the names in a folder durable by themselves.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)


def write_atomically(path: Path, payload: bytes, *, mode: int) -> None:
    """Let the file have that content and those permissions, durably.

    Others see the old content or the new, never a part. Where the path is a link, the file behind it is
    replaced. Raises `OSError`; then the old file stands as it was, unless only the folder could not be
    made durable at the very end.
    """
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        _write_durably(temporary, payload, mode)
        os.replace(temporary, path)  # noqa: PTH105 - beside the other calls of os
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    _make_names_durable(path.parent)


def _write_durably(path: Path, payload: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)  # the umask may have taken some of it away
        rest = memoryview(payload)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_names_durable(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)
