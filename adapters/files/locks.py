"""A lock on an open file, that is waited for only so long."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

from domain.errors import SourceLocked, StoreError

_ATTEMPTS = 100
_PAUSE_S = 0.01


def lock_within_limit(descriptor: int) -> None:
    """Hold the file for this process alone, until it is closed. Raises `TimeoutError` after about a second.

    A process that was stopped while it holds the lock must not stop the others too.
    """
    pause = threading.Event()
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_PAUSE_S)
        else:
            return
    raise TimeoutError("another process holds its lock")


# Locks that let one collector at a time ask a source.

_IN_HAND = "in hand "
_SLOTS_KEPT = 100
_NAPS_S = (0.001, 0.01, 0.03)


class SourceLocks:
    """A lock file a source; the system lets go of it however its process ends.

    The file itself stays: only the lock on it counts. It names the holder for a person, and the slots whose
    cycles are in hand for whoever holds it next. `doing` is for that person: what it is held for.
    """

    def __init__(self, folder: Path, *, doing: str = "") -> None:
        self._folder = folder
        self._holder = f"process {os.getpid()}{doing and f', which is {doing}'}"
        self._held: dict[str, int] = {}
        self._left: dict[str, AbstractSet[datetime]] = {}
        self._taken: dict[str, AbstractSet[datetime]] = {}

    def acquire(self, source: str) -> None:
        """Hold the source until `release` or `close`. Raises `SourceHeld` at once when another holds it."""
        if source in self._held:
            return
        path = _path(self._folder, source)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unlockable(source, path, error) from error
        try:
            _lock(descriptor)
        except BlockingIOError as error:
            holder = _holder(descriptor) or "another process"
            os.close(descriptor)
            raise SourceLocked(f"{source} is held by {holder} ({path})") from error
        except OSError as error:
            os.close(descriptor)
            raise _unlockable(source, path, error) from error
        self._left[source] = self._taken[source] = _slots_in_hand(descriptor)
        _note(descriptor, self._holder, self._taken[source])
        self._held[source] = descriptor

    def begin(self, source: str, slot: datetime) -> None:
        """Note in the file that the slot's cycle begins; written and not synced: a `kill -9` leaves it."""
        if (descriptor := self._held.get(source)) is not None:
            self._taken[source] |= {slot}
            _note(descriptor, self._holder, self._taken[source])

    def finish(self, source: str) -> None:
        """Note that the cycle was brought to its end, and those before it."""
        if (descriptor := self._held.get(source)) is not None:
            self._left[source] = self._taken[source] = frozenset()
            _note(descriptor, self._holder, ())

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        """The slots that the holders before had in hand when they ended."""
        return self._left.get(source, frozenset())

    def release(self, source: str) -> None:
        """Let go of the source; of one that is not held, nothing happens."""
        if (descriptor := self._held.pop(source, None)) is not None:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of all sources."""
        for source in tuple(self._held):
            self.release(source)


def _lock(descriptor: int) -> None:
    """Hold the file. Who only looks whether it is held lets go within moments, and shall refuse nobody."""
    for nap_s in _NAPS_S:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(nap_s)
        else:
            return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def held_sources(folder: Path) -> tuple[str, ...]:
    """The sources whose lock a process holds at this moment, by name; changes nothing."""
    return tuple(source for source in known_sources(folder) if _is_held(_path(folder, source)))


def known_sources(folder: Path) -> tuple[str, ...]:
    """The sources that any process ever held, by name."""
    return tuple(unquote(path.stem) for path in sorted(folder.glob("*.lock")))


def _path(folder: Path, source: str) -> Path:
    return folder / f"{quote(source, safe='')}.lock"


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


def _note(descriptor: int, holder: str, slots: Iterable[datetime]) -> None:
    """Name the holder, and the slots that are in hand; the newest where there are too many."""
    newest = sorted(slots)[-_SLOTS_KEPT:]
    note = "".join((f"{holder}\n", *(f"{_IN_HAND}{slot.isoformat()}\n" for slot in newest)))
    with contextlib.suppress(OSError):  # a full disk takes no note, and the lock holds without one
        os.pwrite(descriptor, note.encode(), 0)
        os.truncate(descriptor, len(note))


def _noted(descriptor: int) -> list[str]:
    with contextlib.suppress(OSError):
        return os.pread(descriptor, 10_000, 0).decode(errors="replace").splitlines()
    return []


def _slots_in_hand(descriptor: int) -> AbstractSet[datetime]:
    slots = set()
    for line in _noted(descriptor):
        with contextlib.suppress(ValueError):  # what somebody else wrote there says nothing
            slot = datetime.fromisoformat(line.removeprefix(_IN_HAND))
            if line.startswith(_IN_HAND) and slot.tzinfo is not None:
                slots.add(slot)
    return slots


def _holder(descriptor: int) -> str:
    return next(iter(_noted(descriptor)), "").strip()


def _unlockable(source: str, path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot lock {source}: {path}: {error.strerror}. Look at who owns {path.parent.parent}, "
        "and whether it can be written to"
    )


# The turn to look after a home's database, as a lock file.


class UpkeepLock:
    """An `flock` on a file that stays. Where the file cannot be made, nobody has the turn."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        if self._descriptor is not None:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
