"""`homeclimate report`: the page of the dashboard as one file."""

from __future__ import annotations

from pathlib import Path

import click

from config.loading import load
from domain.history.series import Span
from entrypoints.commands.options import home_option, parse_instant
from entrypoints.process import find_home
from entrypoints.terminal.output import print_message
from entrypoints.web.page_data import PageData
from entrypoints.web.rendering import render
from entrypoints.wiring.dashboard import page_data, save_report
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of


@click.command()
@click.option(
    "--since",
    default="30d",
    show_default=True,
    metavar="WHEN",
    help="Where the report begins: 12h, 30d ago, or 2026-11-18T14:30 (UTC).",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="Where it is written.  [default: homeclimate-DATE.html in the current folder]",
)
@home_option
@click.pass_obj
def command(environment: Environment | None, *, since: str, output: Path | None, home: Path | None) -> int:
    """Write the page of the dashboard as one file, which needs no server and can be mailed.

    Exit code: 0 written, 1 the database cannot be read or the file cannot be written, 64 wrong usage,
    78 wrong configuration.
    """
    home_now = home_of(load(find_home(home)), environment or Environment())
    until = home_now.clock.now()
    begin = parse_instant(since, home_now.clock)
    if begin >= until:
        raise click.UsageError("--since is not in the past")
    data = page_data(home_now)
    file = output or Path(f"homeclimate-{until.astimezone(data.zone):%Y-%m-%d}.html")
    save_report(file, as_one_file(data, Span(since=begin, until=until)))
    print_message(f"{file}: {file.stat().st_size / 1e6:.1f} MB. Open it in a browser")
    return 0


def as_one_file(data: PageData, span: Span) -> str:
    """Return the page of the span as HTML that needs nothing else. Raise StoreError."""
    return render({**data.build(span), "range": ""}, inline=True)
