"""Build what collects from a home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import attrs

from adapters.files.regular_file import make_folder
from adapters.log.library_logging import redirect_to_journal
from adapters.runtime.meter import SystemMeter
from adapters.runtime.stamina_retrier import StaminaRetrier
from adapters.sqlite.identity.interim_store import InterimStore
from adapters.sqlite.store import SqliteStore
from config.device_registry import RegistryNames
from config.loading import Loaded
from config.source_names import chosen_names, credential_mark
from domain.services.alerting import Alerting
from domain.services.collection_cycle import CollectionCycle
from domain.services.cycle_storage import STORE_BUDGET_S, CycleStorage
from domain.services.database_upkeep import DailyUpkeep
from domain.services.source_backoff import SourceBackoff
from entrypoints.wiring.alerts import alerting, report_mail
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import collecting_home
from entrypoints.wiring.notices import remember_notices
from entrypoints.wiring.sources import ask_again, source_plans
from entrypoints.wiring.storage import daily_upkeep, source_locks
from ports.journal import Journal, Level
from ports.store import Store


@attrs.frozen(kw_only=True)
class Collecting:
    """What collects from a home, looks after its database, and alerts its people."""

    collection: CollectionCycle
    upkeep: DailyUpkeep
    alerting: Alerting
    journal: Journal


@contextmanager
def collecting(
    loaded: Loaded,
    environment: Environment,
    *,
    only: Sequence[str] = (),
    checking: bool = False,
    asks_anyway: bool = False,
) -> Iterator[Collecting]:
    """Lock the sources and open the store; release both at the end.

    `only` names sources or kinds of source; empty means all that are enabled. `checking` checks the database
    first; with `asks_anyway` no source is paused. Raise SettingsError for an unknown name, SourceLocked when
    another process collects, StoreRefused when the database cannot be collected into.
    """
    home = collecting_home(loaded, environment)
    storage, policy = home.settings.storage, home.settings.storage.retry
    meter = SystemMeter(home.clock)
    plans = source_plans(home, meter)
    chosen = chosen_names([plan.source.name for plan in plans], only)
    retrier = StaminaRetrier(clock=home.clock, journal=home.journal, random=environment.random)
    with suppress(OSError):  # the store says why
        if home.marker.absence(home.files.database) is None:
            make_folder(home.files.folder)
    locks = source_locks(home)
    spool = home.spool
    database = SqliteStore(
        home.files.database,
        journal=home.journal,
        clock=home.clock,
        is_simulated=environment.is_simulated,
        budget_s=policy.share_s(STORE_BUDGET_S),
        busy_timeout_ms=storage.busy_timeout_ms,
        wal_checkpoint_pages=storage.wal_checkpoint_interval,
        state=home.state,
        identity=home.identity,
        data=home.data,
        typed_names=RegistryNames(home.files.device_registry),
    )
    store: Store = database
    if home.identity is not None:
        store = InterimStore(
            database, identity=home.identity, kept=home.interim_cycles, spool=spool, journal=home.journal
        )
    try:
        for name in chosen:
            locks.acquire(name)
            if locks.problem is not None:
                home.journal.record(Level.WARNING, "locks.elsewhere", source=name, reason=locks.problem)
        if asks_anyway:
            ask_again(home)
        cycle_storage = CycleStorage(
            store=store,
            spool=spool,
            retrier=retrier,
            clock=home.clock,
            journal=home.journal,
            policy=policy,
        )
        cycle_storage.open(checking=checking)
        remember_notices(home)
        with redirect_to_journal(home.journal, level=Level[home.settings.logging.level]):
            yield Collecting(
                collection=CollectionCycle(
                    plans=[plan for plan in plans if plan.source.name in chosen],
                    storage=cycle_storage,
                    backoff=SourceBackoff(
                        state=home.saved_state,
                        clock=home.clock,
                        credential=lambda source: credential_mark(home.current.loaded(), source),
                        asks_anyway=asks_anyway,
                    ),
                    slots_in_progress=locks,
                    retrier=retrier,
                    clock=home.clock,
                    meter=meter,
                    journal=home.journal,
                    redact=home.redact,
                ),
                upkeep=daily_upkeep(home, database, report_mail=report_mail(home)),
                alerting=alerting(home, retrier),
                journal=home.journal,
            )
    finally:
        store.close()
        locks.close()
