"""When the store is checked and backed up, and what is kept of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.spool import MemoryState
from adapters.memory.upkeep import MemoryUpkeep, MemoryUpkeepLease
from domain.errors import StoreBusy
from domain.services.database_upkeep import FAREWELL_S, ONCE_LIMIT_S, DailyUpkeep
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


async def test_the_first_time_everything_is_done(kept: Kept) -> None:
    assert await kept.asked() == ALL
    assert kept.journal.events() == ("upkeep.check_ok", "upkeep.backed_up")


async def test_what_came_of_it_is_kept(kept: Kept) -> None:
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
async def test_everything_is_done_once_for_each_day_of_utc(kept: Kept, hours: float, is_due: bool) -> None:
    """From noon on; a clock that was set back into another day has it done again."""
    await kept.asked()
    kept.clock.step_wall(hours * HOUR_S)
    assert await kept.asked() == (ALL if is_due else [])


async def test_a_month_of_looks_every_quarter_of_an_hour_makes_a_backup_a_day(kept: Kept) -> None:
    backups = 0
    for _ in range(30 * 96):
        backups += (await kept.asked()).count("back_up")
        kept.clock.advance(HOUR_S / 4)
    assert backups == 31  # thirty days from noon to noon


async def test_another_process_after_a_clean_stop_does_nothing_again(kept: Kept) -> None:
    await kept.asked()
    await kept.daily.close()
    kept.begin()
    assert await kept.asked() == []


async def test_after_an_unclean_stop_the_store_is_checked_once(kept: Kept) -> None:
    await kept.asked()
    kept.begin()
    assert await kept.asked() == ["check", "tidy"]
    assert await kept.asked() == []


async def test_a_check_that_is_owed_for_an_unclean_stop_outlives_a_clean_one(kept: Kept) -> None:
    await kept.asked()
    kept.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept.port, "check", _endless)
        await kept.daily.start_if_due()
        await asyncio.sleep(0)
        await kept.daily.close()
    kept.begin()
    assert await kept.asked() == ["check", "tidy"]


async def test_it_returns_before_the_work_is_done_and_begins_no_second(kept: Kept) -> None:
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


async def test_a_stop_lets_what_is_nearly_done_be_done_and_begins_nothing_more(kept: Kept) -> None:
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


async def test_a_stop_waits_only_so_long_for_what_is_in_hand_and_the_next_start_does_it(kept: Kept) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept.port, "check", _endless)
        await kept.daily.start_if_due()
        await asyncio.sleep(0)
        await kept.daily.close()
    assert kept.clock.now() == NOON + timedelta(seconds=FAREWELL_S)
    kept.begin()
    assert await kept.asked() == ALL


@pytest.mark.parametrize("fault", [StoreBusy("held"), RuntimeError("a bug")])
async def test_trouble_is_told_and_tried_again_in_an_hour(kept: Kept, fault: Exception) -> None:
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


async def test_a_backup_that_is_skipped_is_said_once_a_day_and_the_last_one_remembered(kept: Kept) -> None:
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


async def test_damage_that_is_found_is_critical_and_says_what_to_do(kept: Kept) -> None:
    kept.port.checked = Checked(findings=("row 7 is wrong", "row 8 too"))
    await kept.asked()
    (said,) = kept.journal.of("upkeep.check_damaged")
    assert said.level is Level.CRITICAL
    assert (said.fields["findings"], said.fields["next"]) == (
        "row 7 is wrong; row 8 too",
        "homeclimate db check",
    )
    assert kept.state.get(CHECK)["detail"] == "row 7 is wrong; row 8 too"


async def test_a_store_that_was_put_aside_gets_its_backup_before_a_new_one_is_made(kept: Kept) -> None:
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


async def test_without_its_old_rows_a_store_makes_no_backup_that_would_push_out_theirs(kept: Kept) -> None:
    kept.state.put(ASIDE, {"kept_as": "readings.db.damaged", "finished": False})
    assert await kept.asked() == ["check", "tidy", "restore"]
    kept.clock.advance(HOUR_S - 1)
    assert await kept.asked() == []
    kept.clock.advance(1)
    assert await kept.asked() == ["restore"]


async def test_a_state_that_says_nonsense_has_everything_done(kept: Kept) -> None:
    kept.state.put(CHECK, {"at": "yesterday", "result": 7})
    kept.state.put(BACKUP, {"at": 12})
    assert await kept.asked() == ALL


async def test_while_another_process_has_the_turn_nothing_is_done_and_later_only_what_is_still_due(
    kept: Kept,
) -> None:
    assert kept.others.acquire()
    assert await kept.asked() == []
    kept.others.release()
    assert await kept.asked() == ALL
    assert not kept.lease.is_held


async def test_what_another_process_did_between_the_look_and_the_turn_is_not_done_again(kept: Kept) -> None:
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


async def test_a_process_that_is_about_to_end_does_what_is_due_once_a_day(kept: Kept) -> None:
    assert await run_once(kept) == ALL
    assert await run_once(kept) == []
    kept.clock.advance(24 * HOUR_S)
    assert await run_once(kept) == ALL
    assert not kept.lease.is_held


async def test_such_a_process_leaves_no_mark_of_running_and_ends_that_of_an_unclean_stop(kept: Kept) -> None:
    await run_once(kept)
    assert kept.state.get("upkeep.running") == {}
    kept.state.put("upkeep.running", {"since": "of a collector that was killed"})
    assert await run_once(kept) == ["check", "tidy"]
    assert kept.state.get("upkeep.running") == {}
    assert await run_once(kept) == []


async def test_such_a_process_ends_when_it_is_told_to_and_the_next_begins_anew(kept: Kept) -> None:
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


async def test_what_such_a_process_cannot_end_in_time_is_for_another_hour(kept: Kept) -> None:
    check, kept.port.check = kept.port.check, _endless  # type: ignore[method-assign]
    await run_once(kept)
    assert kept.clock.now() - NOON == timedelta(seconds=ONCE_LIMIT_S)
    assert kept.state.get(CHECK)["result"] == "failed"
    kept.port.check = check  # type: ignore[method-assign]
    assert await run_once(kept) == ["back_up"], "which was not reached"
    kept.clock.advance(HOUR_S)
    assert await run_once(kept) == ["check", "tidy"]


async def test_such_a_process_gives_way_to_one_that_has_the_turn(kept: Kept) -> None:
    kept.others.acquire()
    assert await run_once(kept) == []
