"""The part of the composition root for what was measured, and the baselines made of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from config.fingerprint import fingerprint
from config.loading import Loaded
from domain.services.baselining import Baselining
from entrypoints.version import __version__
from entrypoints.wiring_status import talk
from entrypoints.world import World

_LOCK_WAIT_S = 30.0
_SEED = 1  # so that the same measurements always compare alike


@contextmanager
def baselining(loaded: Loaded, world: World) -> Iterator[Baselining]:
    """The baselines of a home, and what it measured."""
    from adapters.sqlite.baselines import SqliteBaselines
    from adapters.sqlite.lock import DatabaseLock
    from adapters.sqlite.measurements import SqliteMeasurements
    from adapters.sqlite.opening import Opening

    storage = loaded.settings.storage
    path = storage.database_path
    opening = Opening(
        path=path,
        is_simulated=world.is_simulated,
        busy_timeout_ms=storage.busy_timeout_ms,
        wal_checkpoint_pages=storage.wal_checkpoint_interval,
        journal=talk(),
        clock=world.clock,
    )
    with closing(DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=_LOCK_WAIT_S)) as lock:
        yield Baselining(
            measurements=SqliteMeasurements(path, busy_timeout_ms=storage.busy_timeout_ms),
            baselines=SqliteBaselines(opening=opening, lock=lock),
            clock=world.clock,
            pick=random.Random(_SEED).randrange,  # noqa: S311 - chance that is the same each time
        )


def circumstances(loaded: Loaded, *, is_now: bool) -> Mapping[str, str]:
    """What the home's performance depends on, in words, by name; how busy the machine is, if `is_now`."""
    from adapters.machine import load, machine, versions

    return {
        **({"load": load()} if is_now else {}),
        "machine": machine(),
        "homeclimate": __version__,
        **versions(),
        "configuration": fingerprint(loaded.settings, loaded.home),
        "Hue read": loaded.settings.collectors.hue.read,
    }
