"""`homeclimate demo`: the real collector on a simulated home, a week backfilled and some cycles live."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import attrs
import click

from config.files import DEMO_MARK, read_bytes
from config.loading import load
from config.source_names import intervals
from domain.cycle import Collected, Cycle, Failed, Stored, verdict
from domain.errors import StoreRefused
from domain.history.series import Span
from domain.schedule import Due, slot_at
from domain.services.alerting import FinishedCycle
from domain.services.collection_cycle import CollectionCycle
from domain.services.continuous_collection import Timetable, run_planned, unscheduled_cycle
from entrypoints.commands.collect import cycles_by_hand, stop_on_signals
from entrypoints.commands.options import dashboard_port_option
from entrypoints.commands.simulated_files import files_of, write_files
from entrypoints.commands.stored_data.dashboard import serve
from entrypoints.commands.stored_data.report import as_one_file
from entrypoints.process import find_home
from entrypoints.terminal.cycle_text import lines
from entrypoints.terminal.layout import print_lines, terminal_width
from entrypoints.terminal.output import non_blocking_stdout, print_message, remember_home
from entrypoints.terminal.stored_data.newest_table import NewestTables, newest_of
from entrypoints.wiring.collecting import Collecting, collecting
from entrypoints.wiring.dashboard import page_data, save_report
from entrypoints.wiring.environment import Environment
from entrypoints.wiring.home import Home, home_of
from entrypoints.wiring.simulator import MovedClock, SimulatedHome, moved_clock, simulated_home
from entrypoints.wiring.storage import history
from ports.clock import Clock

_LIVE_EVERY_S = 10.0
_NEXT = ("status", "history kitchen", "dashboard --open")
_SEED = re.compile(r"^# seed: (-?\d+)$", re.MULTILINE)  # in the configuration


@attrs.frozen(kw_only=True)
class Request:
    """The options of the command line."""

    home: Path
    days: int
    live_cycles: int
    seed: int
    fault: str | None = None
    port: int | None = None  # of the dashboard


@attrs.frozen(kw_only=True)
class DemoFault:
    """A fault of the simulated home: its effects, and the message that explains them.

    `bridge` and `alexa` are texts of faults of these services; `{monitor}` is the serial number of the first
    monitor. It goes on for `goes_on` of simulated time after the live cycles, which are so long ago.
    """

    message: str
    bridge: str = ""
    alexa: str = ""
    unplugs_bridge: bool = False
    ends_access: bool = False
    goes_on: timedelta = timedelta()

    def start(self, home: SimulatedHome) -> None:
        """Start it."""
        if self.unplugs_bridge:
            home.bridge.unplug()
        if self.ends_access:
            home.alexa.account.end_access()
        if self.bridge:
            home.bridge.faults.add(self.bridge)
        if self.alexa:
            home.alexa.faults.add(self.alexa.format(monitor=home.alexa.monitors[0].serial))


FAULTS: Mapping[str, DemoFault] = {
    "bridge-down": DemoFault(
        message="The bridge was unplugged: its readings are missing, and the ledger says why. The monitors "
        "were stored.",
        unplugs_bridge=True,
    ),
    "throttled": DemoFault(
        message="Both services asked for fewer requests. A cycle ends at once if the wait they name is "
        "longer than the cycle.",
        bridge="kind=throttle retry_after=60",
        alexa="kind=throttled-inside path=/nexus",
    ),
    "token-expired": DemoFault(
        message="Amazon's access token expired early: it was refreshed once, and the request was repeated.",
        ends_access=True,
    ),
    "token-refused": DemoFault(
        message="Amazon refused the refresh token. Two refusals, a minute apart, are needed before it "
        "counts as invalid. The bridge was stored.",
        ends_access=True,
        alexa="kind=refused-token",
        goes_on=timedelta(hours=4),  # pauses between attempts grow to an hour
    ),
    "garbled": DemoFault(
        message="Both services sent invalid JSON: the whole bridge was read instead of its temperatures, and "
        "the monitors by their second reader.",
        bridge="kind=garbled path=/clip/v2/resource/temperature",
        alexa="kind=garbled path=/nexus",
    ),
    "slow": DemoFault(
        message="Both services took two seconds for each reply; nothing was lost.",
        bridge="kind=delay seconds=2",
        alexa="kind=delay seconds=2",
    ),
    "monitor-gone": DemoFault(
        message="A monitor is missing from Amazon's replies: the others were stored, the ledger names it.",
        alexa="kind=gone where={monitor}",
    ),
}


@click.command()
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo's files go.  [default: var/demo in the home]",
)
@click.option(
    "--days", type=click.IntRange(min=0, max=366), default=7, show_default=True, help="To backfill."
)
@click.option(
    "--live-cycles",
    type=click.IntRange(min=0),
    default=6,
    show_default=True,
    help="Afterwards, 2 s apart.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Which house is simulated.")
@click.option("--fault", type=click.Choice(list(FAULTS)), help="What goes wrong after the first live cycle.")
@dashboard_port_option("--serve", "Serve the dashboard afterwards, until Ctrl-C.")
def command(
    *,
    home: Path | None,
    days: int,
    live_cycles: int,
    seed: int,
    fault: str | None,
    dashboard_port: int | None,
) -> int:
    """Show it all on a simulated home: a week backfilled, then live.

    The bridge and the Alexa service are simulated on loopback, with TLS; everything else is the real
    collector. The database is marked as simulated, and `collect` refuses it. The dashboard's page is saved
    next to the demo's folder.
    """
    folder = home.absolute() if home else find_home(None) / "var" / "demo"
    remember_home(click.get_current_context(), folder)
    request = Request(
        home=folder,
        days=days,
        live_cycles=live_cycles,
        seed=seed,
        fault=fault,
        port=dashboard_port,
    )
    return run(request)


def run(request: Request) -> int:
    """Run the demo and return its exit code; a fault that was asked for is no failure."""
    _check_folder(request)
    clock = moved_clock()
    with simulated_home(clock=clock, seed=request.seed) as simulated:
        bridge, alexa = simulated.bridge, simulated.alexa
        write_files(request.home, simulated, seed=request.seed)
        loaded = load(request.home)
        environment = Environment(
            clock=clock, hue_roots=bridge.ca_file, amazon_roots=alexa.ca_file, is_simulated=True
        )
        home_of(loaded, environment).files.alert.unlink(missing_ok=True)  # of the last run
        with collecting(loaded, environment) as collecting_now:
            where = f"a Hue bridge at {bridge.address}, Alexa at {alexa.address}"
            print_message(f"A simulated home: {where}.", err=True)
            shown = asyncio.run(_collect(request, collecting_now, clock, simulated))
        _show_newest(request, home_of(loaded, environment))
        path = loaded.settings.storage.database_path
        print_message(f"The database is {path}: every reading is in the table `readings`.")
        if request.fault is not None:
            _show_fault(FAULTS[request.fault], shown, home_of(loaded, environment))
        _save_page(request, home_of(loaded, environment))
        if shown.backfilled < shown.planned:
            done = f"{shown.backfilled:,} of {shown.planned:,} cycles were backfilled"
            print_message(f"Interrupted: {done}. Run the demo again to complete them.")
        print_message("Next, try:", *(f"  `homeclimate {command}`" for command in _NEXT))
        if request.port is not None:
            print_message(f"The simulated home goes on in real time. It is read every {_LIVE_EVERY_S:.0f} s.")
            with collecting(loaded, environment) as collecting_now:
                go_on = partial(_collect_on, collecting_now.collection, clock)
                if code := serve(home_of(loaded, environment), port=request.port, meanwhile=go_on):
                    return code
    if request.fault is None:
        return int(verdict(shown.live))
    return 0 if all(isinstance(cycle, Stored) for cycle in shown.live) else int(verdict(shown.live))


@attrs.define(kw_only=True)
class _Shown:
    """What has been run: the live cycles, and how many of the planned ones of the backfill."""

    live: list[Cycle] = attrs.field(factory=list)
    planned: int = 0
    backfilled: int = 0

    @property
    def has_had_fault(self) -> bool:
        return len(self.live) > 1


async def _collect(
    request: Request, collecting_now: Collecting, clock: MovedClock, simulated: SimulatedHome
) -> _Shown:
    """Backfill, then collect live. A fault starts after the first live cycle."""
    stop = await stop_on_signals()
    collection, shown = collecting_now.collection, _Shown()
    fault = None if request.fault is None else FAULTS[request.fault]
    goes_on = timedelta() if fault is None else fault.goes_on
    live_at = clock.now() - goes_on
    backfill = list(_slots(collection, live_at, timedelta(days=request.days)))
    shown.planned = len(backfill)
    with non_blocking_stdout() as write:

        def show_cycle(cycle: Cycle) -> None:
            shown.live.append(cycle)
            for line in lines(cycle):
                write(line)
            if fault is not None and len(shown.live) == 1:
                fault.start(simulated)

        try:
            for dues in _progress(backfill):
                if stop.is_set():
                    return shown
                clock.move_to(dues[0].slot + timedelta(seconds=1))
                await collection.run(dues)
                shown.backfilled += 1
            clock.move_to(live_at) if goes_on else clock.move_back()
            await cycles_by_hand(collection, clock, request.live_cycles, 2.0, stop, show_cycle)
            for dues in _slots(collection, live_at + goes_on, goes_on) if shown.has_had_fault else ():
                clock.move_to(dues[0].slot + timedelta(seconds=1))
                cycle = await collection.run(dues)
                await collecting_now.alerting.after(FinishedCycle(cycle=cycle))
        finally:
            clock.move_back()
            await collection.close()
    return shown


async def _collect_on(collection: CollectionCycle, clock: Clock, stop: asyncio.Event) -> None:
    """Collect every few seconds until `stop` is set: each slot when it is due, and outside the schedule."""
    timetable = Timetable(collection, clock)
    try:
        while not stop.is_set():
            planned = timetable.next_cycle()
            if not planned.dues and not planned.outside:
                planned = unscheduled_cycle(collection, clock)
            await run_planned(collection, clock, planned)
            timetable.mark_run(planned)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LIVE_EVERY_S)
    finally:
        await collection.close()


def _slots(collection: CollectionCycle, until: datetime, length: timedelta) -> Iterator[tuple[Due, ...]]:
    """Yield the slots of that length of time, each with the sources that are due."""
    slots: dict[datetime, list[Due]] = {}
    for name, plan in collection.plans.items():
        newest = slot_at(until, plan.interval_s)
        for number in range(int(length.total_seconds()) // plan.interval_s):
            slot = newest - timedelta(seconds=number * plan.interval_s)
            slots.setdefault(slot, []).append(Due(source=name, slot=slot, interval_s=plan.interval_s))
    for slot in sorted(slots):
        yield tuple(slots[slot])


def _progress(slots: list[tuple[Due, ...]]) -> Iterator[tuple[Due, ...]]:
    """Yield the slots one by one, with a progress bar on stderr if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        yield from bar.track(slots, description="backfilling")


