"""The simulated home in a process of its own, so that what it costs is not taken from who asks it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import attrs

from adapters.simulator.home import SimulatedHome
from domain.values import frozen
from ports.clock import Clock


@frozen(kw_only=True)
class Whereabouts:
    """Where the services of a simulated home answer, and what they accept."""

    bridge_address: str
    bridge_id: str
    bridge_key: str
    bridge_ca_file: str
    alexa_address: str
    alexa_url: str
    alexa_ca_file: str
    refresh_token: str
    monitors: tuple[str, ...]


class HomeApart:
    """A simulated home that runs elsewhere and does what it is ordered."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders = orders
        self._answers = answers
        found = json.loads(self._answer())
        self.whereabouts = Whereabouts(**{**found, "monitors": tuple(found["monitors"])})

    def order(self, *words: str) -> None:
        """Have it done before this returns: `bridge unplug`, `alexa end-access`, or a service and a fault."""
        self._orders.write(f"{json.dumps(words)}\n")
        self._orders.flush()
        self._answer()

    def _answer(self) -> str:
        if not (line := self._answers.readline()):
            raise RuntimeError("the simulated home has ended; what it said of it stands above")
        return line


@contextmanager
def home_apart(*, seed: int, clock_arguments: tuple[str, ...]) -> Iterator[HomeApart]:
    """Start the simulated home, and end it with the block. `clock_arguments` say whose time it lives in."""
    command = [sys.executable, "-m", "entrypoints.commands.simulated_home", str(seed), *clock_arguments]
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the pipes to the simulated home were not made")
        yield HomeApart(process.stdin, process.stdout)
        process.stdin.close()


def obey(*, clock: Clock, seed: int, orders: IO[str], answers: IO[str]) -> None:
    """What the other process does: run the home, say where it is, and take orders until they end."""
    with SimulatedHome(clock=clock, seed=seed).running() as home:
        print(json.dumps(attrs.asdict(_whereabouts(home))), file=answers, flush=True)
        for line in orders:
            _do(home, *json.loads(line))
            print(file=answers, flush=True)


def _do(home: SimulatedHome, service: str, what: str) -> None:
    match service, what:
        case "bridge", "unplug":
            home.bridge.unplug()
        case "alexa", "end-access":
            home.alexa.end_access()
        case "bridge", fault:
            home.bridge.faults.add(fault)
        case "alexa", fault:
            home.alexa.faults.add(fault)
        case _:
            raise ValueError(f"there is no service {service}")


def _whereabouts(home: SimulatedHome) -> Whereabouts:
    bridge, alexa = home.bridge, home.alexa
    return Whereabouts(
        bridge_address=bridge.address,
        bridge_id=bridge.id,
        bridge_key=bridge.key,
        bridge_ca_file=str(bridge.ca_file),
        alexa_address=alexa.address,
        alexa_url=alexa.url,
        alexa_ca_file=str(alexa.ca_file),
        refresh_token=alexa.refresh_token,
        monitors=tuple(monitor.serial for monitor in alexa.monitors),
    )
