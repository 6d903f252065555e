"""Locks between processes, on files that stay: `flock`, which the system releases however a process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime
from pathlib import Path
from urllib.parse import quote, unquote

import attrs

from adapters.files.regular_file import make_folder, open_regular, problem_of_file
from adapters.files.slot_notes import MOST_RUNS, SlotNote, read_holder, read_note, write_note
from domain.errors import SourceLocked, StoreError
from domain.schedule import SlotRun, runs_of

_ATTEMPTS = 100
_PAUSE_S = 0.01
_LOCK_FILE_MODE = 0o640
_PAUSES_S = (0.001, 0.01, 0.03)


def lock_within_limit(descriptor: int, *, attempts: int | None = None, pause_s: float | None = None) -> None:
    """Lock the file exclusively until it is closed. Raise `TimeoutError`, by default after about a second.

    A process that is stopped while it holds the lock must not stop the others too.
    """
    pause = threading.Event()
    for _ in range(_ATTEMPTS if attempts is None else attempts):
        if _try_lock(descriptor):
            return
        pause.wait(_PAUSE_S if pause_s is None else pause_s)
    raise TimeoutError("another process holds its lock")


@contextlib.contextmanager
def locked_file(path: Path, mode: int, *, makes_folder: bool = True) -> Iterator[None]:
    """Hold a lock on the file, which is created, along with its folder if need be. Raise `OSError`."""
    if makes_folder:
        make_folder(path.parent)
    descriptor = _open(path, mode)
    try:
        lock_within_limit(descriptor)
        yield
    finally:
        os.close(descriptor)


@attrs.define
class _Slots:
    """The slots of a source: those that earlier holders left, and its own since the last cycle on disk."""

    left: SlotNote
    begun: set[datetime] = attrs.field(factory=set)
    not_stored: set[datetime] = attrs.field(factory=set)

    def note(self) -> SlotNote:
        return self.left.joined(SlotNote(in_progress=self.begun, not_stored=runs_of(self.not_stored)))

    def finished(self) -> _Slots:
        """Return the slots once all that have begun are on disk, or known to be lost.

        A slot that was in progress later than they, before the clock was set back, has no row so far.
        """
        before = SlotNote(ran=self.left.ran).joined(SlotNote(ran=self.left.not_stored))
        newest = max(self.begun, default=None)
        later = {slot for slot in self.left.in_progress if newest is not None and slot > newest}
        return _Slots(SlotNote(in_progress=later, ran=runs_of(self.begun, before.ran)[-MOST_RUNS:]))


class SourceLocks:
    """One lock file a source, so that only one process collects from it.

    A lock file contains the holder, for people, and for the next holder the slots whose cycles are not on
    disk, and those that ran. `doing` describes for people why the lock is held. The first of the `lasting`
    folders that can be written has the same locks: for processes that start while `folder` is away,
    `is_away`, or cannot be used. `problem` is why it could not be used last.
    """

    def __init__(
        self, folder: Path, *lasting: Path, doing: str = "", is_away: Callable[[], bool] = lambda: False
    ) -> None:
        self._folder = folder
        self._lasting = lasting
        self._is_away = is_away
        self.problem: str | None = None
        self._holder = f"process {os.getpid()}{doing and f', which is {doing}'}"
        self._held: dict[str, list[int]] = {}  # the files' descriptors
        self._slots: dict[str, _Slots] = {}

    def acquire(self, source: str) -> None:
        """Hold the source until `release` or `close`. Raise `SourceLocked` if another process holds it."""
        if source in self._held:
            return
        held: list[int] = []
        problem: StoreError | None = None
        if self._is_away():
            problem = StoreError(f"cannot lock {source}: {self._folder} is away, and no other can be used")
        else:
            try:
                held.append(self._acquire(_path(self._folder, source), source))
            except StoreError as error:
                problem = error
        try:
            held += self._acquire_lasting(source)
        except SourceLocked:
            for descriptor in held:
                os.close(descriptor)
            raise
        if not held and problem is not None:
            raise problem
        self.problem = None if problem is None else str(problem)
        held.reverse()  # the note goes to the lasting one: the data folder may be put back by an older one
        left = SlotNote()
        for descriptor in held:
            left = left.joined(read_note(descriptor))
        self._held[source] = held
        self._slots[source] = _Slots(left)
        for descriptor in held[1:]:
            write_note([descriptor], self._holder)
        self._write(source)

    def _acquire_lasting(self, source: str) -> list[int]:
        """Lock the source in the first lasting folder that can be used, if there is one."""
        for folder in self._lasting:
            with contextlib.suppress(StoreError):
                return [self._acquire(_path(folder, source), source)]
        return []

    def _acquire(self, path: Path, source: str) -> int:
        """Return the descriptor of the locked file. Raise `SourceLocked` or `StoreError`."""
        try:
            make_folder(path.parent)
            descriptor = _open(path, _LOCK_FILE_MODE)
        except OSError as error:
            raise _cannot_lock(source, path, error) from error
        try:
            is_locked = _lock_despite_readers(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise _cannot_lock(source, path, error) from error
        if not is_locked:
            holder = read_holder(descriptor) or "another process"
            os.close(descriptor)
            raise SourceLocked(f"{source} is held by {holder} ({path})")
        return descriptor

    def begin(self, source: str, slot: datetime) -> None:
        """Note that the slot's cycle begins. Not synced: the note survives `kill -9`, not a power cut."""
        if source in self._held:
            self._slots[source].begun.add(slot)
            self._write(source)

    def keep(self, source: str) -> None:
        """Note durably that the cycles that have begun are only in memory."""
        if source in self._held:
            slots = self._slots[source]
            slots.not_stored |= slots.begun
            self._write(source, is_durable=True)

    def finish(self, source: str) -> None:
        """Note that the cycle, and those before it, have ended."""
        if source in self._held:
            self._slots[source] = self._slots[source].finished()
            self._write(source)

    def interrupted(self, source: str) -> AbstractSet[datetime]:
        """Return the slots that were in progress when earlier holders ended."""
        slots = self._slots.get(source)
        if slots is None:
            return frozenset()
        runs = slots.left.not_stored
        return {slot for slot in slots.left.in_progress if not any(run.has(slot) for run in runs)}

    def not_stored(self, source: str) -> tuple[SlotRun, ...]:
        """Return the slots whose readings were only in memory when earlier holders ended."""
        slots = self._slots.get(source)
        return () if slots is None else slots.left.not_stored

    def ran(self, source: str) -> tuple[SlotRun, ...]:
        """Return the slots whose cycles earlier holders, or this one, have ended."""
        slots = self._slots.get(source)
        return () if slots is None else slots.left.ran

    def release(self, source: str) -> None:
        """Release the source; do nothing if it is not held."""
        for descriptor in self._held.pop(source, ()):
            os.close(descriptor)

    def close(self) -> None:
        """Release all sources."""
        for source in tuple(self._held):
            self.release(source)

    def _write(self, source: str, *, is_durable: bool = False) -> None:
        write_note(self._held[source], self._holder, self._slots[source].note(), is_durable=is_durable)


