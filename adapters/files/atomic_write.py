"""Write files atomically and durably: one, several together, or a zip archive."""

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

from adapters.files.regular_file import check_no_link, give_to_owner, make_folder, read_regular
from domain.errors import HomeclimateError

# Errors of file systems that cannot sync a folder.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)
_PUBLIC, _OWNER_ONLY = 0o644, 0o600


def write_atomically(
    path: Path,
    payload: bytes,
    *,
    mode: int,
    follows_link: bool = True,
    owner: os.stat_result | None = None,
) -> None:
    """Replace the file's content and permissions, durably; readers see the old content or the new.

    If the path is a link, its target is replaced, or it is an error without `follows_link`. As root, the file
    gets the owner, or without one that of its folder. Raise `OSError`: then the old file is unchanged, unless
    only the sync of the folder failed, which comes last.
    """
    if not follows_link:
        check_no_link(path)
    path = Path(os.path.realpath(path))
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        _write_new_file(temporary, payload, mode, owner)
        os.replace(temporary, path)  # noqa: PTH105 - like the other calls of os
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def _write_new_file(path: Path, payload: bytes, mode: int, owner: os.stat_result | None) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(descriptor, mode)  # the umask may have removed bits
        give_to_owner(descriptor, path.parent, owner)
        rest = memoryview(payload)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make the names in the folder durable, where the file system can. Raise `OSError`."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


@attrs.frozen(kw_only=True)
class NewContent:
    """A file's new content. `before` is the content that it is based on, None if there was no file."""

    path: Path
    before: bytes | None = attrs.field(repr=False)
    content: bytes = attrs.field(repr=False)
    is_secret: bool = False


def check_writable(folder: Path) -> None:
    """Raise `HomeclimateError` if files cannot be created in the folder, which need not exist yet."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise HomeclimateError(
            f"cannot write to {nearest}. Choose another home with --home, or run this as its owner"
        )


def save_together(files: Sequence[NewContent]) -> None:
    """Write all files durably, or none; secret ones become readable by their owner only.

    Raise `HomeclimateError`: then every file is as before. Ctrl-C and SIGTERM are delayed until the end.
    """
    with _delay_signals():
        before = [(file, _stat_unchanged(file)) for file in files]
        begun = 0
        try:
            for file, status in before:
                begun += 1
                _write(file, status)
        except OSError as error:
            for file, status in reversed(before[:begun]):
                with contextlib.suppress(OSError):
                    _restore(file, status)
            path = before[begun - 1][0].path
            raise HomeclimateError(f"nothing was saved: cannot write {path}: {error.strerror}") from error


def _stat_unchanged(file: NewContent) -> os.stat_result | None:
    """Return the file's status, None if there is no file. Raise if its content is no longer `before`."""
    exists = file.path.exists()
    if not exists and file.path.is_symlink():  # as root, it could lead to a new file of the system
        raise HomeclimateError(
            f"nothing was saved: {file.path} is a link to nothing. Remove it, or make what it leads to"
        )
    if (read_regular(file.path) if exists else None) != file.before:
        raise HomeclimateError(f"nothing was saved: {file.path} has changed meanwhile. Run this again")
    return file.path.stat() if exists else None


def _write(file: NewContent, status: os.stat_result | None) -> None:
    make_folder(file.path.parent)
    mode = _PUBLIC if status is None else stat.S_IMODE(status.st_mode)
    owner = file.path.parent.stat() if status is None else status
    _replace(file.path, file.content, _OWNER_ONLY if file.is_secret else mode, owner)


def _restore(file: NewContent, status: os.stat_result | None) -> None:
    if file.before is None or status is None:
        file.path.unlink(missing_ok=True)
    elif read_regular(file.path) != file.before:
        _replace(file.path, file.before, stat.S_IMODE(status.st_mode), status)


def _replace(path: Path, content: bytes, mode: int, owner: os.stat_result) -> None:
    # the collector runs as the owner of the home, even if root sets it up
    write_atomically(path, content, mode=mode, owner=owner)


@contextlib.contextmanager
def _delay_signals() -> Iterator[None]:
    """Delay SIGINT and SIGTERM. A signal mask would not do: it is per thread, and any thread may get them."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, _frame: received.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for signal_number in received:
            signal.raise_signal(signal_number)


def write_zip(path: Path, texts: Mapping[str, str]) -> None:
    """Write a new archive of the texts by name, for its owner only. Raise `OSError`, also if it exists."""
    if os.path.lexists(path):
        raise FileExistsError(f"{path} already exists")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        for name, text in texts.items():
            members.writestr(name, text.encode(errors="backslashreplace"))
    write_atomically(path, archive.getvalue(), mode=_OWNER_ONLY, follows_link=False)
