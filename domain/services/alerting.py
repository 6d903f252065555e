"""Alert people to problems: in a file, by mail, and through a ping that stops."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from functools import partial
from typing import Generic, TypeVar

import attrs

from domain.alerts.incidents import (
    ClockStep,
    Dismissed,
    Incidents,
    Notice,
    Observation,
    Patience,
    Recovered,
    Topic,
    dismiss_gone,
    observe_cycle,
    observe_home,
    update_incidents,
)
from domain.alerts.messages import Message, detail_of, length_text, message_of, remedy_of, title_of
from domain.cycle import Collected, Cycle, Failed, NotStored, Outcome
from domain.errors import NotifyError
from domain.services.retry_policy import RetryPolicy
from domain.times import local_time
from domain.upkeep import Step, StepResult
from ports.alerts import AlertBoard, Heartbeat, Notifier
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.retrier import Retrier
from ports.state import AlertState
from ports.upkeep import DatabaseLog, Disk

MAIL_BUDGET_S = 20.0
PING_BUDGET_S = 10.0
ALERTS_BUDGET_S = MAIL_BUDGET_S + PING_BUDGET_S + 5.0  # with the time to log that both failed
_QUEUE_LENGTH = 100
_STEP_NOTED_EVERY = timedelta(hours=1)  # while the clock is behind

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class FinishedCycle:
    """A finished cycle, and what its plan found about the clock."""

    cycle: Cycle
    clock_faults: Mapping[str, datetime] = attrs.field(factory=dict)
    clock_step: timedelta = timedelta()
    clock_behind: timedelta = timedelta()


@attrs.frozen(kw_only=True)
class AlertChannels:
    """The ways to reach people; None is not configured.

    The board shows one thing: that the credentials of `board_source` are rejected.
    """

    board: AlertBoard
    board_source: str
    notifier: Notifier | None = None
    heartbeat: Heartbeat | None = None


class Alerting:
    """Looks at each finished cycle, within its own budgets. Never raises for anything outside.

    `sources` are all sources of the home, also those that this process does not collect from. `as_typed`
    turns the commands in a text into what the people of the home type.
    """

    def __init__(
        self,
        *,
        channels: AlertChannels,
        sources: AbstractSet[str],
        state: AlertState,
        disk: Disk,
        wal: DatabaseLog,
        retrier: Retrier,
        clock: Clock,
        journal: Journal,
        home: str,
        as_typed: Callable[[str], str] = str,
        patience: Patience | None = None,
    ) -> None:
        self._channels = channels
        self._sources = sources
        self._state = state
        self._disk = disk
        self._wal = wal
        self._retrier = retrier
        self._clock = clock
        self._journal = journal
        self._home = home
        self._as_typed = as_typed
        self._patience = patience or Patience()
        self._ping_failed = False

    def begin(self) -> None:
        """Clear the board if the home no longer has its source."""
        if self._channels.board_source not in self._sources:
            self._channels.board.clear()

    async def after(self, finished: FinishedCycle) -> None:
        """Open and close incidents, and notify people."""
        cycle, now = finished.cycle, self._clock.now()
        before = self._state.incidents()
        observations = self._observe(finished, before)
        incidents, notices = update_incidents(before, observations, now, self._patience)
        dismissed: tuple[Dismissed, ...] = ()
        if incidents:
            incidents, dismissed = dismiss_gone(incidents, cycle, self._sources, now)
        if incidents != before:
            self._state.save_incidents(incidents)
        for outcome in cycle.report.outcomes:
            if outcome.due.source == self._channels.board_source:
                self._update_board(outcome, incidents)
        for notice in (*notices, *dismissed):
            incident = notice.incident
            self._journal.record(
                Level.WARNING,
                f"incident.{type(notice).__name__.lower()}",
                topic=incident.topic.value,
                subject=incident.subject,
                since=incident.since,
                detail=(isinstance(notice, Recovered) and notice.detail) or incident.detail,
            )
        if self._channels.notifier is not None and (notices or dismissed):
            messages = [self._message(notice) for notice in (*notices, *dismissed)]
            self._state.save_outbox(self._state.outbox().with_messages(messages))
        if self._channels.heartbeat is not None:
            await self._ping(self._channels.heartbeat, cycle)
        if self._channels.notifier is not None:
            await self._mail(self._channels.notifier)

    def _observe(self, finished: FinishedCycle, incidents: Incidents) -> Iterator[Observation]:
        faults = self._new_clock_faults(finished.clock_faults) if finished.clock_faults else []
        faults += self._clock_steps(finished)
        yield from observe_cycle(finished.cycle, faults, has_incidents=bool(incidents))
        yield from observe_home(self._disk.free_bytes(), self._wal.size_bytes())
        yield from self._observe_files(incidents)
        if (quarantine := self._state.quarantine()) is not None:
            now = self._clock.now()
            # one that is over before the next cycle is reported all the same, for a day
            is_recent = quarantine.at is not None and now - quarantine.at < timedelta(days=1)
            yield Observation(
                topic=Topic.DATABASE_ASIDE,
                subject="database",
                is_bad=not quarantine.is_restored or is_recent,
                detail=f"kept as {quarantine.kept_as}",
            )
        check = self._state.last_run(Step.CHECK)
        if check is not None and check.result in (StepResult.OK, StepResult.DAMAGED):
            yield Observation(
                topic=Topic.DATABASE_DAMAGED,
                subject="database",
                is_bad=check.result is StepResult.DAMAGED,
                detail=check.detail or "",
            )

        backup = self._state.last_run(Step.BACKUP)
        if backup is not None:
            lacks_backup = backup.lacks_backup(self._clock.now())
            if lacks_backup or backup.result is StepResult.OK:
                yield Observation(
                    topic=Topic.NO_BACKUP,
                    subject="database",
                    is_bad=lacks_backup,
                    detail=backup.reason or "",
                )

    def _observe_files(self, incidents: Incidents) -> Iterator[Observation]:
        """Observe where the database is. A trouble that is over already is reported, and then forgotten."""
        missing, trouble = self._state.missing_database(), self._state.file_trouble()
        for topic in (Topic.DATABASE_MISSING, Topic.DATABASE_LOG_LOST):
            is_log = topic is Topic.DATABASE_LOG_LOST
            present = [str(missing)] if missing is not None and not is_log else []
            result = ""
            if trouble is not None and trouble.is_log == is_log:
                if trouble.result is None:
                    present.append(trouble.reason)
                else:
                    result = trouble.result
                    if f"{topic}:database" not in incidents:
                        yield Observation(topic=topic, subject="database", is_bad=True, detail=trouble.reason)
            detail = "; ".join(present) or result
            yield Observation(topic=topic, subject="database", is_bad=bool(present), detail=detail)
        if trouble is not None and trouble.result is not None:
            self._state.forget_file_trouble()

    def _new_clock_faults(self, found: Mapping[str, datetime]) -> list[str]:
        """Return the faults that no process has reported: a future slot stays in the store until its date."""
        known = self._state.clock_faults()
        new = {source: slot for source, slot in found.items() if known.get(source) != slot}
        if new:
            self._state.save_clock_faults({**known, **new})
        return [
            f"a stored slot is in the future: {source} ({local_time(slot)})" for source, slot in new.items()
        ]

    def _clock_steps(self, finished: FinishedCycle) -> list[str]:
        """Return that the clock was set back, for a day from when it was noticed last, by any process."""
        now, step = self._clock.now(), self._state.clock_step()
        is_recent = step is not None and step.is_recent(now - finished.clock_step)
        is_back = finished.clock_step < timedelta()
        by = -finished.clock_step if is_back else finished.clock_behind
        if is_back or (by and not is_recent):
            if not is_back:  # else it is logged where it was noticed
                self._journal.record(
                    Level.CRITICAL, "clock.behind", by_s=f"{by.total_seconds():.0f}", now=now
                )
            step = ClockStep(now, f"it was set back by {length_text(by)}")
            self._state.save_clock_step(step)
        elif (
            step is not None
            and is_recent
            and (finished.clock_step or (by and now - step.at > _STEP_NOTED_EVERY))
        ):
            step = ClockStep(now, step.detail)
            self._state.save_clock_step(step)
        return [step.detail] if step is not None and step.is_recent(now) else []

    def _message(self, notice: Notice) -> Message:
        message = message_of(notice, home=self._home)
        return Message(subject=self._as_typed(message.subject), text=self._as_typed(message.text))

    def _update_board(self, outcome: Outcome, incidents: Incidents) -> None:
        if isinstance(outcome, Collected):
            self._channels.board.clear()
            return
        incident = incidents.get(f"{Topic.CREDENTIALS}:{outcome.due.source}")
        if isinstance(outcome, Failed) and outcome.needs_person and incident is not None:
            text = (
                f"Since {local_time(incident.since)}: {title_of(incident)}.\n"
                f"Details: {detail_of(incident)}\n\n{remedy_of(incident)}\n"
                "This file is removed after the next success.\n"
            )
            self._channels.board.put(self._as_typed(text))

    async def _mail(self, notifier: Notifier) -> None:
        deadline_s = self._clock.elapsed_s() + MAIL_BUDGET_S
        while (message := self._state.outbox().next(self._clock.now())) is not None:
            try:
                await self._retrier.call(
                    partial(notifier.send, message, deadline_s),
                    name="mail.send",
                    policy=RetryPolicy(),
                    deadline_s=deadline_s,
                )
            except NotifyError as error:
                self._journal.record(Level.ERROR, "mail.not_sent", error=str(error))
                self._state.save_outbox(self._state.outbox().after_failure(error, self._clock.now()))
                return
            self._state.save_outbox(self._state.outbox().after_success())

    async def _ping(self, heartbeat: Heartbeat, cycle: Cycle) -> None:
        has_readings = any(
            isinstance(outcome, Collected) and bool(outcome.readings or outcome.already_stored)
            for outcome in cycle.report.outcomes
        )
        is_well = has_readings and not isinstance(cycle, NotStored)
        try:
            await heartbeat.beat(is_well=is_well, deadline_s=self._clock.elapsed_s() + PING_BUDGET_S)
        except NotifyError as error:
            if not self._ping_failed:  # once: each later one would say the same
                self._journal.record(Level.ERROR, "ping.failed", error=str(error))
                self._state.save_ping_failure(self._clock.now(), str(error))
            self._ping_failed = True
        else:
            if self._ping_failed or self._state.has_ping_failure():
                self._state.clear_ping_failure()
            self._ping_failed = False


class BackgroundQueue(Generic[T]):
    """Passes items to a coroutine function, one after the other, in a task of its own.

    An exception of the function is logged and costs only its item. When the function cannot keep up, the
    oldest waiting items are dropped.
    """

    def __init__(self, function: Callable[[T], Awaitable[None]], *, clock: Clock, journal: Journal) -> None:
        self._function = function
        self._clock = clock
        self._journal = journal
        self._waiting: deque[T] = deque(maxlen=_QUEUE_LENGTH)
        self._task: asyncio.Task[None] | None = None

    def add(self, item: T) -> None:
        """Queue the item; return at once."""
        self._waiting.append(item)
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._work())

    async def finish(self, limit_s: float) -> None:
        """Wait until the queue is empty, at most that long; cancel what is left then."""
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
            except Exception as error:  # noqa: BLE001 - isolation boundary: no fault here may cost a cycle
                self._journal.record(Level.ERROR, "after_cycle.bug", error=f"{type(error).__name__}: {error}")
