"""What the kernel says of a process, asked from outside it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import attrs

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@attrs.frozen(kw_only=True)
class Sample:
    """One look at a process and its folder. `at_s` is Unix time."""

    at_s: float
    threads: int
    descriptors: int
    resident_bytes: int
    cpu_s: float
    log_bytes: int
    wal_bytes: int


def sample(pid: int, home: Path) -> Sample:
    """Look once. Raises FileNotFoundError when the process has gone."""
    process = Path("/proc", str(pid))
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line)
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return Sample(
        at_s=time.time(),
        threads=int(status["Threads"]),
        descriptors=len(os.listdir(process / "fd")),  # noqa: PTH208 - /proc changes while it is read
        resident_bytes=1024 * int(status["VmRSS"].split()[0]),
        cpu_s=(int(after_name[11]) + int(after_name[12])) / _TICKS_A_SECOND,
        log_bytes=sum(size(path) for path in (home / "logs").glob("*")),
        wal_bytes=size(home / "data" / "readings.db-wal"),
    )


def size(path: Path) -> int:
    """The bytes of a file; 0 where it has gone or never was."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
