"""Build what reads, repairs and looks after a home's database."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from datetime import UTC, timedelta, timezone, tzinfo
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import tzlocal

from adapters.files import locks
from adapters.files.locks import SourceLocks, UpkeepLock
from adapters.sqlite.backup import backups
from adapters.sqlite.backup.backups import Backup
from adapters.sqlite.backup.folder import STAMP
from adapters.sqlite.backup.restoring import Restoring
from adapters.sqlite.care import verification
from adapters.sqlite.care.renaming import rename_readings
from adapters.sqlite.care.renewal import Renewal
from adapters.sqlite.care.salvage import Salvaging
from adapters.sqlite.care.upkeep import SqliteUpkeep
from adapters.sqlite.care.verification import Finding
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.device_settings import SqliteDeviceSettings
from adapters.sqlite.errors import store_errors
from adapters.sqlite.history import rollups
from adapters.sqlite.history.ledger import SqliteLedger
from adapters.sqlite.history.queries import SqliteHistory, SqliteMeasurements, open_for_reading
from adapters.sqlite.history.rollups import Progress, Zones
from adapters.sqlite.opening import Opening
from adapters.sqlite.store import SqliteStore
from config.files import HomeFiles
from config.source_names import source_names
from domain.errors import StoreError
from domain.services.adjusted_readers import AdjustedHistory, AdjustedLedger, CurrentSettings
from domain.services.database_upkeep import DailyUpkeep
from entrypoints.wiring.home import Home
from ports.alerts import ReportMail
from ports.stored_data import DeviceSettingsLog, History, Ledger, Measurements

LOCK_WAIT_S = 30.0


def history(home: Home) -> History:
    """Return what reads the readings as people see them: with the settings of their devices applied."""
    return AdjustedHistory(measured_history(home), CurrentSettings(device_settings(home), home.clock))


def measured_history(home: Home) -> History:
    """Return what reads the readings as they are stored, of all devices."""
    return SqliteHistory(home.files.database, naive_zone=naive_zone(home))


def ledger(home: Home) -> Ledger:
    """Return what reads the outcomes of the cycles, without ignored devices."""
    return AdjustedLedger(full_ledger(home), CurrentSettings(device_settings(home), home.clock))


def measurements(home: Home) -> Measurements:
    """Return what reads the cost of reads."""
    return SqliteMeasurements(home.files.database)


def full_ledger(home: Home) -> Ledger:
    """Return what reads the outcomes of the cycles, of all devices."""
    return SqliteLedger(home.files.database)


def device_settings(home: Home) -> DeviceSettingsLog:
    """Return what keeps the settings of devices."""
    return SqliteDeviceSettings(opening=opening(home), lock=database_lock(home))


def collectors(files: HomeFiles) -> tuple[str, ...]:
    """Return the sources that a process collects from now."""
    return locks.held_sources(*files.source_locks)


def opening(home: Home) -> Opening:
    """Return what opens the database for writing next to a collector."""
    storage = home.settings.storage
    return Opening(
        path=home.files.database,
        is_simulated=home.environment.is_simulated,
        busy_timeout_ms=storage.busy_timeout_ms,
        wal_checkpoint_pages=storage.wal_checkpoint_interval,
        journal=home.journal,
        clock=home.clock,
        identity=home.identity,
    )


def database_lock(home: Home) -> DatabaseLock:
    """Return the lock for writing next to a collector."""
    return DatabaseLock(home.files.database_lock, wait_s=LOCK_WAIT_S)


def back_up(home: Home, target: Path) -> Backup:
    """Copy the database to a new file. Raise StoreError; then there is no file."""
    require_database(home)
    return backups.back_up(home.files.database, target, busy_timeout_ms=home.settings.storage.busy_timeout_ms)


def back_up_before(home: Home, doing: str) -> Backup:
    """Copy the database to a new file next to it, named after what follows. Raise StoreError."""
    database = home.files.database
    stamp = home.clock.now().astimezone(UTC).strftime(STAMP)
    return back_up(home, database.with_name(f"{database.name}.before-{doing}-{stamp}"))


def rename_stored(home: Home, device_id: str, name: str) -> int:
    """Store all readings of the device under that name; return how many changed. Raise StoreError."""
    return rename_readings(
        home.files.database,
        device_id,
        name,
        lock=database_lock(home),
        busy_timeout_ms=home.settings.storage.busy_timeout_ms,
    )


def check(home: Home) -> tuple[Finding, ...]:
    """Return all that is wrong with the database. Raise StoreRefused if it is of another program."""
    require_database(home)
    return verification.check_home(home.files.database, busy_timeout_ms=home.settings.storage.busy_timeout_ms)


def require_database(home: Home) -> None:
    """Raise StoreMissing if the home has had a database, and it is not there."""
    if home.identity is not None:
        with store_errors(home.files.database):
            home.identity.require_file()


def restoring(home: Home) -> Restoring:
    """Return what replaces the database with a backup."""
    return Restoring(
        path=home.files.database,
        clock=home.clock,
        is_simulated=home.environment.is_simulated,
        busy_timeout_ms=home.settings.storage.busy_timeout_ms,
        identity=home.identity,
    )


def renewal(home: Home) -> Renewal:
    """Return what goes on without the database that the home had. Raise StoreError for a simulated home."""
    if home.identity is None:
        raise StoreError("a simulated home can begin again at any time: delete its folder")
    return Renewal(
        opening=opening(home), lock=database_lock(home), identity=home.identity, kept=home.interim_cycles
    )


def salvaging(home: Home) -> Salvaging:
    """Return what merges a damaged file into the database."""
    return Salvaging(opening=opening(home), lock=database_lock(home))


def exclusive_access(home: Home, *, doing: str) -> AbstractContextManager[None]:
    """Keep all collectors and the upkeep of the home from starting. Raise StoreError if one is running."""
    return locks.exclusive_access(
        source_locks(home, doing=doing),
        source_names(home.loaded) | frozenset(locks.known_sources(*home.files.source_locks)),
        upkeep_lease(home),
    )


def rebuild_rollups(home: Home, on_progress: Progress | None = None) -> int:
    """Rebuild the sums by hour and day next to a collector; return how many readings there are.

    `on_progress` gets how many are counted, and of how many. Raise StoreError, also while the upkeep is
    running.
    """
    require_database(home)
    with open_for_reading(home.files.database, home.settings.storage.busy_timeout_ms):
        pass  # without a database there is no lock file either, as if another process had it
    with locks.exclusive_access(source_locks(home), frozenset(), upkeep_lease(home)):
        return rollups.rebuild_at(
            home.files.database,
            lock=database_lock(home),
            busy_timeout_ms=home.settings.storage.busy_timeout_ms,
            zones=_zones(home),
            on_progress=on_progress,
        )


def _zones(home: Home) -> Zones:
    return Zones(days=local_zone(), naive=naive_zone(home))


def local_zone() -> tzinfo:
    """Return the system's zone; its present offset where TZ is a rule (`UTC+3`) instead of a name."""
    try:
        return tzlocal.get_localzone()
    except LookupError:
        return timezone(timedelta(seconds=time.localtime().tm_gmtoff))


