"""How long the program takes to start and end, beside a Python that does next to nothing."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping

from tests.peers.contestants import OURS
from tests.peers.environments import Environment, surroundings
from tests.peers.rounds import Field

BARE = "`python -c pass`"
IMPORTS = '`python -c "import requests, yaml, sqlite3"`'
VERSION = "`homeclimate --version`"
HEALTH = "`homeclimate health --offline`"
ONCE = "`homeclimate collect --once --source hue`"
_COMMAND = "import sys; from entrypoints.cli import main; sys.exit(main())"
_ROOTS = """\
import sys; from pathlib import Path
from entrypoints.cli import main; from entrypoints.wiring.environment import Environment
sys.exit(main(sys.argv[2:], environment=Environment(hue_roots=Path(sys.argv[1]))))
"""


def start_times(field: Field, rounds: int) -> Mapping[str, list[float]]:
    """Seconds, by command; each is started in turn, in the environment that the locks pin."""
    python = str(Environment(OURS.environment).python)
    task = field.task(OURS)
    environment = surroundings(HOMECLIMATE_HOME=task["home"])
    commands = {
        BARE: [python, "-c", "pass"],
        IMPORTS: [python, "-c", "import requests, yaml, sqlite3"],
        VERSION: [python, "-c", _COMMAND, "--version"],
        HEALTH: [python, "-c", _COMMAND, "health", "--offline"],
        # the simulated bridge's certificate comes from a CA of its own, so the program is told of that one
        ONCE: [python, "-c", _ROOTS, task["ca_file"], "collect", "--once", "--source", "hue"],
    }
    field.clock.move_back()
    for command in (commands[ONCE], *commands.values()):  # the first makes the database, the others compile
        _start(command, environment)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(_start(command, environment))
    return times


def _start(command: list[str], environment: Mapping[str, str]) -> float:
    began_s = time.perf_counter()
    subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
    return time.perf_counter() - began_s
