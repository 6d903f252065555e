"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import stat
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from domain.errors import HomeclimateError

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


# Writes several of a home's files, all of them or none.

_FOR_ALL, _FOR_THE_OWNER = 0o644, 0o600


@attrs.frozen(kw_only=True)
class NewContent:
    """What a file shall hold. `before` is what it held when that was thought out, None for no file."""

    path: Path
    before: bytes | None = attrs.field(repr=False)
    content: bytes = attrs.field(repr=False)
    is_secret: bool = False


def check_writable(folder: Path) -> None:
    """Raises HomeclimateError where files could not be made in the folder, which may not be there yet."""
    there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise HomeclimateError(f"cannot write into {there}: choose another home with --home, or its owner")


def save_together(files: Sequence[NewContent]) -> None:
    """Let every file have its content, durably; secret ones can be read by their owner alone.

    Raises HomeclimateError, and then every file is as it was. Ctrl-C and SIGTERM wait until it is done.
    """
    with _signals_wait():
        before = [(file, _status_of(file)) for file in files]
        begun = 0
        try:
            for file, status in before:
                begun += 1
                _write(file, status)
        except OSError as error:
            for file, status in reversed(before[:begun]):
                with contextlib.suppress(OSError):
                    _put_back(file, status)
            path = before[begun - 1][0].path
            raise HomeclimateError(f"nothing is saved: cannot write {path}: {error.strerror}") from error


def _status_of(file: NewContent) -> os.stat_result | None:
    """Of the file as it is now, None for none; only while it still holds what it held."""
    is_there = file.path.exists()
    if (file.path.read_bytes() if is_there else None) != file.before:
        raise HomeclimateError(f"nothing is saved: {file.path} was changed meanwhile; run this again")
    return file.path.stat() if is_there else None


def _write(file: NewContent, status: os.stat_result | None) -> None:
    file.path.parent.mkdir(parents=True, exist_ok=True)
    mode = _FOR_ALL if status is None else stat.S_IMODE(status.st_mode)
    owner = file.path.parent.stat() if status is None else status
    _replace(file.path, file.content, _FOR_THE_OWNER if file.is_secret else mode, owner)


def _put_back(file: NewContent, status: os.stat_result | None) -> None:
    if file.before is None or status is None:
        file.path.unlink(missing_ok=True)
    elif file.path.read_bytes() != file.before:
        _replace(file.path, file.before, stat.S_IMODE(status.st_mode), status)


def _replace(path: Path, content: bytes, mode: int, owner: os.stat_result) -> None:
    write_atomically(path, content, mode=mode)
    if os.geteuid() == 0:  # who collects is the owner of the home, whoever sets it up
        os.chown(path, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def _signals_wait() -> Iterator[None]:
    """Not by a mask: that one holds for a single thread, and Python handles what any thread gets."""
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for each in came:
            signal.raise_signal(each)


# An archive of texts, that is there as a whole or not at all.

_MODE = 0o600  # what it tells of a home is for those whom its owner gives it


def write_zip(path: Path, texts: Mapping[str, str]) -> None:
    """Write the texts under their names into a new archive. Raises `OSError`, also where one is there."""
    if path.exists():
        raise FileExistsError(f"{path} is there already")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        for name, text in texts.items():
            members.writestr(name, text.encode(errors="backslashreplace"))
    write_atomically(path, archive.getvalue(), mode=_MODE)
