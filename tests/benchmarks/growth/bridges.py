"""The process of many simulated bridges, by a clock that the bench leads: BRIDGES SENSORS CLOCK_FILE."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from pathlib import Path

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002


def main(bridges: int, sensors: int, clock_file: Path) -> None:
    """Say where the bridges are, and answer until stdin ends."""
    clock = MovedClock(SystemClock(), clock_file)
    with ExitStack() as stack:
        told = []
        for number in range(1, bridges + 1):
            # all of them show one certificate, which is pinned: there are none for so many ids
            model = attrs.evolve(BSB002, bridge_id=f"001788fffe{number:06x}")
            home = SimulatedHome(clock=clock, seed=number, sensors=sensors, bridges=(model,))
            bridge = stack.enter_context(home.running()).bridge
            told.append(
                {
                    "id": bridge.id,
                    "address": bridge.address,
                    "certificate_sha256": bridge.certificate_sha256,
                    "key": bridge.key,
                }
            )
        print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