def lock_problem(folder: Path, source: str) -> str | None:
    """Return why this process could not open the source's lock in the folder; changes nothing."""
    return problem_of_file(_path(folder, source))


def held_sources(*folders: Path) -> tuple[str, ...]:
    """Return the names of the sources that a process holds now; changes nothing."""
    return tuple(
        source
        for source in known_sources(*folders)
        if any(_is_held(_path(folder, source)) for folder in folders)
    )


def known_sources(*folders: Path) -> tuple[str, ...]:
    """Return the names of the sources that any process ever held."""
    names: set[str] = set()
    for folder in folders:
        with contextlib.suppress(PermissionError):  # what this user may not see, no process of it has made
            names.update(unquote(path.stem) for path in folder.glob("*.lock"))
    return tuple(sorted(names))


class UpkeepLock:
    """The turn to look after a home's database. If its file cannot be created, no process has the turn.

    Nor has one while the data folder is away, `is_away`.
    """

    def __init__(self, path: Path, *, is_away: Callable[[], bool] = lambda: False) -> None:
        self._path = path
        self.is_away = is_away
        self.error: OSError | None = None  # why the file could not be opened
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        if self._descriptor is not None:
            return True
        if self.is_away():
            return False
        try:
            descriptor = _open(self._path, _LOCK_FILE_MODE)
        except OSError as error:
            self.error = error
            return False
        with contextlib.suppress(OSError):
            if _try_lock(descriptor):
                self._descriptor = descriptor
                return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextlib.contextmanager
def exclusive_access(locks: SourceLocks, sources: AbstractSet[str], lease: UpkeepLock) -> Iterator[None]:
    """Keep all collectors and the upkeep of a home from starting, by the locks of all `sources`.

    Raise `StoreError` if a collector or the upkeep is running.
    """
    try:
        for source in sorted(sources):
            locks.acquire(source)
        if not lease.acquire() and not lease.is_away():
            if lease.error is not None:
                raise StoreError(
                    f"{lease.error}. Look at the disk, and at who owns the folder"
                ) from lease.error
            raise StoreError("the daily upkeep of the database is running. Wait for it; nothing is changed")
        yield
    except SourceLocked as error:
        raise StoreError(f"a collector is running: {error}. Stop it first; nothing is changed") from error
    finally:
        lease.release()
        locks.close()


def _open(path: Path, mode: int) -> int:
    return open_regular(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, mode)


def _try_lock(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Return False if another process holds the lock. Raise `OSError` where files cannot be locked."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_despite_readers(descriptor: int) -> bool:
    """Try again for some milliseconds: `held_sources` in another process holds the lock that long."""
    for pause_s in _PAUSES_S:
        if _try_lock(descriptor):
            return True
        time.sleep(pause_s)
    return _try_lock(descriptor)


def _is_held(path: Path) -> bool:
    try:
        descriptor = open_regular(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        return not _try_lock(descriptor, fcntl.LOCK_SH)
    except OSError:
        return True
    finally:
        os.close(descriptor)


def _path(folder: Path, source: str) -> Path:
    return folder / f"{quote(source, safe='')}.lock"


def _cannot_lock(source: str, path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"cannot lock {source}: {path}: {error.strerror}. Check who owns {path.parent.parent}, "
        "and that it is writable"
    )
