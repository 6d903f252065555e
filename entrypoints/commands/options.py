"""Options that several commands share."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from entrypoints.terminal.output import remember_home
from ports.clock import Clock

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_AGO = re.compile(r"(\d{1,5})([mhd])")


class SecondsRange(click.FloatRange):
    """A number of seconds within limits. Unlike `click.FloatRange` it rejects `nan`, which no limit does."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


def parse_instant(text: str, clock: Clock) -> datetime:
    """Parse 90m, 12h or 7d ago, or an instant; it is UTC unless it names a zone."""
    if ago := _AGO.fullmatch(text.strip()):
        return clock.now() - int(ago.group(1)) * _UNITS[ago.group(2)]
    try:
        instant = datetime.fromisoformat(text.strip())
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
json_option = click.option("--json", "is_json", is_flag=True, help="Print one JSON object, for scripts.")
