"""The process that the simulated home of a soak runs in, by the real clock: SEED, then an order a line."""

from __future__ import annotations

import json
import logging
import sys

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.messages import SeenRequest


def main(seed: int) -> None:
    """Print where the home is; then take troubles, and print which requests there were since asked last."""
    logging.getLogger("aiohttp.server").disabled = True  # a client that gives up is no error here
    with SimulatedHome(clock=SystemClock(), seed=seed).running() as home:
        bridge, alexa = home.bridge, home.alexa
        say(
            bridge={
                "address": bridge.address,
                "bridge_id": bridge.id,
                "key": bridge.key,
                "ca_file": str(bridge.ca_file),
            },
            alexa={
                "url": alexa.url,
                "refresh_token": alexa.refresh_token,
                "ca_file": str(alexa.ca_file),
            },
            devices={
                "hue": [sensor.device_id for sensor in home.sensors],
                "amazon": [monitor.device_id for monitor in alexa.monitors],
            },
        )
        for line in sys.stdin:
            match line.split(maxsplit=1):
                case ["calm"]:
                    bridge.faults.clear()
                    alexa.faults.clear()
                    say()
                case ["hue" | "amazon" as source, spec]:
                    faults = bridge.faults if source == "hue" else alexa.faults
                    faults.clear()  # the one before is over; a request looks at each fault that there is
                    faults.add(spec.strip())
                    say()
                case _:
                    say(hue=taken(bridge.requests), amazon=taken(alexa.requests))


def taken(requests: list[SeenRequest]) -> object:
    """Take the requests out of the list, which grows meanwhile, and return what the verdict looks at."""
    seen = requests[:]
    del requests[: len(seen)]
    return [
        {"at": one.at.timestamp(), "path": one.path, "status": one.status, "faults": one.faults}
        for one in seen
    ]


def say(**what: object) -> None:
    """One line of JSON."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
