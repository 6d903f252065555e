"""Alerting after a cycle: board, mail, ping, and the queue that runs it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.alerts import MemoryAlertBoard, MemoryHeartbeat, MemoryNotifier
from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryRetrier
from adapters.memory.state import MemoryState
from adapters.memory.upkeep import MemoryDatabaseLog, MemoryDisk
from domain.cycle import Cause, Cycle, NotStored, Outcome, Spooled, Stored
from domain.errors import NotifyError, NotifyUnavailable
from domain.services.alerting import MAIL_BUDGET_S, AlertChannels, Alerting, BackgroundQueue, FinishedCycle
from domain.times import local_time
from ports.state import Json
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_due,
    a_failed,
    a_reading,
    an_unread,
)

REFUSED = a_failed(a_due("amazon"), Cause.CREDENTIALS, needs_person=True, detail="invalid_grant, twice")
ANSWERED = a_collected(a_reading("alexa:1"), due=a_due("amazon"))


class Alerts:
    """Alerting with fakes."""

    def __init__(self, *, with_mail: bool = True) -> None:
        self.clock = MemoryClock(NOON)
        self.state = MemoryState()
        self.disk = MemoryDisk()
        self.wal = MemoryDatabaseLog()
        self.board = MemoryAlertBoard()
        self.notifier = MemoryNotifier()
        self.heartbeat = MemoryHeartbeat()
        self.journal = MemoryJournal()
        self.with_mail = with_mail
        self.sources = frozenset({"hue", "amazon"})
        self.begin()

    def begin(self) -> None:
        """Another process with the same state."""
        self.alerting = Alerting(
            channels=AlertChannels(
                board=self.board,
                board_source="amazon",
                notifier=self.notifier if self.with_mail else None,
                heartbeat=self.heartbeat,
            ),
            sources=self.sources,
            state=SavedState(self.state),
            disk=self.disk,
            wal=self.wal,
            retrier=MemoryRetrier(clock=self.clock, journal=self.journal),
            clock=self.clock,
            journal=self.journal,
            home="/home/me/climate",
            as_typed=lambda text: text.replace("homeclimate", "./run"),
        )

    async def after(self, *outcomes: Outcome) -> None:
        await self.cycle(Stored(report=a_cycle(*outcomes)))

    async def cycle(self, cycle: Cycle, *clock_faults: str) -> None:
        faults = dict.fromkeys(clock_faults, NOON + timedelta(days=4000))
        await self.alerting.after(FinishedCycle(cycle=cycle, clock_faults=faults))

    def subjects(self) -> list[str]:
        return [message.subject for message in self.notifier.sent]


async def test_rejected_credentials_create_the_alert_file_with_the_remedy() -> None:
    alerts = Alerts()
    await alerts.after(REFUSED)
    alerts.clock.advance(3600)
    await alerts.after(REFUSED)
    assert alerts.board.text is not None
    for part in (f"Since {local_time(NOON)}", "invalid_grant, twice", "`./run setup --reauth amazon`"):
        assert part in alerts.board.text
    assert alerts.subjects() == ["amazon rejects the stored credentials"]


async def test_board_and_journal_work_without_mail() -> None:
    alerts = Alerts(with_mail=False)
    await alerts.after(REFUSED)
    assert alerts.board.text is not None
    assert alerts.journal.of("incident.opened")[0].fields["topic"] == "credentials"
    assert alerts.state.get("notifier") == {}


async def test_incidents_survive_a_restart_without_a_second_notice() -> None:
    alerts = Alerts()
    await alerts.after(REFUSED)
    alerts.begin()
    await alerts.after(REFUSED)
    alerts.clock.advance(7200)
    await alerts.after(ANSWERED)
    assert alerts.subjects() == [
        "amazon rejects the stored credentials",
        "recovered: amazon rejects the stored credentials",
    ]
    assert alerts.state.get("incidents") == {}


async def test_device_that_reports_again_ends_its_incident() -> None:
    alerts = Alerts()
    for _ in range(12):
        await alerts.after(a_collected(a_reading("hue:1"), unread=[an_unread("hue:2")]))
    assert len(alerts.state.get("incidents")) == 1
    await alerts.after(a_collected(a_reading("hue:1"), a_reading("hue:2")))
    assert alerts.state.get("incidents") == {}
    assert len(alerts.subjects()) == 2


async def test_every_topic_is_mailed() -> None:
    alerts = Alerts()
    alerts.disk.free = 1000
    alerts.wal.size = 70_000_000
    alerts.state.put("store.aside", {"kept_as": "readings.db.damaged-1", "finished": False})
    alerts.state.put("upkeep.check", {"result": "damaged", "at": NOON.isoformat()})
    silent = a_failed(a_due("amazon"), Cause.NETWORK)
    for _ in range(12):
        report = a_cycle(silent, a_collected(a_reading("hue:1", battery_percent=5)))
        await alerts.cycle(Spooled(report=report, reason="locked", place="data/spool"), "hue")
    assert sorted(subject for subject in alerts.subjects() if not subject.startswith("recovered")) == [
        "another program keeps the database open for reading",
        "no readings from amazon",
        "readings cannot be stored in the database",
        "the battery of hue:1 is low",
        "the computer's clock is, or was, wrong",
        "the daily check found damage in the database",
        "the database was damaged and has been set aside",
        "the disk is nearly full",
    ]


async def test_each_clock_fault_is_reported_once() -> None:
    alerts = Alerts()
    cycle = Stored(report=a_cycle())
    await alerts.cycle(cycle, "hue")
    assert f"hue ({local_time(datetime(2037, 2, 11, 12, tzinfo=UTC))})" in alerts.notifier.sent[0].text
    for _ in range(3):  # processes of one cycle each, which find it again
        alerts.begin()
        await alerts.cycle(cycle, "hue")
    title = "the computer's clock is, or was, wrong"
    assert alerts.subjects() == [title, f"recovered: {title}"]
    again = FinishedCycle(cycle=cycle, clock_faults={"hue": NOON + timedelta(days=5000)})
    await alerts.alerting.after(again)
    assert alerts.subjects()[2:] == [title]


BACK = timedelta(minutes=-30)


@pytest.mark.parametrize("is_seen_while_running", [True, False])
async def test_a_clock_that_was_set_back_is_reported_for_a_day(*, is_seen_while_running: bool) -> None:
    alerts = Alerts()
    cycle = Stored(report=a_cycle())
    step, behind = (BACK, timedelta()) if is_seen_while_running else (timedelta(), -BACK)
    await alerts.alerting.after(FinishedCycle(cycle=cycle, clock_step=step, clock_behind=behind))
    assert "it was set back by 30 min" in alerts.notifier.sent[0].text
    assert bool(alerts.journal.of("clock.behind")) is not is_seen_while_running, "logged once, by one of both"
    for hours in range(1, 26):
        alerts.clock.advance(3600)
        alerts.begin()  # another process each time
        is_behind = hours < 3
        await alerts.alerting.after(
            FinishedCycle(cycle=cycle, clock_behind=-BACK if is_behind else timedelta())
        )
        assert alerts.state.get("incidents") != {}
    alerts.clock.advance(3600)
    await alerts.cycle(cycle)
    title = "the computer's clock is, or was, wrong"
    assert alerts.subjects()[:: len(alerts.subjects()) - 1] == [title, f"recovered: {title}"]
    assert len(alerts.journal.of("clock.behind")) <= 1


@pytest.mark.parametrize("days", [0.1, 365])
async def test_a_clock_that_is_put_right_is_reported_for_a_day_from_then(days: float) -> None:
    alerts = Alerts()
    cycle, step = Stored(report=a_cycle()), timedelta(days=days)
    alerts.clock.step_wall(-step.total_seconds())
    await alerts.alerting.after(FinishedCycle(cycle=cycle, clock_step=-step))
    alerts.clock.advance(3600)
    alerts.clock.step_wall(step.total_seconds())
    await alerts.alerting.after(FinishedCycle(cycle=cycle, clock_step=step))
    alerts.clock.advance(20 * 3600)
    await alerts.cycle(cycle)
    assert not alerts.journal.of("incident.recovered")
    alerts.clock.advance(5 * 3600)
    await alerts.cycle(cycle)
    assert len(alerts.journal.of("incident.recovered")) == 1


async def test_a_step_forward_is_no_incident() -> None:
    alerts = Alerts()
    await alerts.alerting.after(FinishedCycle(cycle=Stored(report=a_cycle()), clock_step=-BACK))
    assert alerts.subjects() == []


async def test_unsent_mail_is_retried_now_and_after_the_next_cycle() -> None:
    alerts = Alerts()
    alerts.notifier.fault = NotifyUnavailable("mail.example does not answer")
    await alerts.after(REFUSED)
    assert len(alerts.journal.of("retry")) == 2
    assert alerts.clock.elapsed_s() <= MAIL_BUDGET_S
    assert alerts.state.get("notifier")["last_error"] == "mail.example does not answer"
    alerts.notifier.fault = None
    alerts.begin()
    await alerts.after(REFUSED)
    assert alerts.subjects() == ["amazon rejects the stored credentials"]
    assert alerts.state.get("notifier") == {}


async def test_rejecting_mail_server_is_tried_once_an_hour() -> None:
    alerts = Alerts()
    alerts.notifier.fault = NotifyError("the password is refused")
    await alerts.after(REFUSED)
    alerts.notifier.fault = None
    await alerts.after(REFUSED)
    assert alerts.subjects() == []
    alerts.clock.advance(3600)
    await alerts.after(REFUSED)
    assert alerts.subjects() == ["amazon rejects the stored credentials"]


async def test_outbox_keeps_the_newest_mails() -> None:
    alerts = Alerts()
    alerts.notifier.fault = NotifyError("refused")
    devices = [a_reading(f"hue:{number}", battery_percent=1) for number in range(80)]
    for number in range(80):
        alerts.clock.advance(30)
        await alerts.after(a_collected(*devices[: number + 1]))
    waiting = alerts.state.get("notifier")["waiting"]
    assert isinstance(waiting, list)
    assert len(waiting) == 50
    alerts.notifier.fault = None
    alerts.clock.advance(3600)
    await alerts.after(a_collected(*devices))
    assert alerts.subjects()[-1] == "the battery of hue:79 is low"
    assert len(alerts.subjects()) == 50


async def test_each_cycle_is_pinged_with_its_result() -> None:
    alerts = Alerts()
    report = a_cycle()
    for cycle in (
        Stored(report=report),
        Spooled(report=report, reason="locked", place="data/spool"),
        NotStored(report=report, reason="full"),
        Stored(report=a_cycle(a_failed())),
    ):
        await alerts.cycle(cycle)
    assert alerts.heartbeat.beats == [True, True, False, False]


async def test_failing_ping_is_logged_once_and_saved_until_it_works() -> None:
    alerts = Alerts()
    alerts.heartbeat.fault = NotifyUnavailable("the ping URL did not answer")
    for _ in range(3):
        await alerts.after(ANSWERED)
    assert len(alerts.journal.of("ping.failed")) == 1
    assert alerts.state.get("heartbeat")["last_error"] == "the ping URL did not answer"
    alerts.heartbeat.fault = None
    await alerts.after(ANSWERED)
    assert alerts.state.get("heartbeat") == {}


async def _with_a_silent_device(alerts: Alerts) -> None:
    for _ in range(12):
        await alerts.after(a_collected(unread=(an_unread("hue:gone", Cause.NOT_LISTED),)))
    assert alerts.subjects() == ["no readings from the device hue:gone"]


async def test_incidents_of_a_device_that_is_not_expected_are_dismissed() -> None:
    alerts = Alerts()
    await alerts.after(a_collected(a_reading("hue:gone", battery_percent=3), a_reading("hue:1")))
    await alerts.after(a_collected(a_reading("hue:1"), unread=(an_unread("hue:gone"),)))
    for outcome in (a_failed(a_due("hue")), a_deferred(a_due("hue")), ANSWERED):
        await alerts.after(outcome)  # without the devices of hue
    alerts.clock.advance(7200)
    for _ in range(3):
        alerts.begin()
        await alerts.after(a_collected(a_reading("hue:1")))
    assert alerts.subjects() == [
        "the battery of hue:gone is low",
        "no longer expected: the battery of hue:gone is low",
    ]
    assert "No longer expected after 2 h" in alerts.notifier.sent[1].text
    assert len(alerts.journal.of("incident.dismissed")) == 1
    assert alerts.state.get("incidents") == {}


async def test_incidents_of_a_removed_source_are_dismissed() -> None:
    alerts = Alerts()
    await alerts.after(REFUSED)
    await alerts.after(a_collected(a_reading("alexa:1", battery_percent=3), due=a_due("amazon")))
    await alerts.after(REFUSED)
    for _ in range(3):
        await alerts.after(a_failed(a_due("amazon"), Cause.NETWORK))
    before = len(alerts.subjects())
    alerts.sources = frozenset({"hue"})
    for _ in range(2):
        alerts.begin()
        await alerts.after(a_failed(a_due("hue")))
    assert sorted(alerts.subjects()[before:]) == [
        "no longer expected: amazon rejects the stored credentials",
        "no longer expected: no readings from amazon",
        "no longer expected: the battery of alexa:1 is low",
    ]


async def test_old_incident_without_source_is_dismissed_by_all_sources() -> None:
    alerts = Alerts()
    await _with_a_silent_device(alerts)
    incidents = alerts.state.get("incidents")
    (kept,) = incidents.values()
    assert isinstance(kept, dict)
    del kept["source"]  # as an earlier version saved it
    alerts.state.put("incidents", incidents)
    await alerts.after(a_collected())
    await alerts.after(ANSWERED)
    assert "device_silent:hue:gone" in alerts.state.get("incidents")
    await alerts.after(a_collected(), ANSWERED)
    assert alerts.subjects()[1:] == ["no longer expected: no readings from the device hue:gone"]


@pytest.mark.parametrize(("sources", "left"), [({"hue"}, None), ({"hue", "amazon"}, "sign in")])
def test_start_clears_the_board_of_a_removed_source(sources: set[str], left: str | None) -> None:
    alerts = Alerts()
    alerts.board.text = "sign in"
    alerts.sources = frozenset(sources)
    alerts.begin()
    alerts.alerting.begin()
    assert alerts.board.text == left


class Worker:
    """Works on items for virtual seconds."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.clock = MemoryClock(NOON)
        self.journal = MemoryJournal()
        self.done: list[int] = []
        self.takes_s = takes_s
        self.queue = BackgroundQueue[int](self.work, clock=self.clock, journal=self.journal)

    async def work(self, item: int) -> None:
        if item < 0:
            raise ValueError("a bug")
        await self.clock.sleep(self.takes_s)
        self.done.append(item)


