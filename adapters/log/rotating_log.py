"""Log files that rotate, never exceed their bound, and log less when the disk fills up."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import shutil
import stat
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import attrs

from adapters.files.data_folder import LastingFolder
from adapters.files.locks import lock_within_limit
from adapters.files.regular_file import (
    open_regular,
    problem_of_file,
    problem_of_folder,
    problem_of_removal,
    reading,
)
from adapters.log.journals import journal_line
from adapters.runtime.threads import OrderedCalls
from domain.alerts.incidents import DISK_LOW_BYTES
from ports.clock import Clock
from ports.journal import Level

_MODE = 0o640
_RECORD_BYTES = 16_000
_BLOCKED_S = 2.0
_CUT = b"...[cut]"
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_S = 0.001
_RENAME_ATTEMPTS = 3
_RENAME_BACKOFF_S = 1.0  # doubles; the first record after it tries again, since a log never waits

LOW_BYTES, VERY_LOW_BYTES = DISK_LOW_BYTES, 50_000_000
_RECOVERED_FACTOR = 1.25  # this much more than a limit must be free before the disk counts as recovered
_CHECK_EVERY_S = 60.0


class RotatingLog:
    """Writes each record with one `write` call, so that a killed process loses none.

    A log that blocks stops nothing: records wait for it, and nothing waits for them. `free_bytes` returns the
    free space on the log's disk, or None if it is unknown. `on_failure` is called once, with what is wrong.
    """

    def __init__(
        self,
        folder: Path,
        *,
        redact: Callable[[str], str],
        clock: Clock,
        level: Level = Level.INFO,
        name: str = "homeclimate",
        max_bytes: int = 10_000_000,
        backups: int = 5,
        free_bytes: Callable[[], int | None] = lambda: None,
        on_failure: Callable[[str], object] = lambda _: None,
    ) -> None:
        margin_bytes = min(4 * _RECORD_BYTES, max_bytes // 10)
        self._files = _LogFiles(
            folder=folder,
            name=f"{name}.log",
            max_bytes=max_bytes,
            backups=backups,
            margin_bytes=margin_bytes,
            elapsed_s=clock.elapsed_s,
        )
        self._record_bytes = min(_RECORD_BYTES, max_bytes - margin_bytes)
        self._redact = redact
        self._clock = clock
        self._level = level
        self._disk = _DiskWatch(free_bytes, clock)
        self._on_failure = on_failure
        self._has_failed = False
        self._calls = OrderedCalls("log", limit_s=_BLOCKED_S)
        self._is_prepared = False
        self._failing_since: datetime | None = None  # of rotations
        self._lost = 0  # records since the last one that was written

    def problem(self) -> str | None:
        """Return why this process could not write records, or rotate; changes nothing."""
        return self._files.problem()

    def record(self, level: Level, event: str, **fields: object) -> None:
        if level < self._level:
            return
        now = self._clock.now()
        try:
            if not self._calls.run(partial(self._record, now, level, event, fields)):
                self._report("the disk does not answer")
        except queue.Full:
            self._lost += 1

    def _record(self, now: datetime, level: Level, event: str, fields: dict[str, object]) -> None:
        try:
            if (change := self._disk.check()) is not None:
                self._write(now, Level.WARNING, change, {"free_bytes": self._disk.free})
            if level >= self._disk.least_level:
                self._write(now, level, event, fields)
        except Exception as error:  # noqa: BLE001 - a journal never raises: a full disk must not cost a reading
            self._is_prepared = False  # the folder may be gone
            self._lost += 1
            reason = error.strerror if isinstance(error, OSError) else None
            self._report(reason or f"{type(error).__name__}: {error}")

    def _report(self, reason: str) -> None:
        """Report it where it can be read, once: a service manager would keep an unbounded copy."""
        if not self._has_failed:
            self._has_failed = True
            self._on_failure(f"nothing is logged to {self._files.path}: {reason}")

    def _write(self, now: datetime, level: Level, event: str, fields: dict[str, object]) -> None:
        line = self._line(now, level, event, fields)
        if not self._is_prepared:
            self._files.prepare()
            self._is_prepared = True
        self._files.write(line)
        self._record_rotations(now)
        if self._lost:
            lost, self._lost = self._lost, 0
            self._files.write(self._line(now, Level.ERROR, "log.records_lost", {"records": lost}))

    def _record_rotations(self, now: datetime) -> None:
        """Record the first of several failures at once, and the first success after them."""
        failure, since = self._files.failure, self._failing_since
        if since is None and failure is not None:
            self._failing_since = now
            line = self._line(now, Level.CRITICAL, "log.rotation_failed", {"error": failure})
        elif since is not None and failure is None:
            self._failing_since = None
            line = self._line(now, Level.WARNING, "log.rotation_recovered", {"since": since})
        else:
            return
        self._files.write(line, rotates=False)

    def _line(self, now: datetime, level: Level, event: str, fields: dict[str, object]) -> bytes:
        time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = self._redact(f"{time} {level.name} {journal_line(event, fields)}")
        payload = text.encode(errors="backslashreplace")
        if len(payload) < self._record_bytes:
            return payload + b"\n"
        whole = payload[: self._record_bytes - len(_CUT) - 1].decode(errors="ignore")
        return whole.encode() + _CUT + b"\n"


@attrs.define(kw_only=True)
class _LogFiles:
    """`<name>` and its older parts `<name>.1` (the newest) to `<name>.<backups>`, each up to `max_bytes`.

    Processes may share the folder: no file stays open, and a lock on the folder makes checking the size,
    rotating and writing one step. It is held for microseconds. If it cannot be had, because its holder is
    stopped, the record is written without it, into a margin below `max_bytes` that is reserved for this.
    `failure` is why the last rotation failed, or left a part that should be removed; None if it worked.
    """

    folder: Path
    name: str
    max_bytes: int
    backups: int
    margin_bytes: int
    elapsed_s: Callable[[], float]
    failure: str | None = attrs.field(init=False, default=None)
    _failed_renames: int = attrs.field(init=False, default=0)
    _next_rename_s: float = attrs.field(init=False, default=0.0)
    _known: LastingFolder | None = attrs.field(init=False, default=None)

    @property
    def path(self) -> Path:
        """The file that is written to."""
        return self._path(0)

    def problem(self) -> str | None:
        return (
            problem_of_file(self._path(0), os.O_WRONLY | os.O_APPEND)
            or problem_of_folder(self.folder)
            or next(filter(None, map(problem_of_removal, self._parts())), None)
        )

    def prepare(self) -> None:
        """Create the folder, and remove files beyond the bound. Raise `OSError`."""
        self._known = self._known or LastingFolder(self.folder)
        self._known.make()
        self.failure = self._sweep()

    def write(self, line: bytes, *, rotates: bool = True) -> None:
        """Append the line, in a new file if need be. Without `rotates`, use the margin. Raise `OSError`."""
        with self._locked() as is_locked:
            limit = self.max_bytes - (self.margin_bytes if is_locked else 0)
            needed = _size(self._path(0)) + len(line)
            if needed > (limit if rotates else self.max_bytes):
                self._make_room(must=needed > self.max_bytes)
            descriptor = open_regular(
                self._path(0), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, _MODE
            )
            try:
                written = os.write(descriptor, line)
                if written < len(line):  # the disk is full, and half a line would garble the next one
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)

    def _make_room(self, *, must: bool) -> None:
        """Rotate. If renaming fails, later records try again, after a backoff, while the margin lasts.

        After that the content is copied, and if that fails too, its older half is dropped: the bound matters
        more than the oldest records.
        """
        if not must and self.elapsed_s() < self._next_rename_s:
            return
        try:
            self._rotate()
        except OSError as error:
            self.failure = _describe(error)
            self._failed_renames += 1
            if must or self._failed_renames >= _RENAME_ATTEMPTS:
                self._rotate_by_copying()
                self._sweep()
            else:
                wait_s = _RENAME_BACKOFF_S * 2 ** (self._failed_renames - 1)
                self._next_rename_s = self.elapsed_s() + wait_s
        else:
            self._failed_renames, self._next_rename_s = 0, 0.0
            self.failure = self._sweep()

    def _rotate(self) -> None:
        if not self.backups:
            _truncate(self._path(0))
            return
        for number in self._numbers_to_move():
            os.replace(self._path(number), self._path(number + 1))  # noqa: PTH105 - like the other calls of os

    def _rotate_by_copying(self) -> None:
        try:
            for number in self._numbers_to_move():
                _copy(self._path(number), self._path(number + 1))
            _truncate(self._path(0))
        except OSError:
            _drop_older_half(self._path(0))

    def _parts(self) -> Iterator[Path]:
        """Yield what is in the place of an older part, and the log, which becomes one."""
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path == self.path or (path.stem == self.name and _number(path) > 0):
                yield path

    def _numbers_to_move(self) -> Iterator[int]:
        """Highest first, from the first gap down: what a failed attempt has moved is not moved again."""
        numbers = range(1, self.backups + 1)
        gap = next((number for number in numbers if not self._path(number).exists()), self.backups)
        return reversed(range(gap))

    def _sweep(self) -> str | None:
        """Remove parts with too high a number, then old parts, oldest first, until the folder has room.

        If one cannot be removed, go on with the others, and return why. The bound is the folder's: other logs
        and other files count too, and each log that is written to may grow to its limit. Our own old parts go
        first, then those of others.
        """
        surplus: list[Path] = []
        parts: list[Path] = []
        room = self.max_bytes * self.backups  # our own log may grow to `max_bytes`
        for path in self.folder.iterdir():
            if path.stem == self.name and _number(path) > self.backups:
                surplus.append(path)
                room -= _size(path)
            elif path.stem.endswith(".log") and _number(path) > 0:
                parts.append(path)
                room -= _size(path)
            elif path.suffix != ".log":
                room -= _size(path)
            elif path.name != self.name:
                room -= self.max_bytes
        parts.sort(key=lambda path: (path.stem != self.name, -_number(path)))
        failure: str | None = None
        for path in (*surplus, *parts):
            if room >= 0 and path not in surplus:
                break
            size = _size(path)
            try:
                path.unlink(missing_ok=True)
                room += size
            except OSError as error:
                failure = failure or _describe(error)
        return failure

    @contextlib.contextmanager
    def _locked(self) -> Iterator[bool]:
        """Yield whether no other process writes meanwhile."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        is_locked = False
        try:
            with contextlib.suppress(OSError):  # another process holds it, or the file system has no locks
                lock_within_limit(descriptor, attempts=_LOCK_ATTEMPTS, pause_s=_LOCK_PAUSE_S)
                is_locked = True
            yield is_locked
        finally:
            os.close(descriptor)

    def _path(self, number: int) -> Path:
        return self.folder / (f"{self.name}.{number}" if number else self.name)


