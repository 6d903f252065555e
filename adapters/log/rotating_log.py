"""The files of a log: rolled when they are full, never beyond their bound, whatever the disk says."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import attrs

from adapters.log.journals import journal_line
from ports.clock import Clock
from ports.journal import Level

_MODE = 0o640
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_S = 0.001
_RENAME_ATTEMPTS = 3  # each by another record: a log never waits


@attrs.define(kw_only=True)
class LogFolder:
    """`<name>` and its older parts `<name>.1` (the newest) to `<name>.<backups>`, each within `max_bytes`.

    Processes may share the folder: nothing is kept open, and a lock on the folder makes looking at the size,
    rolling and writing one act. It is held for microseconds; when it is not to be had, since its holder was
    stopped, the record is written without it, into a margin below `max_bytes` that is kept for this.
    `failed_rolls` counts the attempts at rolling since the last one that worked.
    """

    folder: Path
    name: str
    max_bytes: int
    backups: int
    margin_bytes: int
    failed_rolls: int = 0

    def prepare(self) -> None:
        """Make the folder, and remove what is over the bound. Raises `OSError`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()

    def write(self, line: bytes) -> bool:
        """Write the line; whether the files were rolled for it without trouble. Raises `OSError`."""
        with self._alone() as is_alone:
            limit = self.max_bytes - (self.margin_bytes if is_alone else 0)
            is_rolled = False
            needed = _size(self._path(0)) + len(line)
            if needed > limit:
                is_rolled = self._make_room(must=needed > self.max_bytes)
            descriptor = os.open(self._path(0), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _MODE)
            try:
                written = os.write(descriptor, line)
                if written < len(line):  # the disk is full, and half a line would swallow the next
                    os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            finally:
                os.close(descriptor)
            return is_rolled

    def _make_room(self, *, must: bool) -> bool:
        """Roll. Where names cannot be changed, that is tried again with later records while the margin lasts.

        Then the content is copied, and where that cannot be either, its older half goes: the bound counts for
        more than the oldest records.
        """
        try:
            self._roll()
        except OSError:
            self.failed_rolls += 1
            if must or self.failed_rolls >= _RENAME_ATTEMPTS:
                self._copy_away()
                self._sweep()
            return False
        self._sweep()
        return True

    def _roll(self) -> None:
        if not self.backups:
            os.truncate(self._path(0), 0)
            return
        for number in self._to_move():
            os.replace(self._path(number), self._path(number + 1))  # noqa: PTH105 - beside the other calls of os

    def _copy_away(self) -> None:
        try:
            for number in self._to_move():
                shutil.copyfile(self._path(number), self._path(number + 1))
            os.truncate(self._path(0), 0)
        except OSError:
            _drop_older_half(self._path(0))

    def _to_move(self) -> Iterator[int]:
        """Up to the first gap, highest first: what an attempt that failed has moved is not moved again."""
        numbers = range(1, self.backups + 1)
        gap = next((number for number in numbers if not self._path(number).exists()), self.backups)
        return reversed(range(gap))

    def _sweep(self) -> None:
        """Remove what is numbered too high; and rolled files, oldest first, until the folder has room.

        Logs of other names count too, and so does whatever else stands there: the bound is the folder's. Each
        log that is written to may grow to its limit. Our own rolled files go first, then those of others.
        """
        rolled: list[Path] = []
        room = self.max_bytes * (self.backups + 1)
        for path in self.folder.iterdir():
            if path.name.startswith(f"{self.name}.") and _number(path) > self.backups:
                path.unlink(missing_ok=True)
            elif path.stem.endswith(".log") and _number(path) > 0:
                rolled.append(path)
                room -= _size(path)
            elif path.suffix != ".log":
                room -= _size(path)
            elif path.name != self.name:
                room -= self.max_bytes
        room -= self.max_bytes
        rolled.sort(key=lambda path: (path.stem != self.name, -_number(path)))
        while room < 0 and rolled:
            room += _size(rolled[0])
            rolled.pop(0).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process writes meanwhile."""
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield _is_locked(descriptor)
        finally:
            os.close(descriptor)

    def _path(self, number: int) -> Path:
        return self.folder / (f"{self.name}.{number}" if number else self.name)


def _is_locked(descriptor: int) -> bool:
    pause = threading.Event()
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pause.wait(_LOCK_PAUSE_S)
        except OSError:
            return False  # a file system without locks
        else:
            return True
    return False


def _number(path: Path) -> int:
    suffix = path.suffix[1:]
    return int(suffix) if suffix.isdecimal() else -1


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _drop_older_half(path: Path) -> None:
    """Keep the newer lines of the file, in place: this works on a full disk too."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        newer = os.pread(descriptor, size, size // 2).partition(b"\n")[2]
        os.pwrite(descriptor, newer, 0)
        os.ftruncate(descriptor, len(newer))
    finally:
        os.close(descriptor)


# How much is logged while the disk fills up.

LOW_BYTES, VERY_LOW_BYTES = 200_000_000, 50_000_000
_GOOD_SHARE = 1.25  # so much more than a limit must be free before the limit counts as left behind
_LOOKED_EVERY_S = 60.0


