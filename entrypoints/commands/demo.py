"""`homeclimate demo`: the real collector on a simulated home, a week backfilled and some cycles live."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from config.loading import Loaded, load
from domain.cycle import Collected, Cycle, Failed, Stored, verdict
from domain.errors import StoreRefused
from domain.schedule import Due, slot_at
from domain.services.collection_cycle import CollectionCycle
from entrypoints.commands.collect import cycles_by_hand, stop_on_signals
from entrypoints.process import find_home
from entrypoints.terminal.cycle_text import lines
from entrypoints.terminal.stdout_writer import non_blocking_stdout
from entrypoints.wiring.collecting import collecting, history, simulated_apart
from entrypoints.wiring.environment import Environment

if TYPE_CHECKING:
    from adapters.shared_clock import LeadingClock
    from adapters.simulator.apart import HomeApart, Whereabouts


_MARK = "# written by `homeclimate demo`; a home with another first line is left alone"
_CONFIG = """\
{mark}
collectors:
  hue:
    bridge_ip: "{bridge_address}"
  amazon_aqm:
    enabled: true
    alexa_url: "{alexa_url}"
    api_url: "{alexa_url}"
    www_url: "{alexa_url}"
"""
_SECRETS = """\
{mark}
hue:
  api_key: "{bridge_key}"
  bridge_id: "{bridge_id}"
amazon_aqm:
  refresh_token: "{refresh_token}"
"""


@attrs.frozen(kw_only=True)
class Request:
    """What the command line asks for."""

    home: Path
    days: int
    live_cycles: int
    seed: int
    fault: str | None = None


# What the demo can make go wrong in its simulated home, by name.


@attrs.frozen(kw_only=True)
class DemoFault:
    """A trouble, told in a sentence, and the orders that cause it in a simulated home."""

    told: str
    orders: tuple[tuple[str, str], ...]

    def happen(self, home: HomeApart) -> None:
        """Cause it. `{monitor}` in an order stands for the first monitor's serial number."""
        for service, what in self.orders:
            home.order(service, what.format(monitor=home.whereabouts.monitors[0]))


