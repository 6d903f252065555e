"""`homeclimate coverage`: how complete the readings are, and why others are missing."""

from __future__ import annotations

from pathlib import Path

import click

from config.loading import load_to_read
from config.source_names import intervals
from domain.schedule import CLOCK_FAULT_AHEAD
from domain.services.home_coverage import home_coverage
from entrypoints.commands.options import NumberRange, home_option, json_option, parse_span
from entrypoints.process import find_home
from entrypoints.terminal.layout import print_lines, terminal_width
from entrypoints.terminal.output import as_json, print_message
from entrypoints.terminal.stored_data.coverage_text import CoverageReport, as_object, lines
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.export import holds_simulated
from entrypoints.wiring.home import home_of
from entrypoints.wiring.storage import history, ledger, local_zone, require_database


@click.command()
@click.option(
    "--since",
    default="24h",
    show_default=True,
    metavar="WHEN",
    help="Where it begins: 12h, 30d ago, or 2026-11-18T14:30 (UTC).",
)
@click.option("--until", metavar="WHEN", help="Where it ends.  [default: now]")
@click.option(
    "--target",
    "target_percent",
    type=NumberRange(0, 100),
    default=95.0,
    show_default=True,
    metavar="PERCENT",
    help="The share of its expected readings that each device should have.",
)
@click.option("--check", "is_check", is_flag=True, help="Exit with 1 if one is below it, or any is lost.")
@json_option
@home_option
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    since: str,
    until: str | None,
    target_percent: float,
    is_check: bool,
    is_json: bool,
    home: Path | None,
) -> int:
    """Show how complete the readings of each device are, and each gap with its cause.

    A reading that a source did not hand over is not received; one is lost if the collector itself is the
    reason. Exit code: 0 shown, 1 the database cannot be read, or --check is not met, 64 wrong usage, 78 wrong
    configuration.
    """
    home_now = home_of(load_to_read(find_home(home)), environment or Environment())
    require_database(home_now)
    now = home_now.clock.now()
    span = parse_span(since, until, home_now.clock)
    waiting = home_now.spool.waiting()
    stored = ledger(home_now)
    newest = history(home_now).newest(now + CLOCK_FAULT_AHEAD)
    found = home_coverage(
        stored,
        stored.records(span.since, span.until),
        span,
        intervals(home_now.settings),
        {one.device_id: one.collected_at for one in history(home_now).newest(span.until)},
        {source: slots.slots for source, slots in waiting.by_source.items()},
    )
    report = CoverageReport(
        found=found,
        span=span,
        target=target_percent / 100,
        names={one.device_id: one.location for one in newest},
        waiting=waiting.readings,
        is_simulated=holds_simulated(home_now),
    )
    if is_json:
        print_message(as_json(as_object(report)))
    else:
        print_lines(lines(report, local_zone(), terminal_width()))
    return 1 if is_check and not report.is_kept else 0