def source_locks(home: Home, *, doing: str = "") -> SourceLocks:
    """Return what keeps other processes from collecting from a source."""
    return SourceLocks(*home.files.source_locks, doing=doing, is_away=home.data.is_away)


def upkeep_lease(home: Home) -> UpkeepLock:
    """Return what keeps other processes from looking after the database."""
    return UpkeepLock(home.files.upkeep_lock, is_away=home.data.is_away)


def daily_upkeep(home: Home, store: SqliteStore, *, report_mail: ReportMail | None) -> DailyUpkeep:
    """Return what checks and backs up the database daily, next to the store that has it open."""
    backups = home.settings.backups
    upkeep = SqliteUpkeep(
        home.files.database,
        state=home.state,
        journal=home.journal,
        clock=home.clock,
        is_simulated=home.environment.is_simulated,
        busy_timeout_ms=home.settings.storage.busy_timeout_ms,
        max_backup_bytes=backups.max_bytes,
        copy_to=backups.copy_to,
        identity=home.identity,
        require_in_place=store.require_in_place,
        zones=partial(_zones, home),
    )
    return DailyUpkeep(
        upkeep=upkeep,
        lease=upkeep_lease(home),
        state=home.saved_state,
        copies=backups.copy_to is not None,
        report_mail=report_mail,
        zone=local_zone(),
        clock=home.clock,
        journal=home.journal,
    )


def naive_zone(home: Home) -> ZoneInfo | None:
    """Return the zone of old times without one; None: the system's."""
    zone = home.settings.storage.naive_zone
    return ZoneInfo(zone) if zone else None
