"""What a cycle takes in homes of more and more sensors, over real TLS, each home in turn."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.clock import MovedClock
from config.loading import load
from domain.schedule import Due, slot_at
from domain.services.collection_cycle import CollectionCycle
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from tests.benchmarks.growth.costs import Cost, cost_of, median_ms, p95_ms, tell

SENSORS_A_BRIDGE = 50
HOMES = (50, 200, 500, 1000)
_INTERVAL_S = 300
_WARM_UP = 15  # an hour and more, so that each home has asked for its details once

Bridge = Mapping[str, str]


def measure(cycles: int) -> None:
    """Print a line a home: the time of a cycle, and what it comes to for each sensor."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        clock = MovedClock(SystemClock(), folder / "clock")
        bridges = stack.enter_context(_bridges(max(HOMES) // SENSORS_A_BRIDGE, folder / "clock"))
        environment = Environment(clock=clock, stderr_level=None)
        homes = {}
        for sensors in HOMES:
            place = _home(folder / str(sensors), bridges[: sensors // SENSORS_A_BRIDGE])
            homes[sensors] = stack.enter_context(collecting(load(place), environment)).collection
        costs = _rounds(homes, clock, [_Asking.of(bridge) for bridge in bridges], cycles)
    first = median_ms([cost.wall_s for cost in costs[HOMES[0]]]) / HOMES[0]
    for sensors, some in costs.items():
        wall_s, cpu_s = [cost.wall_s for cost in some], [cost.cpu_s for cost in some]
        each_ms = median_ms(wall_s) / sensors
        tell(
            f"{sensors:>5} sensors: a cycle {median_ms(wall_s):7.1f} ms, p95 {p95_ms(wall_s):7.1f}, CPU "
            f"{median_ms(cpu_s):7.1f}; a sensor {each_ms:.3f} ms, {each_ms / first:.2f} of the smallest home"
        )


@contextmanager
def _bridges(count: int, clock_file: Path) -> Iterator[Sequence[Bridge]]:
    """In a process of their own: what they compute is not ours."""
    command = [
        sys.executable,
        "-m",
        "tests.benchmarks.growth.bridges",
        str(count),
        str(SENSORS_A_BRIDGE),
        str(clock_file),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield json.loads(process.stdout.readline())
        process.stdin.close()


def _home(folder: Path, bridges: Sequence[Bridge]) -> Path:
    config, secrets = folder / "config" / "config.yaml", folder / "config" / "secrets.yaml"
    config.parent.mkdir(parents=True)
    told = [{name: bridge[name] for name in ("id", "address", "certificate_sha256")} for bridge in bridges]
    keys = [{"id": bridge["id"], "api_key": bridge["key"]} for bridge in bridges]
    # JSON is YAML
    config.write_text(json.dumps({"collectors": {"hue": {"auto_discover": False, "bridges": told}}}))
    secrets.touch(mode=0o600)
    secrets.write_text(json.dumps({"hue": {"bridges": keys}}))
    return folder


@attrs.frozen
class _Asking:
    """A client that has the bridge compute the values of a slot, so that nobody waits for that."""

    connection: http.client.HTTPSConnection
    key: str

    @classmethod
    def of(cls, bridge: Bridge) -> _Asking:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        host, port = bridge["address"].rsplit(":", 1)
        return cls(http.client.HTTPSConnection(host, int(port), context=context), bridge["key"])

    def ask(self) -> None:
        headers = {"hue-application-key": self.key}
        self.connection.request("GET", "/clip/v2/resource/temperature", headers=headers)
        self.connection.getresponse().read()


def _rounds(
    homes: Mapping[int, CollectionCycle], clock: MovedClock, asking: Sequence[_Asking], cycles: int
) -> Mapping[int, Sequence[Cost]]:
    costs: dict[int, list[Cost]] = {sensors: [] for sensors in homes}
    newest = slot_at(clock.now(), _INTERVAL_S)
    with asyncio.Runner() as runner:
        for number in range(_WARM_UP + cycles):
            slot = newest - timedelta(seconds=_INTERVAL_S * (_WARM_UP + cycles - number))
            clock.move_to(slot + timedelta(seconds=1))
            for one in asking:
                one.ask()
            for sensors in list(homes) if number % 2 else reversed(list(homes)):
                cost = cost_of(partial(runner.run, _cycle(homes[sensors], slot, sensors)))
                if number >= _WARM_UP:
                    costs[sensors].append(cost)
        for collection in homes.values():
            runner.run(collection.close())
    return costs


async def _cycle(collection: CollectionCycle, slot: datetime, sensors: int) -> None:
    cycle = await collection.run(
        [Due(source=name, slot=slot, interval_s=_INTERVAL_S) for name in collection.plans]
    )
    heard = len(cycle.report.readings)
    if heard < 0.8 * sensors:  # some are always quiet in a simulated home
        raise RuntimeError(f"{heard} readings of {sensors} sensors: {cycle.report.outcomes}")
