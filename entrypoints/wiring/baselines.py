"""Builds the service for baselines, and describes what a home runs on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import attrs

from adapters.health.machine import load, machine, newest_at, versions
from adapters.sqlite.baselines import SqliteBaselines
from adapters.sqlite.history.queries import SqliteMeasurements
from config.loading import Loaded
from config.settings import fingerprint
from config.source_names import is_called
from domain.measurements import CycleCosts
from domain.services.baseline_comparison import BaselineComparison
from domain.times import local_time
from entrypoints.version import __version__
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of
from entrypoints.wiring.storage import database_lock, opening

_ALWAYS = "the beginning"
_PROGRAM = Path(__file__).parents[2]
_PACKAGES = ("adapters", "config", "domain", "entrypoints", "ports")


@contextmanager
def baseline_comparison(loaded: Loaded, environment: Environment) -> Iterator[BaselineComparison]:
    """Build the service for the baselines of a home."""
    home = home_of(loaded, environment)
    busy_timeout_ms = home.settings.storage.busy_timeout_ms
    with closing(database_lock(home)) as lock:
        yield BaselineComparison(
            measurements=SqliteMeasurements(home.files.database, busy_timeout_ms=busy_timeout_ms),
            baselines=SqliteBaselines(opening=opening(home), lock=lock),
            clock=home.clock,
        )


def circumstances(loaded: Loaded, costs: CycleCosts, *, is_now: bool) -> Mapping[str, str]:
    """Describe what the costs depend on, by name; the load of the machine only of cycles that run now."""
    return {
        **({"load": load()} if is_now else {}),
        "machine": machine(),
        "homeclimate": __version__,
        **versions(),
        "configuration": fingerprint(loaded.settings, loaded.home),
        **_hue_reads(costs),
        "known since": _ALWAYS if is_now else _known_since(loaded, costs),
    }


def _hue_reads(costs: CycleCosts) -> Mapping[str, str]:
    reads = Counter(
        strategy or "unknown"
        for source, strategies in costs.strategies.items()
        if is_called(source, "hue")
        for strategy in strategies
    )
    if not reads:
        return {}
    (most, count), *others = reads.most_common()
    if not others:
        return {"Hue read": most}
    rest = "".join(f", {name} in {number:,}" for name, number in others)
    return {"Hue read": f"{most} in {count:,} of {reads.total():,} reads{rest}"}


def _known_since(loaded: Loaded, costs: CycleCosts) -> str:
    """Name what changed after the first cycle began, so that the other circumstances may be younger."""
    written = {
        "configuration": newest_at([loaded.config_path], ""),
        "homeclimate": newest_at([_PROGRAM / package for package in _PACKAGES], "**/*.py"),
        "packages": newest_at([Path(attrs.__file__).parents[1]], "*.dist-info/RECORD"),
    }
    later = [f"{name} {local_time(at)}" for name, at in written.items() if at and at > costs.slots[0]]
    return ", ".join(later) or _ALWAYS
