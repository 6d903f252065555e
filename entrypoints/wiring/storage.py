"""The part of the composition root that says where in a home's data folder things stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from config.loading import Loaded
from config.settings import Settings
from domain.errors import SourceLocked, StoreError
from domain.services.database_upkeep import DailyUpkeep
from entrypoints.wiring.sources import source_names
from ports.clock import Clock
from ports.journal import Journal
from ports.spool import Spool
from ports.state import State
from ports.stored_data import Ledger
from ports.upkeep import BackedUp, Checked, Skipped, Upkeep

if TYPE_CHECKING:
    from adapters.sqlite.care.backups import Backup
    from adapters.sqlite.care.restoring import Restoring
    from adapters.sqlite.care.salvage import Salvaging
    from adapters.sqlite.care.verification import Finding
    from entrypoints.wiring.environment import Environment


def data_folder(settings: Settings) -> Path:
    """Where the database stands, and all that belongs to it."""
    return settings.storage.database_path.parent


def state_file(settings: Settings) -> Path:
    """What the program has learned."""
    return data_folder(settings) / "state.json"


ALERT_FILE_SOURCE = "amazon"  # the file's name is older than the program: it is about this source


def alert_file(settings: Settings) -> Path:
    """What asks a person to act, while it is there."""
    return data_folder(settings) / "ALERT_TOKEN_REFRESH_NEEDED.txt"


def locks_folder(settings: Settings) -> Path:
    """Which process collects from which source."""
    return data_folder(settings) / "locks"


def upkeep_lock(settings: Settings) -> Path:
    """Which process looks after the database; not among the locks of sources."""
    return data_folder(settings) / "upkeep.lock"


def state(settings: Settings, journal: Journal) -> State:
    """What the program has learned, to be read and written."""
    from adapters.files.state_file import FileState

    return FileState(state_file(settings), journal)


def spool(settings: Settings, clock: Clock, journal: Journal) -> Spool:
    """What waits to be stored."""
    from adapters.files.spool_folder import FileSpool

    return FileSpool(data_folder(settings) / "spool", clock=clock, journal=journal)


# The part of the composition root for looking at a home from outside its collector.


def ledger(settings: Settings) -> Ledger:
    """What became of the home's cycles."""
    from adapters.sqlite.queries import SqliteLedger

    return SqliteLedger(settings.storage.database_path)


def collectors(settings: Settings) -> tuple[str, ...]:
    """The sources that a process collects from now."""
    from adapters.files.locks import held_sources

    return held_sources(locks_folder(settings))


def talk() -> Journal:
    """For what is read beside a collector: on stderr."""
    from adapters.log.journals import StderrJournal

    return StderrJournal(str)


# The part of the composition root for what is done with the database besides collecting into it.

_LOCK_WAIT_S = 30.0


def back_up(settings: Settings, target: Path) -> Backup:
    """Copy the home's database to a new file. Raises StoreError, and then there is no file."""
    from adapters.sqlite.care.backups import back_up as copied

    storage = settings.storage
    return copied(storage.database_path, target, busy_timeout_ms=storage.busy_timeout_ms)


def restoring(settings: Settings, environment: Environment) -> Restoring:
    """What puts a backup in the place of the home's database."""
    from adapters.sqlite.care.restoring import Restoring

    return Restoring(
        path=settings.storage.database_path,
        clock=environment.clock,
        is_simulated=environment.is_simulated,
        busy_timeout_ms=settings.storage.busy_timeout_ms,
    )


@contextmanager
def nobody_else(loaded: Loaded, *, doing: str) -> Iterator[None]:
    """No collector, and no upkeep, of this home works while this lasts: one that starts is told `doing`.

    Raises StoreError when one is at work already.
    """
    from adapters.files.locks import SourceLocks, UpkeepLock, known_sources

    folder = locks_folder(loaded.settings)
    folder.mkdir(parents=True, exist_ok=True)
    locks, lease = SourceLocks(folder, doing=doing), UpkeepLock(upkeep_lock(loaded.settings))
    try:
        for source in sorted(source_names(loaded).union(known_sources(folder))):
            locks.acquire(source)
        if not lease.acquire():
            raise StoreError(
                "a process is at the daily upkeep of the database. Wait for it; nothing is changed"
            )
        yield
    except SourceLocked as error:
        raise StoreError(f"a collector runs: {error}. Stop it first; nothing is changed") from error
    finally:
        lease.release()
        locks.close()


def check(settings: Settings, environment: Environment) -> tuple[Finding, ...]:
    """All that is wrong with the home's database. Raises StoreRefused when it is none of this home's kind."""
    from adapters.sqlite.care.verification import check_home

    storage = settings.storage
    return check_home(
        storage.database_path, is_simulated=environment.is_simulated, busy_timeout_ms=storage.busy_timeout_ms
    )


def salvaging(settings: Settings, environment: Environment) -> Salvaging:
    """What merges a damaged file into the home's database."""
    from adapters.log.journals import StderrJournal
    from adapters.sqlite.care.salvage import Salvaging
    from adapters.sqlite.database_lock import DatabaseLock
    from adapters.sqlite.opening import Opening

    storage = settings.storage
    path = storage.database_path
    opening = Opening(
        path=path,
        is_simulated=environment.is_simulated,
        busy_timeout_ms=storage.busy_timeout_ms,
        wal_checkpoint_pages=storage.wal_checkpoint_interval,
        journal=StderrJournal(str),
        clock=environment.clock,
    )
    lock = DatabaseLock(path.with_name(f"{path.name}.lock"), wait_s=_LOCK_WAIT_S)
    return Salvaging(opening=opening, lock=lock)


def daily_upkeep(
    settings: Settings, environment: Environment, *, state: State, journal: Journal
) -> DailyUpkeep:
    """What checks and backs up the home's database daily, beside its cycles."""
    from adapters.files.locks import UpkeepLock
    from adapters.files.saved_state import SavedState

    def built() -> Upkeep:
        from adapters.sqlite.care.upkeep import SqliteUpkeep

        return SqliteUpkeep(
            settings.storage.database_path,
            state=state,
            journal=journal,
            clock=environment.clock,
            is_simulated=environment.is_simulated,
            busy_timeout_ms=settings.storage.busy_timeout_ms,
        )

    upkeep, lease = _BuiltWhenDue(built), UpkeepLock(upkeep_lock(settings))
    return DailyUpkeep(
        upkeep=upkeep, lease=lease, state=SavedState(state), clock=environment.clock, journal=journal
    )


class _BuiltWhenDue:
    """An upkeep that costs nothing until the hour of the day when something is due."""

    def __init__(self, build: Callable[[], Upkeep]) -> None:
        self._build = build

    @cached_property
    def _upkeep(self) -> Upkeep:
        return self._build()

    async def check(self) -> Checked:
        return await self._upkeep.check()

    async def back_up(self) -> BackedUp | Skipped:
        return await self._upkeep.back_up()

    async def tidy(self) -> None:
        await self._upkeep.tidy()

    async def restore(self) -> str | None:
        return await self._upkeep.restore()
