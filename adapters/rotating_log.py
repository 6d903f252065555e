"""A folder of log files that never grows beyond its bound."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from adapters.journal_line import journal_line
from ports.clock import Clock
from ports.journal import Level

_RECORD_BYTES = 16_000
_CUT = b"...[cut]"
_MODE = 0o640
_LOCK_ATTEMPTS = 20
_LOCK_PAUSE_S = 0.001


class RotatingLog:
    """`<name>.log` and its older parts `<name>.log.1` (the newest) to `<name>.log.<backups>`.

    Each record is one `os.write`, so that a killed process loses none. Processes may share the folder:
    nothing is kept open, and a lock makes looking at the size, rolling and writing one act. The lock is
    held for microseconds; when it is not to be had, since its holder was stopped, the record is written
    without it, into a margin below `max_bytes` that is kept for this.
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
    ) -> None:
        self._folder = folder
        self._name = f"{name}.log"
        self._redact = redact
        self._clock = clock
        self._level = level
        self._max_bytes = max_bytes
        self._roll_at_bytes = max_bytes - min(4 * _RECORD_BYTES, max_bytes // 10)
        self._record_bytes = min(_RECORD_BYTES, self._roll_at_bytes)
        self._backups = backups
        self._lock = threading.Lock()
        self._is_prepared = False

    def record(self, level: Level, event: str, **fields: object) -> None:
        if level < self._level:
            return
        try:
            line = self._line(level, event, fields)
            with self._lock:
                self._prepare()
                self._write(line)
        except Exception:  # noqa: BLE001 - the contract: a journal in trouble costs no reading
            self._is_prepared = False  # the folder may have gone

    def _line(self, level: Level, event: str, fields: dict[str, object]) -> bytes:
        time = self._clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = self._redact(f"{time} {level.name} {journal_line(event, fields)}")
        payload = text.encode(errors="backslashreplace")
        if len(payload) < self._record_bytes:
            return payload + b"\n"
        whole = payload[: self._record_bytes - len(_CUT) - 1].decode(errors="ignore")
        return whole.encode() + _CUT + b"\n"

    def _prepare(self) -> None:
        if not self._is_prepared:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            self._is_prepared = True

    def _write(self, line: bytes) -> None:
        with self._alone() as is_alone:
            limit = self._roll_at_bytes if is_alone else self._max_bytes
            if _size(self._path(0)) + len(line) > limit:
                self._roll()
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            descriptor = os.open(self._path(0), flags, _MODE)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        """Whether no other process writes meanwhile; the lock is on the folder itself."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield _is_locked(descriptor)
        finally:
            os.close(descriptor)

    def _roll(self) -> None:
        for number in reversed(range(self._backups)):
            _move(self._path(number), self._path(number + 1))
        if not self._backups:
            os.truncate(self._path(0), 0)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what is numbered too high; and the oldest, while the files together are over the bound."""
        kept = [self._path(0)]
        for path in sorted(self._folder.glob(f"{self._name}.*"), key=_number):
            if 1 <= _number(path) <= self._backups:
                kept.append(path)
            elif _number(path) > self._backups:
                path.unlink(missing_ok=True)
        while len(kept) > 1 and sum(map(_size, kept)) > self._max_bytes * (self._backups + 1):
            kept.pop().unlink(missing_ok=True)

    def _path(self, number: int) -> Path:
        return self._folder / (f"{self._name}.{number}" if number else self._name)


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
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _move(source: Path, target: Path) -> None:
    if not source.exists():
        return
    try:
        os.replace(source, target)  # noqa: PTH105 - beside the other calls of os
    except OSError:
        # The bound counts for more than the oldest records: what cannot be copied either is let go.
        with contextlib.suppress(OSError):
            shutil.copyfile(source, target)
        os.truncate(source, 0)
