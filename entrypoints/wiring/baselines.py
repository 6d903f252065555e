"""The part of the composition root for what was measured, and the baselines made of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import attrs

from config.loading import Loaded
from config.settings import fingerprint
from domain.measurements import Costs
from domain.services.baseline_comparison import Baselining
from entrypoints.version import __version__
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.sources import is_called
from entrypoints.wiring.storage import talk

_LOCK_WAIT_S = 30.0
_FROM_THE_BEGINNING = "the beginning"
_PROGRAM = Path(__file__).parents[1]
_PACKAGES = ("adapters", "config", "domain", "entrypoints", "ports")
_SEED = 1  # so that the same measurements always compare alike


@contextmanager
def baselining(loaded: Loaded, environment: Environment) -> Iterator[Baselining]:
    """The baselines of a home, and what it measured."""
    from adapters.sqlite.baselines import SqliteBaselines
    from adapters.sqlite.database_lock import DatabaseLock
    from adapters.sqlite.opening import Opening
    from adapters.sqlite.queries import SqliteMeasurements

    storage = loaded.settings.storage
    path = storage.database_path
    opening = Opening(
        path=path,
        is_simulated=environment.is_simulated,
        busy_timeout_ms=storage.busy_timeout_ms,
        wal_checkpoint_pages=storage.wal_checkpoint_interval,
        journal=talk(),
        clock=environment.clock,
    )
    with closing(DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=_LOCK_WAIT_S)) as lock:
        yield Baselining(
            measurements=SqliteMeasurements(path, busy_timeout_ms=storage.busy_timeout_ms),
            baselines=SqliteBaselines(opening=opening, lock=lock),
            clock=environment.clock,
            pick=random.Random(_SEED).randrange,  # noqa: S311 - chance that is the same each time
        )


def circumstances(loaded: Loaded, *, is_now: bool) -> Mapping[str, str]:
    """What the home's performance depends on, in words, by name; how busy the machine is, if `is_now`."""
    from adapters.health.machine import load, machine, versions

    return {
        **({"load": load()} if is_now else {}),
        "machine": machine(),
        "homeclimate": __version__,
        **versions(),
        "configuration": fingerprint(loaded.settings, loaded.home),
    }


def shown_circumstances(loaded: Loaded, costs: Costs, *, is_now: bool) -> Mapping[str, str]:
    """What is told from the measurements: how bridges were read, and whether the rest held all the time."""
    reads = Counter(
        strategy or "unknown"
        for source, strategies in costs.strategies.items()
        if is_called(source, "hue")
        for strategy in strategies
    )
    return {
        **({"Hue read": _in_words(reads)} if reads else {}),
        "known since": _FROM_THE_BEGINNING if is_now else _known_since(loaded, costs.first_at),
    }


def _in_words(reads: Counter[str]) -> str:
    (most, count), *others = reads.most_common()
    if not others:
        return most
    rest = "".join(f", {name} in {number:,}" for name, number in others)
    return f"{most} in {count:,} of {reads.total():,} reads{rest}"


def _known_since(loaded: Loaded, first_at: datetime | None) -> str:
    """What was written since the first cycle began, so that it may have been another one before."""
    from adapters.health.machine import newest_at

    written = {
        "configuration": newest_at([loaded.config_path], ""),
        "homeclimate": newest_at([_PROGRAM / package for package in _PACKAGES], "**/*.py"),
        "packages": newest_at([Path(attrs.__file__).parents[1]], "*.dist-info/RECORD"),
    }
    later = [
        f"{name} {at:%Y-%m-%d %H:%M}" for name, at in written.items() if at and first_at and at > first_at
    ]
    return ", ".join(later) or _FROM_THE_BEGINNING
