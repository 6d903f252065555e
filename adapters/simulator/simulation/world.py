"""A simulated home with its troubles, and what is seen of its collector from outside."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta

import attrs

from adapters.runtime.virtual_time import TrueClock
from adapters.simulator.simulation.account.accounts import Account, account
from adapters.simulator.simulation.account.causes import Stop
from adapters.simulator.simulation.account.home_list import INTERVAL, HomeList, slot_of
from adapters.simulator.simulation.account.incidents import AlertWatch
from adapters.simulator.simulation.bounds import LONGEST_CYCLE_S, Watch
from adapters.simulator.simulation.effects import Place
from adapters.simulator.simulation.sources import services_of
from adapters.simulator.simulation.troubles import Trouble
from domain.errors import StoreError

_AWAKE_S = 1.0


@attrs.define(kw_only=True)
class SimulatedWorld:
    """Causes the troubles of a simulation, and notes what can be seen."""

    place: Place
    true: TrueClock
    start: datetime
    watch: Watch
    alerts: AlertWatch
    home_list: HomeList = attrs.field(init=False)
    stops: list[Stop] = attrs.field(factory=list)  # of the collector
    _troubles: Sequence[Trouble] = ()
    _started_s: float = 0.0  # the collector, last
    _stopped_s: float | None = None  # the collector, last
    _looked_s: float = 0.0  # when it was looked at, last
    _looked_at: datetime | None = None  # the slot of the cycle before
    _begins: datetime | None = None  # the first cycle, if its slot has none so far

    @home_list.default
    def _make_home_list(self) -> HomeList:
        return HomeList(shown_at=self.place.clock.shown_at, sources=tuple(services_of(self.place.home)))

    async def cause(self, troubles: Sequence[Trouble], last_s: float) -> None:
        """Let each trouble begin and end in its time, and stop the collector after so many seconds."""
        self._troubles = troubles
        try:
            await asyncio.gather(*(self._cause(one) for one in troubles))
            await self.true.sleep(last_s - self.true.elapsed_s())
        finally:
            self.place.collector.turn_off()

    async def _cause(self, trouble: Trouble) -> None:
        await self.true.sleep(trouble.begins_s - self.true.elapsed_s())
        lasts_s = trouble.lasts_s
        if self.true.elapsed_s() > trouble.begins_s + _AWAKE_S:  # the machine slept
            await self.true.sleep(_AWAKE_S)  # what ended meanwhile ends first
            lasts_s = trouble.ends_s - self.true.elapsed_s()
        if lasts_s <= 0:
            return
        with ExitStack() as effects:
            for effect in trouble.effects:
                effects.enter_context(effect.during(self.place, lasts_s))
            await self.true.sleep(trouble.ends_s - self.true.elapsed_s())

    def note_start(self) -> None:
        """Note that the collector starts now."""
        self._started_s, self._begins = self.true.elapsed_s(), self.place.clock.now()
        self.place.collector.has_stored = False
        if self._stopped_s is not None:
            self.stops.append(Stop(self._stopped_s, self._started_s))

    def note_stop(self) -> None:
        """Note that the collector has stopped now."""
        self._stopped_s = self.true.elapsed_s()
        self.watch.note_end()

    def look(self, slots: Mapping[str, datetime], *, is_stored: bool) -> None:
        """Note what can be seen after a cycle; `slots` are those of its outcomes, by source."""
        self.place.collector.has_stored |= is_stored
        self._looked_at = max(slots.values())
        began_s, first_s = self._began_s(self._looked_at), self._first_request_s()
        is_late = self._begins is not None and self._looked_at <= self._begins
        began, self._begins = self._begins if is_late else None, None
        self.home_list.take(
            self.place.home,
            self.true.now(),
            lambda source, at: self._slot(slots.get(source), at, began),
        )
        if first_s is not None and began_s is not None and not self.place.clock.changed_since(self._looked_s):
            self.watch.latest_start_s = max(self.watch.latest_start_s, first_s - began_s)
        if began_s is not None:
            awake_s = self.true.elapsed_s() - began_s - self.place.clock.slept_since_s(began_s)
            self.watch.longest_cycle_s = max(self.watch.longest_cycle_s, awake_s)
        self._looked_s = self.true.elapsed_s()
        if self.place.data.is_on.is_set():  # else the alert is away too
            self.watch.look(self.place.collector.process)
        if self.place.shows_state and self.watch.logs.is_dir():  # else how many it lost may be lost as well
            self.watch.note_cycle(slots.values())
        self.alerts.note_cycle(slots)
        if not self.place.shows_state:
            self.alerts.note_state_away()

    def cut_connections(self) -> None:
        """Cut the connections of the collector, which is no more."""
        for service in services_of(self.place.home).values():
            service.restart()

    def note_kill(self) -> None:
        """Note that the collector was killed."""
        now = self.place.clock.now()
        self.place.collector.note_kill()
        now_s = self.true.elapsed_s()
        self.place.losses.extend(one for one in self.place.at_risk if now_s < one.until_s)
        self.alerts.note_kill()
        self.home_list.take_killed(self.place.home, now, has_line=self._looked_at == slot_of(now))

    def _began_s(self, slot: datetime) -> float | None:
        """Return when the cycle of the slot began, in true seconds from the start; None if nobody saw it.

        After a change of the clock, and after a cycle that ended within the slot, the collector takes its
        time to look at the clock.
        """
        clock = self.place.clock
        shown_s = self.true.elapsed_s() - (clock.now() - slot).total_seconds()
        if clock.changed_since(self._looked_s) or shown_s < self._looked_s:
            return self._first_request_s()
        return max(shown_s, self._started_s)

    def _first_request_s(self) -> float | None:
        """Return when the first request of the cycle came, in true seconds from the start."""
        seen = [service.requests for service in services_of(self.place.home).values()]
        return min((requests[0].elapsed_s for requests in seen if requests), default=None)

    def _slot(self, claimed: datetime | None, at: datetime, began: datetime | None) -> datetime:
        """Return the slot of a source's cycle whose first request came at that true instant.

        It is the slot that the clock showed. If the clock was set, the cycle may belong to the one before,
        and a slot that had its cycle already is read outside the schedule, in a second of its own.
        """
        clock = self.place.clock
        shown = clock.shown_at(at)
        slot = slot_of(began or shown)
        if claimed is None or not clock.changes:
            return slot
        recently_s = (at - self.start).total_seconds() - LONGEST_CYCLE_S
        if claimed == slot_of(claimed):
            shows = clock.times_of(claimed, claimed + INTERVAL)
            was_shown = any(ends_s > recently_s for _, ends_s in shows)
            return claimed if was_shown and clock.changed_since(recently_s) else slot
        is_second_time = any(slot_of(one.shown_after) <= slot <= one.shown_before for one in clock.changes)
        is_near = abs(claimed - shown) <= timedelta(seconds=LONGEST_CYCLE_S)
        return claimed if is_second_time and is_near else slot

    def account(self, end: datetime) -> Account:
        """Count what the home handed over, and what the database holds. Raise StoreError if it is none."""
        try:
            return self._account(end)
        except sqlite3.Error as error:
            database = self.place.database
            raise StoreError(f"broken: nothing in {database} can be counted ({error})") from error

    def _account(self, end: datetime) -> Account:
        self.alerts.note_pending()
        return account(
            self.place.database,
            self.place.folder,
            self.home_list,
            self.watch.watched(),
            clock=self.place.clock,
            end=end,
            stops=self.stops,
            alerts=self.alerts.seen,
            locks=self.place.locks,
            troubles=self._troubles,
            losses=self.place.losses,
            reported_lost=sum(self.place.salvaged.values()),
        )
