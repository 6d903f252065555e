"""Whom is told what after a cycle, and what becomes of it when nobody can be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.alerts import MemoryAlertBoard, MemoryHeartbeat, MemoryNotifier
from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryRetrier
from adapters.memory.spool import MemoryState
from adapters.memory.upkeep import MemoryDatabaseLog, MemoryDisk
from domain.cycle import Cause, Cycle, NotStored, Outcome, Spooled, Stored
from domain.errors import NotifyError, NotifyUnavailable
from domain.services.alerting import MAIL_BUDGET_S, AlertChannels, Alerting, FinishedCycle
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


class Told:
    """An alerting over fakes, and the fakes."""

    def __init__(self, *, with_mail: bool = True) -> None:
        self.clock = MemoryClock(NOON)
        self.state = MemoryState()
        self.disk = MemoryDisk()
        self.log = MemoryDatabaseLog()
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
            log=self.log,
            retrier=MemoryRetrier(clock=self.clock, journal=self.journal),
            clock=self.clock,
            journal=self.journal,
            home="/home/me/climate",
            program="./run",
        )

    async def after(self, *outcomes: Outcome) -> None:
        await self.cycle(Stored(report=a_cycle(*outcomes)))

    async def cycle(self, cycle: Cycle, *clock_faults: str) -> None:
        faults = dict.fromkeys(clock_faults, NOON + timedelta(days=4000))
        await self.alerting.after(FinishedCycle(cycle=cycle, clock_faults=faults))

    def subjects(self) -> list[str]:
        return [message.subject for message in self.notifier.sent]


async def test_refused_credentials_put_up_a_notice_with_since_when_what_and_the_command() -> None:
    told = Told()
    await told.after(REFUSED)
    told.clock.advance(3600)
    await told.after(REFUSED)
    assert told.board.text is not None
    for part in ("Since 2026-03-01 12:00 UTC", "invalid_grant, twice", "`./run setup --reauth amazon`"):
        assert part in told.board.text
    assert told.subjects() == ["amazon rejects the stored credentials"]


async def test_the_notice_goes_with_the_next_success_whoever_put_it_up() -> None:
    told = Told()
    told.board.text = "of the earlier system"
    await told.after(a_collected())
    assert told.board.text == "of the earlier system"
    await told.after(ANSWERED)
    assert told.board.text is None


@pytest.mark.parametrize(
    "outcome",
    [
        a_failed(a_due("amazon"), Cause.NETWORK),
        a_failed(a_due("amazon"), Cause.CREDENTIALS),
        a_deferred(a_due("amazon"), Cause.CREDENTIALS),
        a_failed(a_due("hue"), Cause.CREDENTIALS, needs_person=True),
    ],
)
async def test_nothing_else_puts_the_notice_up_or_takes_it_down(outcome: Outcome) -> None:
    told = Told()
    await told.after(outcome)
    assert told.board.text is None
    told.board.text = "sign in"
    await told.after(outcome)
    assert told.board.text == "sign in"


async def test_without_mail_the_notice_and_the_journal_still_tell() -> None:
    told = Told(with_mail=False)
    await told.after(REFUSED)
    assert told.board.text is not None
    assert told.journal.of("incident.opened")[0].fields["topic"] == "credentials"
    assert told.state.get("notifier") == {}


async def test_an_incident_outlives_the_process_and_is_not_told_twice() -> None:
    told = Told()
    await told.after(REFUSED)
    told.begin()
    await told.after(REFUSED)
    told.clock.advance(7200)
    await told.after(ANSWERED)
    assert told.subjects() == [
        "amazon rejects the stored credentials",
        "recovered: amazon rejects the stored credentials",
    ]
    assert told.state.get("incidents") == {}


async def test_every_kind_of_trouble_reaches_a_person() -> None:
    told = Told()
    told.disk.free = 1000
    told.log.size = 70_000_000
    told.state.put("store.aside", {"kept_as": "readings.db.damaged-1", "finished": False})
    told.state.put("upkeep.check", {"result": "damaged", "at": NOON.isoformat()})
    silent = a_failed(a_due("amazon"), Cause.NETWORK)
    for _ in range(12):
        report = a_cycle(silent, a_collected(a_reading("hue:1", battery_percent=5)))
        await told.cycle(Spooled(report=report, reason="locked"), "hue")
    assert sorted(said for said in told.subjects() if not said.startswith("recovered")) == [
        "another program keeps the database open for reading",
        "no readings from amazon",
        "readings cannot be stored in the database",
        "the battery of hue:1 is low",
        "the computer's clock is, or was, wrong",
        "the daily check found damage in the database",
        "the database was damaged and has been set aside",
        "the disk is nearly full",
    ]


async def test_a_clock_fault_is_told_once_and_again_only_when_the_clock_is_wrong_anew() -> None:
    told = Told()
    cycle = Stored(report=a_cycle())
    await told.cycle(cycle, "hue")
    assert "hue (2037-02-11 12:00 UTC)" in told.notifier.sent[0].text
    for _ in range(3):  # processes of one cycle each, which find it anew
        told.begin()
        await told.cycle(cycle, "hue")
    title = "the computer's clock is, or was, wrong"
    assert told.subjects() == [title, f"recovered: {title}"]
    again = FinishedCycle(cycle=cycle, clock_faults={"hue": NOON + timedelta(days=5000)})
    await told.alerting.after(again)
    assert told.subjects()[2:] == [title]


async def test_a_mail_that_cannot_be_sent_now_is_tried_three_times_and_again_after_the_next_cycle() -> None:
    told = Told()
    told.notifier.fault = NotifyUnavailable("mail.example cannot be talked to")
    await told.after(REFUSED)
    assert len(told.journal.of("retry")) == 2
    assert told.clock.elapsed_s() <= MAIL_BUDGET_S
    assert told.state.get("notifier")["last_error"] == "mail.example cannot be talked to"
    told.notifier.fault = None
    told.begin()
    await told.after(REFUSED)
    assert told.subjects() == ["amazon rejects the stored credentials"]
    assert told.state.get("notifier") == {}


async def test_a_mail_server_that_refuses_for_good_is_asked_once_an_hour() -> None:
    told = Told()
    told.notifier.fault = NotifyError("the password is refused")
    await told.after(REFUSED)
    told.notifier.fault = None
    await told.after(REFUSED)
    assert told.subjects() == []
    told.clock.advance(3600)
    await told.after(REFUSED)
    assert told.subjects() == ["amazon rejects the stored credentials"]


async def test_mails_that_wait_are_bounded_and_the_newest_are_kept() -> None:
    told = Told()
    told.notifier.fault = NotifyError("refused")
    devices = [a_reading(f"hue:{number}", battery_percent=1) for number in range(80)]
    for number in range(80):
        told.clock.advance(30)
        await told.after(a_collected(*devices[: number + 1]))
    waiting = told.state.get("notifier")["waiting"]
    assert isinstance(waiting, list)
    assert len(waiting) == 50
    told.notifier.fault = None
    told.clock.advance(3600)
    await told.after(a_collected(*devices))
    assert told.subjects()[-1] == "the battery of hue:79 is low"
    assert len(told.subjects()) == 50


async def test_the_switch_hears_of_each_cycle_whether_anything_was_kept() -> None:
    told = Told()
    report = a_cycle()
    for cycle in (
        Stored(report=report),
        Spooled(report=report, reason="locked"),
        NotStored(report=report, reason="full"),
        Stored(report=a_cycle(a_failed())),
    ):
        await told.cycle(cycle)
    assert told.heartbeat.beats == [True, True, False, False]


async def test_a_switch_that_does_not_answer_is_said_once_and_seen_in_the_state_until_it_does() -> None:
    told = Told()
    told.heartbeat.fault = NotifyUnavailable("the ping URL did not answer")
    for _ in range(3):
        await told.after(ANSWERED)
    assert len(told.journal.of("ping.failed")) == 1
    assert told.state.get("heartbeat")["last_error"] == "the ping URL did not answer"
    told.heartbeat.fault = None
    await told.after(ANSWERED)
    assert told.state.get("heartbeat") == {}


async def test_a_state_that_was_damaged_costs_no_alert() -> None:
    told = Told()
    told.state.put("incidents", {"credentials:amazon": {"topic": "credentials"}, "x": 1})
    told.state.put("notifier", {"waiting": [1, {"subject": "a"}], "not_before": "never"})
    await told.after(REFUSED)
    assert told.subjects() == ["amazon rejects the stored credentials"]


async def test_the_disk_that_does_not_tell_is_no_trouble() -> None:
    told = Told()
    told.disk.free = None
    await told.after(ANSWERED)
    assert told.subjects() == []
    assert timedelta() == timedelta(seconds=told.clock.elapsed_s())


async def test_a_log_that_a_reader_holds_is_told_of_once_a_day_and_once_when_it_is_short_again() -> None:
    told = Told()
    for megabytes in (70, 80, 20, None, 90):
        told.log.size = None if megabytes is None else megabytes * 1_000_000
        told.begin()
        await told.after(ANSWERED)
    told.clock.advance(86_400)
    await told.after(ANSWERED)
    for megabytes in (20, 8, 8):
        told.log.size = megabytes * 1_000_000
        await told.after(ANSWERED)
    title = "another program keeps the database open for reading"
    assert told.subjects() == [title, f"still: {title}", f"recovered: {title}"]
    assert "90 MB" in told.notifier.sent[1].text


async def test_a_database_that_was_moved_aside_and_restored_between_two_cycles_is_told_of() -> None:
    told = Told()
    aside: dict[str, Json] = {"kept_as": "readings.db.damaged-1", "finished": True, "at": NOON.isoformat()}
    told.state.put("store.aside", aside)
    await told.after(ANSWERED)
    told.clock.advance(86_401)
    await told.after(ANSWERED)
    assert told.subjects() == [
        "the database was damaged and has been set aside",
        "recovered: the database was damaged and has been set aside",
    ]


async def test_a_check_that_failed_neither_opens_nor_ends_what_the_last_one_found() -> None:
    told = Told()
    for result in ("damaged", "failed", "damaged", "ok"):
        told.state.put("upkeep.check", {"result": result, "at": NOON.isoformat()})
        await told.after(ANSWERED)
    assert told.subjects() == [
        "the daily check found damage in the database",
        "recovered: the daily check found damage in the database",
    ]


async def _with_a_silent_device(told: Told) -> None:
    for _ in range(12):
        await told.after(a_collected(unread=(an_unread("hue:gone", Cause.NOT_LISTED),)))
    assert told.subjects() == ["no readings from the device hue:gone"]


async def test_the_incidents_of_a_device_that_is_no_longer_expected_end_once_with_a_word() -> None:
    told = Told()
    await told.after(a_collected(a_reading("hue:gone", battery_percent=3), a_reading("hue:1")))
    await told.after(a_collected(a_reading("hue:1"), unread=(an_unread("hue:gone"),)))
    for outcome in (a_failed(a_due("hue")), a_deferred(a_due("hue")), ANSWERED):
        await told.after(outcome)  # says nothing of the devices of hue
    told.clock.advance(7200)
    for _ in range(3):
        told.begin()
        await told.after(a_collected(a_reading("hue:1")))
    assert told.subjects() == [
        "the battery of hue:gone is low",
        "no longer expected: the battery of hue:gone is low",
    ]
    assert "No longer expected after 2 h" in told.notifier.sent[1].text
    assert len(told.journal.of("incident.dismissed")) == 1
    assert told.state.get("incidents") == {}


async def test_a_device_is_not_taken_for_gone_while_the_store_may_not_have_said_what_is_expected() -> None:
    told = Told()
    await _with_a_silent_device(told)
    await told.cycle(Spooled(report=a_cycle(a_collected()), reason="locked"))
    assert "device_silent:hue:gone" in told.state.get("incidents")


async def test_the_incidents_of_a_source_that_was_taken_out_end_with_the_next_cycle() -> None:
    told = Told()
    await told.after(REFUSED)
    await told.after(a_collected(a_reading("alexa:1", battery_percent=3), due=a_due("amazon")))
    await told.after(REFUSED)
    for _ in range(3):
        await told.after(a_failed(a_due("amazon"), Cause.NETWORK))
    before = len(told.subjects())
    told.sources = frozenset({"hue"})
    for _ in range(2):
        told.begin()
        await told.after(a_failed(a_due("hue")))
    assert sorted(told.subjects()[before:]) == [
        "no longer expected: amazon rejects the stored credentials",
        "no longer expected: no readings from amazon",
        "no longer expected: the battery of alexa:1 is low",
    ]


async def test_an_incident_that_notes_no_source_ends_when_every_source_answers_without_its_device() -> None:
    told = Told()
    await _with_a_silent_device(told)
    incidents = told.state.get("incidents")
    (kept,) = incidents.values()
    assert isinstance(kept, dict)
    del kept["source"]  # as a version from before kept it
    told.state.put("incidents", incidents)
    await told.after(a_collected())
    await told.after(ANSWERED)
    assert "device_silent:hue:gone" in told.state.get("incidents")
    await told.after(a_collected(), ANSWERED)
    assert told.subjects()[1:] == ["no longer expected: no readings from the device hue:gone"]


async def test_a_device_that_a_source_of_another_name_lists_now_goes_on() -> None:
    told = Told()
    await _with_a_silent_device(told)
    told.sources = frozenset({"hue:a", "hue:b"})
    told.begin()
    await told.after(a_collected(due=a_due("hue:a"), unread=(an_unread("hue:gone"),)))
    assert len(told.subjects()) == 1


@pytest.mark.parametrize(("sources", "left"), [({"hue"}, None), ({"hue", "amazon"}, "sign in")])
def test_at_the_start_a_notice_about_an_account_that_is_gone_is_taken_down(
    sources: set[str], left: str | None
) -> None:
    told = Told()
    told.board.text = "sign in"
    told.sources = frozenset(sources)
    told.begin()
    told.alerting.begin()
    assert told.board.text == left
