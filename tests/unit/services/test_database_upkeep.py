"""The upkeep of the database: the times of its steps, and the backups that are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.files.saved_state import SavedState
from adapters.memory.alerts import MemoryReportMail
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.memory.upkeep import MemoryUpkeep, MemoryUpkeepLease
from domain.errors import NotifyUnavailable, StoreBusy
from domain.services.database_upkeep import DAYS, FAREWELL_S, ONCE_LIMIT_S, WEEKS, DailyUpkeep, superfluous
from ports.journal import Level
from ports.state import Json
from ports.upkeep import BackedUp, Checked, Copied, Skipped
from tests.support.builders import NOON

HOUR_S = 3600.0
CHECK, BACKUP, COPY, ASIDE = "upkeep.check", "upkeep.backup", "upkeep.copy", "store.aside"
REPORT = "upkeep.report"
ALL = ["check", "tidy", "back_up"]


class Bench:
    """A daily upkeep with fakes."""

    def __init__(self) -> None:
        self.clock = MemoryClock(NOON)
        self.state = MemoryState()
        self.journal = MemoryJournal()
        self.port = MemoryUpkeep()
        self.others = MemoryUpkeepLease()
        self.lease = MemoryUpkeepLease(self.others)
        self.copies = False
        self.mail: MemoryReportMail | None = None
        self.begin()

    def begin(self) -> None:
        """Another process with the same state."""
        self.daily = DailyUpkeep(
            upkeep=self.port,
            lease=self.lease,
            state=SavedState(self.state),
            clock=self.clock,
            journal=self.journal,
            copies=self.copies,
            report_mail=self.mail,
        )

    async def calls(self) -> list[str]:
        """Return the calls of one run."""
        self.port.calls.clear()
        await self.daily.start_if_due()
        await self.wait_until_idle()
        return list(self.port.calls)

    async def calls_until_killed(self, mail: MemoryReportMail) -> None:
        """Run until the report is being mailed, then no further."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mail, "send", _endless)
            await self.daily.start_if_due()
            for _ in range(20):
                await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await self.wait_until_idle()

    async def wait_until_idle(self) -> None:
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)


async def _endless() -> Checked:
    await asyncio.Event().wait()
    return Checked()


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_first_run_does_every_step(bench: Bench) -> None:
    assert await bench.calls() == ALL
    assert bench.journal.events() == ("upkeep.check_ok", "upkeep.backed_up")


async def test_results_are_saved(bench: Bench) -> None:
    await bench.calls()
    at = NOON.isoformat()
    assert bench.state.get(CHECK) == {
        "at": at,
        "result": "ok",
        "detail": None,
        "kept_as": None,
        "reason": None,
    }
    assert bench.state.get(BACKUP) == {
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
async def test_every_step_runs_once_a_day(bench: Bench, hours: float, is_due: bool) -> None:
    """From noon on. A clock that is set back into another day causes another run."""
    await bench.calls()
    bench.clock.step_wall(hours * HOUR_S)
    assert await bench.calls() == (ALL if is_due else [])


async def test_clean_restart_repeats_nothing(bench: Bench) -> None:
    await bench.calls()
    await bench.daily.close()
    bench.begin()
    assert await bench.calls() == []


async def test_unclean_stop_is_followed_by_one_check(bench: Bench) -> None:
    await bench.calls()
    bench.begin()
    assert await bench.calls() == ["check", "tidy"]
    assert await bench.calls() == []


async def test_check_after_an_unclean_stop_survives_a_clean_one(bench: Bench) -> None:
    await bench.calls()
    bench.begin()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.port, "check", _endless)
        await bench.daily.start_if_due()
        await asyncio.sleep(0)
        await bench.daily.close()
    bench.begin()
    assert await bench.calls() == ["check", "tidy"]


async def test_start_returns_at_once_and_starts_nothing_twice(bench: Bench) -> None:
    done = asyncio.Event()

    async def check() -> Checked:
        bench.port.calls.append("check")
        await done.wait()
        return Checked()

    bench.port.check = check  # type: ignore[method-assign]
    for _ in range(3):
        await bench.daily.start_if_due()
        await asyncio.sleep(0)
    assert bench.port.calls == ["check"]
    done.set()
    await bench.wait_until_idle()
    assert bench.port.calls == ALL


async def test_close_waits_for_a_step_and_starts_no_other(bench: Bench) -> None:
    async def check() -> Checked:
        await bench.clock.sleep(FAREWELL_S - 1)
        return Checked()

    bench.port.check = check  # type: ignore[method-assign]
    await bench.daily.start_if_due()
    await asyncio.sleep(0)
    await bench.daily.close()
    assert bench.state.get(CHECK)["result"] == "ok"
    assert bench.port.calls == []
    assert bench.clock.now() == NOON + timedelta(seconds=FAREWELL_S - 1)


