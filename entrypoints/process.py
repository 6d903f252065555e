"""How this process was started: which folder is the home, and what its command is called."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import platformdirs


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
