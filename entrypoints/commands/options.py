"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from entrypoints.terminal.output import remember_home


class SecondsRange(click.FloatRange):
    """A number of seconds within limits. Unlike `click.FloatRange` it rejects `nan`, which no limit does."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return seconds


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
