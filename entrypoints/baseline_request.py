"""What the command line of `homeclimate baseline` asks for, and how it is said."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from unicodedata import normalize

import click

from config.collector_settings import HueRead
from domain.values import frozen
from entrypoints.source_names import is_called
from ports.clock import Clock

EVERY_S = 2.0  # between cycles, unless told otherwise
NOW = "now"  # what is measured for a comparison alone is called so

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_AGO = re.compile(r"(\d{1,5})([mhd])")
_LONGEST_NAME = 64

F = TypeVar("F", bound=Callable[..., object])


@frozen(kw_only=True)
class Measured:
    """What is to be measured: cycles that are run now, or those that a collector ran since some time."""

    since: str | None
    cycles: int | None
    every_s: float | None
    read: HueRead | None
    only: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        if self.since is not None and self.cycles:
            raise click.UsageError("--since and --cycles exclude each other: measured before, or now")
        if (self.read or self.every_s) and not self.cycles:
            raise click.UsageError(
                "--read and --every say how cycles are to be run now: name their number by --cycles"
            )

    def holds(self, source: str) -> bool:
        """Whether that source is asked for."""
        return not self.only or any(is_called(source, one) for one in self.only)


_MEASURING = (
    click.option(
        "--since",
        metavar="WHEN",
        help="What a collector measured since then: 90m, 12h, 7d ago, or 2026-11-18T14:30 (UTC).",
    ),
    click.option("--cycles", type=click.IntRange(min=1), metavar="N", help="N cycles that are run now."),
    click.option(
        "--every",
        "every_s",
        type=click.FloatRange(min=1.0),
        metavar="SECONDS",
        help=f"Between the cycles of --cycles.  [default: {EVERY_S}]",
    ),
    click.option(
        "--read",
        type=click.Choice(["whole_bridge", "v1", "v2"]),
        help="With --cycles: how Hue bridges are read, in place of what the configuration says.",
    ),
    click.option(
        "--source", "only", multiple=True, metavar="NAME", help="Only this source; may be repeated."
    ),
)


def measuring(command: F) -> F:
    """Give a command the options of `Measured`."""
    for option in reversed(_MEASURING):
        command = option(command)
    return command


def tidied(name: str) -> str:
    """As it looks: without blanks around it, one between words, and one spelling of an accent."""
    return " ".join(normalize("NFC", name).split())


def require_name(name: str) -> None:
    """Refuse what no baseline is to be called."""
    if not (name and name.isprintable() and len(name) <= _LONGEST_NAME) or name == NOW:
        raise click.UsageError(
            f"a baseline's name has 1 to {_LONGEST_NAME} printable characters, and is not {NOW!r}"
        )


def instant_of(text: str, clock: Clock) -> datetime:
    """So long ago, or that instant; UTC where it does not say."""
    if ago := _AGO.fullmatch(text.strip()):
        return clock.now() - int(ago.group(1)) * _UNITS[ago.group(2)]
    try:
        instant = datetime.fromisoformat(text.strip())
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise click.UsageError(
            f"{text!r} is no time: say 90m, 12h or 7d for so long ago, or 2026-11-18T14:30"
        ) from error


def share_of(text: str) -> float:
    """0.1 for 10 or 10%."""
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise click.UsageError(f"{text!r} is no limit: say 10% for ten per cent")
    return share
