"""A home's folder as an earlier system left it, for a simulated bridge, and the program run on it."""

from __future__ import annotations

import gc
import os
import sqlite3
import subprocess
import sys
import warnings
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import attrs

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.sensors import is_reachable, motion_sensors
from tests.support.forked import Piped, run_forked, wanted

_CHECKOUT = Path(__file__).parents[2]
_BEFORE, _AFTER, _STEP = timedelta(days=1), timedelta(hours=3), timedelta(minutes=10)
_CONFIG = """\
collection:
  interval_seconds: 300
storage:
  database_path: data/readings.db
collectors:
  hue:
    enabled: true
    bridge_ip: "{address}"
    auto_discover: false
"""
_AMAZON_CONFIG = """\
  amazon_aqm:
    enabled: true
    alexa_url: "{url}"
    api_url: "{url}"
    www_url: "{url}"
"""
_AMAZON_SECRETS = """\
amazon_aqm:
  refresh_token: "{refresh_token}"
"""
_SECRETS = """\
hue:
  api_key: "{key}"
  bridge_id: "{bridge_id}"
nest: {{}}
"""


def drop_cut_connections() -> None:
    """Collect what a command that ran in this process has left unclosed; its own process would have ended.

    A TLS connection that was cut at its deadline waits for its server, and aiohttp leaves it to the garbage
    collector when the event loop ends. Without this it would warn in another test.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@attrs.frozen(kw_only=True)
class Deployment:
    """A home's folder, and the CAs that its bridge's and its Alexa service's certificates come from."""

    folder: Path
    ca_file: Path
    amazon_ca_file: Path | None = None

    @property
    def config_file(self) -> Path:
        return self.folder / "config" / "config.yaml"

    @property
    def secrets_file(self) -> Path:
        return self.folder / "config" / "secrets.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "readings.db"

    @property
    def user_state(self) -> Path:
        """The folder for what lasts outside the home, as XDG_STATE_HOME names it."""
        return self.folder.with_name(f"{self.folder.name}-user-state")

    def block_lasting_folders(self) -> None:
        """Let files stand where the folders are due that outlast the data folder."""
        for folder in (self.folder / "state", self.user_state):
            folder.write_text("a file where a folder is due")

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs `homeclimate` with the simulated CA."""
        return [sys.executable, "-m", "tests.support.collect_simulated", str(self.ca_file), *arguments]

    def environment(self) -> dict[str, str]:
        """The environment for it: this checkout's code, and this home."""
        return {
            **os.environ,
            "PYTHONPATH": str(_CHECKOUT),
            "HOMECLIMATE_HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.user_state),
            "NO_COLOR": "1",
            **({"SIMULATED_AMAZON_CA": str(self.amazon_ca_file)} if self.amazon_ca_file else {}),
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return run_forked(self._order(arguments))

    def start(self, *arguments: str) -> Piped:
        """Let it run, and read what it says meanwhile."""
        return Piped(self._order(arguments))

    def _order(self, arguments: Sequence[str]) -> dict[str, object]:
        return wanted(arguments, environment=self.environment(), folder=self.folder, ca_file=self.ca_file)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the database answers, read only."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, parameters).fetchall()


def a_deployment(folder: Path, *, address: str, bridge_id: str, key: str, ca_file: Path) -> Deployment:
    """The files of a home with that bridge."""
    deployment = Deployment(folder=folder, ca_file=ca_file)
    deployment.config_file.parent.mkdir(parents=True)
    deployment.config_file.write_text(_CONFIG.format(address=address))
    deployment.secrets_file.touch(mode=0o600)
    deployment.secrets_file.write_text(_SECRETS.format(key=key, bridge_id=bridge_id))
    return deployment


def an_offline_home(folder: Path) -> Deployment:
    """Write the files of a home whose bridge does not exist."""
    nowhere = folder.with_name("none.pem")
    return a_deployment(folder, address="127.0.0.1", bridge_id="001788fffe000001", key="y", ca_file=nowhere)


def with_amazon(deployment: Deployment, *, url: str, refresh_token: str, ca_file: Path) -> Deployment:
    """The home, which has an Amazon account from now on."""
    with deployment.config_file.open("a") as config:
        config.write(_AMAZON_CONFIG.format(url=url))
    with deployment.secrets_file.open("a") as secrets:
        secrets.write(_AMAZON_SECRETS.format(refresh_token=refresh_token))
    return attrs.evolve(deployment, amazon_ca_file=ca_file)


def a_home_with_an_account(folder: Path, home: SimulatedHome) -> Deployment:
    """Write the files of a home with the simulated bridge and the simulated account."""
    bridge, alexa = home.bridge, home.alexa
    deployment = a_deployment(
        folder, address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
    )
    return with_amazon(deployment, url=alexa.url, refresh_token=alexa.refresh_token, ca_file=alexa.ca_file)


def calm_seed(at: datetime | None = None) -> int:
    """Return the first seed whose sensors are all reachable from a day before to hours after `at`, or now."""
    now = at or SystemClock().now()
    instants = [now - _BEFORE + number * _STEP for number in range((_BEFORE + _AFTER) // _STEP)]
    return next(
        seed
        for seed in count(1)
        if all(
            is_reachable(seed, sensor, instant.timestamp())
            for sensor in motion_sensors(seed)
            for instant in instants
        )
    )
