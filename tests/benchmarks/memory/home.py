"""The process of the simulated bridge and Alexa service, by a clock that the bench leads: CLOCK_FILE."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from adapters.simulator.home import SimulatedHome


def main(clock_file: Path) -> None:
    """Say where both are, and answer until stdin ends."""
    with SimulatedHome(clock=MovedClock(SystemClock(), clock_file)).running() as home:
        bridge, alexa = home.bridge, home.alexa
        told = {
            "bridge": {
                "address": bridge.address,
                "bridge_id": bridge.id,
                "key": bridge.key,
                "ca_file": str(bridge.ca_file),
            },
            "alexa": {
                "url": alexa.url,
                "refresh_token": alexa.refresh_token,
                "ca_file": str(alexa.ca_file),
            },
        }
        print(json.dumps(told), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
