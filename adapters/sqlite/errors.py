"""Errors of SQLite and of the system, translated into those of the domain."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from domain.errors import CycleUnstorable, StoreBusy, StoreCorrupt, StoreError, StoreFull

_Translation = tuple[type[StoreError], str]

_BUSY: _Translation = (
    StoreBusy,
    "is locked by another program. The next cycle tries again; close what keeps it open for long",
)
_FULL: _Translation = (StoreFull, "cannot grow. Make room on its disk; the next cycle tries again")
_CORRUPT: _Translation = (
    StoreCorrupt,
    "is damaged, or is not an SQLite database. Move it away with its -wal and -shm and put a backup there",
)
_FORBIDDEN: _Translation = (
    StoreError,
    "cannot be opened for writing. Check that it is a file, and who owns it and its folder",
)
_UNSTORABLE: _Translation = (
    CycleUnstorable,
    "cannot hold a value of this cycle. The cycle is kept in the spool; please report it",
)
_OTHER: _Translation = (StoreError, "gave an error. Check the disk and the system's log")

# SQLite's names; SQLITE_BUSY stands for SQLITE_BUSY_SNAPSHOT too, and so on.
_BY_NAME: Mapping[str, _Translation] = {
    "SQLITE_BUSY": _BUSY,
    "SQLITE_LOCKED": _BUSY,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR_WRITE": _FULL,  # a quota and a file size limit end here, not in SQLITE_FULL
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
_BY_ERRNO: Mapping[int | None, _Translation] = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), _FORBIDDEN),
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EINVAL, errno.ELOOP), _FORBIDDEN),
}


@contextmanager
def store_errors(path: Path) -> Iterator[None]:
    """Raise every error about the database at the path as a `StoreError`."""
    try:
        yield
    except StoreError as error:
        error.endpoint = error.endpoint or path.name
        raise
    except sqlite3.Error as error:
        kind, text = _translation(error_name(error))
        message = f"{path} {text}. SQLite's error: {error} ({error_name(error) or 'no code'})"
        raise kind(message, endpoint=path.name) from error
    except (OverflowError, UnicodeEncodeError) as error:  # a value that no column can hold
        kind, text = _UNSTORABLE
        raise kind(f"{path} {text}. Python's error: {error}", endpoint=path.name) from error
    except OSError as error:
        kind, text = _BY_ERRNO.get(error.errno, _OTHER)
        raise kind(f"{path} {text}. The system's error: {error}", endpoint=path.name) from error


def error_name(error: sqlite3.Error) -> str:
    """Return SQLite's name of the error, or "" if Python's module raised it."""
    return str(getattr(error, "sqlite_errorname", None) or "")


def leaves_connection_usable(error: BaseException) -> bool:
    """Return whether the connection is as good after the error as before."""
    if isinstance(error, sqlite3.Error):
        return _translation(error_name(error)) in (_BUSY, _FULL)
    return not isinstance(error, OSError)


def _translation(name: str) -> _Translation:
    matches = (found for known, found in _BY_NAME.items() if f"{name}_".startswith(f"{known}_"))
    return next(matches, _OTHER)
