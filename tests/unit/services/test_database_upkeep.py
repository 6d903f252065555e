"""When the database is checked and backed up, and which backups are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemoryState
from adapters.memory.upkeep import MemoryUpkeep, MemoryUpkeepLease
from domain.errors import StoreBusy
from domain.services.database_upkeep import DAYS, FAREWELL_S, ONCE_LIMIT_S, WEEKS, DailyUpkeep, superfluous
from ports.journal import Level
from ports.upkeep import Checked, Skipped
from tests.support.builders import NOON

HOUR_S = 3600.0
CHECK, BACKUP, ASIDE = "upkeep.check", "upkeep.backup", "store.aside"
ALL = ["check", "tidy", "back_up"]


class Kept:
    """A daily upkeep over fakes, and the fakes."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOON)
        self.state = MemoryState()
        self.journal = MemoryJournal()
        self.port = MemoryUpkeep()
        self.others = MemoryUpkeepLease()
        self.lease = MemoryUpkeepLease(self.others)
        self.begin()

    def begin(self) -> None:
        """Another process with the same state."""
        self.daily = DailyUpkeep(
            upkeep=self.port,
            lease=self.lease,
            state=SavedState(self.state),
            clock=self.clock,
            journal=self.journal,
        )

    async def asked(self) -> list[str]:
        """What the store was asked for now."""
        self.port.asked.clear()
        await self.daily.start_if_due()
        await self.daily.wait_until_idle()
        return list(self.port.asked)


async def _endless() -> Checked:
    await asyncio.Event().wait()
    return Checked()


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_first_run_does_every_step(kept: Kept) -> None:
    assert await kept.asked() == ALL
    assert kept.journal.events() == ("upkeep.check_ok", "upkeep.backed_up")


async def test_results_are_saved(kept: Kept) -> None:
    await kept.asked()
    at = NOON.isoformat()
    assert kept.state.get(CHECK) == {
        "at": at,
        "result": "ok",
        "detail": None,
        "kept_as": None,
        "reason": None,
    }
    assert kept.state.get(BACKUP) == {
        "at": at,
        "result": "ok",
        "file": "backups/readings.db",
        "bytes": 4096,
        "made_at": at,
        "detail": None,
        "reason": None,
    }


@pytest.mark.parametrize(
    ("hours", "is_due"),
    [(0, False), (1, False), (11.9, False), (12, True), (36, True), (-1, False), (-13, True)],
)
async def test_every_step_runs_once_a_day(kept: Kept, hours: float, is_due: bool) -> None:
    """From noon on; a clock that was set back into another day has it done again."""
    await kept.asked()
    kept.clock.step_wall(hours * HOUR_S)
    assert await kept.asked() == (ALL if is_due else [])


async def test_month_of_cycles_makes_one_backup_a_day(kept: Kept) -> None:
    backups = 0
    for _ in range(30 * 96):
        backups += (await kept.asked()).count("back_up")
        kept.clock.advance(HOUR_S / 4)
    assert backups == 31  # thirty days from noon to noon


async def test_clean_restart_repeats_nothing(kept: Kept) -> None:
    await kept.asked()
    await kept.daily.close()
    kept.begin()
    assert await kept.asked() == []


async def test_unclean_stop_is_followed_by_one_check(kept: Kept) -> None:
    await kept.asked()
    kept.begin()
    assert await kept.asked() == ["check", "tidy"]
    assert await kept.asked() == []


async def test_check_after_an_unclean_stop_survives_a_clean_one(kept: Kept) -> None:
    await kept.asked()
    kept.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept.port, "check", _endless)
        await kept.daily.start_if_due()
        await asyncio.sleep(0)
        await kept.daily.close()
    kept.begin()
    assert await kept.asked() == ["check", "tidy"]


async def test_start_returns_at_once_and_starts_nothing_twice(kept: Kept) -> None:
    done = asyncio.Event()

    async def check() -> Checked:
        kept.port.asked.append("check")
        await done.wait()
        return Checked()

    kept.port.check = check  # type: ignore[method-assign]
    for _ in range(3):
        await kept.daily.start_if_due()
        await asyncio.sleep(0)
    assert kept.port.asked == ["check"]
    done.set()
    await kept.daily.wait_until_idle()
    assert kept.port.asked == ALL


