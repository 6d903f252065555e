"""Wiring of the pages over a home's readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

from adapters.files.atomic_write import write_atomically
from adapters.sqlite.history.queries import is_simulated
from config.source_names import source_names
from domain.alerts.incidents import belongs_to_home
from entrypoints.web.page_data import PageData
from entrypoints.wiring.home import Home
from entrypoints.wiring.storage import history, ledger, local_zone

_REPORT_MODE = 0o640


def page_data(home: Home) -> PageData:
    """Return what reads the home for its pages. Times are shown in the system's zone."""
    return PageData(
        history=history(home),
        ledger=ledger(home.files),
        clock=home.clock,
        zone=local_zone(),
        interval=timedelta(seconds=home.settings.collection.interval_seconds),
        is_simulated=is_simulated(home.files.database),
        incidents=partial(_open_incidents, home),
        database=partial(_database, home),
    )


def save_report(file: Path, text: str) -> None:
    """Write the file, complete or not at all, or into a pipe or device of that name. Raise OSError."""
    if file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8")
        return
    write_atomically(file, text.encode(), mode=_REPORT_MODE)


def _open_incidents(home: Home) -> Sequence[str]:
    sources = source_names(home.loaded)
    return [
        incident.detail or f"{incident.topic}: {incident.subject}"
        for incident in home.saved_state.incidents().values()
        if incident.is_open and belongs_to_home(incident.topic, incident.subject, incident.source, sources)
    ]


def _database(home: Home) -> Mapping[str, str]:
    size = home.files.database.stat().st_size if home.files.database.exists() else 0
    backup = home.state.get("upkeep.backup")
    made_at = backup.get("made_at")
    return {
        "size": f"{home.files.database.name}: {size / 1e6:.1f} MB",
        "backup": f"last backup: {made_at}" if isinstance(made_at, str) else "no backup yet",
        "privacy": "no data leaves this machine",
    }
