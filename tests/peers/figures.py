"""What was measured, and which targets that meets."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from tests.peers.contestants import ALONE, FLOOR, OURS, PHUE, PHUE_ALONE
from tests.peers.rounds import Costs
from tests.peers.starts import BARE, HEALTH, IMPORTS, ONCE, VERSION


@attrs.frozen(kw_only=True)
class Figures:
    """All of one run; seconds and bytes. `syncs` is None for whom it could not be counted."""

    costs: Costs
    syncs: Mapping[str, float | None]
    starts: Mapping[str, list[float]]

    def wall_s(self, name: str, *, asking_once: bool = False) -> list[float]:
        """Of each cycle; or of those in which ours asked for nothing but the temperatures, as others do."""
        return [cost["wall_s"] for cost in self._of(name, asking_once=asking_once)]

    def cpu_s(self, name: str, *, asking_once: bool = False) -> float:
        """The mean, which has what is done only now and then in it."""
        return statistics.fmean(cost["cpu_s"] for cost in self._of(name, asking_once=asking_once))

    def resident(self, name: str) -> int:
        """At the end."""
        return int(self.costs[name][-1]["resident"])

    def network_of(self, name: str) -> str:
        """The one that makes the same requests and nothing else."""
        return PHUE_ALONE.name if name == PHUE.name else ALONE.name

    def above_network_s(self, name: str, share: float) -> float:
        """A quantile of the cycle less the same quantile of its requests alone.

        In some rounds those are several, as ours makes; they say nothing of who never asks but once.
        """
        asking_once = name not in (OURS.name, PHUE.name)
        cycle, network = (
            quantile(self.wall_s(one, asking_once=asking_once), share)
            for one in (name, self.network_of(name))
        )
        return cycle - network

    def _of(self, name: str, *, asking_once: bool) -> list[dict[str, Any]]:
        return [cost for cost in self.costs[name] if not asking_once or len(cost["asked"]) == 1]


@attrs.frozen(kw_only=True)
class Target:
    """A figure, and the most that it may be."""

    what: str
    found: float
    most: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.found <= self.most


def quantile(values: Sequence[float], share: float) -> float:
    """The value that such a share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def targets(figures: Figures) -> Sequence[Target]:
    """What the program has set itself."""
    start = {name: statistics.median(times) for name, times in figures.starts.items()}
    above = [figures.above_network_s(OURS.name, share) * 1000 for share in (0.5, 0.99)]
    cpu, once = (
        figures.cpu_s(OURS.name, asking_once=asking_once) / figures.cpu_s(FLOOR.name, asking_once=asking_once)
        for asking_once in (False, True)
    )
    syncs = figures.syncs.get(OURS.name)
    return [
        Target(what="a cycle above the network, median", found=above[0], most=1.0, unit="ms"),
        Target(what="a cycle above the network, 99th percentile", found=above[1], most=2.0, unit="ms"),
        Target(what="CPU of a cycle that asks once, to the floor's", found=once, most=1.3, unit="x"),
        Target(what="CPU of all cycles, to the floor's", found=cpu, most=1.3, unit="x"),
        *([] if syncs is None else [Target(what="syncs a cycle", found=syncs, most=1.3, unit="")]),
        Target(what=f"{ONCE}, to the imports", found=start[ONCE] / start[IMPORTS], most=2.0, unit="x"),
        Target(what=VERSION, found=start[VERSION] * 1000, most=start[BARE] * 2000 + 30, unit="ms"),
        Target(what=HEALTH, found=start[HEALTH] * 1000, most=300.0, unit="ms"),
    ]