def _check_folder(request: Request) -> None:
    """Raise StoreRefused for a folder with other files, and for one with another simulated house."""
    home, (config, secrets) = request.home, files_of(request.home)
    found = [path for path in (config, secrets) if path.exists()]
    is_ours = found and all(read_bytes(path).startswith(DEMO_MARK.encode()) for path in found)
    if not is_ours and home.exists() and any(home.iterdir()):
        raise StoreRefused(
            f"{home} may be a real home: it has files that the demo did not make. "
            "Name a new folder with --home"
        )
    seed = _SEED.search(read_bytes(config).decode(errors="replace")) if config.exists() else None
    if seed is not None and int(seed[1]) != request.seed and (home / "data" / "readings.db").exists():
        raise StoreRefused(
            f"{home} has the readings of another simulated house. Add --seed {seed[1]}, or name a new folder "
            "with --home"
        )


def _show_newest(request: Request, home: Home) -> None:
    now = home.clock.now()
    since = now - timedelta(days=max(request.days, 1))
    tables = NewestTables(
        devices=newest_of(history(home), since, now),
        since=since,
        now=now,
        interval=max(intervals(home.settings).values()),
    )
    print_message("")
    print_lines(tables.lines(terminal_width()))
    print_message("")


def _save_page(request: Request, home: Home) -> None:
    """Save the dashboard's page next to the demo's folder, and print where."""
    page = request.home.with_name(f"{request.home.name}.html")
    now = home.clock.now()
    span = Span(since=now - timedelta(days=max(request.days, 1)), until=now)
    save_report(page, as_one_file(page_data(home), span))
    print_message(f"The page of the dashboard is saved as {page}.")


def _show_fault(fault: DemoFault, shown: _Shown, home: Home) -> None:
    """Print what went wrong, what became of it, and what was stored."""
    if not shown.has_had_fault:
        print_message("The fault did not happen: it begins before the second live cycle, which was not run.")
        return
    print_message(fault.message)
    outcomes = [outcome for cycle in shown.live for outcome in cycle.report.outcomes]
    for source in sorted({outcome.due.source for outcome in outcomes}):
        own = [outcome for outcome in outcomes if outcome.due.source == source]
        failures = Counter(outcome.cause for outcome in own if isinstance(outcome, Failed))
        readings = sum(len(outcome.readings) for outcome in own if isinstance(outcome, Collected))
        failed = "".join(f", {count} failed ({cause})" for cause, count in failures.items())
        print_message(f"  {source}: {len(own)} live cycles{failed}; {readings} readings stored")
    if home.files.alert.exists():
        print_message(f"Four hours later {home.files.alert} asks for a person:")
        print_message(*(f"  {line}".rstrip() for line in home.files.alert.read_text().splitlines()))
        print_message("In a real home that command mends it.")
