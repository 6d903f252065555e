"""`homeclimate report`: the page of the dashboard as one file, written or mailed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import click

from config.loading import load, load_to_read
from config.source_names import intervals
from domain.alerts.messages import Attachment, Message
from domain.errors import NotifyError, SettingsError
from domain.history.series import Span
from entrypoints.commands.options import config_option, env_option, home_option, parse_instant
from entrypoints.commands.stored_data.dashboard_process import give_way
from entrypoints.process import find_home
from entrypoints.terminal.output import print_message
from entrypoints.terminal.report_text import figures
from entrypoints.web.page_data import PageData
from entrypoints.web.rendering import render
from entrypoints.wiring.alerts import notifier
from entrypoints.wiring.dashboard import page_data, save_report
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of

MAIL_S = 120.0  # a slow connection takes a while for a megabyte
_IN_A_FILE, _IN_A_MAIL = timedelta(days=30), timedelta(days=7)
_NO_SERVER = "no mail server is configured. Fill in alerts.mail of {file}: docs/how-to/get-notified.md"


@click.command()
@click.option(
    "--since",
    metavar="WHEN",
    help="Where the report begins: 12h, 30d ago, or 2026-11-18T14:30 (UTC).  [default: 30d, with --mail 7d]",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.html",
    help="Where it is written.  [default: homeclimate-DATE.html in the current folder]",
)
@click.option("--mail", "mails", is_flag=True, help="Mail it now, to the recipients of alerts.mail.")
@click.option("--child", "is_child", is_flag=True, hidden=True, help="Run at a low priority.")
@home_option
@config_option
@env_option
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    since: str | None,
    output: Path | None,
    mails: bool,
    is_child: bool,
    home: Path | None,
    config_file: Path | None,
    env: str | None,
) -> int:
    """Write the page of the dashboard as one file, which needs no server; or mail it.

    Exit code: 0 written or mailed, 1 the database cannot be read, the file cannot be written or the mail
    cannot be sent, 64 wrong usage, 78 wrong configuration.
    """
    if mails and output is not None:
        raise click.UsageError("--mail and --output exclude each other")
    if is_child:
        give_way()
    read = load if mails else load_to_read
    home_now = home_of(read(find_home(home), config_file=config_file, env=env), environment or Environment())
    until = home_now.clock.now()
    if since is None:
        begin = until - (_IN_A_MAIL if mails else _IN_A_FILE)
    else:
        begin = parse_instant(since, home_now.clock)
    if begin >= until:
        raise click.UsageError("--since is not in the past")
    data, span = page_data(home_now), Span(since=begin, until=until)
    if mails:
        _send(home_now, data, span)
        return 0
    file = output or Path(file_name(until.astimezone(data.zone)))
    if file.is_dir():
        raise click.UsageError(f"{file} is a folder. Name a file in it with --output")
    if not file.absolute().parent.is_dir():
        raise click.UsageError(f"there is no folder {file.parent}. Make it, or name another file")
    save_report(file, as_one_file(data, span))
    print_message(f"{file}: {file.stat().st_size / 1e6:.1f} MB. Open it in a browser")
    return 0


def as_one_file(data: PageData, span: Span) -> str:
    """Return the page of the span as HTML that needs nothing else. Raise StoreError."""
    return render({**data.build(span), "range": ""}, inline=True)


def file_name(at: datetime) -> str:
    """Return the name of a report that was made then."""
    return f"homeclimate-{at:%Y-%m-%d}.html"


def _send(home: Home, data: PageData, span: Span) -> None:
    """Mail the report of the span. Raise StoreError, NotifyError, and SettingsError without a mail server."""
    mail = notifier(home.loaded, home.clock)
    if mail is None:
        raise SettingsError(_NO_SERVER.format(file=home.loaded.config_path))
    since, until = (at.astimezone(data.zone) for at in (span.since, span.until))
    page = as_one_file(data, span).encode()
    text = (
        f"{figures(data, span, intervals(home.settings))}\n"
        "The attached page has the charts: save it, and open it in a browser. It loads nothing.\n\n"
        f"Home: {home.loaded.home}\n"
    )
    simulated = " (simulated home)" if data.is_simulated else ""
    message = Message(
        subject=f"report of {since:%Y-%m-%d} to {until:%Y-%m-%d}{simulated}",
        text=text,
        attachment=Attachment(name=file_name(until), kind="text/html", content=page),
    )
    try:
        asyncio.run(mail.send(message, home.clock.elapsed_s() + MAIL_S))
    except NotifyError as error:
        raise NotifyError(
            f"the report was not mailed: {error}. `homeclimate health --send-test-mail` tests the server"
        ) from error
    recipients = ", ".join(home.settings.alerts.mail.recipients)
    print_message(f"the mail server accepted the report, {len(page) / 1e6:.1f} MB, for {recipients}")
