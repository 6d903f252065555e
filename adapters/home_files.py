"""Writes several of a home's files, all of them or none."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from adapters.atomic_file import write_atomically
from domain.errors import HomeclimateError
from domain.values import frozen

_FOR_ALL, _FOR_THE_OWNER = 0o644, 0o600


@frozen(kw_only=True)
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
