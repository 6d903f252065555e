"""The part of the composition root that says where in a home's data folder things stand."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from ports.clock import Clock
from ports.journal import Journal
from ports.spool import Spool
from ports.state import State


def data_folder(settings: Settings) -> Path:
    """Where the database stands, and all that belongs to it."""
    return settings.storage.database_path.parent


def state_file(settings: Settings) -> Path:
    """What the program has learned."""
    return data_folder(settings) / "state.json"


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
    from adapters.file_state import FileState

    return FileState(state_file(settings), journal)


def spool(settings: Settings, clock: Clock, journal: Journal) -> Spool:
    """What waits to be stored."""
    from adapters.file_spool import FileSpool

    return FileSpool(data_folder(settings) / "spool", clock=clock, journal=journal)
