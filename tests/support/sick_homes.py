"""A deployment that is well, and what can be done to it, for a health check to find out."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from entrypoints import health
from entrypoints.wiring.environment import Environment
from ports.upkeep import Disk
from tests.support.calm_homes import calm_seed
from tests.support.deployments import Deployment, a_deployment, with_amazon


@attrs.define(kw_only=True)
class SickHome:
    """A copy of a deployment that has collected once, and the world that it is in."""

    deployment: Deployment
    simulated: SimulatedHome
    disk: Disk | None = None

    @property
    def environment(self) -> Environment:
        return Environment(
            hue_roots=self.deployment.ca_file, amazon_roots=self.deployment.amazon_ca_file, disk=self.disk
        )

    @property
    def data(self) -> Path:
        return self.deployment.folder / "data"

    def config(self, old: str, new: str) -> None:
        _replaced(self.deployment.config_file, old, new)

    def more_config(self, text: str) -> None:
        with self.deployment.config_file.open("a") as file:
            file.write(text)

    def secrets(self, old: str, new: str) -> None:
        _replaced(self.deployment.secrets_file, old, new)

    def without_amazon(self) -> None:
        """As a home that has no account: neither asked, nor expected in the ledger."""
        self.config("  amazon_aqm:\n    enabled: true", "  amazon_aqm:\n    enabled: false")

    def without_hue(self) -> None:
        self.config("  hue:\n    enabled: true", "  hue:\n    enabled: false")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.deployment.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def state(self, key: str, **value: Any) -> None:
        """What the program would have learned by itself."""
        file = self.data / "state.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another program holds the database."""
        with closing(sqlite3.connect(self.deployment.database, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield


def _replaced(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, (old, text)
    file.write_text(text.replace(old, new, 1))


def asked_here(
    home: SickHome, read_out: Callable[[], tuple[str, str]], *arguments: str
) -> tuple[int, str, str]:
    """What `health` comes to, run in this process: exit code, stdout, stderr."""
    read_out()
    code = health.run([*arguments, "--home", str(home.deployment.folder)], environment=home.environment)
    out, err = read_out()
    return code, out, err


@contextmanager
def well_home(folder: Path) -> Iterator[SickHome]:
    """A home with a bridge and an account that live now, and have been collected from once."""
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        bridge, alexa = home.bridge, home.alexa
        deployment = a_deployment(
            folder, address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
        )
        deployment = with_amazon(
            deployment, url=alexa.url, refresh_token=alexa.refresh_token, ca_file=alexa.ca_file
        )
        done = deployment.run("collect", "--once")
        assert done.returncode == 0, done.stdout + done.stderr
        yield SickHome(deployment=deployment, simulated=home)


def copied(home: SickHome, folder: Path) -> SickHome:
    """Another home of the same kind, to be made sick."""
    shutil.copytree(home.deployment.folder, folder)
    home.simulated.bridge.faults.clear()
    home.simulated.alexa.faults.clear()
    return attrs.evolve(home, deployment=attrs.evolve(home.deployment, folder=folder))