@attrs.frozen(kw_only=True)
class Said:
    """A record about the room itself."""

    level: Level
    event: str
    fields: dict[str, object]


class LogRoom:
    """Looks at the room once a minute. `least` is the least level that is worth it now."""

    def __init__(self, free_bytes: Callable[[], int | None], clock: Clock) -> None:
        self._free_bytes = free_bytes
        self._clock = clock
        self._looked_s: float | None = None
        self._is_low = False
        self.least = Level.DEBUG

    def looked(self) -> Said | None:
        """What is to be said of the room, if it has changed since the last look."""
        now_s = self._clock.elapsed_s()
        if self._looked_s is not None and now_s - self._looked_s < _LOOKED_EVERY_S:
            return None
        self._looked_s = now_s
        free = self._free_bytes()
        if free is None:
            return None
        self.least = (
            Level.WARNING if self._is_below(free, VERY_LOW_BYTES, self.least > Level.DEBUG) else Level.DEBUG
        )
        was_low, self._is_low = self._is_low, self._is_below(free, LOW_BYTES, self._is_low)
        if was_low == self._is_low:
            return None
        event = "log.disk_low" if self._is_low else "log.disk_recovered"
        return Said(level=Level.WARNING, event=event, fields={"free_bytes": free})

    @staticmethod
    def _is_below(free: int, limit: int, was_below: bool) -> bool:
        return free < (limit * _GOOD_SHARE if was_below else limit)


# The newest records of a log folder.

_MOST_BYTES = 5_000_000
_STAMP = len("2026-03-01T12:00:00")


def newest_records(log: Path, since: datetime) -> str:
    """The records since then of the log and its older parts, oldest first, at most 5 MB. Raises `OSError`."""
    begin = since.isoformat()[:_STAMP]
    found = [line for line in _last_lines(log) if line[:_STAMP] >= begin]
    return "".join(f"{line}\n" for line in found)


def _last_lines(log: Path) -> Iterator[str]:
    """Of each part no more than is left of the bound; the newest part has the log's own name."""
    left, parts = _MOST_BYTES, list[bytes]()
    for part in (log, *(log.with_name(f"{log.name}.{number}") for number in range(1, 100))):
        if not part.exists() or not left:
            break
        with part.open("rb") as file:
            file.seek(max(0, part.stat().st_size - left))
            parts.append(file.read(left))
        left -= len(parts[-1])
    for content in reversed(parts):
        yield from content.decode(errors="replace").splitlines()


# A folder of log files that never grows beyond its bound.

_RECORD_BYTES = 16_000
_CUT = b"...[cut]"


class RotatingLog:
    """A line a record, written in one go, so that a killed process loses none.

    `free_bytes` tells the room on the log's disk; None where nobody knows.
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
    ) -> None:
        margin_bytes = min(4 * _RECORD_BYTES, max_bytes // 10)
        self._files = LogFolder(
            folder=folder,
            name=f"{name}.log",
            max_bytes=max_bytes,
            backups=backups,
            margin_bytes=margin_bytes,
        )
        self._record_bytes = min(_RECORD_BYTES, max_bytes - margin_bytes)
        self._redact = redact
        self._clock = clock
        self._level = level
        self._room = LogRoom(free_bytes, clock)
        self._lock = threading.Lock()
        self._is_prepared = False
        self._failing_since: datetime | None = None
        self._lost = 0  # records since the last one that could be written

    def record(self, level: Level, event: str, **fields: object) -> None:
        if level < self._level:
            return
        try:
            with self._lock:
                if (said := self._room.looked()) is not None:
                    self._write(said.level, said.event, said.fields)
                if level >= self._room.least:
                    self._write(level, event, fields)
        except Exception:  # noqa: BLE001 - the contract: a journal in trouble costs no reading
            self._is_prepared = False  # the folder may have gone
            self._lost += 1

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        line = self._line(level, event, fields)
        if not self._is_prepared:
            self._files.prepare()
            self._is_prepared = True
        is_rolled = self._files.write(line)
        if self._files.failed_rolls and self._failing_since is None:
            self._failing_since = self._clock.now()
        if is_rolled and self._files.failed_rolls:
            self._say_that_it_failed()
        if self._lost:
            lost, self._lost = self._lost, 0
            self._files.write(self._line(Level.ERROR, "log.records_lost", {"records": lost}))

    def _say_that_it_failed(self) -> None:
        """Once, when it is possible again: before, it would be one more record where there is no room."""
        attempts, since = self._files.failed_rolls, self._failing_since
        self._files.failed_rolls, self._failing_since = 0, None
        line = self._line(Level.CRITICAL, "log.rotation_failed", {"since": since, "attempts": attempts})
        self._files.write(line)

    def _line(self, level: Level, event: str, fields: dict[str, object]) -> bytes:
        time = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = self._redact(f"{time} {level.name} {journal_line(event, fields)}")
        payload = text.encode(errors="backslashreplace")
        if len(payload) < self._record_bytes:
            return payload + b"\n"
        whole = payload[: self._record_bytes - len(_CUT) - 1].decode(errors="ignore")
        return whole.encode() + _CUT + b"\n"
