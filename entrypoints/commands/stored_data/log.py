"""`homeclimate log`: the ledger in words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from config.loading import load_to_read
from config.source_names import intervals, is_called
from domain.history.coverage import unwritten
from domain.history.ledger import LedgerRow, LedgerRun, runs_of
from domain.history.series import Span
from entrypoints.commands.options import home_option, json_option, parse_span
from entrypoints.process import find_home
from entrypoints.terminal.layout import print_lines
from entrypoints.terminal.output import as_json, print_message
from entrypoints.terminal.stored_data.ledger_text import as_object, lines
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of
from entrypoints.wiring.storage import history, ledger, local_zone, measurements

_COSTS_FOR = timedelta(days=31)  # over longer times what a single read cost is of no interest


@click.command()
@click.option(
    "--since",
    default="1h",
    show_default=True,
    metavar="WHEN",
    help="From then on: 12h, 30d ago, or 2026-11-18T14:30 (UTC).",
)
@click.option("--until", metavar="WHEN", help="Only before then.  [default: now]")
@click.option(
    "--failed",
    "only_failed",
    is_flag=True,
    help="Only what failed, was put off or was missed, by a source or a device.",
)
@click.option("--source", metavar="NAME", help="Only this source.")
@json_option
@home_option
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    since: str,
    until: str | None,
    only_failed: bool,
    source: str | None,
    is_json: bool,
    home: Path | None,
) -> int:
    """Show what became of each slot of each source, the newest last; slots that are alike share a line.

    Exit code: 0 shown, 1 the database cannot be read, 64 wrong usage, 78 wrong configuration.
    """
    home_now = home_of(load_to_read(find_home(home)), environment or Environment())
    span = parse_span(since, until, home_now.clock)
    runs = [run for run in _runs(home_now, span, source) if not (only_failed and run.is_complete)]
    if is_json:
        print_message(as_json(as_object(runs, span)))
        return 0
    if not runs:
        print_message("nothing failed in this time" if only_failed else "the ledger has no slot of this time")
    names = {one.device_id: one.location for one in history(home_now).newest()}
    print_lines(lines(runs, names, local_zone()))
    return 0


def _runs(home: Home, span: Span, wanted: str | None) -> list[LedgerRun]:
    """Return the runs of the span, with the slots since the newest row at the end. Raise StoreError."""
    stored = ledger(home)
    records = stored.records(span.since, home.clock.now())
    if wanted is not None and not any(is_called(record.source, wanted) for record in records):
        known = ", ".join(record.source for record in records) or "none"
        raise click.UsageError(f"there is no source {wanted!r} in the ledger. Sources: {known}")
    costs = measurements(home).between(span.since, span.until) if span.length <= _COSTS_FOR else ()
    found = [*runs_of(stored.rows(span.since, span.until), {(one.source, one.slot): one for one in costs})]
    for record in records:
        interval = intervals(home.settings).get(record.source, timedelta())
        for absence in unwritten(record.source, record.slot, span, interval) if interval else ():
            last = LedgerRow(
                source=record.source,
                slot=absence.slot + (absence.slots - 1) * interval,
                interval_s=absence.interval_s,
                is_planned=True,
                state=absence.cause,
                cause=absence.cause,
            )
            found.append(LedgerRun(row=last, first_slot=absence.slot, slots=absence.slots))
    return [run for run in found if wanted is None or is_called(run.row.source, wanted)]
