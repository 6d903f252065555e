"""Options that several commands share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from domain.history.series import Span
from entrypoints.terminal.output import remember_home
from ports.clock import Clock

DASHBOARD_PORT = 8765
_Command = TypeVar("_Command", bound=Callable[..., Any])
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_NO_LIMIT = 1000  # characters
_FIRST = datetime(1970, 1, 2, tzinfo=UTC)  # a day later, so that it is a time in every zone
_BLANK_BEFORE_OFFSET = re.compile(r"\s+(?=[+-]\d\d:?\d\d$)")
_AGO = re.compile(r"(\d{1,5})([mhd])")


class CommandGroup(click.Group):
    """A group that lists its commands with whole sentences, which click cuts at the width of the terminal."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(_NO_LIMIT)) for name, one in sorted(self.commands.items())]
            )


class Number(click.types.FloatParamType):
    """A number; click's own type calls it a float when it rejects a text."""

    name = "number"


class NumberRange(click.FloatRange):
    """A number within limits. Unlike `click.FloatRange` it rejects `nan`, which no limit does."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is not a number", param, ctx)
        return number


def parse_span(since: str, until: str | None, clock: Clock) -> Span:
    """Parse the ends of a time, which ends now at the latest. Raise UsageError if it is empty."""
    now = clock.now()
    end = now if until is None else min(now, parse_instant(until, clock))
    span = Span(since=max(_FIRST, parse_instant(since, clock)), until=end)
    if span.since >= span.until:
        raise click.UsageError(f"--since is not {'in the past' if until is None else 'before --until'}")
    return span


def parse_instant(text: str, clock: Clock) -> datetime:
    """Parse 90m, 12h or 7d ago, or an instant; it is UTC unless it names a zone.

    Times as this program prints them are understood too, with a blank before the offset.
    """
    if ago := _AGO.fullmatch(text.strip()):
        return clock.now() - int(ago.group(1)) * _UNITS[ago.group(2)]
    try:
        instant = datetime.fromisoformat(_BLANK_BEFORE_OFFSET.sub("", text.strip()))
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(
            f"{text!r} is not a time. Write 90m, 12h or 7d for so long ago, or 2026-11-18T14:30"
        ) from error


def _remember_home(context: click.Context, _option: click.Parameter, home: Path | None) -> Path | None:
    remember_home(context, home)
    return home


home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    callback=_remember_home,
    help="The folder with config/, data/ and logs/.  [env: HOMECLIMATE_HOME]",
)
config_option = click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Read this file instead of config/config.yaml.",
)
env_option = click.option(
    "--env",
    envvar="HOMECLIMATE_ENV",
    metavar="NAME",
    help="Merge config.NAME.yaml into the configuration.  [env: HOMECLIMATE_ENV]",
)


def dashboard_port_option(name: str, text: str) -> Callable[[_Command], _Command]:
    """Return an option that may be followed by the port of the dashboard; its value is None without it."""
    return click.option(
        name,
        "dashboard_port",
        type=click.IntRange(0, 65535),
        is_flag=False,
        flag_value=str(DASHBOARD_PORT),
        metavar="[PORT]",
        help=f"{text}  [default port: {DASHBOARD_PORT}]",
    )


json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON object, for scripts.")
