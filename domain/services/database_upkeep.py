"""Decide when the database is checked, tidied, backed up and reported on, and which backups are kept."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, tzinfo

import attrs

from domain.errors import NotifyError, StoreError
from domain.upkeep import Step, StepRecord, StepResult, is_report_due
from ports.alerts import ReportMail
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import UpkeepState
from ports.upkeep import BackedUp, Copied, Skipped, Upkeep, UpkeepLease

DAYS, WEEKS = 7, 4
FAREWELL_S = 5.0
ONCE_LIMIT_S = 1800.0  # in a process that would have ended otherwise
_RETRY_AFTER = timedelta(hours=1)


def superfluous(taken_at: Iterable[datetime]) -> frozenset[datetime]:
    """Return the instants whose backups may be deleted.

    Kept are the newest backup of each of the seven newest days, and of the four newest weeks before them.
    Days without a backup do not count, so that a home that was off for a month loses none.
    """
    newest_first = sorted(taken_at, reverse=True)
    daily = frozenset(_newest_of_each((instant.date(), instant) for instant in newest_first)[:DAYS])
    of_weeks = _newest_of_each((instant.isocalendar()[:2], instant) for instant in newest_first)
    weekly = frozenset([instant for instant in of_weeks if instant not in daily][:WEEKS])
    return frozenset(newest_first) - daily - weekly


def _newest_of_each(newest_first: Iterable[tuple[Hashable, datetime]]) -> list[datetime]:
    newest: dict[Hashable, datetime] = {}
    for period, instant in newest_first:
        newest.setdefault(period, instant)
    return list(newest.values())


class DailyUpkeep:
    """Runs once each day (UTC) next to the cycles; the check also runs after an unclean stop.

    Failures are logged and retried in an hour, and never affect a cycle. While another process has the lease,
    nothing is done. With `copies` each backup is copied to the second disk, which is looked for hourly.
    `report_mail` sends the weekly report, on Monday in the zone; None sends none.
    """

    def __init__(
        self,
        *,
        upkeep: Upkeep,
        lease: UpkeepLease,
        state: UpkeepState,
        clock: Clock,
        journal: Journal,
        copies: bool = False,
        report_mail: ReportMail | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self._upkeep = upkeep
        self._lease = lease
        self._state = state
        self._clock = clock
        self._journal = journal
        self._copies = copies
        self._report_mail = report_mail
        self._zone = zone
        self._is_closing = False
        self._work: asyncio.Task[None] | None = None
        self._was_unclean: bool | None = None
        self._restore_tried_at: datetime | None = None
        self._current: Step | None = None

    async def start_if_due(self) -> None:
        """Start what is due in the background, unless something is running; return at once."""
        if self._was_unclean is None:
            self._was_unclean = self._state.is_running()
            self._state.save_start(self._clock.now())
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run()) if self._is_anything_due() else None

    async def run_once(self, stop: asyncio.Event, *, restores_only: bool = False) -> None:
        """Do what is due in a process that is about to end: until `stop` is set, and within a limit.

        `restores_only` leaves the check and the backup to other processes. What `stop` interrupts, the next
        process starts again; what exceeds the limit is retried in an hour.
        """
        was_unclean = self._was_unclean = self._state.is_running()
        is_due = self._is_restore_due() if restores_only else self._is_anything_due()
        if stop.is_set() or not is_due:
            return
        self._work = asyncio.create_task(self._run(restores_only=restores_only))
        stopped = asyncio.ensure_future(stop.wait())
        limit = asyncio.ensure_future(self._clock.sleep(ONCE_LIMIT_S))
        await asyncio.wait({self._work, stopped, limit}, return_when=asyncio.FIRST_COMPLETED)
        if not self._work.done() and self._current is not None and not stop.is_set():
            self._save(self._failed(self._current, f"not finished within {ONCE_LIMIT_S:g} s"), self._current)
        self._is_closing = True
        for task in (self._work, stopped, limit):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if was_unclean and not self._was_unclean:
            self._state.save_clean_stop()

    async def close(self) -> None:
        """Start nothing more, and wait some seconds for what is running; the next process starts it again."""
        self._is_closing = True
        if self._work is not None and not self._work.done():
            limit = asyncio.ensure_future(self._clock.sleep(FAREWELL_S))
            await asyncio.wait({self._work, limit}, return_when=asyncio.FIRST_COMPLETED)
            limit.cancel()
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
        if self._was_unclean is False:  # else the check after the last stop is still due
            self._state.save_clean_stop()

    def _is_anything_due(self) -> bool:
        return (
            self._is_check_due()
            or self._is_restore_due()
            or self._is_due(Step.BACKUP)
            or self._is_copy_due()
            or self._is_report_due()
        )

    async def _run(self, *, restores_only: bool = False) -> None:
        if not self._lease.acquire():
            return
        try:
            # Asked again: another process may have done it before this one got the lease.
            if self._is_check_due() and not restores_only:
                await self._do(Step.CHECK, self._check)
                if not self._is_closing:
                    self._was_unclean = False
                await self._do(Step.TIDY, self._tidy)
            if self._is_restore_due():
                self._restore_tried_at = self._clock.now()
                await self._do(Step.RESTORE, self._restore)
            # A database that still lacks its old rows must not displace the backups that have them.
            if self._is_due(Step.BACKUP) and not (self._waits_for_restore() or restores_only):
                await self._do(Step.BACKUP, self._back_up)
            if self._is_copy_due() and not restores_only:
                await self._do(Step.COPY, self._copy)
            if self._is_report_due() and not restores_only:
                await self._do(Step.REPORT, self._report)
        finally:
            self._lease.release()

    async def _do(self, step: Step, work: Callable[[datetime], Awaitable[StepRecord]]) -> None:
        if self._is_closing:
            return
        self._current = step
        at = self._clock.now()
        try:
            record = await work(at)
        except (StoreError, NotifyError) as error:
            record = self._failed(step, str(error))
        except Exception as error:  # noqa: BLE001 - isolation boundary: a bug in the upkeep costs no reading
            record = self._failed(step, f"internal error: {type(error).__name__}: {error}")
        self._current = None
        self._save(attrs.evolve(record, at=at), step)

    def _save(self, record: StepRecord, step: Step) -> None:
        last = self._state.last_run(step)
        if last is not None and record.file is None:  # the last backup is still there
            record = attrs.evolve(
                record, file=last.file, size_bytes=last.size_bytes, made_at=last.made_at, kept=last.kept
            )
        self._state.save_run(step, record)

    def _failed(self, step: Step, reason: str) -> StepRecord:
        again = "in a day" if step is Step.REPORT else "in an hour"
        self._journal.record(Level.ERROR, "upkeep.failed", step=f"upkeep.{step}", error=reason, again=again)
        return StepRecord(at=self._clock.now(), result=StepResult.FAILED, reason=reason)

    async def _check(self, at: datetime) -> StepRecord:
        checked = await self._upkeep.check()
        if not checked.findings:
            self._journal.record(Level.INFO, "upkeep.check_ok")
            return StepRecord(at=at, result=StepResult.OK)
        detail = "; ".join(checked.findings)
        self._journal.record(
            Level.CRITICAL,
            "upkeep.check_damaged",
            findings=detail,
            next=f"homeclimate db salvage {shlex.quote(checked.kept_as)}"
            if checked.kept_as
            else "homeclimate db check",
        )
        return StepRecord(at=at, result=StepResult.DAMAGED, detail=detail, kept_as=checked.kept_as)

    async def _tidy(self, at: datetime) -> StepRecord:
        await self._upkeep.tidy()
        return StepRecord(at=at, result=StepResult.OK)

    async def _restore(self, at: datetime) -> StepRecord:
        file = await self._upkeep.restore()
        self._journal.record(Level.WARNING, "store.backup_merged", file=file or "there is no sound backup")
        return StepRecord(at=at, result=StepResult.OK, file=file)

    async def _back_up(self, at: datetime) -> StepRecord:
        match await self._upkeep.back_up():
            case BackedUp() as made:
                detail = "; ".join(made.findings) or None
                self._journal.record(
                    Level.WARNING if detail else Level.INFO,
                    "upkeep.backed_up",
                    file=made.file,
                    bytes=made.size_bytes,
                    **({"findings": detail} if detail else {}),
                )
                self._report_kept(Step.BACKUP, made.kept)
                return StepRecord(
                    at=at,
                    result=StepResult.OK,
                    detail=detail,
                    file=made.file,
                    size_bytes=made.size_bytes,
                    made_at=self._clock.now(),
                    kept=made.kept,
                )
            case Skipped(reason):
                self._journal.record(Level.WARNING, "upkeep.backup_skipped", reason=reason)
                return StepRecord(at=at, result=StepResult.SKIPPED, reason=reason)

    async def _copy(self, at: datetime) -> StepRecord:
        backup, last = self._state.last_run(Step.BACKUP), self._state.last_run(Step.COPY)
        match await self._upkeep.copy_backup(may_remove=backup is not None and backup.detail is None):
            case Copied() as made:
                self._journal.record(Level.INFO, "upkeep.copied", file=made.file, bytes=made.size_bytes)
                self._report_kept(Step.COPY, made.kept)
                return StepRecord(
                    at=at,
                    result=StepResult.OK,
                    file=made.file,
                    size_bytes=made.size_bytes,
                    made_at=self._clock.now(),
                    copied=made.backup,
                    detail="on the disk of the database" if made.is_same_disk else None,
                    kept=made.kept,
                )
            case Skipped(reason):
                if last is None or last.reason != reason:  # once, not every hour
                    self._journal.record(Level.WARNING, "upkeep.copy_skipped", reason=reason)
                return StepRecord(at=at, result=StepResult.SKIPPED, reason=reason)

    async def _report(self, at: datetime) -> StepRecord:
        assert self._report_mail is not None  # noqa: S101 - for the type checker
        # Saved before: a process that ends meanwhile must not make the next one send it at once.
        interrupted = StepRecord(at=at, result=StepResult.FAILED, reason="it was interrupted")
        self._state.save_run(Step.REPORT, interrupted)
        await self._report_mail.send()
        self._journal.record(Level.INFO, "upkeep.report_sent")
        return StepRecord(at=at, result=StepResult.OK)

    def _report_kept(self, step: Step, kept: Mapping[str, str]) -> None:
        """Log each backup that is kept for its rows, once."""
        last = self._state.last_run(step)
        for file in [file for file in kept if last is None or file not in last.kept]:
            self._journal.record(
                Level.WARNING,
                "upkeep.backup_kept",
                file=file,
                reason=kept[file],
                next=f"homeclimate db salvage {shlex.quote(file)}",
            )

    def _is_check_due(self) -> bool:
        return bool(self._was_unclean) or self._is_due(Step.CHECK)

    def _is_copy_due(self) -> bool:
        if not self._copies:
            return False
        backup, last = self._state.last_run(Step.BACKUP), self._state.last_run(Step.COPY)
        if backup is None or backup.file is None:
            return False
        if last is not None and last.result is not StepResult.OK:
            return self._has_passed(last.at, _RETRY_AFTER)
        return last is None or last.copied != backup.file

    def _is_report_due(self) -> bool:
        if self._report_mail is None:
            return False
        now, last = self._clock.now(), self._state.last_run(Step.REPORT)
        if last is None:
            reason = "the first one is sent on Monday"
            last = StepRecord(at=now, result=StepResult.SKIPPED, reason=reason)
            self._state.save_run(Step.REPORT, last)
        return is_report_due(last, now, self._zone)

    def _is_restore_due(self) -> bool:
        if not self._waits_for_restore():
            return False
        return self._restore_tried_at is None or self._has_passed(self._restore_tried_at, _RETRY_AFTER)

    def _waits_for_restore(self) -> bool:
        replaced = (self._state.quarantine(), self._state.missing_database())
        return any(one is not None and not one.is_restored for one in replaced)

    def _is_due(self, step: Step) -> bool:
        last = self._state.last_run(step)
        if last is None:
            return True
        if last.result is StepResult.FAILED:
            return self._has_passed(last.at, _RETRY_AFTER)
        return last.at.astimezone(UTC).date() != self._clock.now().date()

    def _has_passed(self, since: datetime, time: timedelta) -> bool:
        """Return True too after the clock was set back."""
        return not timedelta(0) <= self._clock.now() - since < time
