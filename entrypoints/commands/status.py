"""`homeclimate status`: the newest values, problems, and what waits to be stored."""

from __future__ import annotations

import json
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path

import attrs
import click

from config.loading import load
from domain.errors import SpoolError, StoreError
from domain.incidents import belongs_to_home
from domain.progress import Waiting
from domain.schedule import CLOCK_FAULT_AHEAD
from entrypoints.commands.options import home_option, json_option
from entrypoints.process import find_home
from entrypoints.terminal.status_text import Status, as_object, lines
from entrypoints.wiring.collecting import history
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.sources import source_names
from entrypoints.wiring.storage import ALERT_FILE_SOURCE, alert_file, collectors, ledger, spool, state, talk
from ports.state import Json

_SINCE = timedelta(days=1)
_INCIDENTS = "incidents"
# Keys of the state that are shown unchanged.
_STATE_KEYS = ("store.aside", "upkeep.backup", "upkeep.check", "notifier", "heartbeat")


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
        click.echo(json.dumps(as_object(status), ensure_ascii=False))
    else:
        for line in lines(status):
            click.echo(line)
    return 1 if status.store_trouble else 0


def status_of(home: Path, environment: Environment) -> Status:
    """Read the status from the home's files. Changes nothing, and sends no request."""
    loaded = load(home)
    now = environment.clock.now()
    journal = talk()
    kept = state(loaded.settings, journal)
    alert = alert_file(loaded.settings)
    sources = source_names(loaded)
    status = Status(
        now=now,
        waiting=Waiting(),
        incidents={key: one for key, one in kept.get(_INCIDENTS).items() if _is_expected(one, sources)},
        state={key: value for key in _STATE_KEYS if (value := kept.get(key))},
        alert_file=alert if ALERT_FILE_SOURCE in sources and alert.exists() else None,
        collectors=collectors(loaded.settings),
    )
    try:
        status = attrs.evolve(status, waiting=spool(loaded.settings, environment.clock, journal).waiting())
    except SpoolError as error:
        status = attrs.evolve(status, spool_trouble=str(error))
    until = now + CLOCK_FAULT_AHEAD
    try:
        return attrs.evolve(
            status,
            readings=tuple(history(loaded.settings).newest(until)),
            records=tuple(ledger(loaded.settings).records(now - _SINCE, until)),
        )
    except StoreError as error:
        return attrs.evolve(status, store_trouble=str(error))


def _is_expected(incident: Json, sources: AbstractSet[str]) -> bool:
    """Return whether the incident concerns a source that the home still has."""
    if not isinstance(incident, dict):
        return False
    topic, subject, source = (str(incident.get(name) or "") for name in ("topic", "subject", "source"))
    return belongs_to_home(topic, subject, source, sources)