async def test_close_cancels_a_long_step_for_the_next_start(bench: Bench) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.port, "check", _endless)
        await bench.daily.start_if_due()
        await asyncio.sleep(0)
        await bench.daily.close()
    assert bench.clock.now() == NOON + timedelta(seconds=FAREWELL_S)
    bench.begin()
    assert await bench.calls() == ALL


@pytest.mark.parametrize("fault", [StoreBusy("held"), RuntimeError("a bug")])
async def test_failed_step_is_retried_after_an_hour(bench: Bench, fault: Exception) -> None:
    bench.port.fault = fault
    assert await bench.calls() == ALL
    assert bench.journal.events() == ("upkeep.failed",) * 3
    assert str(fault) in str(bench.journal.records[0].fields["error"])
    assert bench.state.get(BACKUP)["result"] == "failed"
    bench.port.fault = None
    bench.clock.step_wall(HOUR_S - 1)
    assert await bench.calls() == []
    bench.clock.step_wall(1)
    assert await bench.calls() == ALL
    assert bench.state.get(BACKUP)["result"] == "ok"


async def test_skipped_backup_keeps_the_record_of_the_last(bench: Bench) -> None:
    await bench.calls()
    bench.port.backed_up = Skipped("the disk is full")
    for _ in range(48):
        bench.clock.advance(HOUR_S / 2)
        await bench.calls()
    (skipped,) = bench.journal.of("upkeep.backup_skipped")
    assert (skipped.level, skipped.fields["reason"]) == (Level.WARNING, "the disk is full")
    saved = bench.state.get(BACKUP)
    assert (saved["result"], saved["file"], saved["made_at"]) == (
        "skipped",
        "backups/readings.db",
        NOON.isoformat(),
    )


async def test_kept_backup_is_logged_once(bench: Bench) -> None:
    made = BackedUp(file="b/2.db", size_bytes=1, kept={"b/1.db": "readings hue:a"})
    bench.port.backed_up = made
    for _ in range(3):
        await bench.calls()
        bench.clock.step_wall(24 * HOUR_S)
    (record,) = bench.journal.of("upkeep.backup_kept")
    assert record.fields == {
        "file": "b/1.db",
        "reason": "readings hue:a",
        "next": "homeclimate db salvage b/1.db",
    }
    assert bench.state.get(BACKUP)["kept"] == {"b/1.db": "readings hue:a"}
    bench.port.backed_up = Skipped("no room")
    await bench.calls()
    assert bench.state.get(BACKUP)["kept"] == {"b/1.db": "readings hue:a"}


@pytest.fixture
def copying(bench: Bench) -> Bench:
    """A daily upkeep with a second disk."""
    bench.copies = True
    bench.begin()
    return bench


async def test_each_backup_is_copied_once(copying: Bench) -> None:
    assert await copying.calls() == [*ALL, "copy_backup"]
    saved = copying.state.get(COPY)
    assert (saved["file"], saved["copied"]) == ("/media/disk/readings.db", "backups/readings.db")
    copying.clock.step_wall(2 * HOUR_S)
    assert await copying.calls() == []
    copying.clock.step_wall(24 * HOUR_S)
    copying.port.backed_up = BackedUp(file="b/2.db", size_bytes=1)
    copying.port.copied = Copied(backup="b/2.db", file="/media/disk/2.db", size_bytes=1)
    assert await copying.calls() == [*ALL, "copy_backup"]


async def test_second_disk_is_looked_for_hourly_and_logged_once(copying: Bench) -> None:
    await copying.calls()
    copying.clock.step_wall(24 * HOUR_S)
    copying.port.backed_up = BackedUp(file="b/2.db", size_bytes=1)
    copying.port.copied = Skipped("it is away")
    await copying.calls()
    for _ in range(4):
        assert await copying.calls() == []
        copying.clock.step_wall(HOUR_S)
        assert await copying.calls() == ["copy_backup"]
    assert len(copying.journal.of("upkeep.copy_skipped")) == 1
    saved = copying.state.get(COPY)
    assert (saved["result"], saved["file"], saved["made_at"]) == (
        "skipped",
        "/media/disk/readings.db",
        NOON.isoformat(),
    )


async def test_process_that_only_restores_copies_nothing(copying: Bench) -> None:
    copying.port.copied = Skipped("it is away")
    await copying.calls()
    copying.state.put(ASIDE, {"kept_as": "a", "finished": False})
    copying.clock.step_wall(HOUR_S)
    copying.port.calls.clear()
    await copying.daily.run_once(asyncio.Event(), restores_only=True)
    assert copying.port.calls == ["restore"]