async def test_finish_cancels_endless_work() -> None:
    worker = Worker(takes_s=1e9)
    worker.queue.add(1)
    await asyncio.sleep(0)
    await worker.queue.finish(30)
    assert (worker.done, worker.clock.elapsed_s()) == ([], 30)


@pytest.mark.parametrize(
    ("outcome", "is_cleared"),
    [
        (ANSWERED, True),
        (a_collected(), False),
        (a_failed(a_due("amazon"), Cause.NETWORK), False),
        (a_failed(a_due("amazon"), Cause.CREDENTIALS), False),
        (a_deferred(a_due("amazon"), Cause.CREDENTIALS), False),
        (a_failed(a_due("hue"), Cause.CREDENTIALS, needs_person=True), False),
    ],
)
async def test_only_a_success_of_its_source_clears_the_board(outcome: Outcome, *, is_cleared: bool) -> None:
    alerts = Alerts()
    await alerts.after(outcome)
    assert alerts.board.text is None
    alerts.board.text = "sign in"
    await alerts.after(outcome)
    assert (alerts.board.text is None) == is_cleared


@pytest.mark.parametrize(
    "cycle",
    [
        Spooled(report=a_cycle(a_collected()), reason="locked", place="data/spool"),
        Stored(report=a_cycle(a_collected(due=a_due("hue"), unread=(an_unread("hue:gone"),)))),
        Stored(report=a_cycle(a_failed(a_due("hue")))),
    ],
)
async def test_incident_continues_while_its_device_may_be_expected(cycle: Cycle) -> None:
    alerts = Alerts()
    await _with_a_silent_device(alerts)
    await alerts.cycle(cycle)
    assert "device_silent:hue:gone" in alerts.state.get("incidents")


