"""Makes a baseline of what a collector measured, or of cycles that are run now."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import attrs
import click

from config.collector_settings import HueRead
from config.loading import Loaded
from domain.baseline import Baseline
from domain.services.baselining import Ahead, Baselining
from entrypoints.baseline_request import EVERY_S, NOW, Measured, instant_of
from entrypoints.wiring_baseline import circumstances, shown_circumstances
from entrypoints.world import World

_KEPT = timedelta(days=7)
_COMPARED = timedelta(days=1)


def measured_as(name: str, wanted: Measured, loaded: Loaded, known: Baselining, world: World) -> Baseline:
    """What is to be kept by that name; unless told otherwise, of the last seven days."""
    return _measured(name, wanted, world.clock.now() - _KEPT, loaded, known, world)


def measured_after(
    before: Baseline, wanted: Measured, loaded: Loaded, known: Baselining, world: World
) -> Baseline:
    """What is to be compared with that one; unless told otherwise of the last day, without what it holds."""
    now = world.clock.now()
    since, ended = now - _COMPARED, before.ended_at
    if since < ended <= now:  # later than now: the clock was ahead when it was captured
        since = ended
    return _measured(NOW, wanted, since, loaded, known, world)


def _measured(
    name: str, wanted: Measured, default: datetime, loaded: Loaded, known: Baselining, world: World
) -> Baseline:
    if wanted.cycles is None:
        since = default if wanted.since is None else instant_of(wanted.since, world.clock)
        _tell_what_is_ahead(known.ahead(wanted.holds))
    else:
        loaded, since = _with_read(loaded, wanted.read), world.clock.now()
        _run_cycles(wanted, wanted.cycles, loaded, world)
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


def _run_cycles(wanted: Measured, cycles: int, loaded: Loaded, world: World) -> None:
    """What is read is stored, as of every cycle by hand; stdout is left to the result."""
    from entrypoints import collect  # all that collects: what only looks at baselines does without

    request = collect.Request(home=Path(), only=wanted.only, cycles=cycles, every_s=wanted.every_s or EVERY_S)
    run = collect.collected(request, loaded, world, lambda line: click.echo(line, err=True))
    if len(run) < cycles:
        click.echo(f"interrupted after {len(run)} of {cycles} cycles: nothing is kept or compared", err=True)
        raise click.Abort


def _with_read(loaded: Loaded, read: HueRead | None) -> Loaded:
    if read is None:
        return loaded
    collectors = loaded.settings.collectors
    hue = attrs.evolve(collectors.hue, read=read)
    settings = attrs.evolve(loaded.settings, collectors=attrs.evolve(collectors, hue=hue))
    return attrs.evolve(loaded, settings=settings)