async def test_wrong_values_remove_no_copy(copying: Bench) -> None:
    copying.port.backed_up = BackedUp(file="b/2.db", size_bytes=1, findings=("row 7 is wrong",))
    assert await copying.calls() == [*ALL, "copy_backup, removing none"]


async def test_without_a_backup_nothing_is_copied(copying: Bench) -> None:
    copying.port.backed_up = Skipped("no room")
    assert await copying.calls() == ALL


async def test_damage_is_logged_as_critical_with_a_next_step(bench: Bench) -> None:
    bench.port.checked = Checked(findings=("row 7 is wrong", "row 8 too"))
    await bench.calls()
    (record,) = bench.journal.of("upkeep.check_damaged")
    assert record.level is Level.CRITICAL
    assert (record.fields["findings"], record.fields["next"]) == (
        "row 7 is wrong; row 8 too",
        "homeclimate db check",
    )
    assert bench.state.get(CHECK)["detail"] == "row 7 is wrong; row 8 too"


async def test_backup_is_merged_before_a_new_one_is_made(bench: Bench) -> None:
    await bench.calls()
    bench.state.put(ASIDE, {"kept_as": "readings.db.damaged", "finished": False})
    bench.clock.step_wall(timedelta(days=1).total_seconds())

    async def restore() -> str:
        bench.port.calls.append("restore")
        bench.state.put(ASIDE, {"finished": True})
        return "backups/readings.db"

    bench.port.restore = restore  # type: ignore[method-assign]
    assert await bench.calls() == ["check", "tidy", "restore", "back_up"]
    assert "store.backup_merged" in bench.journal.events()


async def test_database_without_its_old_rows_is_not_backed_up(bench: Bench) -> None:
    bench.state.put(ASIDE, {"kept_as": "readings.db.damaged", "finished": False})
    assert await bench.calls() == ["check", "tidy", "restore"]
    bench.clock.advance(HOUR_S - 1)
    assert await bench.calls() == []
    bench.clock.advance(1)
    assert await bench.calls() == ["restore"]


async def test_damaged_state_runs_every_step(bench: Bench) -> None:
    bench.state.put(CHECK, {"at": "yesterday", "result": 7})
    bench.state.put(BACKUP, {"at": 12})
    assert await bench.calls() == ALL


async def test_nothing_runs_without_the_lease(
    bench: Bench,
) -> None:
    assert bench.others.acquire()
    assert await bench.calls() == []
    assert await run_once(bench) == []
    bench.begin()
    bench.others.release()
    assert await bench.calls() == ALL
    assert not bench.lease.is_held


async def test_steps_done_by_another_process_are_not_repeated(bench: Bench) -> None:
    class JustDone(MemoryUpkeepLease):
        def acquire(self) -> bool:
            for key in (CHECK, BACKUP):
                bench.state.put(key, {"result": "ok", "at": NOON.isoformat()})
            return super().acquire()

    bench.lease = JustDone()
    bench.begin()
    assert await bench.calls() == []


async def run_once(bench: Bench, stop: asyncio.Event | None = None) -> list[str]:
    """Return the calls of a process that is about to end."""
    bench.begin()
    bench.port.calls.clear()
    await bench.daily.run_once(stop or asyncio.Event())
    return list(bench.port.calls)


async def test_run_once_does_what_is_due(bench: Bench) -> None:
    assert await run_once(bench) == ALL
    assert await run_once(bench) == []
    bench.clock.advance(24 * HOUR_S)
    assert await run_once(bench) == ALL
    assert not bench.lease.is_held


async def test_run_once_clears_the_mark_of_an_unclean_stop(bench: Bench) -> None:
    await run_once(bench)
    assert bench.state.get("upkeep.running") == {}
    bench.state.put("upkeep.running", {"since": "of a collector that was killed"})
    assert await run_once(bench) == ["check", "tidy"]
    assert bench.state.get("upkeep.running") == {}
    assert await run_once(bench) == []


@pytest.mark.parametrize(
    ("key", "record"),
    [
        ("store.aside", {"kept_as": "damaged.db", "finished": False}),
        ("store.missing", {"reason": "it is gone", "finished": False}),
        ("store.missing", {"reason": "it is gone", "finished": False, "accepted": True}),
    ],
)
async def test_backup_is_merged_after_cycles_by_hand(bench: Bench, key: str, record: dict[str, Json]) -> None:
    """The check and the backup are left to other processes."""
    bench.state.put(key, record)
    bench.begin()
    await bench.daily.run_once(asyncio.Event(), restores_only=True)
    assert bench.port.calls == ["restore"]
    bench.state.put(key, {**record, "finished": True})
    bench.begin()
    bench.port.calls.clear()
    await bench.daily.run_once(asyncio.Event(), restores_only=True)
    assert bench.port.calls == []


