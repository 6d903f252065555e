"""A healthy deployment, and what tests of the health check do to it."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from entrypoints.commands import health
from entrypoints.wiring.environment import Environment
from ports.upkeep import Disk
from tests.support.deployments import (
    Deployment,
    a_home_with_an_account,
    calm_seed,
    drop_cut_connections,
)


@attrs.define(kw_only=True)
class SickHome:
    """A copy of a deployment that has collected once, and its environment."""

    deployment: Deployment
    simulated: SimulatedHome
    disk: Disk | None = None

    @property
    def environment(self) -> Environment:
        return Environment(
            hue_roots=self.deployment.ca_file, amazon_roots=self.deployment.amazon_ca_file, disk=self.disk
        )

    @property
    def folder(self) -> Path:
        return self.deployment.folder

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def config(self, old: str, new: str) -> None:
        _replace(self.deployment.config_file, old, new)

    def more_config(self, text: str) -> None:
        with self.deployment.config_file.open("a") as file:
            file.write(text)

    def secrets(self, old: str, new: str) -> None:
        _replace(self.deployment.secrets_file, old, new)

    def more_secrets(self, text: str) -> None:
        with self.deployment.secrets_file.open("a") as file:
            file.write(text)

    def without_amazon(self) -> None:
        self.config("  amazon_aqm:\n    enabled: true", "  amazon_aqm:\n    enabled: false")

    def without_hue(self) -> None:
        self.config("  hue:\n    enabled: true", "  hue:\n    enabled: false")

    def sql(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.deployment.database)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def state(self, key: str, **value: Any) -> None:
        """Set a value in the state file."""
        file = self.data / "state.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the database, as another program would."""
        with closing(sqlite3.connect(self.deployment.database, isolation_level=None)) as connection:
            connection.execute("BEGIN EXCLUSIVE")
            yield

    def secret_values(self) -> list[str]:
        """Return the key, the token and the cookies of the simulated services."""
        cookies = [value for value in self.simulated.alexa.cookies.values() if len(value) > 5]
        return [self.simulated.bridge.key, self.simulated.alexa.refresh_token, *cookies]


def encodings(secrets: Iterable[str]) -> list[str]:
    """Return each secret plain, as in URLs, and as in headers."""
    return [
        form
        for secret in secrets
        for form in (
            secret,
            quote(secret, safe=""),
            base64.b64encode(secret.encode()).decode().rstrip("="),
        )
    ]


def run_health(
    home: SickHome, read_out: Callable[[], tuple[str, str]], *arguments: str
) -> tuple[int, str, str]:
    """Run `health` in this process; return exit code, stdout and stderr."""
    read_out()
    code = health.run([*arguments, "--home", str(home.folder)], environment=home.environment)
    if "--offline" not in arguments:
        drop_cut_connections()
    out, err = read_out()
    return code, out, err


def not_passed(report: dict[str, Any]) -> dict[str, str]:
    """Return the components that fail or warn, except those that depend on this machine."""
    return {
        name: check["status"]
        for name, (check,) in report["checks"].items()
        if check["status"] in ("fail", "warn") and name not in ("sqlite", "environment")
    }


@contextmanager
def well_home(folder: Path) -> Iterator[SickHome]:
    """Yield a home with a bridge and an account that has been collected from once."""
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        deployment = a_home_with_an_account(folder, home)
        done = deployment.run("collect", "--once")
        assert done.returncode == 0, done.stdout + done.stderr
        yield SickHome(deployment=deployment, simulated=home)


def copied(home: SickHome, folder: Path) -> SickHome:
    """Copy the home, and clear the faults of its services."""
    shutil.copytree(home.folder, folder)
    home.simulated.bridge.faults.clear()
    home.simulated.alexa.faults.clear()
    return attrs.evolve(home, deployment=attrs.evolve(home.deployment, folder=folder))


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, (old, text)
    file.write_text(text.replace(old, new, 1))
