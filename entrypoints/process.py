"""How this process was started: which folder is the home, what its command is called, and how long ago."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path

import platformdirs

_START_TIME_FIELD = 19  # of /proc/PID/stat, counted from behind the name; see proc(5)


def find_home(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the home folder, which contains config/, data/ and logs/.

    In this order: `given`, HOMECLIMATE_HOME, the current folder if it has a config/config.yaml, the checkout
    (`./run` sets HOMECLIMATE_CHECKOUT), the user's data folder.
    """
    if given is not None:
        return given.absolute()
    if named := environment.get("HOMECLIMATE_HOME"):
        return Path(named).absolute()
    if Path("config/config.yaml").is_file():
        return Path.cwd()
    if checkout := environment.get("HOMECLIMATE_CHECKOUT"):
        return Path(checkout)
    return platformdirs.user_data_path("homeclimate")


def program_name(environment: Mapping[str, str]) -> str:
    """Return the command as a person would type it here: `homeclimate`, or the path to `run`."""
    checkout = environment.get("HOMECLIMATE_CHECKOUT")
    if checkout is None:
        return "homeclimate"
    return "./run" if Path.cwd() == Path(checkout) else shlex.quote(f"{checkout}/run")


def process_age_s() -> float:
    """Return the age of this process in seconds, start and imports included; 0.0 if it is unknown."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started_s = int(fields[_START_TIME_FIELD]) / os.sysconf("SC_CLK_TCK")
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - started_s)
    except (OSError, ValueError, IndexError, AttributeError):
        return 0.0
