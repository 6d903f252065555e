"""One backup of a database: a copy that is whole, verified and durable before it has its name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import attrs

from adapters.sqlite.checking import Finding, findings
from adapters.sqlite.connection import connect
from adapters.sqlite.faults import told_apart
from adapters.sqlite.safety_copy import made_durable
from adapters.sqlite.soundness import require_file
from domain.errors import StoreCorrupt, StoreError
from domain.values import frozen

_INTO = "VACUUM INTO ?"
_ALL, _ALL_OF_A_FILE = 0o777, 0o666


@frozen(kw_only=True)
class Copied:
    """A file that is a sound database. The findings are values that were wrong in the original already."""

    file: Path
    findings: tuple[Finding, ...]

    @property
    def size_bytes(self) -> int:
        return self.file.stat().st_size


def back_up(path: Path, target: Path, *, busy_timeout_ms: int) -> Copied:
    """Copy what the database holds at this moment to a new file. Whoever writes is not held up.

    Raises `StoreError` when the target exists, and `StoreCorrupt` when the structure of the database or of
    the copy is damaged: then there is no file. Values that are not what was stored are copied as they are,
    and told: with every other value, they are better kept than not.
    """
    with told_apart(path):
        require_file(path)
        if target.exists():
            raise StoreError(f"{target} is there already; a backup takes nothing's place. Name another file")
    copied = verified_copy(path, target, busy_timeout_ms=busy_timeout_ms)
    with told_apart(target):
        belong_like(copied.file, path)
        made_durable(copied.file, target)
    return attrs.evolve(copied, file=target)


def verified_copy(path: Path, target: Path, *, busy_timeout_ms: int) -> Copied:
    """A sound copy, open to its owner alone, that stands beside the target by another name."""
    unfinished = target.with_name(f"{target.name}.making")
    try:
        _copy(path, unfinished, busy_timeout_ms)
        found = findings(unfinished, busy_timeout_ms=busy_timeout_ms)
        _require_structure(path, found)
    except BaseException:
        _remove(unfinished)
        raise
    return Copied(file=unfinished, findings=found)


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


def _require_structure(path: Path, found: Iterable[Finding]) -> None:
    if faults := [str(finding) for finding in found if finding.is_structural]:
        raise StoreCorrupt(f"the copy of {path} is not sound ({faults[0]}); it is not kept")


def _remove(path: Path) -> None:
    for suffix in ("", "-journal"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
