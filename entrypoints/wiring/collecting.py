"""The composition root: the only module that knows every adapter, and gives each service its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs

from adapters.log.journals import Journals, StderrJournal
from config.loading import Loaded
from config.settings import Settings
from domain.errors import SettingsError, StoreError, StoreRefused
from domain.redaction import Redactor
from domain.services.alerting import Alerting
from domain.services.collection_cycle import CollectionCycle, SourcePlan
from domain.services.cycle_storage import STORE_BUDGET_S, CycleStorage
from domain.services.database_upkeep import DailyUpkeep
from domain.services.source_backoff import SourceBackoff
from entrypoints.wiring.alerts import alerting
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.sources import amazon_plans, hue_plans, is_called
from entrypoints.wiring.storage import daily_upkeep, locks_folder, spool
from entrypoints.wiring.storage import state as home_state
from ports.journal import Journal, Level
from ports.stored_data import History

if TYPE_CHECKING:
    from adapters.sqlite.store import SqliteStore


@attrs.frozen(kw_only=True)
class Collecting:
    """What collects from a home, what keeps its database sound, and what tells its people of trouble."""

    collection: CollectionCycle
    upkeep: DailyUpkeep
    alerting: Alerting
    journal: Journal


@contextmanager
def collecting(
    loaded: Loaded, environment: Environment, *, only: Sequence[str] = (), checking: bool = False
) -> Iterator[Collecting]:
    """The collection of a home, with its sources held and its store open; all let go of at the end.

    `only` names sources, or kinds of source; none means all that are enabled. Raises SettingsError for a
    name that there is not, SourceHeld when another process collects, StoreRefused when the database is
    not one to collect into.
    """
    from adapters.files.locks import SourceLocks
    from adapters.files.saved_state import SavedState
    from adapters.log.library_logging import redirect_to_journal
    from adapters.runtime.meter import SystemMeter
    from adapters.runtime.stamina_retrier import StaminaRetrier
    from adapters.sqlite.store import SqliteStore

    settings = loaded.settings
    redact = Redactor(tuple(loaded.secrets.values())).redact
    journal = _journal(loaded, environment, redact)
    meter = SystemMeter(environment.clock)
    state = home_state(settings, journal)
    every_plan = [
        *hue_plans(loaded, environment, state, meter, journal),
        *amazon_plans(loaded, environment, state, meter, journal),
    ]
    plans = _chosen(every_plan, only)
    locks = SourceLocks(locks_folder(settings))
    policy = settings.storage.retry
    store = SqliteStore(
        settings.storage.database_path,
        journal=journal,
        clock=environment.clock,
        is_simulated=environment.is_simulated,
        budget_s=policy.share_s(STORE_BUDGET_S),
        busy_timeout_ms=settings.storage.busy_timeout_ms,
        wal_checkpoint_pages=settings.storage.wal_checkpoint_interval,
        state=state,
    )
    try:
        for plan in plans:
            locks.acquire(plan.source.name)
        _open(store, journal, checking=checking)
        retrier = StaminaRetrier(clock=environment.clock, journal=journal)
        storage = CycleStorage(
            store=store,
            spool=spool(settings, environment.clock, journal),
            retrier=retrier,
            clock=environment.clock,
            journal=journal,
            policy=policy,
        )
        collection = CollectionCycle(
            plans=plans,
            storage=storage,
            backoff=SourceBackoff(state=SavedState(state), clock=environment.clock),
            slots_in_progress=locks,
            retrier=retrier,
            clock=environment.clock,
            meter=meter,
            journal=journal,
            redact=redact,
        )
        with redirect_to_journal(journal, level=Level[settings.logging.level]):
            yield Collecting(
                collection=collection,
                upkeep=daily_upkeep(settings, environment, state=state, journal=journal),
                alerting=alerting(loaded, environment, state=state, retrier=retrier, journal=journal),
                journal=journal,
            )
    finally:
        store.close()
        locks.close()


def history(settings: Settings) -> History:
    """What the home has stored, for reading."""
    from zoneinfo import ZoneInfo

    from adapters.sqlite.queries import SqliteHistory

    zone = settings.storage.naive_zone
    return SqliteHistory(settings.storage.database_path, naive_zone=ZoneInfo(zone) if zone else None)


def _open(store: SqliteStore, journal: Journal, *, checking: bool) -> None:
    """A store that will never do ends the program; one in trouble is tried again with each cycle."""
    try:
        store.open(checking=checking)
    except StoreRefused:
        raise
    except StoreError as error:
        journal.record(Level.ERROR, "store.not_opened", error=str(error))


def _journal(loaded: Loaded, environment: Environment, redact: Callable[[str], str]) -> Journal:
    logging = loaded.settings.logging
    if not (logging.enable_file_logging and environment.log_to_files):
        return StderrJournal(redact, level=environment.stderr_level or Level.CRITICAL)
    from adapters.health.machine import DiskSpace
    from adapters.log.rotating_log import RotatingLog

    log = RotatingLog(
        logging.log_file_path.parent,
        redact=redact,
        clock=environment.clock,
        level=Level[logging.level],
        name=logging.log_file_path.name.removesuffix(".log"),
        max_bytes=logging.max_bytes,
        backups=logging.backup_count,
        free_bytes=DiskSpace(logging.log_file_path.parent).free_bytes,
    )
    if environment.stderr_level is None:
        return log
    return Journals(log, StderrJournal(redact, level=environment.stderr_level))


def _chosen(plans: Sequence[SourcePlan], only: Sequence[str]) -> Sequence[SourcePlan]:
    """The plans whose source has one of the names, `hue` meaning every `hue:...` too."""
    names = [plan.source.name for plan in plans]
    unknown = [wanted for wanted in only if not any(is_called(name, wanted) for name in names)]
    if unknown or not plans:
        there_are = f"there are: {', '.join(names)}" if names else "no collector is enabled that can collect"
        wanted = f"there is no source {', '.join(unknown)} in this home; " if unknown else ""
        raise SettingsError(f"{wanted}{there_are} (collectors in config/config.yaml)")
    return [plan for plan in plans if not only or any(is_called(plan.source.name, wanted) for wanted in only)]
