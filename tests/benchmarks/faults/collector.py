"""`homeclimate` with the authority of the numbering bridge, and a wall clock that can be set: ARGUMENT...

CLOCK_FILE, in the environment, names a file with the seconds by which the wall clock is off. It is read
again and again; without it the clock is right.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path

from adapters.memory.source import MemoryBridgeFinder
from adapters.runtime.clock import SystemClock
from adapters.simulator.certificates import CA_FILE
from entrypoints.cli import main
from entrypoints.wiring.environment import Environment


class SettableClock(SystemClock):
    """The system's clocks, but for the wall clock, which is off by what the file has."""

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=_offset_s())


def _offset_s() -> float:
    try:
        return float(Path(os.environ["CLOCK_FILE"]).read_text() or 0)
    except (KeyError, OSError, ValueError):
        return 0.0


if __name__ == "__main__":
    environment = Environment(clock=SettableClock(), hue_roots=CA_FILE, bridge_finder=MemoryBridgeFinder([]))
    sys.exit(main(sys.argv[1:], environment=environment))