async def test_close_waits_for_a_step_and_starts_no_other(kept: Kept) -> None:
    async def check() -> Checked:
        await kept.clock.sleep(FAREWELL_S - 1)
        return Checked()

    kept.port.check = check  # type: ignore[method-assign]
    await kept.daily.start_if_due()
    await asyncio.sleep(0)
    await kept.daily.close()
    assert kept.state.get(CHECK)["result"] == "ok"
    assert kept.port.asked == []
    assert kept.clock.now() == NOON + timedelta(seconds=FAREWELL_S - 1)


async def test_close_cancels_a_long_step_for_the_next_start(kept: Kept) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept.port, "check", _endless)
        await kept.daily.start_if_due()
        await asyncio.sleep(0)
        await kept.daily.close()
    assert kept.clock.now() == NOON + timedelta(seconds=FAREWELL_S)
    kept.begin()
    assert await kept.asked() == ALL


@pytest.mark.parametrize("fault", [StoreBusy("held"), RuntimeError("a bug")])
async def test_failed_step_is_retried_after_an_hour(kept: Kept, fault: Exception) -> None:
    kept.port.fault = fault
    assert await kept.asked() == ALL
    assert kept.journal.events() == ("upkeep.failed",) * 3
    assert str(fault) in str(kept.journal.records[0].fields["error"])
    assert kept.state.get(BACKUP)["result"] == "failed"
    kept.port.fault = None
    kept.clock.step_wall(HOUR_S - 1)
    assert await kept.asked() == []
    kept.clock.step_wall(1)
    assert await kept.asked() == ALL
    assert kept.state.get(BACKUP)["result"] == "ok"


async def test_skipped_backup_keeps_the_record_of_the_last(kept: Kept) -> None:
    await kept.asked()
    kept.port.backed_up = Skipped("the disk is full")
    for _ in range(48):
        kept.clock.advance(HOUR_S / 2)
        await kept.asked()
    (skipped,) = kept.journal.of("upkeep.backup_skipped")
    assert (skipped.level, skipped.fields["reason"]) == (Level.WARNING, "the disk is full")
    told = kept.state.get(BACKUP)
    assert (told["result"], told["file"], told["made_at"]) == (
        "skipped",
        "backups/readings.db",
        NOON.isoformat(),
    )


async def test_damage_is_logged_as_critical_with_a_next_step(kept: Kept) -> None:
    kept.port.checked = Checked(findings=("row 7 is wrong", "row 8 too"))
    await kept.asked()
    (said,) = kept.journal.of("upkeep.check_damaged")
    assert said.level is Level.CRITICAL
    assert (said.fields["findings"], said.fields["next"]) == (
        "row 7 is wrong; row 8 too",
        "homeclimate db check",
    )
    assert kept.state.get(CHECK)["detail"] == "row 7 is wrong; row 8 too"


async def test_backup_is_merged_before_a_new_one_is_made(kept: Kept) -> None:
    await kept.asked()
    kept.state.put(ASIDE, {"kept_as": "readings.db.damaged", "finished": False})
    kept.clock.step_wall(timedelta(days=1).total_seconds())

    async def restore() -> str:
        kept.port.asked.append("restore")
        kept.state.put(ASIDE, {"finished": True})
        return "backups/readings.db"

    kept.port.restore = restore  # type: ignore[method-assign]
    assert await kept.asked() == ["check", "tidy", "restore", "back_up"]
    assert "store.backup_merged" in kept.journal.events()


async def test_database_without_its_old_rows_is_not_backed_up(kept: Kept) -> None:
    kept.state.put(ASIDE, {"kept_as": "readings.db.damaged", "finished": False})
    assert await kept.asked() == ["check", "tidy", "restore"]
    kept.clock.advance(HOUR_S - 1)
    assert await kept.asked() == []
    kept.clock.advance(1)
    assert await kept.asked() == ["restore"]


async def test_damaged_state_runs_every_step(kept: Kept) -> None:
    kept.state.put(CHECK, {"at": "yesterday", "result": 7})
    kept.state.put(BACKUP, {"at": 12})
    assert await kept.asked() == ALL


async def test_nothing_runs_without_the_lease(
    kept: Kept,
) -> None:
    assert kept.others.acquire()
    assert await kept.asked() == []
    kept.others.release()
    assert await kept.asked() == ALL
    assert not kept.lease.is_held


async def test_steps_done_by_another_process_are_not_repeated(kept: Kept) -> None:
    class JustDone(MemoryUpkeepLease):
        def acquire(self) -> bool:
            for key in (CHECK, BACKUP):
                kept.state.put(key, {"result": "ok", "at": NOON.isoformat()})
            return super().acquire()

    kept.lease = JustDone()
    kept.begin()
    assert await kept.asked() == []


