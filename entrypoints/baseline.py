"""`homeclimate baseline`: keeps what cycles cost by name, and tells what has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from config.loading import Loaded, load
from domain.services.baselining import Baselining
from entrypoints import exit_codes
from entrypoints.baseline_measuring import measured_after, measured_as
from entrypoints.baseline_request import Measured, measuring, require_name, share_of, tidied
from entrypoints.baseline_text import (
    baseline_as_object,
    compared,
    comparison_as_object,
    limit_lines,
    listed,
    reported,
)
from entrypoints.home import find_home
from entrypoints.wiring_baseline import baselining
from entrypoints.world import World

_home = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/, data/ and logs/ stand.  [env: HOMECLIMATE_HOME]",
)
_json = click.option("--json", "is_json", is_flag=True, help="One JSON object, for scripts.")


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
    world: World | None, /, *, name: str, home: Path | None, is_json: bool, replacing: bool, **options: Any
) -> int:
    """Keep as NAME what a collector measured (of the last seven days), or what cycles cost that are run now.

    Exit code: 0 kept, 1 not, 64 wrong usage, 75 another process collects, 78 wrong configuration or
    database, 130 interrupted.
    """
    name = tidied(name)
    require_name(name)
    wanted = Measured(**options)
    with _at(home, world) as (loaded, known, world_now):
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
    world: World | None,
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
    with _at(home, world) as (loaded, known, world_now):
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
def list_command(world: World | None, *, home: Path | None, is_json: bool) -> int:
    """List the baselines, the newest at the end.

    Exit code: 0 told, 1 the database cannot be read, 78 wrong configuration.
    """
    with _at(home, world) as (_, known, _world):
        every = known.every()
    _say({"baselines": [baseline_as_object(one) for one in every]} if is_json else listed(every))
    return 0


@command.command("report")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@_home
@_json
@click.pass_obj
def report_command(world: World | None, *, names: tuple[str, ...], home: Path | None, is_json: bool) -> int:
    """Tell all of the named baselines, or of every one, in Markdown.

    Exit code: 0 told, 1 there is no such baseline or the database cannot be read, 78 wrong configuration.
    """
    with _at(home, world) as (_, known, _world):
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
def remove_command(world: World | None, *, name: str, home: Path | None) -> int:
    """Let go of a baseline. Exit code: 0 gone, 1 there was none, 78 wrong configuration or database."""
    name = tidied(name)
    with _at(home, world) as (_, known, _world):
        known.remove(name)
    click.echo(f"the baseline {name} is gone")
    return 0


@contextmanager
def _at(home: Path | None, world: World | None) -> Iterator[tuple[Loaded, Baselining, World]]:
    loaded, world = load(find_home(home)), world or World()
    with baselining(loaded, world) as known:
        yield loaded, known, world


def _say(told: dict[str, Any] | Iterator[str]) -> None:
    if isinstance(told, dict):
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for line in told:
            click.echo(line)
