"""The part of the composition root for looking at a home from outside its collector."""

from __future__ import annotations

from config.settings import Settings
from entrypoints.wiring_data import locks_folder
from ports.journal import Journal
from ports.ledger import Ledger


def ledger(settings: Settings) -> Ledger:
    """What became of the home's cycles."""
    from adapters.sqlite.ledger_reading import SqliteLedger

    return SqliteLedger(settings.storage.database_path)


def collectors(settings: Settings) -> tuple[str, ...]:
    """The sources that a process collects from now."""
    from adapters.source_lock import held_sources

    return held_sources(locks_folder(settings))


def talk() -> Journal:
    """For what is read beside a collector: on stderr."""
    from adapters.stderr_journal import StderrJournal

    return StderrJournal(str)
