"""`homeclimate simulate`: the real collector on days of a simulated home in trouble, counted afterwards."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import click

from config.loading import Loaded, load
from domain.alerts.incidents import DISK_GOOD_BYTES
from domain.errors import StoreRefused
from entrypoints import exit_codes
from entrypoints.commands.collect import Request as CollectRequest
from entrypoints.commands.collect import run_cycles, stop_on_signals
from entrypoints.commands.simulated_files import write_files
from entrypoints.terminal.output import as_json, print_message
from entrypoints.wiring.collecting import collecting
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.simulation import (
    DAYLIGHT_SAVING,
    KINDS,
    Account,
    Channels,
    CollectorProcess,
    CollectorTask,
    LeadingSelector,
    LockStepThreads,
    RecordedClock,
    Taken,
    collector_process,
    follow,
    in_zone,
    run_in_virtual_time,
    simulated_home,
    simulated_world,
    start_of,
    troubles,
    user_state_in,
)

_FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_FAULTS = ("none", "ordinary", "storm", DAYLIGHT_SAVING, *KINDS)
_SLOT = timedelta(minutes=5)
_BYTES_A_DAY = 5_000_000  # of the home, with its backups
_END = timedelta(minutes=1)  # before the next slot begins
# SQLite waits in real time, in which nothing changes here.
_USER_STATE = "user"  # the folder in which the home's user has their state
_CONFIG = "storage: {busy_timeout_ms: 1}\n"


@attrs.frozen(kw_only=True)
class Request:
    """The options of the command line. `home` is an empty folder."""

    home: Path
    days: float
    faults: str
    seed: int
    sockets: bool = False


@click.command()
@click.option("--days", type=click.FloatRange(0.25, 366), default=1.0, show_default=True, help="To simulate.")
@click.option(
    "--faults", type=click.Choice(_FAULTS), default="ordinary", show_default=True, help="What goes wrong."
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Which house, and when something goes wrong."
)
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep the home in this empty folder.  [default: it is deleted]",
)
@click.option(
    "--sockets", is_flag=True, help="Use TLS on loopback, and a process of its own for the collector."
)
@click.option("--json", "json_output", is_flag=True, help="Print the report as one JSON object.")
def command(
    *, days: float, faults: str, seed: int, home: Path | None, sockets: bool, json_output: bool
) -> int:
    """Run the real collector on days of a simulated home in trouble, and count what became of it.

    The home keeps its own list of what it handed over, and the database is counted against it. The clock
    moves on by itself: a day takes seconds. The same seed gives the same ledger and the same readings.

    Exit code: 0 every promise was kept, 1 one was broken.
    """
    if math.isnan(days):
        raise click.BadParameter("it is not a number", param_hint="--days")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) if home is None else home.absolute()
        if home is not None and home.exists() and any(home.iterdir()):
            raise StoreRefused(f"{home} is not empty. Name an empty folder with --home")
        _require_room(folder, days)
        request = Request(home=folder, days=days, faults=faults, seed=seed, sockets=sockets)
        began_s = time.perf_counter()
        account = simulate(request)
        wall_s = time.perf_counter() - began_s
    if json_output:
        print_message(as_json({**as_object(request, account), "wall_s": round(wall_s, 1)}))
    else:
        _show(request, account, wall_s)
    return exit_codes.FAILED if account.broken else 0


def _require_room(folder: Path, days: float) -> None:
    """Raise StoreRefused if a full disk would break promises that the collector keeps."""
    disk = next(path for path in (folder, *folder.parents) if path.exists())
    free, least = shutil.disk_usage(disk).free, DISK_GOOD_BYTES + round(days * _BYTES_A_DAY)
    if free < least:
        raise StoreRefused(
            f"{disk} has {free / 1e6:,.0f} MB free, and {days:g} simulated days need {least / 1e6:,.0f} MB. "
            "Make room, or name a folder on another disk with --home"
        )


def simulate(request: Request) -> Account:
    """Simulate the days, and return the account of them."""
    clock = RecordedClock(start_of(request.faults, request.seed))
    selector = LeadingSelector(clock) if request.sockets else None
    with in_zone(), user_state_in(request.home / _USER_STATE):
        return run_in_virtual_time(partial(_simulate, request, clock, selector), clock, selector)


async def _simulate(
    request: Request,
    clock: RecordedClock,
    selector: LeadingSelector | None,
    threads: LockStepThreads,
) -> Account:
    found = troubles(request.faults, days=request.days, seed=request.seed)
    end = clock.start + round(timedelta(days=request.days) / _SLOT) * _SLOT
    last_s = (end - clock.start - _END).total_seconds()
    is_in_memory = selector is None
    request.home.mkdir(parents=True, exist_ok=True)
    with simulated_home(
        clock,
        threads,
        faults=request.faults,
        seed=request.seed,
        folder=request.home,
        is_in_memory=is_in_memory,
    ) as (house, environment):
        write_files(request.home, house, seed=request.seed, more=_CONFIG)
        loaded = load(request.home)
        world = simulated_world(house, clock, loaded, environment)
        collector = world.place.collector
        running: CollectorTask | CollectorProcess
        if selector is None:
            running = CollectorTask(
                lambda *line: _collect(load(loaded.home), environment, *line),
                threads=threads,
                folder=loaded.home,
                cut_connections=world.cut_connections,
            )
        else:
            running = collector_process(partial(_collect_in_process, loaded.home, request.seed), selector)

        def look(line: str) -> None:
            world.watch.read("stdout", line)
            cycle = json.loads(line)
            slots = {each["source"]: datetime.fromisoformat(each["slot"]) for each in cycle["outcomes"]}
            world.look(slots, is_stored=cycle["stored"])

        caused = asyncio.ensure_future(world.cause(found, last_s))
        while not caused.done():
            await collector.is_on.wait()
            world.note_start()
            if await running.run(clock=clock, collector=collector, on_line=look):
                world.note_kill()
            world.note_stop()
        await caused
        return world.account(end)


async def _collect(
    loaded: Loaded, environment: Environment, stop: asyncio.Event, write_line: Callable[[str], None]
) -> None:
    request = CollectRequest(home=loaded.home, as_json=True)
    with collecting(loaded, environment, checking=True) as home:
        await run_cycles(request, home, environment.clock, stop, write_line)


def _collect_in_process(folder: Path, seed: int, channels: Channels) -> None:
    """Collect in a process of its own until SIGTERM."""

    async def collect(environment: Environment) -> None:
        stop = await stop_on_signals(at_ctrl_c=None)
        await _collect(load(folder), environment, stop, channels.write_line)

    with user_state_in(folder / _USER_STATE):
        follow(channels, collect, folder, seed)


def as_object(request: Request, account: Account) -> dict[str, Any]:
    """Return the report for programs; the same for the same request."""
    return {
        "format": _FORMAT,
        "days": request.days,
        "faults": request.faults,
        "seed": request.seed,
        **attrs.asdict(account),
    }


def _show(request: Request, account: Account, wall_s: float) -> None:
    watched, incidents = account.watched, account.incidents
    wrong = sum(account.causes_wrong.values())
    print_message(
        f"{request.days:g} days of a simulated home, faults {request.faults}, seed {request.seed}: "
        f"{wall_s:.1f} s",
        f"  slots           {account.slots_due:,} were due, {account.slots_with_a_row:,} have a row in the "
        f"ledger ({_counts(account.states)})",
        f"  causes          {account.causes_right:,} rows are right by the home's answers, {wrong:,} wrong",
        *(f"    wrong         {number:,} {words}" for words, number in account.causes_wrong.items()),
        *(f"    wrong         {number:,} {words}" for words, number in account.gaps_wrong.items()),
        *(
            f"    wrong         {number:,} requests to {words}"
            for words, number in account.requests_wrong.items()
        ),
        f"  readings        {account.handed_over:,} were handed over, {account.stored:,} are stored, "
        f"{account.lost:,} lost, {account.twice:,} twice",
        *_loss_lines(account),
        f"  values          {sum(account.compared_by_column.values()):,} were compared, "
        f"{account.wrong_values:,} are wrong",
        *(f"    wrong         {number:,} {name}" for name, number in account.wrong_by_column.items()),
        *_retry_lines(account),
        *_kill_lines(account),
        f"  alert file      called for {account.alerts_called_for} times, raised {watched.alerts_raised}, "
        f"cleared {watched.alerts_cleared}",
        f"  incidents       compared after {incidents.compared:,} cycles; "
        f"opened: {_counts(incidents.opened) or 'none'}",
        *(f"    wrong         {words} after {number:,} cycles" for words, number in incidents.wrong.items()),
        f"  longest cycle   {watched.longest_cycle_s:.1f} s of simulated time; the latest began "
        f"{watched.latest_start_s:.1f} s after its slot",
        f"  largest files   log {watched.largest_log_bytes:,} bytes, the database's log "
        f"{watched.largest_wal_bytes:,} bytes",
        f"  the process     {_taken(watched.process.memory_bytes)} bytes of memory, "
        f"{_taken(watched.process.descriptors)} descriptors, {_taken(watched.process.threads)} threads",
    )
    if not account.broken:
        print_message("Every promise was kept.")
        return
    for promise in account.broken:
        print_message(f"Broken: {promise}.")
    options = f"--days {request.days:g} --faults {request.faults} --seed {request.seed}"
    sockets = " --sockets" if request.sockets else ""
    print_message(f"To repeat it, run: homeclimate simulate {options}{sockets}")


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in numbers.items())


def _retry_lines(account: Account) -> list[str]:
    shares = (
        f"{account.mended_by_operation[operation]:,} of {number:,} in {operation}"
        for operation, number in account.short_troubles_by_operation.items()
    )
    return [f"  short troubles  mended by a retry: {', '.join(shares)}"] if account.short_troubles else []


def _taken(taken: Taken) -> str:
    return f"{taken.largest:,} ({taken.growth:+,})"


def _loss_lines(account: Account) -> list[str]:
    number = account.said_to_be_lost
    return [f"                  {number:,} more could not be kept, and are named as lost"] if number else []


def _kill_lines(account: Account) -> list[str]:
    if not account.kills:
        return []
    moments = ", ".join(f"{number:,} {moment}" for moment, number in sorted(account.kills.items()))
    number = sum(account.kills.values())
    return [f"  kills           {number:,} ({moments}), {account.in_flight:,} readings were in flight"]
