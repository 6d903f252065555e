"""`homeclimate collect`: collect readings once, a number of times, or until it is stopped."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import attrs
import click

from config.loading import Loaded, load
from domain.cycle import Cycle, Verdict, verdict
from domain.errors import StoreError, StoreRefused
from domain.schedule import next_slot
from domain.services.alerting import ALERTS_BUDGET_S, BackgroundQueue, FinishedCycle
from domain.services.collection_cycle import CollectionCycle
from domain.services.continuous_collection import (
    ContinuousCollection,
    PlannedCycle,
    Timetable,
    run_planned,
    unscheduled_cycle,
)
from entrypoints.commands.options import (
    NumberRange,
    config_option,
    dashboard_port_option,
    env_option,
    home_option,
)
from entrypoints.commands.stored_data.dashboard_process import dashboard_command, kept_running
from entrypoints.process import find_home, is_person_at_stdin
from entrypoints.terminal.cycle_text import as_object, by_hand_line, lines, schedule_line
from entrypoints.terminal.output import as_json, non_blocking_stdout, print_message
from entrypoints.wiring.collecting import Collecting, collecting
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import home_of
from entrypoints.wiring.notices import new_warnings
from entrypoints.wiring.storage import collectors
from ports.clock import Clock
from ports.journal import Level

EVERY_S = 2.0


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for. Without `once` and `cycles` it collects until it is stopped.

    `asks_anyway` asks sources too that are paused, because a person waits for the answer.
    """

    home: Path
    config_file: Path | None = None
    env: str | None = None
    only: tuple[str, ...] = ()
    once: bool = False
    cycles: int | None = None
    every_s: float = EVERY_S
    asks_anyway: bool = False
    dashboard_port: int | None = None
    as_json: bool = False

    @property
    def is_endless(self) -> bool:
        return not self.once and self.cycles is None


@click.command()
@click.option("--once", is_flag=True, help="Run one cycle: for the current slot unless it is stored already.")
@click.option("--now", is_flag=True, help="With --once: ask a paused source too, as at a terminal.")
@click.option("--cycles", type=click.IntRange(min=1), metavar="N", help="Run N cycles outside the schedule.")
@click.option(
    "--every",
    "every_s",
    type=NumberRange(min=1.0),
    metavar="SECONDS",
    help=f"Time between the cycles of --cycles.  [default: {EVERY_S}]",
)
@click.option(
    "--source", "only", multiple=True, metavar="NAME", help="Collect only from this source; may be repeated."
)
@home_option
@config_option
@env_option
@dashboard_port_option("--dashboard", "Serve the dashboard too, in a process of its own.")
@click.option("--json", "json_lines", is_flag=True, help="Print one JSON object for each cycle.")
@click.option("-v", "--verbose", is_flag=True, help="Write the log to stderr, with debug records.")
@click.pass_obj
def command(
    environment: Environment | None,
    *,
    once: bool,
    now: bool,
    cycles: int | None,
    every_s: float | None,
    only: tuple[str, ...],
    home: Path | None,
    config_file: Path | None,
    env: str | None,
    dashboard_port: int | None,
    json_lines: bool,
    verbose: bool,
) -> int:
    """Collect readings: continuously, once, or a number of times.

    Exit code: 0 every due source stored, 1 some failed, 2 none; 64 wrong usage, 75 another process
    collects, 78 wrong configuration or database. Continuously: 0 after SIGTERM or Ctrl-C.
    """
    if once and cycles:
        raise click.UsageError("--once and --cycles exclude each other")
    if every_s is not None and cycles is None:
        raise click.UsageError("--every goes with --cycles; the interval of the schedule is in config.yaml")
    if now and not once:
        raise click.UsageError("--now goes with --once")
    if once and dashboard_port is not None:
        raise click.UsageError("--once and --dashboard exclude each other")
    request = Request(
        home=find_home(home),
        config_file=config_file,
        env=env,
        only=only,
        once=once,
        cycles=cycles,
        every_s=EVERY_S if every_s is None else every_s,
        asks_anyway=once and (now or is_person_at_stdin()),
        dashboard_port=dashboard_port,
        as_json=json_lines,
    )
    environment = environment or Environment()
    if verbose:
        environment = attrs.evolve(environment, stderr_level=Level.DEBUG)
    elif request.is_endless and not sys.stderr.isatty():
        environment = attrs.evolve(
            environment, stderr_level=None
        )  # a service manager would keep an unbounded copy
    return run(request, environment)


def run(request: Request, environment: Environment) -> int:
    """Collect as requested; return the exit code."""
    loaded = load(request.home, config_file=request.config_file, env=request.env)
    for warning in new_warnings(loaded, environment):
        print_message(f"warning: {warning}", err=True)
    try:
        with non_blocking_stdout() as write_line:
            cycles = collect(request, loaded, environment, write_line)
    except StoreRefused:
        raise
    except StoreError as error:
        print_message(f"homeclimate: {error}", err=True)
        return int(Verdict.NONE_STORED)
    return 0 if request.is_endless else int(verdict(cycles))


