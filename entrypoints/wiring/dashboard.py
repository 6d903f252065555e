"""Wiring of the pages over a home's readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from adapters.files.atomic_write import write_atomically
from adapters.sqlite.history.queries import SqliteMeasurements, is_simulated
from config.source_names import intervals, source_names
from domain.alerts.incidents import belongs_to_home
from domain.alerts.messages import title_of
from entrypoints.version import __version__
from entrypoints.web.page_data import PageData
from entrypoints.wiring.home import Home
from entrypoints.wiring.storage import device_settings, history, ledger, local_zone

_REPORT_MODE = 0o640


def page_data(home: Home) -> PageData:
    """Return what reads the home for its pages. Times are shown in the system's zone."""
    return PageData(
        history=history(home),
        ledger=ledger(home),
        measurements=SqliteMeasurements(home.files.database),
        clock=home.clock,
        zone=local_zone(),
        interval=timedelta(seconds=home.settings.collection.interval_seconds),
        intervals=intervals(home.settings),
        is_simulated=is_simulated(home.files.database),
        incidents=partial(_open_incidents, home),
        database=partial(_database, home),
        settings=device_settings(home).current,
    )


def save_report(file: Path, text: str) -> None:
    """Write the file, complete or not at all, or into a pipe or device of that name. Raise OSError."""
    if file.exists() and not file.is_file():
        file.write_text(text, encoding="utf-8")
        return
    write_atomically(file, text.encode(), mode=_REPORT_MODE)


def _open_incidents(home: Home) -> Sequence[Mapping[str, Any]]:
    sources = source_names(home.loaded)
    return [
        {
            "text": title_of(incident),
            "detail": incident.detail,
            "since": incident.since.timestamp(),
        }
        for incident in home.saved_state.incidents().values()
        if incident.is_open and belongs_to_home(incident.topic, incident.subject, incident.source, sources)
    ]


def _database(home: Home) -> Mapping[str, Any]:
    file = home.files.database
    made_at = home.state.get("upkeep.backup").get("made_at")
    return {
        "name": file.name,
        "bytes": file.stat().st_size if file.exists() else 0,
        "backup": datetime.fromisoformat(made_at).timestamp() if isinstance(made_at, str) else None,
        "version": __version__,
    }
