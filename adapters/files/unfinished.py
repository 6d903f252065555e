"""Files and folders under a temporary name, and the removal of those that were never completed.

While one is in use its process holds a lock on a second file. The system releases it however that
process ends, so what has an unlocked lock file is a leftover.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from adapters.files.regular_file import open_regular, read_regular
from domain.errors import StoreError

_MAKING, _LOCK = ".making", ".lock"
_NOTE = b"homeclimate\n"  # in the lock file: other programs may use such names too
_FILE_MODE, _FOLDER_MODE = 0o600, 0o700


@contextmanager
def unfinished_file(target: Path) -> Iterator[Path]:
    """Yield an empty file next to the target, readable by its owner alone; remove it unless it was renamed.

    Raises `StoreError` while another process is making the same file, and `OSError`.
    """
    with _reserved(target) as path:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE_MODE))
        yield path


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """Yield an empty folder next to the target, for its owner alone; remove it with its content at the end.

    Raises `StoreError` while another process has the same folder, and `OSError`.
    """
    with _reserved(target) as path:
        path.mkdir(mode=_FOLDER_MODE)
        yield path


@contextmanager
def _reserved(target: Path) -> Iterator[Path]:
    """Hold the lock of the temporary name meanwhile."""
    path = target.with_name(f"{target.name}{_MAKING}")
    descriptor = _open_locked(_lock_of(path))
    if descriptor is None:
        raise StoreError(f"another process is making {target}. Wait for it, or name another file")
    try:
        os.pwrite(descriptor, _NOTE, 0)
        _remove(path)
        yield path
    finally:
        try:
            _remove(path)
            _lock_of(path).unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Remove what ended processes have left unfinished in the folder. What cannot be removed stays."""
    for lock_file in folder.glob(f"*{_MAKING}{_LOCK}"):
        path = lock_file.with_name(lock_file.name.removesuffix(_LOCK))
        with suppress(OSError):
            if not _is_ours(lock_file, path) or (descriptor := _open_locked(lock_file)) is None:
                continue
            try:
                _remove(path)
                lock_file.unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def remove_unlocked(folder: Path, name: str) -> None:
    """Remove unfinished files whose names match the pattern; earlier versions made them without a lock."""
    for path in folder.glob(f"{name}{_MAKING}"):
        if not _lock_of(path).exists():
            with suppress(OSError):
                _remove(path)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}{_LOCK}")


def _is_ours(lock_file: Path, path: Path) -> bool:
    if lock_file.is_symlink() or not lock_file.is_file() or lock_file.stat().st_size > len(_NOTE):
        return False
    content = read_regular(lock_file)
    return content == _NOTE or (not content and not path.exists())  # killed before it wrote its note


def _open_locked(path: Path) -> int | None:
    """Return the descriptor of the lock file; None while another process holds the lock."""
    while True:
        descriptor = open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, _FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass  # its last holder has removed it meanwhile
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return
    for suffix in ("", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
