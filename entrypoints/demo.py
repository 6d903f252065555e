"""`homeclimate demo`: the real collector on a simulated home, a week backfilled and some cycles live."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from config.loading import Loaded, load
from domain.errors import StoreRefused
from domain.outcome import Cycle, verdict
from domain.schedule import Due, slot_at
from domain.services.collection import Collection
from entrypoints.collect import cycles_by_hand, stop_on_signals
from entrypoints.home import find_home
from entrypoints.outcome_text import lines
from entrypoints.wiring import World, collecting, history, moved_clock, simulated_home

if TYPE_CHECKING:
    from adapters.simulator.home import SimulatedHome
    from adapters.system_clock import MovedClock

_MARK = "# written by `homeclimate demo`; a home with another first line is left alone"


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for."""

    home: Path
    days: int
    live_cycles: int
    seed: int


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
def command(*, home: Path | None, days: int, live_cycles: int, seed: int) -> int:
    """Show it all on a simulated home: a week backfilled, then live.

    The bridge is simulated on loopback, TLS and all; everything else is the real collector. The database is
    marked as simulated, and `collect` refuses it.
    """
    folder = home.absolute() if home else find_home(None) / "var" / "demo"
    return run(Request(home=folder, days=days, live_cycles=live_cycles, seed=seed))


def run(request: Request) -> int:
    """Do what the request says; the exit code."""
    clock = moved_clock()
    with simulated_home(clock=clock, seed=request.seed) as simulated:
        _write_files(request.home, simulated)
        loaded = load(request.home)
        world = World(clock=clock, hue_roots=simulated.bridge.ca_file, is_simulated=True)
        with collecting(loaded, world) as (collection, _):
            click.echo(f"A simulated home answers at {simulated.bridge.address} (Hue bridge).", err=True)
            cycles = asyncio.run(_collect(request, collection, clock))
    now = clock.now()
    _show_stored(loaded, since=now - timedelta(days=max(request.days, 1)), now=now)
    return int(verdict(cycles))


async def _collect(request: Request, collection: Collection, clock: MovedClock) -> list[Cycle]:
    stop = stop_on_signals()
    cycles: list[Cycle] = []
    try:
        now = clock.now()
        for dues in _progress(list(_backfill(collection, now, request.days))):
            if stop.is_set():
                return cycles
            clock.move_to(dues[0].slot + timedelta(seconds=1))
            cycles.append(await collection.run(dues))
        clock.move_back()

        def tell(cycle: Cycle) -> None:
            cycles.append(cycle)
            for line in lines(cycle):
                click.echo(line)

        await cycles_by_hand(collection, clock, request.live_cycles, 2.0, stop, tell)
    finally:
        await collection.close()
    return cycles


def _backfill(collection: Collection, now: datetime, days: int) -> Iterator[tuple[Due, ...]]:
    """The turns of the days up to now; sources of one slot are asked together."""
    slots: dict[datetime, list[Due]] = {}
    for name, plan in collection.plans.items():
        newest = slot_at(now, plan.interval_s)
        for number in range(days * 86_400 // plan.interval_s):
            slot = newest - timedelta(seconds=number * plan.interval_s)
            slots.setdefault(slot, []).append(Due(source=name, slot=slot, interval_s=plan.interval_s))
    for slot in sorted(slots):
        yield tuple(slots[slot])


def _progress(turns: list[tuple[Due, ...]]) -> Iterator[tuple[Due, ...]]:
    """The turns one by one, with a bar on stderr where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        yield from bar.track(turns, description="backfilling")


def _write_files(home: Path, simulated: SimulatedHome) -> None:
    """The files that a real home has, for the simulated one; those of a real one are never touched."""
    config, secrets = home / "config" / "config.yaml", home / "config" / "secrets.yaml"
    ours = all(
        path.read_text(errors="replace").startswith(_MARK) for path in (config, secrets) if path.exists()
    )
    if not ours or ((home / "data" / "readings.db").exists() and not config.exists()):
        raise StoreRefused(f"{home} is a real home, not one that the demo made: name another with --home")
    config.parent.mkdir(parents=True, exist_ok=True)
    bridge = simulated.bridge
    config.write_text(f"{_MARK}\ncollectors:\n  hue:\n    bridge_ip: '{bridge.address}'\n")
    secrets.touch(mode=0o600)
    secrets.write_text(f"{_MARK}\nhue:\n  api_key: '{bridge.key}'\n  bridge_id: '{bridge.id}'\n")


def _show_stored(loaded: Loaded, *, since: datetime, now: datetime) -> None:
    from entrypoints.newest_table import show

    path = loaded.settings.storage.database_path
    show(history(loaded.settings), since=since, now=now)
    click.echo(f"The database is {path}: every reading is in the table `readings`.")
