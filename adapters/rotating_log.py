"""A folder of log files that never grows beyond its bound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from adapters.journal_line import journal_line
from adapters.log_folder import LogFolder
from adapters.log_room import LogRoom
from ports.clock import Clock
from ports.journal import Level

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
