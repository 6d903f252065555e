"""What is seen of a collector from outside: its cycles, alerts and files, and what its process takes."""

from __future__ import annotations

import ctypes
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from statistics import median_low

import attrs

LONGEST_CYCLE_S = 30.0
LATEST_START_S = 15.0  # after its slot
LARGEST_LOG_BYTES = 60_000_000
LARGEST_WAL_BYTES = 10_000_000  # it is emptied daily, and when it is longer than 8 MB
THIS_PROCESS = Path("/proc/self")
# A connection of SQLite keeps some that it no longer needs. One of them more each day is noticed in a week.
_MORE_DESCRIPTORS = 2
_MORE_THREADS = 6  # those that write the log end a second of real time after their last call
# Until everything has been used once, and the home's caches are full; what the home's account takes a day.
# docs/explanation/design.md has the figures measured.
_MORE_BYTES, _MORE_BYTES_A_DAY = 15_000_000, 1_500_000
_LEAST_LOOKS = 4
_CYCLE = re.compile(r" INFO cycle slot=(\S+) ")
_LOST = re.compile(r" ERROR log\.records_lost records=(\d+)")
_TEXTS = "SELECT coalesce(detail, '') || coalesce(unread, '') || coalesce(notes, '') FROM outcomes"


@attrs.frozen(kw_only=True)
class Usage:
    """What the process took at one moment; all 0 where the system does not say.

    Memory that the allocator keeps free does not count, if it is this process.
    """

    memory_bytes: int
    descriptors: int
    threads: int

    @classmethod
    def now(cls, process: Path = THIS_PROCESS) -> Usage:
        """Look at the process whose folder in /proc is given."""
        try:
            free_bytes = _free_bytes() if process == THIS_PROCESS else 0
            pages = int((process / "statm").read_text("ascii").split()[1])
            return cls(
                memory_bytes=pages * os.sysconf("SC_PAGE_SIZE") - free_bytes,
                descriptors=len(os.listdir(process / "fd")),  # noqa: PTH208 - it changes while it is read
                threads=len(os.listdir(process / "task")),  # noqa: PTH208
            )
        except (FileNotFoundError, ProcessLookupError):
            return cls(memory_bytes=0, descriptors=0, threads=0)


@attrs.frozen(kw_only=True)
class Taken:
    """The most of one thing, and how much more the last quarter of the looks shows than the first."""

    largest: int
    growth: int

    @classmethod
    def of(cls, values: Sequence[int]) -> Taken:
        """Sum up the values, in the order of time; the middle of a quarter counts."""
        if len(values) < _LEAST_LOOKS:
            return cls(largest=max(values, default=0), growth=0)
        quarter = len(values) // 4
        growth = median_low(values[-quarter:]) - median_low(values[:quarter])
        return cls(largest=max(values), growth=growth)


@attrs.frozen(kw_only=True)
class ProcessUse:
    """What the process took over a simulation."""

    memory_bytes: Taken
    descriptors: Taken
    threads: Taken

    @classmethod
    def of(cls, looks: Sequence[Usage]) -> ProcessUse:
        return cls(
            memory_bytes=Taken.of([look.memory_bytes for look in looks]),
            descriptors=Taken.of([look.descriptors for look in looks]),
            threads=Taken.of([look.threads for look in looks]),
        )

    def broken(self, days: float) -> Iterator[str]:
        """Yield the promises that were broken in so many days."""
        if self.descriptors.growth > _MORE_DESCRIPTORS:
            yield f"{self.descriptors.growth:,} more descriptors were open at the end than in the beginning"
        if self.threads.growth > _MORE_THREADS:
            yield f"{self.threads.growth:,} more threads ran at the end than in the beginning"
        most = _MORE_BYTES + round(_MORE_BYTES_A_DAY * days)
        if self.memory_bytes.growth > most:
            yield f"memory grew by {self.memory_bytes.growth:,} bytes, more than {most:,}"


@attrs.frozen(kw_only=True)
class Watched:
    """What was seen from outside while the collector ran."""

    longest_cycle_s: float
    latest_start_s: float  # of a cycle, after its slot
    largest_log_bytes: int
    largest_wal_bytes: int
    cycles_not_logged: int  # more than the log itself says
    alerts_raised: int
    alerts_cleared: int
    secrets_in: Sequence[str]
    process: ProcessUse

    def broken(self, days: float) -> Iterator[str]:
        """Yield the promises that were broken in so many days."""
        if self.longest_cycle_s > LONGEST_CYCLE_S:
            yield f"a cycle took {self.longest_cycle_s:.1f} s, more than {LONGEST_CYCLE_S:g} s"
        if self.latest_start_s > LATEST_START_S:
            yield f"a cycle began {self.latest_start_s:.0f} s after its slot, more than {LATEST_START_S:g} s"
        if self.largest_log_bytes > LARGEST_LOG_BYTES:
            yield f"the log took {self.largest_log_bytes:,} bytes, more than {LARGEST_LOG_BYTES:,}"
        if self.largest_wal_bytes > LARGEST_WAL_BYTES:
            yield f"the database's log took {self.largest_wal_bytes:,} bytes, more than {LARGEST_WAL_BYTES:,}"
        if self.cycles_not_logged:
            yield f"{self.cycles_not_logged:,} cycles have no record in the log"
        if self.secrets_in:
            yield f"a secret was written to {' and '.join(self.secrets_in)}"
        yield from self.process.broken(days)