FAULTS: Mapping[str, DemoFault] = {
    "bridge-down": DemoFault(
        told="The bridge was unplugged: its readings are missing, and the ledger says why. "
        "The monitors were not touched by it.",
        orders=(("bridge", "unplug"),),
    ),
    "throttled": DemoFault(
        told="Both services asked for fewer requests. Where a wait was named that is longer than a cycle, "
        "the cycle was given up.",
        orders=(
            ("bridge", "kind=throttle retry_after=60"),
            ("alexa", "kind=throttled-inside path=/nexus"),
        ),
    ),
    "token-expired": DemoFault(
        told="Amazon's access token ran out before its time: it was refreshed once, and the cycle repeated.",
        orders=(("alexa", "end-access"),),
    ),
    "token-refused": DemoFault(
        told="Amazon refused the refresh token. Only when it has said so twice, a minute apart, is that "
        "taken for good; the bridge was read all the same.",
        orders=(("alexa", "end-access"), ("alexa", "kind=refused-token")),
    ),
    "garbled": DemoFault(
        told="Both services sent nonsense: the whole bridge was read instead of its temperatures, and the "
        "monitors by their second reader.",
        orders=(
            ("bridge", "kind=garbled path=/clip/v2/resource/temperature"),
            ("alexa", "kind=garbled path=/nexus"),
        ),
    ),
    "slow": DemoFault(
        told="Both services took two seconds for each reply; nothing was lost.",
        orders=(("bridge", "kind=delay seconds=2"), ("alexa", "kind=delay seconds=2")),
    ),
    "monitor-gone": DemoFault(
        told="A monitor vanished from Amazon's replies: the others were stored, and it stands in the ledger.",
        orders=(("alexa", "kind=gone where={monitor}"),),
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
def command(*, home: Path | None, days: int, live_cycles: int, seed: int, fault: str | None) -> int:
    """Show it all on a simulated home: a week backfilled, then live.

    The bridge and the Alexa service are simulated on loopback, TLS and all; everything else is the real
    collector. The database is marked as simulated, and `collect` refuses it.
    """
    folder = home.absolute() if home else find_home(None) / "var" / "demo"
    return run(Request(home=folder, days=days, live_cycles=live_cycles, seed=seed, fault=fault))


def run(request: Request) -> int:
    """Do what the request says; the exit code. A fault that was asked for is no failure of the demo."""
    with simulated_apart(seed=request.seed) as (simulated, clock):
        found = simulated.whereabouts
        _write_files(request.home, found)
        loaded = load(request.home)
        environment = Environment(
            clock=clock,
            hue_roots=Path(found.bridge_ca_file),
            amazon_roots=Path(found.alexa_ca_file),
            is_simulated=True,
        )
        with collecting(loaded, environment) as collecting_now:
            where = f"a Hue bridge at {found.bridge_address}, Alexa at {found.alexa_address}"
            click.echo(f"A simulated home: {where}.", err=True)
            live = asyncio.run(_collect(request, collecting_now.collection, clock, simulated))
    now = clock.now()
    _show_stored(loaded, since=now - timedelta(days=max(request.days, 1)), now=now)
    if request.fault is None:
        return int(verdict(live))
    _tell_of(FAULTS[request.fault], live)
    return 0 if all(isinstance(cycle, Stored) for cycle in live) else int(verdict(live))


async def _collect(
    request: Request, collection: CollectionCycle, clock: LeadingClock, simulated: HomeApart
) -> list[Cycle]:
    """Backfill, then collect live; the live cycles. A fault happens after the first of them."""
    stop = await stop_on_signals()
    live: list[Cycle] = []
    with non_blocking_stdout() as say:

        def tell(cycle: Cycle) -> None:
            live.append(cycle)
            for line in lines(cycle):
                say(line)
            if request.fault is not None and len(live) == 1:
                FAULTS[request.fault].happen(simulated)

        try:
            for dues in _progress(list(_backfill(collection, clock.now(), request.days))):
                if stop.is_set():
                    return live
                clock.move_to(dues[0].slot + timedelta(seconds=1))
                await collection.run(dues)
            clock.move_back()
            await cycles_by_hand(collection, clock, request.live_cycles, 2.0, stop, tell)
        finally:
            await collection.close()
    return live


def _backfill(collection: CollectionCycle, now: datetime, days: int) -> Iterator[tuple[Due, ...]]:
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


def _write_files(home: Path, found: Whereabouts) -> None:
    """The files that a real home has, for the simulated one; those of a real one are never touched."""
    config, secrets = home / "config" / "config.yaml", home / "config" / "secrets.yaml"
    ours = all(
        path.read_text(errors="replace").startswith(_MARK) for path in (config, secrets) if path.exists()
    )
    if not ours or ((home / "data" / "readings.db").exists() and not config.exists()):
        raise StoreRefused(f"{home} is a real home, not one that the demo made: name another with --home")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(_CONFIG.format(mark=_MARK, **attrs.asdict(found)))
    secrets.touch(mode=0o600)
    secrets.write_text(_SECRETS.format(mark=_MARK, **attrs.asdict(found)))
    # what was learned of the services of the last run, and the tokens that those gave out
    (home / "data" / "state.json").unlink(missing_ok=True)


def _show_stored(loaded: Loaded, *, since: datetime, now: datetime) -> None:
    from entrypoints.terminal.status_text import show

    path = loaded.settings.storage.database_path
    show(history(loaded.settings), since=since, now=now)
    click.echo(f"The database is {path}: every reading is in the table `readings`.")


def _tell_of(fault: DemoFault, live: list[Cycle]) -> None:
    """What went wrong, what became of it, and what was stored all the same."""
    click.echo(fault.told)
    outcomes = [outcome for cycle in live for outcome in cycle.report.outcomes]
    for source in sorted({outcome.due.source for outcome in outcomes}):
        own = [outcome for outcome in outcomes if outcome.due.source == source]
        failures = Counter(outcome.cause for outcome in own if isinstance(outcome, Failed))
        readings = sum(len(outcome.readings) for outcome in own if isinstance(outcome, Collected))
        failed = "".join(f", {count} failed ({cause})" for cause, count in failures.items())
        click.echo(f"  {source}: {len(own)} live cycles{failed}; {readings} readings stored")
