"""Tells people of troubles: in a file, by mail, and by a dead-man's switch."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import attrs

from domain.alert_messages import Message, message_of, remedy_of, title_of
from domain.cycle import Collected, Cycle, Failed, NotStored
from domain.errors import NotifyError
from domain.incidents import (
    Incidents,
    Notice,
    Observation,
    Patience,
    Topic,
    dismiss_gone,
    observe_cycle,
    observe_disk,
    observe_log,
    update_incidents,
)
from domain.retry import RetryPolicy
from domain.services.alert_memory import IncidentStore, Outbox
from ports.alerts import AlertBoard, Heartbeat, Notifier
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.retrier import Retrier
from ports.state import Json, State
from ports.upkeep import DatabaseLog, Disk

MAIL_BUDGET_S = 20.0
PING_BUDGET_S = 10.0
ALERTS_BUDGET_S = MAIL_BUDGET_S + PING_BUDGET_S + 5.0  # with what it takes to note that neither worked
_CLOCK_FAULTS = "clock.faults"  # of the state: by source the slot that was told of
ACCOUNT = "amazon"  # the source whose credentials only a person can renew, and whose alert file homes know


@attrs.frozen(kw_only=True)
class FinishedCycle:
    """A cycle that was run, and the sources of which a slot lies far in the future, with that slot."""

    cycle: Cycle
    clock_faults: Mapping[str, datetime] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class AlertChannels:
    """How people are told; what is None was not configured."""

    board: AlertBoard
    notifier: Notifier | None = None
    heartbeat: Heartbeat | None = None


class Alerting:
    """Looks at each cycle once. Bounded by its own budgets; never raises for anything outside.

    `sources` are all that the home has, also those that this process does not ask.
    """

    def __init__(
        self,
        *,
        channels: AlertChannels,
        sources: AbstractSet[str],
        state: State,
        disk: Disk,
        log: DatabaseLog,
        retrier: Retrier,
        clock: Clock,
        journal: Journal,
        home: str,
        program: str = "homeclimate",
        patience: Patience | None = None,
    ) -> None:
        self._channels = channels
        self._sources = sources
        self._state = state
        self._memory = IncidentStore(state)
        self._outbox = Outbox(state)
        self._disk = disk
        self._log = log
        self._retrier = retrier
        self._clock = clock
        self._journal = journal
        self._home = home
        self._program = program
        self._patience = patience or Patience()
        self._ping_failed = False

    def begin(self) -> None:
        """Take down a notice about an account that the home no longer has."""
        if ACCOUNT not in self._sources:
            self._channels.board.clear()

    async def after(self, done: FinishedCycle) -> None:
        """Open and close incidents, and tell of them."""
        now = self._clock.now()
        before = self._memory.incidents()
        incidents, notices = update_incidents(before, self._signs(done), now, self._patience)
        incidents, dismissed = dismiss_gone(incidents, done.cycle, self._sources, now)
        notices = (*notices, *dismissed)
        if incidents != before:
            self._memory.save(incidents)
        self._put_on_board(done.cycle, incidents)
        for notice in notices:
            self._journal_of(notice)
        if self._channels.notifier is not None:
            self._outbox.add(message_of(one, home=self._home, program=self._program) for one in notices)
        if self._channels.heartbeat is not None:
            await self._ping(self._channels.heartbeat, done.cycle)
        if self._channels.notifier is not None:
            await self._mail(self._channels.notifier)

    def _signs(self, done: FinishedCycle) -> Iterator[Observation]:
        yield from observe_cycle(done.cycle, self._new_clock_faults(done.clock_faults))
        if (free := self._disk.free_bytes()) is not None:
            yield from observe_disk(free)
        if (log_bytes := self._log.size_bytes()) is not None:
            yield from observe_log(log_bytes)
        aside, check = self._state.get("store.aside"), self._state.get("upkeep.check")
        if aside:
            yield Observation(
                topic=Topic.DATABASE_ASIDE,
                subject="database",
                is_bad=not aside.get("finished") or self._is_recent(aside.get("at")),
                detail=f"kept as {aside.get('kept_as')}",
            )
        if check.get("result") in ("ok", "damaged"):  # a check that failed says nothing
            yield Observation(
                topic=Topic.DATABASE_DAMAGED,
                subject="database",
                is_bad=check.get("result") == "damaged",
                detail=str(check.get("detail") or ""),
            )

    def _new_clock_faults(self, found: Mapping[str, datetime]) -> list[str]:
        """Those that no earlier process told of: a slot of the future stays in the store until its date."""
        known = self._state.get(_CLOCK_FAULTS)
        new = {source: at.isoformat() for source, at in found.items() if known.get(source) != at.isoformat()}
        if new:
            self._state.put(_CLOCK_FAULTS, {**known, **new})
        return [f"{source} ({found[source]:%Y-%m-%d %H:%M} UTC)" for source in new]

    def _is_recent(self, instant: Json) -> bool:
        """Within a day: what is over sooner than the next cycle is told of all the same."""
        try:
            return self._clock.now() - datetime.fromisoformat(str(instant)) < timedelta(days=1)
        except (ValueError, TypeError):
            return False

    def _put_on_board(self, cycle: Cycle, incidents: Incidents) -> None:
        for outcome in cycle.report.outcomes:
            if outcome.due.source != ACCOUNT:
                continue
            incident = incidents.get(f"{Topic.CREDENTIALS}:{ACCOUNT}")
            if isinstance(outcome, Failed) and outcome.needs_person and incident is not None:
                self._channels.board.put(
                    f"Since {incident.since:%Y-%m-%d %H:%M} UTC: {title_of(incident)}.\n"
                    f"Seen: {incident.detail}\n\n{remedy_of(incident, self._program)}\n"
                    "This file goes by itself after the next success.\n"
                )
            elif isinstance(outcome, Collected):
                self._channels.board.clear()

    def _journal_of(self, notice: Notice) -> None:
        incident = notice.incident
        self._journal.record(
            Level.WARNING,
            f"incident.{type(notice).__name__.lower()}",
            topic=incident.topic.value,
            subject=incident.subject,
            since=incident.since,
            detail=incident.detail,
        )

    async def _mail(self, notifier: Notifier) -> None:
        deadline_s = self._clock.elapsed_s() + MAIL_BUDGET_S
        while (message := self._outbox.oldest(self._clock.now())) is not None:
            try:
                await self._send(notifier, message, deadline_s)
            except NotifyError as error:
                self._journal.record(Level.ERROR, "mail.not_sent", error=str(error))
                self._outbox.note_trouble(error, self._clock.now())
                return
            self._outbox.sent(message)

    async def _send(self, notifier: Notifier, message: Message, deadline_s: float) -> None:
        await self._retrier.call(
            lambda: notifier.send(message, deadline_s),
            name="mail.send",
            policy=RetryPolicy(),
            deadline_s=deadline_s,
        )

    async def _ping(self, heartbeat: Heartbeat, cycle: Cycle) -> None:
        is_well = bool(cycle.report.readings) and not isinstance(cycle, NotStored)
        try:
            await heartbeat.beat(is_well=is_well, deadline_s=self._clock.elapsed_s() + PING_BUDGET_S)
        except NotifyError as error:
            if not self._ping_failed:  # each later one would say the same
                self._journal.record(Level.ERROR, "ping.failed", error=str(error))
                self._state.put(
                    "heartbeat", {"failing_since": self._clock.now().isoformat(), "last_error": str(error)}
                )
            self._ping_failed = True
        else:
            if self._ping_failed or self._state.get("heartbeat"):
                self._state.put("heartbeat", {})
            self._ping_failed = False


# What is done after each cycle, beside the next ones, so that it never holds one up.

T = TypeVar("T")
_WAITING_BOUND = 100


class BackgroundQueue(Generic[T]):
    """Hands items to a coroutine function one after the other, in a task of its own.

    What the function raises is a fault of ours: it is said, and costs nothing but that item. When it cannot
    keep up, the oldest waiting items are dropped.
    """

    def __init__(self, function: Callable[[T], Awaitable[None]], *, clock: Clock, journal: Journal) -> None:
        self._function = function
        self._clock = clock
        self._journal = journal
        self._waiting: deque[T] = deque(maxlen=_WAITING_BOUND)
        self._task: asyncio.Task[None] | None = None

    def add(self, item: T) -> None:
        """Have the item done after those that wait. Returns at once."""
        self._waiting.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._work())

    async def finish(self, limit_s: float) -> None:
        """Wait until all is done, at most that long; what is not done by then is cancelled."""
        if self._task is None or self._task.done():
            return
        limit = asyncio.ensure_future(self._clock.sleep(limit_s))
        try:
            await asyncio.wait({self._task, limit}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            self._task.cancel()

    async def _work(self) -> None:
        while self._waiting:
            item = self._waiting.popleft()
            try:
                await self._function(item)
            except Exception as error:  # noqa: BLE001 - the isolation boundary: what comes after a cycle costs none
                self._journal.record(Level.ERROR, "after_cycle.bug", error=f"{type(error).__name__}: {error}")
