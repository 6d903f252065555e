"""The part of the composition root for looking at a home from outside its collector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import Settings
from ports.ledger import Ledger
from ports.spool import Spool
from ports.state import State

if TYPE_CHECKING:
    from entrypoints.wiring import World


def ledger(settings: Settings) -> Ledger:
    """What became of the home's cycles."""
    from adapters.sqlite.ledger_reading import SqliteLedger

    return SqliteLedger(settings.storage.database_path)


def spool(settings: Settings, world: World) -> Spool:
    """What waits to be stored."""
    from adapters.file_spool import FileSpool
    from adapters.stderr_journal import StderrJournal

    folder = settings.storage.database_path.parent / "spool"
    return FileSpool(folder, clock=world.clock, journal=StderrJournal(str))


def state(settings: Settings) -> State:
    """What the program has learned."""
    from adapters.file_state import FileState
    from adapters.stderr_journal import StderrJournal

    return FileState(settings.storage.database_path.parent / "state.json", StderrJournal(str))


def alert_file(settings: Settings) -> Path | None:
    """The file that asks a person to act, where it is there."""
    path = settings.storage.database_path.parent / "ALERT_TOKEN_REFRESH_NEEDED.txt"
    return path if path.exists() else None


def collectors(settings: Settings) -> tuple[str, ...]:
    """The sources that a process collects from now."""
    from adapters.source_lock import held_sources

    return held_sources(settings.storage.database_path.parent / "locks")
