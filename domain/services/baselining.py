"""Makes baselines of what was measured, keeps them, and compares them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from domain.baseline import Baseline, Measurement, parted
from domain.comparison import Comparison, Pick, compare
from domain.costs import Costs, costs_of
from domain.errors import NothingMeasured
from domain.values import frozen
from ports.baselines import Baselines
from ports.clock import Clock
from ports.measurements import Measurements

_NEVER = datetime.max.replace(tzinfo=UTC)


@frozen
class Ahead:
    """Whole cycles of which the time is still to come, since the clock was ahead; the last began then."""

    cycles: int
    last_at: datetime


class Baselining:
    """Whatever the ports raise comes through. `pick` draws the numbers that a comparison needs."""

    def __init__(self, *, measurements: Measurements, baselines: Baselines, clock: Clock, pick: Pick) -> None:
        self._measurements = measurements
        self._baselines = baselines
        self._clock = clock
        self._pick = pick

    def measured(
        self,
        name: str,
        since: datetime,
        *,
        circumstances: Mapping[str, str],
        is_wanted: Callable[[str], bool] = lambda _: True,
        shown: Callable[[Costs], Mapping[str, str]] = lambda _: {},
    ) -> Baseline:
        """What the whole cycles since then cost, of the wanted sources. It is not kept yet.

        `shown` are circumstances that are told from what was measured.

        Raises `NothingMeasured` when there was no whole cycle.
        """
        now = self._clock.now()
        measurements = self._measurements.between(since, now)
        costs = costs_of(measurements, is_wanted)
        if costs.first_at is None or costs.last_at is None:
            raise NothingMeasured(
                f"no whole cycle was measured since {since:%Y-%m-%d %H:%M:%S} UTC"
                f"{_instead(costs, measurements)}"
            )
        return Baseline(
            name=name,
            captured_at=now,
            first_at=costs.first_at,
            last_at=costs.last_at,
            cycles=costs.cycles,
            left_out=costs.left_out,
            circumstances={**circumstances, **shown(costs)},
            samples=costs.samples,
        )

    def ahead(self, is_wanted: Callable[[str], bool] = lambda _: True) -> Ahead | None:
        """What no baseline holds before its time has come."""
        measurements = self._measurements.between(self._clock.now(), _NEVER)
        costs = costs_of(measurements, is_wanted)
        return None if costs.last_at is None else Ahead(costs.cycles, costs.last_at)

    def keep(self, baseline: Baseline, *, replacing: bool = False) -> None:
        """Keep it by its name. Raises `BaselineExists` unless `replacing`."""
        self._baselines.keep(baseline, replacing=replacing)

    def has(self, name: str) -> bool:
        """Whether there is one by that name. Raises `StoreError` where it is not what was kept."""
        return self._baselines.find(name) is not None

    def kept(self, name: str) -> Baseline:
        """The one by that name. Raises `NothingMeasured` when there is none."""
        baseline = self._baselines.find(name)
        if baseline is None:
            raise self._without(name)
        return baseline

    def every(self) -> Sequence[Baseline]:
        """All that are kept, the one that was captured last at the end."""
        return self._baselines.every()

    def remove(self, name: str) -> None:
        """Let go of the one by that name. Raises `NothingMeasured` when there is none."""
        if not self._baselines.remove(name):
            raise self._without(name)

    def _without(self, name: str) -> NothingMeasured:
        names = ", ".join(one.name for one in self._baselines.every())
        there_are = f"there are: {names}" if names else "there is none yet; homeclimate baseline capture NAME"
        return NothingMeasured(f"there is no baseline {name}; {there_are}")

    def compared(self, before: Baseline, after: Baseline) -> Comparison:
        """The change from one to the other."""
        return compare(before, after, self._pick)


def _instead(costs: Costs, measurements: Sequence[Measurement]) -> str:
    """What there was in place of a whole cycle of what is wanted, and what to do next."""
    if costs.left_out:
        return f", and {costs.left_out} that were not whole: homeclimate status tells why"
    if sources := {source for one in measurements for source in parted(one.source)}:
        return f" of what is wanted; measured were: {', '.join(sorted(sources))}"
    return ". A collector measures each of its cycles; --cycles N runs some now"
