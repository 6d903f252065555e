"""How this program was started, so that a person can be told what to type."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path


def program_name(environment: Mapping[str, str]) -> str:
    """`homeclimate`, or the checkout's `run` the way it is reached from here."""
    checkout = environment.get("HOMECLIMATE_CHECKOUT")
    if checkout is None:
        return "homeclimate"
    return "./run" if Path.cwd() == Path(checkout) else shlex.quote(f"{checkout}/run")
