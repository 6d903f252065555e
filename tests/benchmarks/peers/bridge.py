"""The process of the simulated bridge, whose clock the benchmark moves: SENSORS CLOCK_FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome


def main(sensors: int, clock_file: Path) -> None:
    """Print where the bridge is, and answer until stdin ends."""
    clock = MovedClock(SystemClock(), clock_file)
    with SimulatedHome(clock=clock, sensors=sensors).running() as home:
        bridge = home.bridge
        place = {
            "address": bridge.address,
            "http_address": bridge.http_address,
            "bridge_id": bridge.id,
            "key": bridge.key,
            "ca_file": str(bridge.ca_file),
            "clock_file": str(clock_file),
        }
        print(json.dumps(place), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
