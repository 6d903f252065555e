"""A simulated home with its troubles, and what is seen of its collector from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import attrs

from adapters.simulator.simulation.accounts import Account, HandedOver, Watched, account, slot_of
from adapters.simulator.simulation.effects import Place
from adapters.simulator.simulation.troubles import Trouble


@attrs.define(kw_only=True)
class SimulatedWorld:
    """Causes the troubles of a simulation, and notes what can be seen."""

    place: Place
    start: datetime
    alert_file: Path
    handed_over: HandedOver = attrs.field(factory=HandedOver)
    longest_cycle_s: float = 0.0
    largest_log_bytes: int = 0
    largest_wal_bytes: int = 0
    alerts: list[bool] = attrs.field(factory=list)  # whether there is an alert, at each change
    _started_at: datetime = attrs.field(init=False)  # the collector, last
    _looked_at: datetime | None = None  # the slot
    _begins: datetime | None = None  # the first cycle, if its slot has none so far

    async def cause(self, troubles: Sequence[Trouble]) -> None:
        """Let each trouble begin and end in its time."""
        await asyncio.gather(*(self._cause(one) for one in troubles))

    async def _cause(self, trouble: Trouble) -> None:
        clock = self.place.clock
        await clock.sleep(trouble.begins_s - clock.elapsed_s())
        with ExitStack() as effects:
            for effect in trouble.kind.effects:
                effects.enter_context(effect.during(self.place, trouble.lasts_s))
            await clock.sleep(trouble.lasts_s)

    def note_start(self) -> None:
        """Note that the collector starts now."""
        self._started_at = self._begins = self.place.clock.now()

    def look(self, slot: datetime) -> None:
        """Note what can be seen after the cycle of the slot."""
        self._looked_at = slot
        is_late = self._begins is not None and slot <= self._begins
        self.handed_over.take(self.place.home, self._begins if is_late else None)
        self._begins = None
        cycle_s = (self.place.clock.now() - max(slot, self._started_at)).total_seconds()
        self.longest_cycle_s = max(self.longest_cycle_s, cycle_s)
        log_bytes = sum(path.stat().st_size for path in (self.place.folder / "logs").glob("*"))
        self.largest_log_bytes = max(self.largest_log_bytes, log_bytes)
        wal = self.place.database.with_name(f"{self.place.database.name}-wal")
        self.largest_wal_bytes = max(self.largest_wal_bytes, wal.stat().st_size if wal.exists() else 0)
        has_alert = self.alert_file.exists()
        if has_alert is not (bool(self.alerts) and self.alerts[-1]):
            self.alerts.append(has_alert)

    def cut_connections(self) -> None:
        """Cut the connections of the collector, which is no more."""
        if self.place.network.is_on.is_set():
            for service in (self.place.home.bridge, self.place.home.alexa):
                service.unplug()
                service.plug_in()

    def note_kill(self) -> None:
        """Note that the collector was killed."""
        now = self.place.clock.now()
        self.place.collector.note_kill()
        self.handed_over.take_killed(self.place.home, now, has_line=self._looked_at == slot_of(now))

    def account(self, end: datetime, troubles: Sequence[Trouble]) -> Account:
        """Count what the home handed over, and what the database holds."""
        watched = Watched(
            longest_cycle_s=round(self.longest_cycle_s, 3),
            largest_log_bytes=self.largest_log_bytes,
            largest_wal_bytes=self.largest_wal_bytes,
            alerts_raised=self.alerts.count(True),
            alerts_cleared=self.alerts.count(False),
        )
        return account(
            self.place.database, self.handed_over, watched, start=self.start, end=end, troubles=troubles
        )