class _DiskWatch:
    """Checks the free space once a minute. `least_level` is the lowest level that is still written."""

    def __init__(self, free_bytes: Callable[[], int | None], clock: Clock) -> None:
        self._free_bytes = free_bytes
        self._clock = clock
        self._checked_s: float | None = None
        self._is_low = False
        self.free: int | None = None
        self.least_level = Level.DEBUG

    def check(self) -> str | None:
        """Return the event to record if the disk has become low or has recovered."""
        now_s = self._clock.elapsed_s()
        if self._checked_s is not None and now_s - self._checked_s < _CHECK_EVERY_S:
            return None
        self._checked_s = now_s
        self.free = free = self._free_bytes()
        if free is None:
            return None
        is_very_low = _is_below(free, VERY_LOW_BYTES, was_below=self.least_level > Level.DEBUG)
        self.least_level = Level.WARNING if is_very_low else Level.DEBUG
        was_low, self._is_low = self._is_low, _is_below(free, LOW_BYTES, was_below=self._is_low)
        if was_low == self._is_low:
            return None
        return "log.disk_low" if self._is_low else "log.disk_recovered"


def _is_below(free: int, limit: int, *, was_below: bool) -> bool:
    return free < (limit * _RECOVERED_FACTOR if was_below else limit)


def _number(path: Path) -> int:
    suffix = path.suffix[1:]
    return int(suffix) if suffix.isdecimal() else -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _describe(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}"


def _copy(source: Path, target: Path) -> None:
    """Replace the target's content, and its permissions, as a rename would."""
    to = open_regular(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, _MODE)
    with os.fdopen(to, "wb") as copy, reading(source) as original:
        os.fchmod(to, stat.S_IMODE(os.fstat(original.fileno()).st_mode))
        shutil.copyfileobj(original, copy)


def _truncate(path: Path) -> None:
    os.close(open_regular(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW))


def _drop_older_half(path: Path) -> None:
    """Keep the newer lines of the file, in place: this works on a full disk too."""
    descriptor = open_regular(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        size = os.fstat(descriptor).st_size
        newer = os.pread(descriptor, size, size // 2).partition(b"\n")[2]
        os.pwrite(descriptor, newer, 0)
        os.ftruncate(descriptor, len(newer))
    finally:
        os.close(descriptor)
