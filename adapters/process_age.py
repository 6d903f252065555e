"""How long this process has been there, its start and imports included."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STARTED_AT = 19  # the place of starttime in /proc/PID/stat, counted from behind the name; proc(5)


def process_age_s() -> float:
    """Seconds; 0.0 on a system that does not tell."""
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started_s = int(after_name[_STARTED_AT]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