def collect(
    request: Request, loaded: Loaded, environment: Environment, write_line: Callable[[str], None]
) -> Sequence[Cycle]:
    """Collect as requested, and write lines about each cycle; return the cycles unless it is endless.

    Raise what `entrypoints.wiring.collecting` raises.
    """
    with asyncio.Runner() as runner:
        stop = runner.run(stop_on_signals())
        with collecting(
            loaded,
            environment,
            only=request.only,
            checking=request.is_endless,
            asks_anyway=request.asks_anyway,
        ) as home:
            cycles = runner.run(_collect_with_dashboard(request, home, environment.clock, stop, write_line))
        if not (
            request.is_endless or collectors(home_of(loaded, environment).files)
        ):  # a collector that runs does its own upkeep
            runner.run(home.upkeep.run_once(stop, restores_only=not request.once))
    return cycles


async def cycles_by_hand(
    collection: CollectionCycle,
    clock: Clock,
    count: int,
    every_s: float,
    stop: asyncio.Event,
    on_cycle: Callable[[Cycle], None],
) -> None:
    """Run `count` cycles outside the schedule, `every_s` apart; end early when `stop` is set."""
    for number in range(count):
        if number:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), every_s)
        if stop.is_set():
            return
        on_cycle(await run_planned(collection, clock, unscheduled_cycle(collection, clock)))


async def stop_on_signals(
    *, at_ctrl_c: str | None = "finishing the current cycle; press Ctrl-C again to stop at once"
) -> asyncio.Event:
    """Return an event that SIGTERM, SIGHUP and Ctrl-C set; a second Ctrl-C ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def interrupted() -> None:
        if at_ctrl_c is not None:
            print_message(at_ctrl_c, err=True)
        stop.set()
        loop.remove_signal_handler(signal.SIGINT)

    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGHUP, stop.set)  # the terminal was closed
    loop.add_signal_handler(signal.SIGINT, interrupted)
    return stop


async def run_cycles(
    request: Request,
    home: Collecting,
    clock: Clock,
    stop: asyncio.Event,
    write_line: Callable[[str], None],
) -> list[Cycle]:
    """Collect as requested, and alert people; return the cycles unless it is endless."""
    collection, journal = home.collection, home.journal
    home.alerting.begin()
    alerts = BackgroundQueue(home.alerting.after, clock=clock, journal=journal)
    cycles: list[Cycle] = []
    is_endless = request.is_endless

    def on_cycle(cycle: Cycle, planned: PlannedCycle | None = None) -> None:
        for line in [as_json(as_object(cycle))] if request.as_json else lines(cycle):
            write_line(line)
        alerts.add(
            FinishedCycle(
                cycle=cycle,
                clock_faults=planned.clock_faults,
                clock_step=planned.clock_step,
                clock_behind=planned.clock_behind,
            )
            if planned
            else FinishedCycle(cycle=cycle)
        )
        if not is_endless:  # or its memory would grow for ever
            cycles.append(cycle)

    _show_begin(request, collection, clock, write_line)
    try:
        if request.once:
            await _collect_once(collection, clock, on_cycle)
        elif request.cycles is not None:
            await cycles_by_hand(collection, clock, request.cycles, request.every_s, stop, on_cycle)
        else:
            service = ContinuousCollection(
                collection=collection, clock=clock, journal=journal, upkeep=home.upkeep
            )
            await service.run(stop, on_cycle)
        await alerts.finish(ALERTS_BUDGET_S)
    finally:
        if is_endless:
            await home.upkeep.close()
        await collection.close()
    return cycles


def _show_begin(
    request: Request, collection: CollectionCycle, clock: Clock, write_line: Callable[[str], None]
) -> None:
    """Print what is collected and when. Of cycles by hand, and with JSON, only a terminal shows it."""
    intervals = {name: plan.interval_s for name, plan in collection.plans.items()}
    if request.once:
        return
    if request.cycles is None:
        now = clock.now()
        line = schedule_line(intervals, min(next_slot(now, interval_s) for interval_s in intervals.values()))
    else:
        line = by_hand_line(intervals, request.cycles, request.every_s)
    if request.is_endless and not request.as_json:
        write_line(line)
    elif sys.stderr is not None and sys.stderr.isatty():
        print_message(line, err=True)


async def _collect_with_dashboard(
    request: Request,
    home: Collecting,
    clock: Clock,
    stop: asyncio.Event,
    write_line: Callable[[str], None],
) -> list[Cycle]:
    """Collect, while the dashboard runs if it was asked for."""
    if request.dashboard_port is None:
        return await run_cycles(request, home, clock, stop, write_line)
    options = {"--home": request.home, "--port": request.dashboard_port, "--env": request.env}
    if request.config_file is not None:
        options["--config"] = request.config_file.absolute()
    given = [word for name, value in options.items() if value is not None for word in (name, str(value))]

    def show(line: str) -> None:
        home.journal.record(Level.INFO, "dashboard.output", line=line)
        if sys.stderr is not None and sys.stderr.isatty():
            print_message(line, err=True)

    async with kept_running(dashboard_command(*given), clock=clock, journal=home.journal, on_line=show):
        return await run_cycles(request, home, clock, stop, write_line)


async def _collect_once(
    collection: CollectionCycle, clock: Clock, on_cycle: Callable[[Cycle, PlannedCycle], None]
) -> None:
    """Collect the current slot of each source that has not stored it, else a cycle outside the schedule."""
    planned = Timetable(collection, clock).next_unstored()
    if not planned.dues and not planned.outside:
        planned = unscheduled_cycle(collection, clock)
    on_cycle(await run_planned(collection, clock, planned), planned)