async def test_quarantine_and_check_open_and_close_incidents() -> None:
    alerts = Alerts()
    aside: dict[str, Json] = {"kept_as": "readings.db.damaged-1", "finished": True, "at": NOON.isoformat()}
    alerts.state.put("store.aside", aside)  # restored already, between two cycles
    for result in ("damaged", "failed", "damaged", "ok"):
        alerts.state.put("upkeep.check", {"result": result, "at": NOON.isoformat()})
        await alerts.after(ANSWERED)
    alerts.clock.advance(86_401)
    await alerts.after(ANSWERED)
    quarantine = "the database was damaged and has been set aside"
    check = "the daily check found damage in the database"
    assert alerts.subjects() == [quarantine, check, f"recovered: {check}", f"recovered: {quarantine}"]


async def test_missing_backup_opens_and_closes_an_incident() -> None:
    alerts = Alerts()
    day = timedelta(days=1)
    for result, made_at in (
        ("ok", NOON),
        ("failed", NOON - day),  # the next try is in an hour
        ("skipped", NOON - day),
        ("failed", NOON - day),  # neither better nor worse
        ("failed", NOON - 3 * day),
        ("ok", NOON),
        ("failed", None),
        ("ok", NOON),
    ):
        made = {"made_at": made_at.isoformat()} if made_at else {}
        alerts.state.put("upkeep.backup", {"result": result, "at": NOON.isoformat(), **made})
        await alerts.after(ANSWERED)
    title = "no backup of the database can be made"
    assert alerts.subjects() == [title, f"recovered: {title}"] * 2


