"""Locks that let one collector at a time ask a source."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from urllib.parse import quote, unquote

from domain.errors import SourceHeld, StoreError


class SourceLocks:
    """A lock file a source; the system lets go of it however its process ends.

    The file itself means nothing, and stays: only the lock on it counts. It names the holder for a person.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, int] = {}

    def acquire(self, source: str) -> None:
        """Hold the source until `release` or `close`. Raises `SourceHeld` at once when another holds it."""
        if source in self._held:
            return
        path = self._folder / f"{quote(source, safe='')}.lock"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unlockable(source, path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(descriptor) or "another process"
            os.close(descriptor)
            raise SourceHeld(f"{source} is held by {holder} ({path})") from error
        except OSError as error:
            os.close(descriptor)
            raise _unlockable(source, path, error) from error
        _name_holder(descriptor)
        self._held[source] = descriptor

    def release(self, source: str) -> None:
        """Let go of the source; of one that is not held, nothing happens."""
        if (descriptor := self._held.pop(source, None)) is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of all sources."""
        for source in tuple(self._held):
            self.release(source)


def held_sources(folder: Path) -> tuple[str, ...]:
    """The sources whose lock a process holds at this moment, by name; changes nothing."""
    return tuple(unquote(path.stem) for path in sorted(folder.glob("*.lock")) if _is_held(path))


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _name_holder(descriptor: int) -> None:
    with contextlib.suppress(OSError):  # a full disk takes no name, and the lock holds without one
        os.truncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()}\n".encode())


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 100, 0).decode(errors="replace").strip()


def _unlockable(source: str, path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot lock {source}: {path}: {error.strerror}. Look at who owns {path.parent.parent}, "
        "and whether it can be written to"
    )
