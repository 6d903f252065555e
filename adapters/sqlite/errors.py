"""What SQLite and the system complain of, as the errors that the domain knows."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from domain.errors import CycleUnstorable, StoreBusy, StoreCorrupt, StoreError, StoreFull

_BUSY = (StoreBusy, "is held by another program. The next cycle tries again; close what has it open for long")
_FULL = (StoreFull, "cannot grow. Make room on its disk; the next cycle tries again")
_CORRUPT = (
    StoreCorrupt,
    "is damaged, or is no SQLite database. Move it aside with its -wal and -shm and put a backup there",
)
_FORBIDDEN = (
    StoreError,
    "cannot be opened for writing. Look at who owns it and its folder, and whether it is a file at all",
)
_UNSTORABLE = (CycleUnstorable, "takes no such cycle. It is put aside in the spool; please report it")
_TROUBLE = (StoreError, "gave an error. Look at the disk, and at the system's log")

# By SQLite's name of the error; SQLITE_BUSY covers SQLITE_BUSY_SNAPSHOT too, and so on.
_BY_NAME: Mapping[str, tuple[type[StoreError], str]] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR_WRITE": _FULL,  # a quota and a file size limit end here, and not in SQLITE_FULL
    "SQLITE_IOERR_SHMSIZE": _FULL,
    "SQLITE_CORRUPT": _CORRUPT,
    "SQLITE_NOTADB": _CORRUPT,
    "SQLITE_CONSTRAINT": _UNSTORABLE,
    "SQLITE_MISMATCH": _UNSTORABLE,
    "SQLITE_TOOBIG": _UNSTORABLE,
    "SQLITE_READONLY": _FORBIDDEN,
    "SQLITE_CANTOPEN": _FORBIDDEN,
    "SQLITE_PERM": _FORBIDDEN,
    "SQLITE_AUTH": _FORBIDDEN,
}
_BY_ERRNO: Mapping[int | None, tuple[type[StoreError], str]] = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
    errno.EISDIR: _FORBIDDEN,
    errno.ENOTDIR: _FORBIDDEN,
    errno.EEXIST: _FORBIDDEN,
}


@contextmanager
def told_apart(path: Path) -> Iterator[None]:
    """Whatever SQLite or the system raises about the database comes out as a `StoreError`."""
    try:
        yield
    except StoreError as error:
        error.endpoint = error.endpoint or path.name
        raise
    except sqlite3.Error as error:
        kind, said = _found(error_name(error))
        raise kind(
            f"{path} {said}. SQLite says: {error} ({error_name(error) or 'no code'})", endpoint=path.name
        ) from error
    except (OverflowError, UnicodeEncodeError) as error:  # a value that no column can hold
        kind, said = _UNSTORABLE
        raise kind(f"{path} {said}. Python says: {error}", endpoint=path.name) from error
    except OSError as error:
        kind, said = _BY_ERRNO.get(error.errno, _TROUBLE)
        raise kind(f"{path} {said}. The system says: {error}", endpoint=path.name) from error


def error_name(error: sqlite3.Error) -> str:
    """SQLite's name of the error; empty when it was Python's module that complained."""
    return str(getattr(error, "sqlite_errorname", None) or "")


def is_passing(error: BaseException) -> bool:
    """Whether the connection is as good after the error as before."""
    if isinstance(error, sqlite3.Error):
        kind, _ = _found(error_name(error))
        return kind in (StoreBusy, StoreFull)
    return not isinstance(error, OSError)


def _found(name: str) -> tuple[type[StoreError], str]:
    for known, verdict in _BY_NAME.items():
        if name == known or name.startswith(f"{known}_"):
            return verdict
    return _TROUBLE
