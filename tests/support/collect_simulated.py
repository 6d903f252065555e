"""`homeclimate` in a process of its own, in a simulated world: CA_FILE ARGUMENT...

What else differs from the real world is in the environment: SIMULATED_BRIDGES, the bridges that are
announced (JSON; `mdns` for those on the network), SIMULATED_CLOUD, the address of a look-up,
SIMULATED_AMAZON_CA, SIMULATED_RATE, how many times shorter sleeps are, and SIMULATED_CLOCK, the file of a
clock that a test moves.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from pathlib import Path

from adapters.memory.source import MemoryBridgeFinder
from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from entrypoints.cli import main
from entrypoints.wiring.environment import Environment
from ports.clock import Clock
from ports.setup import AnnouncedBridge


class FastClock:
    """What a sleep does not take is counted as passed; all else takes as long as it takes, and time-outs too.

    The wall is the system's.
    """

    def __init__(self, rate: float) -> None:
        self._clock = SystemClock()
        self._rate = rate
        self._skipped_s = 0.0

    def now(self) -> datetime:
        return self._clock.now()

    def elapsed_s(self) -> float:
        return self._clock.elapsed_s() + self._skipped_s

    def elapsed_asleep_s(self) -> float | None:
        return self._clock.elapsed_asleep_s()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds / self._rate)
        self._skipped_s += seconds - seconds / self._rate


def simulated_environment(ca_file: str) -> Environment:
    """The world that the environment describes; in it nobody is found unless it says so."""
    announced = os.environ.get("SIMULATED_BRIDGES", "[]")
    amazon_ca = os.environ.get("SIMULATED_AMAZON_CA")
    return Environment(
        clock=_clock(),
        hue_roots=Path(ca_file),
        amazon_roots=Path(amazon_ca) if amazon_ca else None,
        bridge_finder=(
            None
            if announced == "mdns"
            else MemoryBridgeFinder(AnnouncedBridge(**bridge) for bridge in json.loads(announced))
        ),
        bridge_cloud=os.environ.get("SIMULATED_CLOUD"),
    )


def _clock() -> Clock:
    clock, file = FastClock(float(os.environ.get("SIMULATED_RATE", "1"))), os.environ.get("SIMULATED_CLOCK")
    return MovedClock(clock, Path(file)) if file else clock


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:], environment=simulated_environment(sys.argv[1])))
