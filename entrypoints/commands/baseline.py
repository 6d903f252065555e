"""`homeclimate baseline`: keep what cycles cost by name, and show what has changed since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from unicodedata import normalize

import attrs
import click

from config.loading import Loaded, load
from config.settings import HueRead
from config.source_names import is_called
from domain.measurements import Baseline
from domain.services.baseline_comparison import BaselineComparison, compare
from domain.times import local_time
from entrypoints import exit_codes
from entrypoints.commands.options import CommandGroup, NumberRange, home_option, json_option, parse_instant
from entrypoints.process import find_home
from entrypoints.terminal import baseline_text
from entrypoints.terminal.output import as_json, print_message
from entrypoints.wiring.baselines import baseline_comparison, circumstances
from entrypoints.wiring.environment import Environment
from ports.clock import Clock

EVERY_S = 2.0
NOW = "now"  # the name of what is measured for a comparison alone
_CAPTURED = timedelta(days=7)
_COMPARED = timedelta(days=1)
_LONGEST_NAME = 64

F = TypeVar("F", bound=Callable[..., object])


@attrs.frozen(kw_only=True)
class Selection:
    """Which cycles to look at: new ones that are run now, or those that a collector ran since some time."""

    since: str | None
    cycles: int | None
    every_s: float | None
    read: HueRead | None
    only: tuple[str, ...]

    def __attrs_post_init__(self) -> None:
        if self.since is not None and self.cycles:
            raise click.UsageError("--since and --cycles exclude each other: measured before, or now")
        if (self.read or self.every_s) and not self.cycles:
            raise click.UsageError("--read and --every need --cycles: they say how cycles are run now")

    def includes(self, source: str) -> bool:
        """Return whether the source was asked for."""
        return not self.only or any(is_called(source, one) for one in self.only)


_SELECTION = (
    click.option(
        "--since",
        metavar="WHEN",
        help="What a collector measured since then: 90m, 12h, 7d ago, or 2026-11-18T14:30 (UTC).",
    ),
    click.option("--cycles", type=click.IntRange(min=1), metavar="N", help="Run N cycles now."),
    click.option(
        "--every",
        "every_s",
        type=NumberRange(min=1.0),
        metavar="SECONDS",
        help=f"Between the cycles of --cycles.  [default: {EVERY_S}]",
    ),
    click.option(
        "--read",
        type=click.Choice(["whole_bridge", "v1", "v2"]),
        help="With --cycles: how to read Hue bridges, instead of the configured way.",
    ),
    click.option(
        "--source", "only", multiple=True, metavar="NAME", help="Only this source; may be repeated."
    ),
)


def selection_options(command: F) -> F:
    """Add the options of `Selection` to a command."""
    for option in reversed(_SELECTION):
        command = option(command)
    return command


@click.group(cls=CommandGroup)
def command() -> None:
    """Keep what the cycles of this home cost, by name, and show what has changed since.

    The figures are the duration of whole cycles and of each source's read, the bytes of its replies,
    attempts, CPU time and the time of the commit. Times show the median, counts the mean.
    """


@command.command("capture")
@click.argument("name")
@selection_options
@click.option("--replace", is_flag=True, help="Replace the baseline of that name.")
@home_option
@json_option
@click.pass_obj
def capture_command(
    environment: Environment | None,
    /,
    *,
    name: str,
    home: Path | None,
    is_json: bool,
    replace: bool,
    **options: Any,
) -> int:
    """Keep as NAME what a collector measured in the last seven days, or what new cycles cost.

    Exit code: 0 kept, 1 not, 64 wrong usage, 75 another process collects, 78 wrong configuration or
    database, 130 interrupted.
    """
    name = normalize_name(name)
    if not (name and name.isprintable() and len(name) <= _LONGEST_NAME) or name == NOW:
        raise click.UsageError(
            f"a baseline's name has 1 to {_LONGEST_NAME} printable characters, and is not {NOW!r}"
        )
    selection = Selection(**options)
    with _opened(home, environment) as (loaded, baselines, environment_now):
        if not replace and baselines.has(name):
            raise click.UsageError(f"there is a baseline {name} already. Replace it with --replace")
        since = environment_now.clock.now() - _CAPTURED
        baseline = _measure(name, selection, since, loaded, baselines, environment_now)
        baselines.save(baseline, replace=replace)
    _print(baseline_text.baseline_object(baseline) if is_json else baseline_text.report(baseline))
    return 0


@command.command("compare")
@click.argument("name")
@click.argument("name2", required=False)
@selection_options
@click.option(
    "--max-slower",
    metavar="PERCENT",
    help="Exit with 1 when a time is shown to have grown by more than this: 10%.",
)
@home_option
@json_option
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
    """Compare NAME with NAME2, or with what was measured in the last day and is not part of NAME.

    With --cycles, compare NAME with new cycles. A difference is shown only if chance would hardly make one.
    Exit code: 0 compared, 1 a limit is broken or there is nothing to compare, 64 wrong usage, 75 another
    process collects, 78 wrong configuration or database, 130 interrupted.
    """
    limit = None if max_slower is None else parse_share(max_slower)
    selection = Selection(**options)
    if name2 is not None and (selection.since is not None or selection.cycles or selection.only):
        raise click.UsageError("NAME2 is measured already: omit --since, --cycles and --source")
    with _opened(home, environment) as (loaded, baselines, environment_now):
        before = baselines.find(normalize_name(name))
        if name2 is not None:
            after = baselines.find(normalize_name(name2))
        else:
            now = environment_now.clock.now()
            since = now - _COMPARED
            if since < before.ended_at <= now:  # else the clock was ahead when it was captured
                since = before.ended_at
            after = _measure(NOW, selection, since, loaded, baselines, environment_now)
        comparison = compare(before, after)
    broken = [change for change in comparison.changes if limit is not None and change.breaks(limit)]
    _print(
        baseline_text.comparison_object(comparison, broken)
        if is_json
        else baseline_text.comparison_lines(comparison)
    )
    if limit is not None:
        for line in baseline_text.limit_lines(comparison, broken, limit):
            print_message(line, err=True)
    return exit_codes.FAILED if broken else 0


@command.command("list")
@home_option
@json_option
@click.pass_obj
def list_command(environment: Environment | None, *, home: Path | None, is_json: bool) -> int:
    """List the baselines, the newest last.

    Exit code: 0 listed, 1 the database cannot be read, 78 wrong configuration.
    """
    with _opened(home, environment) as (_, baselines, _environment):
        found = baselines.all()
    _print(_objects(found) if is_json else baseline_text.table(found))
    return 0


@command.command("report")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@home_option
@json_option
@click.pass_obj
def report_command(
    environment: Environment | None, *, names: tuple[str, ...], home: Path | None, is_json: bool
) -> int:
    """Print the named baselines, or all of them, in Markdown.

    Exit code: 0 printed, 1 there is no such baseline or the database cannot be read, 78 wrong configuration.
    """
    with _opened(home, environment) as (_, baselines, _environment):
        found = [baselines.find(normalize_name(name)) for name in names] if names else baselines.all()
    if is_json:
        _print(_objects(found))
    elif not found:
        _print(baseline_text.table(found))
    for baseline in () if is_json else found:
        _print(baseline_text.report(baseline))
    return 0


@command.command("remove")
@click.argument("name")
@home_option
@click.pass_obj
def remove_command(environment: Environment | None, *, name: str, home: Path | None) -> int:
    """Remove a baseline.

    Exit code: 0 removed, 1 no such baseline, 78 wrong configuration or database.
    """
    name = normalize_name(name)
    with _opened(home, environment) as (_, baselines, _environment):
        baselines.remove(name)
    print_message(f"removed the baseline {name}")
    return 0


def normalize_name(name: str) -> str:
    """Return a name as it looks: no blanks around it, one between words, one spelling of an accent."""
    return " ".join(normalize("NFC", name).split())


def parse_share(text: str) -> float:
    """Parse 10 or 10% as 0.1."""
    try:
        share = float(text.strip().removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share < float("inf"):
        raise click.UsageError(f"{text!r} is not a limit. Write 10% for ten per cent")
    return share


@contextmanager
def _opened(
    home: Path | None, environment: Environment | None
) -> Iterator[tuple[Loaded, BaselineComparison, Environment]]:
    loaded, environment = load(find_home(home)), environment or Environment()
    with baseline_comparison(loaded, environment) as baselines:
        yield loaded, baselines, environment


def _print(output: dict[str, Any] | Iterable[str]) -> None:
    if isinstance(output, dict):
        print_message(as_json(output))
        return
    for line in output:
        print_message(line)


def _objects(baselines: Iterable[Baseline]) -> dict[str, Any]:
    return {
        "format": baseline_text.FORMAT,
        "baselines": [baseline_text.baseline_object(one) for one in baselines],
    }


def _measure(
    name: str,
    selection: Selection,
    since: datetime,
    loaded: Loaded,
    baselines: BaselineComparison,
    environment: Environment,
) -> Baseline:
    """Make a baseline of new cycles, or of those that a collector ran since then."""
    if selection.cycles is not None:
        loaded = _with_read(loaded, selection.read)
        since = _wait_for_next_second(environment.clock)
        _run_cycles(selection, selection.cycles, loaded, environment)
    else:
        if selection.since is not None:
            since = parse_instant(selection.since, environment.clock)
        if ahead := baselines.costs_ahead(selection.includes).slots:
            print_message(
                f"{len(ahead):,} cycles have a time in the future, up to {local_time(ahead[-1])}, and "
                "do not count: the clock was ahead",
                err=True,
            )
    costs = baselines.costs(since, selection.includes)
    is_now = selection.cycles is not None
    baseline = baselines.baseline(name, costs, circumstances(loaded, costs, is_now=is_now))
    # a cycle that was not stored has no measurement either
    unseen = (selection.cycles or 0) - baseline.cycles
    return attrs.evolve(baseline, left_out=max(baseline.left_out, unseen))


def _run_cycles(selection: Selection, cycles: int, loaded: Loaded, environment: Environment) -> None:
    """Collect; readings are stored as by `collect --once`. Stdout is left to the result."""
    from entrypoints.commands import collect  # the other commands need nothing of it

    every_s = selection.every_s or EVERY_S
    request = collect.Request(home=Path(), only=selection.only, cycles=cycles, every_s=every_s)
    run = collect.collect(request, loaded, environment, lambda line: print_message(line, err=True))
    if len(run) < cycles:
        print_message(
            f"interrupted after {len(run)} of {cycles} cycles: nothing is kept or compared", err=True
        )
        raise click.Abort


def _wait_for_next_second(clock: Clock) -> datetime:
    """Wait for a second in which no cycle has begun yet: a cycle by hand has the second as its slot."""
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