async def run_once(kept: Kept, stop: asyncio.Event | None = None) -> list[str]:
    """What a process that is about to end asks the store for."""
    kept.begin()
    kept.port.asked.clear()
    await kept.daily.run_once(stop or asyncio.Event())
    return list(kept.port.asked)


async def test_run_once_does_what_is_due(kept: Kept) -> None:
    assert await run_once(kept) == ALL
    assert await run_once(kept) == []
    kept.clock.advance(24 * HOUR_S)
    assert await run_once(kept) == ALL
    assert not kept.lease.is_held


async def test_run_once_clears_the_mark_of_an_unclean_stop(kept: Kept) -> None:
    await run_once(kept)
    assert kept.state.get("upkeep.running") == {}
    kept.state.put("upkeep.running", {"since": "of a collector that was killed"})
    assert await run_once(kept) == ["check", "tidy"]
    assert kept.state.get("upkeep.running") == {}
    assert await run_once(kept) == []


async def test_run_once_stops_when_told(kept: Kept) -> None:
    stop = asyncio.Event()

    async def stopped_in_the_middle() -> Checked:
        stop.set()
        return await _endless()

    check, kept.port.check = kept.port.check, stopped_in_the_middle  # type: ignore[method-assign]
    await run_once(kept, stop)
    assert kept.clock.now() - NOON < timedelta(seconds=FAREWELL_S)
    assert (kept.state.get(CHECK), kept.lease.is_held) == ({}, False)
    kept.port.check = check  # type: ignore[method-assign]
    assert await run_once(kept, stop) == [], "it was told to end before"
    assert await run_once(kept) == ALL


async def test_run_once_fails_a_step_at_its_limit(kept: Kept) -> None:
    check, kept.port.check = kept.port.check, _endless  # type: ignore[method-assign]
    await run_once(kept)
    assert kept.clock.now() - NOON == timedelta(seconds=ONCE_LIMIT_S)
    assert kept.state.get(CHECK)["result"] == "failed"
    kept.port.check = check  # type: ignore[method-assign]
    assert await run_once(kept) == ["back_up"], "which was not reached"
    kept.clock.advance(HOUR_S)
    assert await run_once(kept) == ["check", "tidy"]


async def test_run_once_does_nothing_without_the_lease(kept: Kept) -> None:
    kept.others.acquire()
    assert await run_once(kept) == []


DAY = timedelta(days=1)


def _ago(*days: float) -> set[datetime]:
    return {NOON - day * DAY for day in days}


@pytest.mark.parametrize(
    ("taken", "gone"),
    [
        (_ago(), _ago()),
        (_ago(0), _ago()),
        (_ago(*range(7)), _ago()),
        # noon is on a Sunday: seven days before is the newest of its week
        (_ago(*range(8)), _ago()),
        (_ago(*range(9)), _ago(8)),
        (_ago(*range(14)), _ago(*range(8, 14))),
        (_ago(*range(7), 7, 14, 21, 28), _ago()),
        (_ago(*range(7), 7, 14, 21, 28, 35), _ago(35)),
        # of one day only the newest
        (_ago(0, 0.1, 0.2, 1), _ago(0.1, 0.2)),
        # days without one do not count
        (_ago(0, 100, 200, 300, 400, 500, 600), _ago()),
        (_ago(-400, 0, 1), _ago()),
    ],
)
def test_seven_days_and_four_weeks_are_kept(taken: set[datetime], gone: set[datetime]) -> None:
    assert superfluous(taken) == gone


def test_daily_backups_leave_eleven() -> None:
    kept: set[datetime] = set()
    for day in range(730):
        kept.add(NOON + day * DAY)
        kept -= superfluous(kept)
        assert len(kept) <= DAYS + WEEKS
        if day > 40:
            assert timedelta(days=28) <= NOON + day * DAY - min(kept) <= timedelta(days=34)
            assert {NOON + (day - ago) * DAY for ago in range(DAYS)} <= kept


@given(st.sets(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2021, 1, 1))))  # noqa: DTZ001
def test_thinning_is_stable_and_keeps_the_newest(taken: Iterable[datetime]) -> None:
    kept = set(taken) - superfluous(taken)
    assert superfluous(kept) == frozenset()
    assert max(taken, default=None) == max(kept, default=None)
    assert len(kept) <= DAYS + WEEKS