async def test_queue_runs_items_in_order_and_survives_a_failing_one() -> None:
    worker = Worker(takes_s=10)
    for item in (0, -1, 2):
        worker.queue.add(item)
    assert (worker.done, worker.clock.elapsed_s()) == ([], 0)
    await worker.queue.finish(60)
    assert (worker.done, worker.clock.elapsed_s()) == ([0, 2], 20)
    assert worker.journal.of("after_cycle.bug")[0].fields["error"] == "ValueError: a bug"
    worker.queue.add(3)
    await worker.queue.finish(60)
    assert worker.done == [0, 2, 3]


async def test_full_queue_drops_the_oldest_items() -> None:
    worker = Worker()
    for item in range(250):
        worker.queue.add(item)
    await worker.queue.finish(60)
    assert worker.done == list(range(150, 250))


RESCUE: dict[str, Json] = {"at": NOON.isoformat(), "reason": "readings.db was deleted", "is_log": False}
MERGED = "12 readings were merged"


async def test_a_trouble_with_the_files_is_an_incident_until_the_merge() -> None:
    alerts = Alerts()
    alerts.state.put("store.rescue", {**RESCUE, "finished": False})
    await alerts.after(ANSWERED)
    await alerts.after(ANSWERED)
    assert alerts.subjects() == ["the database is missing"]
    alerts.state.put("store.rescue", {**RESCUE, "finished": True, "result": MERGED})
    await alerts.after(ANSWERED)
    await alerts.after(ANSWERED)
    assert alerts.subjects()[1:] == ["recovered: the database is missing"]
    assert MERGED in alerts.notifier.sent[-1].text
    assert alerts.journal.of("incident.recovered")[0].fields["detail"] == MERGED


@pytest.mark.parametrize(
    ("is_log", "title"),
    [
        (False, "the database is missing"),
        (True, "the log of the database was deleted while it was in use"),
    ],
)
async def test_a_trouble_that_is_over_within_a_cycle_is_reported_once(*, is_log: bool, title: str) -> None:
    alerts = Alerts()
    alerts.state.put("store.rescue", {**RESCUE, "is_log": is_log, "finished": True, "result": MERGED})
    for _ in range(3):
        await alerts.after(ANSWERED)
    assert alerts.subjects() == [title, f"recovered: {title}"]


async def test_a_trouble_that_is_over_does_not_end_a_missing_database() -> None:
    alerts = Alerts()
    alerts.state.put("store.missing", {"reason": "the disk is away"})
    alerts.state.put("store.rescue", {**RESCUE, "finished": True, "result": MERGED})
    await alerts.after(ANSWERED)
    await alerts.after(ANSWERED)
    assert alerts.subjects() == ["the database is missing"]
