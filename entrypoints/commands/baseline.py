"""`homeclimate baseline`: keeps what cycles cost by name, and tells what has changed since."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import attrs
import click

from config.loading import Loaded, load
from config.settings import HueRead
from domain.measurements import Baseline
from domain.services.baseline_comparison import Ahead, Baselining
from entrypoints import exit_codes
from entrypoints.process import find_home
from entrypoints.terminal.baseline_text import (
    baseline_as_object,
    compared,
    comparison_as_object,
    limit_lines,
    listed,
    reported,
)
from entrypoints.wiring.baselines import baselining, circumstances, shown_circumstances
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.sources import is_called
from ports.clock import Clock

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/, data/ and logs/ stand.  [env: HOMECLIMATE_HOME]",
)
_json = click.option("--json", "is_json", is_flag=True, help="One JSON object, for scripts.")


# What the command line of `homeclimate baseline` asks for, and how it is said.

EVERY_S = 2.0  # between cycles, unless told otherwise
NOW = "now"  # what is measured for a comparison alone is called so

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_AGO = re.compile(r"(\d{1,5})([mhd])")
_LONGEST_NAME = 64

F = TypeVar("F", bound=Callable[..., object])


@attrs.frozen(kw_only=True)
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


@click.group()
def command() -> None:
    """Keep what the cycles of this home cost, by name, and tell what has changed since.

    Measured are the duration of whole cycles and of each source's read, the bytes of its replies, attempts,
    CPU time and the time of the commit; of times the median is told, of what is counted the mean.
    """


@command.command("capture")
@click.argument("name")
@measuring
@click.option("--replace", "replacing", is_flag=True, help="Take the place of a baseline of that name.")
@_home
@_json
@click.pass_obj
def capture_command(
    environment: Environment | None,
    /,
    *,
    name: str,
    home: Path | None,
    is_json: bool,
    replacing: bool,
    **options: Any,
) -> int:
    """Keep as NAME what a collector measured (of the last seven days), or what cycles cost that are run now.

    Exit code: 0 kept, 1 not, 64 wrong usage, 75 another process collects, 78 wrong configuration or
    database, 130 interrupted.
    """
    name = tidied(name)
    require_name(name)
    wanted = Measured(**options)
    with _at(home, environment) as (loaded, known, world_now):
        if not replacing and known.has(name):
            raise click.UsageError(f"there is a baseline {name} already; --replace takes its place")
        baseline = measured_as(name, wanted, loaded, known, world_now)
        known.keep(baseline, replacing=replacing)
    _say(baseline_as_object(baseline) if is_json else reported(baseline))
    return 0


@command.command("compare")
@click.argument("name")
@click.argument("name2", required=False)
@measuring
@click.option(
    "--max-slower",
    metavar="PERCENT",
    help="End with 1 when any time is shown to have grown, and its change is more than this: 10%.",
)
@_home
@_json
@click.pass_obj
def compare_command(
    environment: Environment | None,
    /,
    *,
    name: str,
    name2: str | None,
    max_slower: str | None,
    home: Path | None,
    is_json: bool,
    **options: Any,
) -> int:
    """Compare NAME with NAME2, or with what is measured now: of the last day, without what NAME holds, or of
    cycles that are run now.

    A difference is shown only where chance would hardly make one. Exit code: 0 compared, 1 a limit is broken
    or there is nothing to compare, 64 wrong usage, 75 another process collects, 78 wrong configuration or
    database, 130 interrupted.
    """
    limit = None if max_slower is None else share_of(max_slower)
    wanted = Measured(**options)
    if name2 is not None and (wanted.since is not None or wanted.cycles or wanted.only):
        raise click.UsageError("NAME2 is measured already: leave --since, --cycles and --source away")
    with _at(home, environment) as (loaded, known, world_now):
        before = known.kept(tidied(name))
        if name2 is not None:
            after = known.kept(tidied(name2))
        else:
            after = measured_after(before, wanted, loaded, known, world_now)
        comparison = known.compared(before, after)
    broken = [change for change in comparison.changes if limit is not None and change.breaks(limit)]
    _say(comparison_as_object(comparison, broken) if is_json else compared(comparison))
    if limit is not None:
        for line in limit_lines(comparison, broken, limit):
            click.echo(line, err=True)
    return exit_codes.FAILED if broken else 0


@command.command("list")
@_home
@_json
@click.pass_obj
def list_command(environment: Environment | None, *, home: Path | None, is_json: bool) -> int:
    """List the baselines, the newest at the end.

    Exit code: 0 told, 1 the database cannot be read, 78 wrong configuration.
    """
    with _at(home, environment) as (_, known, _world):
        every = known.every()
    _say({"baselines": [baseline_as_object(one) for one in every]} if is_json else listed(every))
    return 0


@command.command("report")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_home
@_json
@click.pass_obj
def report_command(
    environment: Environment | None, *, names: tuple[str, ...], home: Path | None, is_json: bool
) -> int:
    """Tell all of the named baselines, or of every one, in Markdown.

    Exit code: 0 told, 1 there is no such baseline or the database cannot be read, 78 wrong configuration.
    """
    with _at(home, environment) as (_, known, _world):
        wanted = [known.kept(tidied(name)) for name in names] if names else known.every()
    if is_json:
        _say({"baselines": [baseline_as_object(one) for one in wanted]})
    else:
        for one in wanted:
            _say(reported(one))
        if not wanted:
            _say(listed(wanted))
    return 0


@command.command("remove")
@click.argument("name")
@_home
@click.pass_obj
def remove_command(environment: Environment | None, *, name: str, home: Path | None) -> int:
    """Let go of a baseline. Exit code: 0 gone, 1 there was none, 78 wrong configuration or database."""
    name = tidied(name)
    with _at(home, environment) as (_, known, _world):
        known.remove(name)
    click.echo(f"the baseline {name} is gone")
    return 0


@contextmanager
def _at(
    home: Path | None, environment: Environment | None
) -> Iterator[tuple[Loaded, Baselining, Environment]]:
    loaded, environment = load(find_home(home)), environment or Environment()
    with baselining(loaded, environment) as known:
        yield loaded, known, environment


def _say(told: dict[str, Any] | Iterator[str]) -> None:
    if isinstance(told, dict):
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for line in told:
            click.echo(line)


# Makes a baseline of what a collector measured, or of cycles that are run now.

_KEPT = timedelta(days=7)
_COMPARED = timedelta(days=1)


def measured_as(
    name: str, wanted: Measured, loaded: Loaded, known: Baselining, environment: Environment
) -> Baseline:
    """What is to be kept by that name; unless told otherwise, of the last seven days."""
    return _measured(name, wanted, environment.clock.now() - _KEPT, loaded, known, environment)


def measured_after(
    before: Baseline, wanted: Measured, loaded: Loaded, known: Baselining, environment: Environment
) -> Baseline:
    """What is to be compared with that one; unless told otherwise of the last day, without what it holds."""
    now = environment.clock.now()
    since, ended = now - _COMPARED, before.ended_at
    if since < ended <= now:  # later than now: the clock was ahead when it was captured
        since = ended
    return _measured(NOW, wanted, since, loaded, known, environment)


def _measured(
    name: str,
    wanted: Measured,
    default: datetime,
    loaded: Loaded,
    known: Baselining,
    environment: Environment,
) -> Baseline:
    if wanted.cycles is None:
        since = default if wanted.since is None else instant_of(wanted.since, environment.clock)
        _tell_what_is_ahead(known.ahead(wanted.holds))
    else:
        loaded, since = _with_read(loaded, wanted.read), _next_second(environment.clock)
        _run_cycles(wanted, wanted.cycles, loaded, environment)
    baseline = known.measured(
        name,
        since,
        circumstances=circumstances(loaded, is_now=wanted.cycles is not None),
        is_wanted=wanted.holds,
        shown=lambda costs: shown_circumstances(loaded, costs, is_now=wanted.cycles is not None),
    )
    # what was measured of a cycle that was not stored is not in the database either
    unseen = (wanted.cycles or 0) - baseline.cycles
    return attrs.evolve(baseline, left_out=max(baseline.left_out, unseen))


def _tell_what_is_ahead(ahead: Ahead | None) -> None:
    if ahead is not None:
        click.echo(
            f"{ahead.cycles:,} cycles bear a time that is still to come, up to {ahead.last_at:%Y-%m-%d %H:%M}"
            " UTC, and do not count: the clock was ahead",
            err=True,
        )


def _run_cycles(wanted: Measured, cycles: int, loaded: Loaded, environment: Environment) -> None:
    """What is read is stored, as of every cycle by hand; stdout is left to the result."""
    from entrypoints.commands import collect  # all that collects: what only looks at baselines does without

    request = collect.Request(home=Path(), only=wanted.only, cycles=cycles, every_s=wanted.every_s or EVERY_S)
    run = collect.collect(request, loaded, environment, lambda line: click.echo(line, err=True))
    if len(run) < cycles:
        click.echo(f"interrupted after {len(run)} of {cycles} cycles: nothing is kept or compared", err=True)
        raise click.Abort


def _next_second(clock: Clock) -> datetime:
    """Wait for a second that no cycle has begun in: cycles by hand are told apart by theirs."""
    second = clock.now().replace(microsecond=0) + timedelta(seconds=1)
    for _ in range(100):  # the wall clock may be slewed, or set back
        if clock.now() >= second:
            break
        asyncio.run(clock.sleep(0.02))
    return clock.now().replace(microsecond=0)


def _with_read(loaded: Loaded, read: HueRead | None) -> Loaded:
    if read is None:
        return loaded
    collectors = loaded.settings.collectors
    hue = attrs.evolve(collectors.hue, read=read)
    settings = attrs.evolve(loaded.settings, collectors=attrs.evolve(collectors, hue=hue))
    return attrs.evolve(loaded, settings=settings)
