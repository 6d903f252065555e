"""Notices on a home's configuration, which a collector reports once a version of the program."""

from __future__ import annotations

import hashlib

from config.loading import Loaded
from entrypoints.version import __version__
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of
from ports.state import Json

_KEY = "config.reported"  # of the state


def new_warnings(loaded: Loaded, environment: Environment) -> tuple[str, ...]:
    """Return the warnings, without the notices that the home's state says were reported."""
    if not loaded.notices:
        return loaded.warnings
    saved = home_of(loaded, environment).state.get(_KEY)
    marks = saved.get("marks")
    reported = marks if isinstance(marks, list) and saved.get("version") == __version__ else []
    return tuple(
        one for one in loaded.warnings if one not in loaded.notices or _mark(loaded, one) not in reported
    )


def remember_notices(home: Home) -> None:
    """Save which notices were reported; only once the home has a database, as its state is a sign of one."""
    loaded = home.loaded
    marks = list[Json](sorted(_mark(loaded, one) for one in loaded.notices))
    value: dict[str, Json] = {"version": __version__, "marks": marks}
    if loaded.notices and home.state.get(_KEY) != value:
        home.state.put(_KEY, value)


def _mark(loaded: Loaded, notice: str) -> str:
    """Return a mark of a notice, the same wherever the home is."""
    return hashlib.sha256(notice.replace(str(loaded.home), "").encode()).hexdigest()[:12]
