"""One backup of a database: a copy that is whole, verified and durable before it has its name."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path

from adapters.sqlite.connection import connect
from adapters.sqlite.faults import told_apart
from adapters.sqlite.safety_copy import made_durable
from adapters.sqlite.soundness import first_fault
from domain.errors import StoreCorrupt, StoreError

_INTO = "VACUUM INTO ?"
_ALL, _ALL_OF_A_FILE = 0o777, 0o666


def back_up(path: Path, target: Path, *, busy_timeout_ms: int) -> int:
    """Copy what the database holds at this moment to a new file; its bytes. Whoever writes is not held up.

    Raises `StoreError` when the target exists, and `StoreCorrupt` when the database or the copy is not sound:
    then there is no file.
    """
    with told_apart(path):
        require_file(path)
        if target.exists():
            raise StoreError(f"{target} is there already; a backup takes nothing's place. Name another file")
    unfinished = verified_copy(path, target, busy_timeout_ms=busy_timeout_ms)
    with told_apart(target):
        belong_like(unfinished, path)
        made_durable(unfinished, target)
        return target.stat().st_size


def verified_copy(path: Path, target: Path, *, busy_timeout_ms: int) -> Path:
    """A sound copy, open to its owner alone, that stands beside the target by another name."""
    unfinished = target.with_name(f"{target.name}.making")
    try:
        _copy(path, unfinished, busy_timeout_ms)
        _require_sound(path, unfinished)
    except BaseException:
        _remove(unfinished)
        raise
    return unfinished


def require_file(path: Path) -> None:
    """Raises `StoreError` where there is no database to copy."""
    if not path.is_file():
        raise StoreError(f"{path} is not there. Nothing is stored yet, or storage.database_path is another")


def belong_like(path: Path, model: Path) -> None:
    """Give the file the permissions, and as root the owner, of the model: it tells as much of the home."""
    like = model.stat()
    path.chmod(stat.S_IMODE(like.st_mode) & (_ALL if path.is_dir() else _ALL_OF_A_FILE))
    if os.geteuid() == 0:
        os.chown(path, like.st_uid, like.st_gid)


def _copy(path: Path, copy: Path, busy_timeout_ms: int) -> None:
    with told_apart(copy):
        _remove(copy)
        # closed to others before anything is in it; SQLite fills a file that is there if it is empty
        os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with told_apart(path), closing(connect(path, mode="ro", busy_timeout_ms=busy_timeout_ms)) as source:
        source.execute("PRAGMA query_only=OFF")  # else it would write no other file either
        source.execute(_INTO, (str(copy),))


def _require_sound(path: Path, copy: Path) -> None:
    if (fault := first_fault(copy)) is not None:
        raise StoreCorrupt(f"the copy of {path} is not sound ({fault}); it is not kept")


def _remove(path: Path) -> None:
    for suffix in ("", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
