"""`homeclimate collect`: asks the sources and stores their readings, once or for as long as it lives."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import attrs
import click

from config.loading import Loaded, load
from domain.cycle import Cause, Cycle, Verdict, verdict
from domain.errors import StoreError, StoreRefused
from domain.services.alerting import ALERTS_BUDGET_S, BackgroundQueue, FinishedCycle
from domain.services.collection_cycle import CollectionCycle
from domain.services.continuous_collection import (
    ContinuousCollection,
    PlannedCycle,
    Timetable,
    unscheduled_cycle,
)
from entrypoints.process import find_home, settle, unswept
from entrypoints.terminal.cycle_text import as_json, lines
from entrypoints.terminal.stdout_writer import telling
from entrypoints.wiring.collecting import Collecting, collecting
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.storage import collectors
from ports.clock import Clock
from ports.journal import Level


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for. `cycles` None means for as long as the process lives."""

    home: Path
    config_file: Path | None = None
    env: str | None = None
    only: tuple[str, ...] = ()
    once: bool = False
    cycles: int | None = None
    every_s: float = 2.0
    as_json: bool = False

    @property
    def is_endless(self) -> bool:
        return not self.once and self.cycles is None


@click.command()
@click.option("--once", is_flag=True, help="One cycle, for the current slot where that is not stored yet.")
@click.option(
    "--cycles", type=click.IntRange(min=1), metavar="N", help="N cycles by hand, outside the schedule."
)
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=1.0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Between the cycles of --cycles.",
)
@click.option("--source", "only", multiple=True, metavar="NAME", help="Only this source; may be repeated.")
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where config/, data/ and logs/ stand.  [env: HOMECLIMATE_HOME]",
)
@click.option(
    "--config",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="In place of config/config.yaml in the home.",
)
@click.option(
    "--env",
    envvar="HOMECLIMATE_ENV",
    metavar="NAME",
    help="Lay config.NAME.yaml over the configuration.  [env: HOMECLIMATE_ENV]",
)
@click.option("--json", "json_lines", is_flag=True, help="One JSON object a cycle.")
@click.option("-v", "--verbose", is_flag=True, help="Tell on stderr what happens inside.")
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    once: bool,
    cycles: int | None,
    every_s: float,
    only: tuple[str, ...],
    home: Path | None,
    config_file: Path | None,
    env: str | None,
    json_lines: bool,
    verbose: bool,
) -> int:
    """Collect readings: continuously, once, or a number of times.

    Exit code: 0 every due source stored, 1 some failed, 2 none; 64 wrong usage, 75 another process
    collects, 78 wrong configuration or database. Continuously: 0 after SIGTERM or Ctrl-C.
    """
    if once and cycles:
        raise click.UsageError("--once and --cycles exclude each other")
    request = Request(
        home=find_home(home),
        config_file=config_file,
        env=env,
        only=only,
        once=once,
        cycles=cycles,
        every_s=every_s,
        as_json=json_lines,
    )
    environment = environment or Environment()
    if verbose:
        environment = attrs.evolve(environment, stderr_level=Level.DEBUG)
    elif request.is_endless and not sys.stderr.isatty():
        environment = attrs.evolve(
            environment, stderr_level=None
        )  # a service manager's copy of it would have no bound
    return run(request, environment)


def run(request: Request, environment: Environment) -> int:
    """Do what the request says in that world; the exit code."""
    with unswept():
        loaded = load(request.home, config_file=request.config_file, env=request.env)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    try:
        with telling() as say:
            cycles = collected(request, loaded, environment, say)
    except StoreRefused:
        raise
    except StoreError as error:
        click.echo(f"homeclimate: {error}", err=True)
        return int(Verdict.NONE_STORED)
    return 0 if request.is_endless else int(verdict(cycles))


def collected(
    request: Request, loaded: Loaded, environment: Environment, say: Callable[[str], None]
) -> Sequence[Cycle]:
    """Collect as the request says, and say of each cycle what came; all cycles, unless it is endless.

    Raises what `entrypoints.wiring.collecting` does.
    """
    with asyncio.Runner() as runner:
        stop = runner.run(_stopping())
        with ExitStack() as open_things:
            with unswept():
                collecting_now = open_things.enter_context(
                    collecting(loaded, environment, only=request.only, checking=request.is_endless)
                )
            cycles = runner.run(_collect(request, collecting_now, environment.clock, stop, say))
        if request.once and not collectors(loaded.settings):  # one that stays does it itself
            runner.run(collecting_now.upkeep.run_once(stop))
    return cycles


async def cycles_by_hand(
    collection: CollectionCycle,
    clock: Clock,
    count: int,
    every_s: float,
    stop: asyncio.Event,
    tell: Callable[[Cycle], None],
) -> None:
    """That many cycles outside the schedule, as far apart as said; fewer when `stop` is set."""
    for number in range(count):
        if number:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)
        if stop.is_set():
            return
        tell(await collection.run(unscheduled_cycle(collection, clock.now()).dues))


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM, SIGHUP and Ctrl-C set; a second Ctrl-C does not wait for the cycle in hand."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def interrupted() -> None:
        click.echo("finishing the cycle in hand; Ctrl-C again ends at once", err=True)
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, stop.set)  # the terminal was closed
    loop.add_signal_handler(signal.SIGINT, interrupted)
    return stop


async def _stopping() -> asyncio.Event:
    return stop_on_signals()


async def _collect(
    request: Request,
    collecting_now: Collecting,
    clock: Clock,
    stop: asyncio.Event,
    say: Callable[[str], None],
) -> list[Cycle]:
    collection, journal = collecting_now.collection, collecting_now.journal
    collecting_now.alerting.begin()
    alerts = BackgroundQueue(collecting_now.alerting.after, clock=clock, journal=journal)
    cycles: list[Cycle] = []

    def tell(cycle: Cycle, planned: PlannedCycle | None = None) -> None:
        for line in [as_json(cycle)] if request.as_json else lines(cycle):
            say(line)
        alerts.add(FinishedCycle(cycle=cycle, clock_faults=planned.clock_faults if planned else {}))
        if not request.is_endless:  # it must not remember for ever
            cycles.append(cycle)

    try:
        if request.once:
            await _once(collection, clock, tell)
        elif request.cycles is not None:
            await cycles_by_hand(collection, clock, request.cycles, request.every_s, stop, tell)
        else:
            service = ContinuousCollection(
                collection=collection, clock=clock, journal=journal, upkeep=collecting_now.upkeep
            )
            await service.run(stop, _settling(tell))
        await alerts.finish(ALERTS_BUDGET_S)
    finally:
        if not request.once:
            await collecting_now.upkeep.close()
        await collection.close()
    return cycles


def _settling(tell: Callable[[Cycle, PlannedCycle], None]) -> Callable[[Cycle, PlannedCycle], None]:
    """The same, and after the first cycle, for which the last modules were imported, the start is over."""
    is_over = False

    def tell_and_settle(cycle: Cycle, planned: PlannedCycle) -> None:
        nonlocal is_over
        tell(cycle, planned)
        if not is_over:
            is_over = True
            settle()

    return tell_and_settle


async def _once(
    collection: CollectionCycle, clock: Clock, tell: Callable[[Cycle, PlannedCycle], None]
) -> None:
    """The current slot of each source that has not stored it; a cycle by hand where all have."""
    now = clock.now()
    planned = Timetable(collection).next_unstored(now, Cause.STOPPED)
    if not planned.dues:
        planned = unscheduled_cycle(collection, now)
    tell(await collection.run(planned.dues, planned.missed, planned.progress), planned)