async def test_missing_database_that_is_waited_for_needs_no_merge(bench: Bench) -> None:
    bench.state.put("store.missing", {"reason": "the disk is away"})
    assert await bench.calls() == ALL


async def test_run_once_stops_on_request(bench: Bench) -> None:
    stop = asyncio.Event()

    async def stopped_in_the_middle() -> Checked:
        stop.set()
        return await _endless()

    check, bench.port.check = bench.port.check, stopped_in_the_middle  # type: ignore[method-assign]
    await run_once(bench, stop)
    assert bench.clock.now() - NOON < timedelta(seconds=FAREWELL_S)
    assert (bench.state.get(CHECK), bench.lease.is_held) == ({}, False)
    bench.port.check = check  # type: ignore[method-assign]
    assert await run_once(bench, stop) == [], "it was stopped before"
    assert await run_once(bench) == ALL


async def test_run_once_fails_a_step_at_its_limit(bench: Bench) -> None:
    check, bench.port.check = bench.port.check, _endless  # type: ignore[method-assign]
    await run_once(bench)
    assert bench.clock.now() - NOON == timedelta(seconds=ONCE_LIMIT_S)
    assert bench.state.get(CHECK)["result"] == "failed"
    bench.port.check = check  # type: ignore[method-assign]
    assert await run_once(bench) == ["back_up"], "which was not reached"
    bench.clock.advance(HOUR_S)
    assert await run_once(bench) == ["check", "tidy"]


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


@given(st.sets(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2021, 1, 1))))  # noqa: DTZ001
def test_thinning_is_stable_and_keeps_the_newest(taken: Iterable[datetime]) -> None:
    kept = set(taken) - superfluous(taken)
    assert superfluous(kept) == frozenset()
    assert max(taken, default=None) == max(kept, default=None)
    assert len(kept) <= DAYS + WEEKS


def test_daily_backups_leave_eleven() -> None:
    kept: set[datetime] = set()
    for day in range(90):
        kept.add(NOON + day * DAY)
        kept -= superfluous(kept)
        assert len(kept) <= DAYS + WEEKS
        if day > 40:
            assert timedelta(days=28) <= NOON + day * DAY - min(kept) <= timedelta(days=34)
            assert {NOON + (day - ago) * DAY for ago in range(DAYS)} <= kept


@pytest.fixture
def mail(bench: Bench) -> MemoryReportMail:
    """The mail of a bench that reports weekly. Its clock is at noon of a Sunday."""
    bench.mail = MemoryReportMail()
    bench.begin()
    return bench.mail


async def test_report_is_mailed_once_a_week_whatever_restarts(bench: Bench, mail: MemoryReportMail) -> None:
    sent = []
    for _ in range(9):
        await bench.calls()
        bench.begin()
        await bench.calls()
        sent.append(mail.sent)
        bench.clock.step_wall(24 * HOUR_S)
    assert sent == [0, 1, 1, 1, 1, 1, 1, 1, 2]
    assert bench.state.get(REPORT)["result"] == "ok"


async def test_failed_report_is_repeated_the_next_day(bench: Bench, mail: MemoryReportMail) -> None:
    await bench.calls()
    mail.fault = NotifyUnavailable("the server is away")
    bench.clock.step_wall(24 * HOUR_S)
    await bench.calls()
    assert bench.state.get(REPORT)["reason"] == "the server is away"
    assert bench.journal.events().count("upkeep.failed") == 1
    mail.fault = None
    bench.clock.step_wall(23 * HOUR_S)
    await bench.calls()
    assert mail.sent == 0
    bench.clock.step_wall(HOUR_S)
    await bench.calls()
    assert mail.sent == 1


async def test_interrupted_report_is_not_sent_by_the_next_process(
    bench: Bench, mail: MemoryReportMail
) -> None:
    await bench.calls()
    bench.clock.step_wall(24 * HOUR_S)
    await bench.calls_until_killed(mail)
    bench.begin()
    await bench.calls()
    assert mail.sent == 0
    bench.clock.step_wall(24 * HOUR_S)
    await bench.calls()
    assert mail.sent == 1


async def test_report_that_is_not_wanted_leaves_no_state(bench: Bench) -> None:
    await bench.calls()
    assert bench.state.get(REPORT) == {}
