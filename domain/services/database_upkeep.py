"""Which backups are kept: one of each of the last days that have one, and one of each week before them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from domain.errors import StoreError
from ports.clock import Clock
from ports.journal import Journal, Level
from ports.state import Json, State
from ports.upkeep import BackedUp, Skipped, Upkeep, UpkeepLease

DAYS, WEEKS = 7, 4


def superfluous(taken_at: Iterable[datetime]) -> frozenset[datetime]:
    """Those of the instants whose backup may go.

    Kept are the newest of each of the seven newest days, and beside them that of each of the four newest
    weeks. Days without a backup do not count, so that a home that was off for a month loses none.
    """
    every = sorted(taken_at, reverse=True)
    daily = frozenset(_newest_of_each((instant.date(), instant) for instant in every)[:DAYS])
    of_weeks = _newest_of_each((instant.isocalendar()[:2], instant) for instant in every)
    weekly = frozenset([instant for instant in of_weeks if instant not in daily][:WEEKS])
    return frozenset(every) - daily - weekly


def _newest_of_each(newest_first: Iterable[tuple[Hashable, datetime]]) -> list[datetime]:
    found: dict[Hashable, datetime] = {}
    for period, instant in newest_first:
        found.setdefault(period, instant)
    return list(found.values())


# Decides when the store is checked, backed up and tidied, and keeps what came of it.

CHECK, BACKUP, ASIDE = "upkeep.check", "upkeep.backup", "store.aside"  # keys of the state
_RUNNING = "upkeep.running"  # holds something from a start until a clean stop
_AGAIN_AFTER = timedelta(hours=1)  # when it failed
FAREWELL_S = 5.0
ONCE_LIMIT_S = 1800.0  # of a process that would have ended otherwise

Result = dict[str, Json]


class DailyUpkeep:
    """Once for each day of UTC, and the check after an unclean stop too. Runs beside the cycles.

    Whatever comes in its way is told and tried again in an hour: no cycle hears of it. While another process
    has the turn, nothing is done.
    """

    def __init__(
        self, *, upkeep: Upkeep, lease: UpkeepLease, state: State, clock: Clock, journal: Journal
    ) -> None:
        self._upkeep = upkeep
        self._lease = lease
        self._state = state
        self._clock = clock
        self._journal = journal
        self._is_closing = False
        self._work: asyncio.Task[None] | None = None
        self._was_unclean: bool | None = None
        self._restored_at: datetime | None = None  # when it was last tried
        self._in_hand: str | None = None

    async def start_if_due(self) -> None:
        """Begin what is due, if nothing is in hand; returns at once."""
        if self._was_unclean is None:
            self._was_unclean = bool(self._state.get(_RUNNING))
            self._state.put(_RUNNING, {"since": self._clock.now().isoformat()})
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._run()) if self._is_anything_due() else None

    async def run_once(self, stop: asyncio.Event) -> None:
        """Do what is due, for a process that is about to end: until `stop`, and within a limit.

        What `stop` cuts off, the next process begins anew; what found no end in time is for another hour.
        """
        was_unclean = self._was_unclean = bool(self._state.get(_RUNNING))
        if stop.is_set() or not self._is_anything_due():
            return
        self._work = asyncio.create_task(self._run())
        stopped = asyncio.ensure_future(stop.wait())
        limit = asyncio.ensure_future(self._clock.sleep(ONCE_LIMIT_S))
        await asyncio.wait({self._work, stopped, limit}, return_when=asyncio.FIRST_COMPLETED)
        if not self._work.done() and self._in_hand is not None and not stop.is_set():
            reason = f"no end within {ONCE_LIMIT_S:g} s"
            self._keep(self._in_hand, self._failed(self._in_hand, reason), self._clock.now().isoformat())
        self._is_closing = True
        for task in (self._work, stopped, limit):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if was_unclean and not self._was_unclean:
            self._state.put(_RUNNING, {})

    async def wait_until_idle(self) -> None:
        """Wait until nothing is in hand."""
        if self._work is not None:
            await self._work

    async def close(self) -> None:
        """Begin nothing more, and give what is in hand some seconds; else the next start begins it anew."""
        self._is_closing = True
        if self._work is not None and not self._work.done():
            farewell = asyncio.ensure_future(self._clock.sleep(FAREWELL_S))
            await asyncio.wait({self._work, farewell}, return_when=asyncio.FIRST_COMPLETED)
            farewell.cancel()
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
        if self._was_unclean is False:  # else the check after the last stop is still owed
            self._state.put(_RUNNING, {})

    def _is_anything_due(self) -> bool:
        return self._is_check_due() or self._is_restore_due() or self._is_due(BACKUP)

    async def _run(self) -> None:
        if not self._lease.acquire():
            return
        try:
            await self._everything()
        finally:
            self._lease.release()

    async def _everything(self) -> None:
        """All that is due by now: until it had the turn, another process may have done it."""
        if self._is_check_due():
            await self._keeping(CHECK, self._check)
            if not self._is_closing:
                self._was_unclean = False
            await self._keeping("upkeep.tidy", self._tidy)
        if self._is_restore_due():
            self._restored_at = self._clock.now()
            await self._keeping("upkeep.restore", self._restore)
        # a store without its old rows must not push out the backups that have them
        if self._is_due(BACKUP) and not self._waits_for_a_backup():
            await self._keeping(BACKUP, self._back_up)

    async def _keeping(self, key: str, work: Callable[[], Awaitable[Result]]) -> None:
        if self._is_closing:
            return
        at = self._clock.now().isoformat()
        self._in_hand = key
        try:
            result = await work()
        except StoreError as error:
            result = self._failed(key, str(error))
        except Exception as error:  # noqa: BLE001 - the isolation boundary: a bug in the upkeep costs no reading
            result = self._failed(key, f"a fault of this program: {type(error).__name__}: {error}")
        self._in_hand = None
        self._keep(key, result, at)

    def _keep(self, key: str, result: Result, at: str) -> None:
        self._state.put(key, {**_lasting(self._state.get(key)), **result, "at": at})

    def _failed(self, key: str, reason: str) -> Result:
        self._journal.record(Level.ERROR, "upkeep.failed", step=key, error=reason, again="in an hour")
        return {"result": "failed", "reason": reason}

    async def _check(self) -> Result:
        checked = await self._upkeep.check()
        if not checked.findings:
            self._journal.record(Level.INFO, "upkeep.check_ok")
            return {"result": "ok", "detail": None, "kept_as": None, "reason": None}
        detail = "; ".join(checked.findings)
        self._journal.record(
            Level.CRITICAL,
            "upkeep.check_damaged",
            findings=detail,
            next=f"homeclimate db salvage {checked.kept_as}" if checked.kept_as else "homeclimate db check",
        )
        return {"result": "damaged", "detail": detail, "kept_as": checked.kept_as, "reason": None}

    async def _tidy(self) -> Result:
        await self._upkeep.tidy()
        return {"result": "ok", "reason": None}

    async def _restore(self) -> Result:
        file = await self._upkeep.restore()
        self._journal.record(Level.WARNING, "store.backup_merged", file=file or "there is no sound backup")
        return {"result": "ok", "file": file, "reason": None}

    async def _back_up(self) -> Result:
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
                found: Result = {"file": made.file, "bytes": made.size_bytes, "detail": detail}
                return {"result": "ok", "reason": None, "made_at": self._clock.now().isoformat(), **found}
            case Skipped(reason):
                self._journal.record(Level.WARNING, "upkeep.backup_skipped", reason=reason)
                return {"result": "skipped", "reason": reason}

    def _is_check_due(self) -> bool:
        return bool(self._was_unclean) or self._is_due(CHECK)

    def _is_restore_due(self) -> bool:
        if not self._waits_for_a_backup():
            return False
        return self._restored_at is None or self._has_passed(self._restored_at, _AGAIN_AFTER)

    def _waits_for_a_backup(self) -> bool:
        return self._state.get(ASIDE).get("finished") is False

    def _is_due(self, key: str) -> bool:
        last = self._state.get(key)
        at = _instant(last.get("at"))
        if at is None:
            return True
        if last.get("result") == "failed":
            return self._has_passed(at, _AGAIN_AFTER)
        return at.astimezone(UTC).date() != self._clock.now().date()

    def _has_passed(self, since: datetime, time: timedelta) -> bool:
        """A clock that was set back has it pass too."""
        return not timedelta(0) <= self._clock.now() - since < time


def _lasting(last: Mapping[str, Json]) -> Result:
    """What goes on being true of the last backup, whatever becomes of the next."""
    return {name: last[name] for name in ("file", "bytes", "made_at") if name in last}


def _instant(text: Json) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
