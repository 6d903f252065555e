"""The process that the simulated home of a soak runs in, by the real clock: SEED, then an order a line."""

from __future__ import annotations

import json
import sys

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome


def main(seed: int) -> None:
    """Say where the home is; then take troubles, and in the end tell which requests there were."""
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
                case ["hue", spec]:
                    bridge.faults.add(spec.strip())
                    say()
                case ["amazon", spec]:
                    alexa.faults.add(spec.strip())
                    say()
                case _:
                    say(hue=seen(bridge.requests), amazon=seen(alexa.requests))


def seen(requests: object) -> object:
    """The requests as JSON takes them."""
    return [{**attrs.asdict(one), "at": one.at.timestamp()} for one in requests]  # type: ignore[attr-defined]


def say(**what: object) -> None:
    """One line of JSON."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
