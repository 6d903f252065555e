"""`homeclimate status`: the newest values, problems, and what waits to be stored."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import NoReturn

import attrs
import click

from config.loading import load_to_read
from config.source_names import intervals, source_names
from domain.alerts.incidents import belongs_to_home
from domain.errors import StoreError
from domain.history.series import Span
from domain.schedule import CLOCK_FAULT_AHEAD
from domain.services.home_coverage import home_coverage
from domain.times import local_time
from entrypoints.commands.options import NumberRange, home_option, json_option
from entrypoints.process import find_home
from entrypoints.terminal.layout import print_lines, terminal_width
from entrypoints.terminal.output import Look, as_json, can_redraw, print_message
from entrypoints.terminal.stored_data.newest_table import newest_of
from entrypoints.terminal.stored_data.status_text import Status, as_object, lines
from entrypoints.terminal.watching import LinesAt, watch
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.export import holds_simulated
from entrypoints.wiring.home import ALERT_FILE_SOURCE, home_of
from entrypoints.wiring.storage import collectors, history, ledger, require_database
from ports.state import Json

_WATCH_S = 10
_SINCE = timedelta(days=1)
_INCIDENTS = "incidents"
_REPORT = "upkeep.report"
# Keys of the state that are shown unchanged.
_STATE_KEYS = (
    "store.aside",
    "store.missing",
    "upkeep.backup",
    "upkeep.copy",
    "upkeep.check",
    _REPORT,
    "notifier",
    "heartbeat",
)


@click.command()
@home_option
@json_option
@click.option(
    "--watch",
    "watch_s",
    type=NumberRange(min=1.0),
    is_flag=False,
    flag_value=str(_WATCH_S),
    metavar="[SECONDS]",
    help=f"Draw it again in place, until Ctrl-C.  [every {_WATCH_S} s by default]",
)
@click.pass_obj
def command(
    environment: Environment | None, *, home: Path | None, is_json: bool, watch_s: float | None
) -> int:
    """Show the newest values, the last cycles, open incidents and what waits to be stored.

    Exit code: 0 shown, 1 the database cannot be read, 78 wrong configuration; 130 Ctrl-C.
    """
    if watch_s is not None:
        _watch(find_home(home), environment or Environment(), watch_s, is_json=is_json)
    status = status_of(find_home(home), environment or Environment())
    if is_json:
        print_message(as_json(as_object(status)))
    else:
        print_lines(lines(status, terminal_width()))
    return 1 if status.store_trouble else 0


def _watch(home: Path, environment: Environment, every_s: float, *, is_json: bool) -> NoReturn:
    if is_json or not can_redraw():
        raise click.UsageError("--watch draws on a terminal. Leave it out, and repeat the command instead")

    def read() -> LinesAt:
        status = status_of(home, environment)
        heading = f"{local_time(status.now, seconds=True)}, again every {every_s:g} s; Ctrl-C ends"
        return lambda width: chain([(heading, Look.DIM)], lines(status, width))

    watch(read, every_s)


def status_of(home: Path, environment: Environment) -> Status:
    """Read the status from the home's files. Changes nothing, and sends no request."""
    home_now = home_of(load_to_read(home), environment)
    now = home_now.clock.now()
    files = home_now.files
    state, alert = home_now.state, files.alert
    sources = source_names(home_now.loaded)
    own_intervals = intervals(home_now.settings)
    span = Span(since=now - _SINCE, until=now)
    is_mailed = home_now.settings.report.mail != "never"
    keys = _STATE_KEYS if is_mailed else [key for key in _STATE_KEYS if key != _REPORT]
    waiting = home_now.spool.waiting()
    status = Status(
        now=now,
        since=span.since,
        interval=max(own_intervals.values(), default=timedelta()),
        waiting=waiting,
        incidents={key: one for key, one in state.get(_INCIDENTS).items() if _is_expected(one, sources)},
        state={key: value for key in keys if (value := state.get(key))},
        alert_file=alert if ALERT_FILE_SOURCE in sources and alert.exists() else None,
        collectors=collectors(files),
    )
    until = now + CLOCK_FAULT_AHEAD
    try:
        require_database(home_now)
        newest = newest_of(history(home_now), span.since, until)
        records = ledger(home_now).records(span.since, until)
        slots = {one.reading.device_id: one.reading.collected_at for one in newest}
        waits = {source: one.slots for source, one in waiting.by_source.items()}
        coverage = home_coverage(ledger(home_now), records, span, own_intervals, slots, waits)
    except StoreError as error:
        return attrs.evolve(status, store_trouble=str(error))
    return attrs.evolve(
        status,
        devices=tuple(
            attrs.evolve(one, coverage=coverage.devices.get(one.reading.device_id)) for one in newest
        ),
        source_of=coverage.source_of,
        is_simulated=holds_simulated(home_now),
        coverage=coverage.sources,
        records=tuple(one for one in records if one.source in sources or one.slot >= span.since),
    )


def _is_expected(incident: Json, sources: AbstractSet[str]) -> bool:
    """Return whether the incident concerns a source that the home still has."""
    if not isinstance(incident, dict):
        return False
    topic, subject, source = (str(incident.get(name) or "") for name in ("topic", "subject", "source"))
    return belongs_to_home(topic, subject, source, sources)