@attrs.define(kw_only=True)
class Watch:
    """Looks at the files of a home, and at the collector's process, after each cycle.

    `secrets` are those that no text may have.
    """

    logs: Path
    database: Path
    alert_file: Path
    secrets: Collection[str]
    longest_cycle_s: float = 0.0
    latest_start_s: float = 0.0
    _secrets_in: set[str] = attrs.field(factory=set)
    _largest_log_bytes: int = 0
    _largest_wal_bytes: int = 0
    _cycles: list[str] = attrs.field(factory=list)  # their slots, as the log writes them
    _writable: int = 0  # cycles until the log could be written last
    _alerts: list[bool] = attrs.field(factory=list)  # whether there is an alert, at each change
    _usages: list[Usage] = attrs.field(factory=list)

    def look(self, process: Path = THIS_PROCESS) -> None:
        """Note what is there now."""
        self._usages.append(Usage.now(process))
        log_bytes = sum(path.stat().st_size for path in self.logs.glob("*"))
        self._largest_log_bytes = max(self._largest_log_bytes, log_bytes)
        wal = self.database.with_name(f"{self.database.name}-wal")
        self._largest_wal_bytes = max(self._largest_wal_bytes, wal.stat().st_size if wal.exists() else 0)
        has_alert = self.alert_file.exists()
        if has_alert is not (bool(self._alerts) and self._alerts[-1]):
            self._alerts.append(has_alert)
            if has_alert:
                self.read("the alert file", self.alert_file.read_text("utf-8"))

    def note_cycle(self, slots: Collection[datetime]) -> None:
        """Note that the collector has reported a cycle of these slots."""
        self._cycles.append(",".join(sorted({slot.isoformat() for slot in slots})))
        if self.logs.is_dir():
            self._writable = len(self._cycles)

    def note_end(self) -> None:
        """Note that the collector has ended: what it could not log was only in its memory."""
        if not self.logs.is_dir():
            del self._cycles[self._writable :]

    def read(self, place: str, text: str) -> None:
        """Look for secrets in a text."""
        if any(secret in text for secret in self.secrets):
            self._secrets_in.add(place)

    def watched(self) -> Watched:
        """Return what was seen so far."""
        log = "".join(path.read_text("utf-8", errors="replace") for path in _oldest_first(self.logs))
        self.read("the log", log)
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            for (text,) in connection.execute(_TEXTS):
                self.read("the ledger", text)
        return Watched(
            longest_cycle_s=round(self.longest_cycle_s, 3),
            latest_start_s=round(self.latest_start_s, 3),
            largest_log_bytes=self._largest_log_bytes,
            largest_wal_bytes=self._largest_wal_bytes,
            cycles_not_logged=_not_logged(self._cycles, log),
            alerts_raised=self._alerts.count(True),
            alerts_cleared=self._alerts.count(False),
            secrets_in=sorted(self._secrets_in),
            process=ProcessUse.of(self._usages),
        )


class _MallocInfo(ctypes.Structure):
    """What glibc's mallinfo2(3) returns."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


@lru_cache
def _malloc_info() -> Callable[[], _MallocInfo] | None:
    """Return the function of the C library, or None if it has none."""
    function = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if function is not None:
        function.restype = _MallocInfo
    return function


def _free_bytes() -> int:
    """Return how much memory the allocator keeps, of what was freed; 0 where it does not say."""
    info = _malloc_info()
    return 0 if info is None else int(info().fordblks)


def _oldest_first(folder: Path) -> Sequence[Path]:
    """Return the parts of a log: `.log.2` is older than `.log.1`, and that is older than `.log`."""
    return sorted((path for path in folder.glob("*") if path.is_file()), key=_part, reverse=True)


def _part(path: Path) -> int:
    number = path.suffix[1:]
    return int(number) if number.isdecimal() else 0


def _not_logged(cycles: Sequence[str], log: str) -> int:
    """Count the cycles without a record since the log begins, apart from those that it says it lost."""
    logged = _CYCLE.findall(log)
    if not logged:
        return len(cycles)
    since = cycles.index(logged[0]) if logged[0] in cycles else 0
    missing = Counter(cycles[since:]) - Counter(logged)
    return max(0, missing.total() - sum(map(int, _LOST.findall(log))))
