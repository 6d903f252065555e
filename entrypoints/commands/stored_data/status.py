"""`homeclimate status`: the newest values, problems, and what waits to be stored."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path

import attrs
import click

from config.loading import load
from config.source_names import source_names
from domain.alerts.incidents import belongs_to_home
from domain.errors import StoreError
from domain.schedule import CLOCK_FAULT_AHEAD
from entrypoints.commands.options import home_option, json_option
from entrypoints.process import find_home
from entrypoints.terminal.output import as_json, print_message
from entrypoints.terminal.status_text import Status, as_object, lines
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import ALERT_FILE_SOURCE, home_of
from entrypoints.wiring.storage import collectors, history, ledger, require_database
from ports.state import Json

_SINCE = timedelta(days=1)
_INCIDENTS = "incidents"
# Keys of the state that are shown unchanged.
_STATE_KEYS = (
    "store.aside",
    "store.missing",
    "upkeep.backup",
    "upkeep.copy",
    "upkeep.check",
    "notifier",
    "heartbeat",
)


@click.command()
@home_option
@json_option
@click.pass_obj
def command(environment: Environment | None, *, home: Path | None, is_json: bool) -> int:
    """Show the newest values, the last cycles, open incidents and what waits to be stored.

    Exit code: 0 shown, 1 the database cannot be read, 78 wrong configuration.
    """
    status = status_of(find_home(home), environment or Environment())
    if is_json:
        print_message(as_json(as_object(status)))
    else:
        for line in lines(status):
            print_message(line)
    return 1 if status.store_trouble else 0


def status_of(home: Path, environment: Environment) -> Status:
    """Read the status from the home's files. Changes nothing, and sends no request."""
    home_now = home_of(load(home), environment)
    now = home_now.clock.now()
    files = home_now.files
    state, alert = home_now.state, files.alert
    sources = source_names(home_now.loaded)
    status = Status(
        now=now,
        waiting=home_now.spool.waiting(),
        incidents={key: one for key, one in state.get(_INCIDENTS).items() if _is_expected(one, sources)},
        state={key: value for key in _STATE_KEYS if (value := state.get(key))},
        alert_file=alert if ALERT_FILE_SOURCE in sources and alert.exists() else None,
        collectors=collectors(files),
    )
    until = now + CLOCK_FAULT_AHEAD
    try:
        require_database(home_now)
        return attrs.evolve(
            status,
            readings=tuple(history(home_now).newest(until)),
            records=tuple(ledger(home_now).records(now - _SINCE, until)),
        )
    except StoreError as error:
        return attrs.evolve(status, store_trouble=str(error))


def _is_expected(incident: Json, sources: AbstractSet[str]) -> bool:
    """Return whether the incident concerns a source that the home still has."""
    if not isinstance(incident, dict):
        return False
    topic, subject, source = (str(incident.get(name) or "") for name in ("topic", "subject", "source"))
    return belongs_to_home(topic, subject, source, sources)
