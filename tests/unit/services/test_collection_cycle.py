"""One cycle: which sources are asked, what is stored, and what is logged."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from datetime import datetime, timedelta

import attrs
import pytest

from adapters.memory.device_settings import MemoryDeviceSettings
from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryMeter, Record
from adapters.memory.source import Hangs, MemorySource
from adapters.memory.spool import MemorySlotsInProgress, MemorySpool
from adapters.memory.state import MemoryState
from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryHistory
from domain.cycle import (
    Cause,
    Collected,
    Deferred,
    Failed,
    Outcome,
    SourceReply,
    Stored,
    Verdict,
    verdict,
)
from domain.device_settings import Setting
from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
    SpoolError,
    StoreFull,
)
from domain.measurements import ReadCost
from domain.reading import Quantity, Range, Reading
from domain.services.collection_cycle import LONGEST_TEXT, MOST_NOTES, SOURCE_BUDGET_S, SourcePlan
from ports.journal import Level
from ports.source import Source
from tests.support.builders import NOON, a_due, a_reading, a_reply, an_unread
from tests.support.collecting import a_collection
from tests.support.device_settings import a_change, an_offset


class Home:
    """A collection cycle with fakes."""

    def __init__(self, *sources: Source) -> None:
        self.clock = MemoryClock(NOON)
        self.settings = MemoryDeviceSettings()
        self.store = MemoryStore(settings=self.settings)
        self.journal = MemoryJournal()
        self.meter = MemoryMeter(self.clock)
        self.plans = [
            SourcePlan(
                source=source,
                interval_s=300,
                plausible={Quantity.TEMPERATURE: Range(least=0.0, most=40.0)},
            )
            for source in sources
        ]
        self.spool = MemorySpool()
        self.state = MemoryState()
        self.slots_in_progress = MemorySlotsInProgress()
        self.collection = a_collection(
            self.plans,
            store=self.store,
            spool=self.spool,
            state=self.state,
            slots_in_progress=self.slots_in_progress,
            clock=self.clock,
            meter=self.meter,
            journal=self.journal,
        )

    def measured(self) -> list[ReadCost]:
        return list(self.store.measurements.values())

    def stored(self) -> dict[str, float]:
        return {
            reading.device_id: reading.values[Quantity.TEMPERATURE]
            for reading in MemoryHistory(self.store).newest()
        }


async def test_every_reading_of_every_due_source_is_stored() -> None:
    home = Home(
        MemorySource(
            "hue", [a_reply(a_reading("hue:1", temperature=20.0), a_reading("hue:2", temperature=21.0))]
        ),
        MemorySource("amazon", [a_reply(a_reading("alexa:1", temperature=22.0))]),
    )
    cycle = await home.collection.run([a_due("hue"), a_due("amazon")])
    assert isinstance(cycle, Stored)
    assert home.stored() == {"hue:1": 20.0, "hue:2": 21.0, "alexa:1": 22.0}


async def test_one_failing_source_costs_no_other_its_readings() -> None:
    home = Home(
        MemorySource("amazon", [CredentialsRefused("sign in again")]),
        MemorySource("hue", [a_reply(a_reading("hue:1", temperature=20.0))]),
    )
    cycle = await home.collection.run([a_due("amazon"), a_due("hue")])
    assert home.stored() == {"hue:1": 20.0}
    assert verdict([cycle]) is Verdict.SOME_FAILED


async def test_hanging_source_is_out_of_time_at_its_budget() -> None:
    home = Home(MemorySource("amazon", [Hangs()]), MemorySource("hue", [a_reply()]))
    cycle = await home.collection.run([a_due("amazon"), a_due("hue")])
    hanging, answering = cycle.report.outcomes
    assert hanging == Failed(
        due=a_due("amazon"), cause=Cause.OUT_OF_TIME, detail="no complete answer within 18 s"
    )
    assert isinstance(answering, Collected)
    assert SOURCE_BUDGET_S <= home.clock.elapsed_s() < SOURCE_BUDGET_S + 1


async def test_bug_in_a_source_costs_only_that_source() -> None:
    class Buggy(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            raise ZeroDivisionError("a bug")

    home = Home(Buggy("amazon"), MemorySource("hue", [a_reply()]))
    cycle = await home.collection.run([a_due("amazon"), a_due("hue")])
    assert [type(outcome) for outcome in cycle.report.outcomes] == [Failed, Collected]
    assert cycle.report.outcomes[0] == Failed(
        due=a_due("amazon"), cause=Cause.INTERNAL, detail="ZeroDivisionError: a bug"
    )
    (record,) = home.journal.of("source.bug")
    assert record == Record(
        level=Level.ERROR,
        event="source.bug",
        fields={"source": "amazon", "error": "ZeroDivisionError: a bug"},
    )


async def test_implausible_value_is_stored_and_flagged() -> None:
    home = Home(MemorySource("hue", [a_reply(a_reading("hue:1", temperature=45.0))]))
    await home.collection.run([a_due("hue")])
    (reading,) = MemoryHistory(home.store).newest()
    assert reading.is_anomalous
    assert home.stored() == {"hue:1": 45.0}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (None, None, 20.0),
        (NOON, None, 20.0),
        (None, NOON, 25.0),
        (NOON - timedelta(minutes=1), NOON, 25.0),
        (NOON, NOON - timedelta(minutes=1), 20.0),
        (NOON - timedelta(days=90), NOON, 25.0),
        (NOON + timedelta(days=3650), NOON, 25.0),  # left behind by a clock that was wrong
        (NOON, NOON + timedelta(days=1), 20.0),
        (NOON - timedelta(minutes=1), NOON + timedelta(minutes=5), 25.0),
        (NOON + timedelta(days=2), NOON + timedelta(days=3), 25.0),  # our own clock is wrong
    ],
)
async def test_newest_observation_of_a_device_counts(
    first: datetime | None, second: datetime | None, kept: float
) -> None:
    one = a_reading("hue:1", temperature=20.0, observed_at=first)
    other = a_reading("HUE:1", temperature=25.0, observed_at=second)
    identity = "hue:1" if kept == 20.0 else "HUE:1"
    home = Home(MemorySource("hue", [a_reply(one, other, unread=[an_unread("Hue:1"), an_unread("hue:2")])]))
    cycle = await home.collection.run([a_due("hue")])
    assert (home.stored(), len(cycle.report.readings)) == ({identity: kept}, 1)
    assert cycle.report.outcomes[0].unread == (an_unread("hue:2"),)
    # and of two sources
    home = Home(MemorySource("hue:a", [a_reply(one)]), MemorySource("hue:b", [a_reply(other)]))
    cycle = await home.collection.run([a_due("hue:a"), a_due("hue:b")])
    assert (home.stored(), len(cycle.report.readings)) == ({identity: kept}, 1)
    notes = [outcome.notes for outcome in cycle.report.outcomes if isinstance(outcome, Collected)]
    source, other_identity = ("hue:a", "HUE:1") if kept == 20.0 else ("hue:b", "hue:1")
    assert sorted(notes) == [(), (f"the reading of {other_identity} is taken from {source}",)]


@pytest.mark.parametrize("old_is_first", [True, False])
async def test_device_that_another_source_reads_is_not_unread(old_is_first: bool) -> None:
    old = a_reply(a_reading("hue:2"), unread=[an_unread("HUE:1", Cause.STALE), an_unread("hue:3")])
    new = a_reply(a_reading("hue:1", temperature=21.5))
    sources = [MemorySource("hue:old", [old]), MemorySource("hue:new", [new])]
    home = Home(*(sources if old_is_first else reversed(sources)))
    cycle = await home.collection.run([a_due(name) for name in home.collection.plans])
    outcomes = {one.due.source: one for one in cycle.report.outcomes if isinstance(one, Collected)}
    assert outcomes["hue:old"].unread == (an_unread("hue:3"),)
    assert outcomes["hue:old"].notes == ("the reading of HUE:1 (stale here) is taken from hue:new",)
    assert (outcomes["hue:new"].unread, outcomes["hue:new"].notes) == ((), ())


async def test_notes_name_five_devices_of_a_replaced_bridge() -> None:
    old = a_reply(
        *(a_reading(f"hue:{number}", observed_at=NOON - timedelta(hours=1)) for number in range(30))
    )
    new = a_reply(*(a_reading(f"hue:{number}", observed_at=NOON) for number in range(30)))
    home = Home(MemorySource("hue:old", [old]), MemorySource("hue:new", [new]))
    cycle = await home.collection.run([a_due("hue:old"), a_due("hue:new")])
    outcome = cycle.report.outcomes[0]
    assert isinstance(outcome, Collected)
    assert (len(outcome.readings), len(outcome.notes)) == (0, 6)
    assert outcome.notes[5] == "and 25 more readings are taken from other sources"


async def test_each_source_of_a_cycle_is_one_measurement() -> None:
    home = Home(
        MemorySource("hue", [SourceUnavailable("gone"), attrs.evolve(a_reply(), strategy="v2")]),
        MemorySource("amazon", [SourceRefused("no")]),
    )
    cycle = await home.collection.run([a_due("hue"), a_due("amazon")])
    hue, amazon = cycle.report.measurements
    assert hue == ReadCost(
        slot=NOON, source="hue", strategy="v2", duration_s=home.clock.elapsed_s(), attempts=2
    )
    assert (amazon.attempts, amazon.succeeded) == (1, False)


async def test_measure_collection_cycle_duration() -> None:
    """Sources are read at the same time: the slowest one counts, not the sum."""

    class Slow(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            await home.clock.sleep(2.5 if self.name == "hue" else 1.25)
            home.meter.used_cpu_s += 0.5
            return await super().read(slot, deadline_s)

    home = Home(Slow("hue", [a_reply()]), Slow("amazon", [a_reply()]))
    home.clock.advance(100)
    home.meter.used_cpu_s = 7.0
    cycle = await home.collection.run([a_due("hue"), a_due("amazon")])
    (record,) = home.journal.of("cycle")
    assert record.fields["duration_s"] == "2.500"
    assert {one.source: one.duration_s for one in cycle.report.measurements} == {"hue": 2.5, "amazon": 1.25}
    await home.collection.close()
    assert [(one.cycle_s, one.commit_s, one.cpu_s) for one in home.measured()] == [(2.5, 0.0, 1.0)] * 2


async def test_a_complete_cycle_is_measured_with_the_next_one() -> None:
    home = Home(MemorySource("hue", [a_reply(), a_reply()]), MemorySource("amazon", [a_reply()]))
    await home.collection.run([a_due("hue"), a_due("amazon")])
    assert [one.cycle_s for one in home.measured()] == [None, None]
    await home.collection.run([a_due("hue", NOON + timedelta(minutes=5))])
    assert [one.cycle_s for one in home.measured()] == [0.0, 0.0, None]


@pytest.mark.parametrize("trouble", ["a source failed", "it was not stored"])
async def test_an_incomplete_cycle_is_not_measured_as_a_whole(trouble: str) -> None:
    home = Home(
        MemorySource("hue", [a_reply(), a_reply()]),
        MemorySource("amazon", [SourceRefused("no") if trouble == "a source failed" else a_reply()]),
    )
    if trouble == "it was not stored":
        home.store.fault = StoreFull("no room")
    await home.collection.run([a_due("hue"), a_due("amazon")])
    home.store.fault = None
    await home.collection.run([a_due("hue", NOON + timedelta(minutes=5))])
    assert [one.cycle_s for one in home.measured()].count(None) == len(home.measured())


@pytest.mark.parametrize("is_in_time", [True, False])
async def test_a_store_in_trouble_at_the_end_only_costs_measurements(*, is_in_time: bool) -> None:
    home = Home(MemorySource("hue", [a_reply(), a_reply()]))
    await home.collection.run([a_due("hue")])
    home.store.fault = StoreFull("no room")
    if is_in_time:
        await home.collection.run([a_due("hue", NOON + timedelta(minutes=5))])
        home.store.fault = None
    before = len(home.journal.of("store.refused"))
    await home.collection.close()
    assert [one.cycle_s for one in home.measured()] == [None]
    assert len(home.journal.of("store.refused")) == before
    assert home.store.readings


async def test_cancelled_cycle_cancels_its_sources() -> None:
    left: list[str] = []

    class Leaving(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            try:
                await asyncio.Event().wait()
            finally:
                left.append(self.name)
            raise AssertionError("an event that nobody sets was set")

    home = Home(Leaving("hue"))
    running = asyncio.ensure_future(home.collection.run([a_due("hue")]))
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert left == ["hue"]


async def test_texts_of_sources_are_redacted() -> None:
    home = Home(
        MemorySource("hue", [SourceRefused("a page that says session-id=189-8991273")]),
        MemorySource(
            "amazon",
            [a_reply(a_reading(), unread=[an_unread(detail="at 189-8991273")], notes=["189-8991273"])],
        ),
    )
    collection = a_collection(
        home.plans,
        store=home.store,
        clock=home.clock,
        meter=home.meter,
        journal=home.journal,
        redact=lambda text: text.replace("189-8991273", "***"),
    )
    cycle = await collection.run([a_due("hue"), a_due("amazon")])
    assert "***" in str(cycle.report.outcomes)
    assert "189-8991273" not in str(cycle.report.outcomes)


def slot(minute: int) -> datetime:
    return NOON + timedelta(minutes=minute)


async def at(home: Home, *minutes: int) -> list[type[object]]:
    """Return the outcomes of the cycles at those minutes."""
    kinds: list[type[object]] = []
    for minute in minutes:
        home.clock.advance((slot(minute) - home.clock.now()).total_seconds())
        cycle = await home.collection.run([a_due("hue", slot(minute))])
        kinds.append(type(cycle.report.outcomes[0]))
    return kinds


async def test_throttling_source_is_deferred_and_the_ledger_has_the_end() -> None:
    hue = MemorySource("hue", [a_reply(), *[SourceThrottled("429")] * 6, a_reply()])
    home = Home(hue)
    assert await at(home, 0, 5, 10, 15, 20) == [Collected, Failed, Failed, Deferred, Collected]
    assert home.store.ledger["hue", slot(15)] == Deferred(
        due=a_due("hue", slot(15)),
        cause=Cause.THROTTLED,
        until=slot(20),
        unread=(an_unread(a_reading().device_id, Cause.THROTTLED),),
    )


async def test_deferral_survives_a_restart() -> None:
    home = Home(MemorySource("hue", [SourceThrottled("429", retry_after_s=900)]))
    await at(home, 0)
    next_process = Home(MemorySource("hue", [a_reply()]))
    next_process.collection = a_collection(
        next_process.plans, clock=home.clock, journal=home.journal, state=home.state
    )
    cycle = await next_process.collection.run([a_due("hue", slot(5))])
    assert isinstance(cycle.report.outcomes[0], Deferred)


async def test_five_failures_in_a_row_leave_one_attempt() -> None:
    hue = MemorySource(
        "hue", [SourceUnavailable("no route")] * 16 + [a_reply(), SourceUnavailable("no route")]
    )
    home = Home(hue)
    await at(home, 0, 5, 10, 15, 20)
    assert len(hue.requested) == 15
    assert await at(home, 25) == [Failed]
    failed = home.store.ledger["hue", slot(25)]
    assert isinstance(failed, Failed)
    assert (failed.cause, failed.detail) == (Cause.NETWORK, "no route")
    assert await at(home, 30) == [Collected]
    assert len(hue.requested) == 17
    hue.requested.clear()
    await at(home, 35)
    assert len(hue.requested) > 1


async def test_failing_close_does_not_stop_the_spooling() -> None:
    class Clinging(MemorySource):
        async def close(self) -> None:
            raise OSError("a socket that will not close")

    hue = MemorySource("hue", [a_reply()])
    home = Home(Clinging("amazon"), hue)
    home.store.fault, home.spool.fault = StoreFull("full"), SpoolError("full")
    await home.collection.run([a_due("hue")])
    home.spool.fault = None
    await home.collection.close()
    assert hue.is_closed
    assert len(home.spool.reports) == 1
    (record,) = home.journal.of("source.not_closed")
    assert record.level is Level.ERROR
    assert record.fields == {"source": "amazon", "error": "a socket that will not close"}


async def outcome_of(answer: SourceReply | SourceError) -> tuple[Outcome, MemoryJournal]:
    journal, clock = MemoryJournal(), MemoryClock(NOON)
    plan = SourcePlan(source=MemorySource("hue", [answer]), interval_s=300)
    collection = a_collection([plan], store=MemoryStore(), clock=clock, journal=journal)
    (outcome,) = (await collection.run([a_due("hue")])).report.outcomes
    return outcome, journal


async def test_long_texts_are_cut() -> None:
    words = "w" * 3_000_000
    outcome, _ = await outcome_of(a_reply(unread=[an_unread(detail=words)], notes=[words]))
    assert isinstance(outcome, Collected)
    assert [len(one.detail) for one in outcome.unread] == [LONGEST_TEXT]
    assert [len(note) for note in outcome.notes] == [LONGEST_TEXT]
    outcome, journal = await outcome_of(SourceRefused(words))
    assert isinstance(outcome, Failed)
    assert len(outcome.detail) == LONGEST_TEXT
    assert len(str(journal.of("source.failed")[0].fields["detail"])) == LONGEST_TEXT


async def test_surplus_notes_are_counted() -> None:
    notes = [f"remark {number}" for number in range(5000)]
    outcome, _ = await outcome_of(SourceReply(readings=(), notes=tuple(notes), not_finite=7))
    assert isinstance(outcome, Collected)
    assert outcome.notes[0] == "7 values were NaN or infinite, and not stored"
    assert outcome.notes[1:] == (*notes[: MOST_NOTES - 1], "and 4,981 more notes")
    outcome, _ = await outcome_of(a_reply(notes=notes[: MOST_NOTES + 1]))
    assert isinstance(outcome, Collected)
    assert outcome.notes == (*notes[:MOST_NOTES], "and 1 more notes")
    outcome, _ = await outcome_of(a_reply(notes=notes[:MOST_NOTES]))
    assert isinstance(outcome, Collected)
    assert outcome.notes == tuple(notes[:MOST_NOTES])


@pytest.mark.parametrize(("is_spooled", "slots"), [(True, {}), (False, {"hue": NOON})])
async def test_slot_stays_in_progress_while_only_memory_has_its_cycle(
    is_spooled: bool, slots: dict[str, datetime]
) -> None:
    home = Home(MemorySource("hue", [a_reply()]))
    home.store.fault = StoreFull("no room")
    home.spool.fault = None if is_spooled else SpoolError("no room")
    await home.collection.run([a_due("hue")])
    assert home.slots_in_progress.slots == slots
    assert home.slots_in_progress.kept == set(slots.items())


@pytest.mark.parametrize(
    ("error", "cause", "attempts", "needs_person"),
    [
        (SourceUnavailable("no route"), Cause.NETWORK, 3, False),
        (SourceGarbled("html"), Cause.GARBLED, 2, False),
        (SourceRefused("another bridge"), Cause.REFUSED, 1, False),
        (CredentialsStale("expired"), Cause.CREDENTIALS, 1, False),
        (CredentialsRefused("sign in"), Cause.CREDENTIALS, 1, True),
    ],
)
async def test_failure_has_its_cause_after_its_attempts(
    error: SourceError, cause: Cause, attempts: int, *, needs_person: bool
) -> None:
    hue, amazon = MemorySource("hue", [error] * 3), MemorySource("amazon")
    cycle = await Home(hue, amazon).collection.run([a_due("hue")])
    assert cycle.report.outcomes == (
        Failed(due=a_due("hue"), cause=cause, detail=str(error), needs_person=needs_person),
    )
    assert (len(hue.requested), amazon.requested) == (attempts, [])  # amazon was not due


@pytest.mark.parametrize(
    ("answer", "unread"),
    [
        (a_reply(a_reading("hue:1")), [("hue:2", Cause.NOT_LISTED)]),
        (a_reply(a_reading("hue:1"), unread=[an_unread("hue:2")]), [("hue:2", Cause.UNREACHABLE)]),
        (a_reply(unread=[an_unread("hue:2")]), [("hue:2", Cause.UNREACHABLE), ("hue:1", Cause.NOT_LISTED)]),
        (CredentialsRefused("revoked"), [("hue:1", Cause.CREDENTIALS), ("hue:2", Cause.CREDENTIALS)]),
    ],
)
async def test_expected_device_without_a_reading_is_unread_once(
    answer: SourceReply | SourceError, unread: list[tuple[str, Cause]]
) -> None:
    home = Home(MemorySource("hue", [a_reply(a_reading("hue:1"), a_reading("hue:2")), answer]))
    await home.collection.run([a_due("hue", NOON)])
    cycle = await home.collection.run([a_due("hue", slot(5))])
    assert [(one.device_id, one.cause) for one in cycle.report.outcomes[0].unread] == unread


async def test_cycle_is_one_line_in_the_journal() -> None:
    home = Home(
        MemorySource("hue", [SourceUnavailable("reset"), a_reply()]), MemorySource("amazon", [a_reply()])
    )
    await home.collection.run([a_due("hue"), a_due("amazon")])
    (record,) = home.journal.of("cycle")
    assert record.fields == {
        "slot": NOON.isoformat(),
        "kept": "stored",
        "readings": 1,  # both sources list the same device
        "failed": 0,
        "deferred": 0,
        "attempts": 3,
        "duration_s": "1.000",
        "commit_s": "0.000",
        "wire_bytes": 0,
        "payload_bytes": 0,
    }


async def test_the_line_of_a_cycle_counts_all_sources() -> None:
    """Two fail and two are deferred; two cost bytes, and one of all is of another slot."""

    class Costly(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            with home.meter.measuring("request", self.name) as tally:
                tally.wire_bytes, tally.payload_bytes = 30, 50
            return await super().read(slot, deadline_s)

    throttled = SourceThrottled("429", retry_after_s=900)
    sources = [MemorySource(name, [throttled]) for name in ("hue:1", "hue:2")]
    sources += [Costly(name, [a_reply(a_reading(f"{name}:a"))]) for name in ("hue:3", "hue:4")]
    home = Home(*sources, *[MemorySource(name, [SourceRefused(f"no {name}")]) for name in ("hue:5", "hue:6")])
    await home.collection.run([a_due("hue:1"), a_due("hue:2")])
    home.clock.advance(300)
    home.journal.records.clear()
    dues = [a_due(f"hue:{number}", slot(5)) for number in range(1, 6)]
    await home.collection.run([*dues, a_due("hue:6", slot(0))])
    (record,) = home.journal.of("cycle")
    assert record.level is Level.INFO
    assert record.fields == {
        "slot": f"{slot(0).isoformat()},{slot(5).isoformat()}",
        "kept": "stored",
        "readings": 2,
        "failed": 2,
        "deferred": 2,
        "attempts": 4,
        "duration_s": "0.000",
        "commit_s": "0.000",
        "wire_bytes": 60,
        "payload_bytes": 100,
    }
    assert [(one.level, one.fields) for one in home.journal.of("source.failed")] == [
        (Level.WARNING, {"source": name, "cause": Cause.REFUSED, "detail": f"no {name}"})
        for name in ("hue:5", "hue:6")
    ]


async def test_a_source_gets_the_deadline_of_its_budget_and_its_retries_a_name() -> None:
    deadlines_s: list[float] = []

    class Timed(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            deadlines_s.append(deadline_s)
            return await super().read(slot, deadline_s)

    home = Home(Timed("hue", [SourceUnavailable("reset"), a_reply()]))
    home.clock.advance(100)
    await home.collection.run([a_due("hue")])
    assert deadlines_s == [100 + SOURCE_BUDGET_S] * 2
    assert {record.fields.get("operation") for record in home.journal.of("retry")} == {"hue.read"}


async def test_a_source_that_ignores_its_end_is_not_waited_for() -> None:
    class Defiant(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            await home.clock.sleep(3600)
            return a_reply()

    home = Home(Defiant("hue"))
    cycle = await home.collection.run([a_due("hue")])
    assert isinstance(cycle.report.outcomes[0], Failed)
    assert home.clock.elapsed_s() == SOURCE_BUDGET_S + 0.5


async def test_nothing_is_expected_of_a_source_without_progress() -> None:
    cycle = await Home(MemorySource("hue", [a_reply()])).collection.run([a_due("hue")], progress={})
    assert isinstance(cycle.report.outcomes[0], Collected)


async def test_retry_after_defers_planned_cycles_only() -> None:
    hue = MemorySource("hue", [SourceThrottled("429", retry_after_s=900), a_reply(), a_reply()])
    home = Home(hue)
    assert await at(home, 0, 5, 10) == [Failed, Deferred, Deferred]
    cycle = await home.collection.run([a_due("hue", slot(11), scheduled=False)])
    assert isinstance(cycle.report.outcomes[0], Collected)


ODD = a_reading(
    values={Quantity.TEMPERATURE: math.nan, Quantity.PM25: 3.0}, other_values={"range.12": math.inf}
)


@pytest.mark.parametrize(
    ("reading", "in_reply", "notes"),
    [
        (a_reading(), 0, ("a note",)),
        (a_reading(), 1, ("1 value was NaN or infinite, and not stored", "a note")),
        (ODD, 12_343, ("12,345 values were NaN or infinite, and not stored", "a note")),
    ],
)
async def test_lost_values_are_counted_in_ledger_and_journal(
    reading: Reading, in_reply: int, notes: tuple[str, ...]
) -> None:
    reply = SourceReply(readings=(reading,), notes=("a note",), not_finite=in_reply)
    outcome, journal = await outcome_of(reply)
    assert isinstance(outcome, Collected)
    assert outcome.notes == notes
    expected = {"source": "hue", "values": 12_345 if reading is ODD else in_reply}
    records = [(one.level, one.fields) for one in journal.of("source.not_finite")]
    assert records == ([(Level.WARNING, expected)] if len(notes) > 1 else [])


async def test_a_change_of_settings_is_obeyed_by_the_next_cycle() -> None:
    reply = a_reply(a_reading("hue:a", temperature=-5.0), a_reading("hue:b"), unread=[an_unread("hue:c")])
    source = MemorySource("hue", [reply] * 2)
    home = Home(source)
    await home.collection.run([a_due()])
    home.settings.add(a_change(Setting.NAME, "Garden"))
    home.settings.add(a_change(Setting.OUTDOOR, True))
    home.settings.add(a_change(Setting.IGNORED, True, device_id="hue:B"))
    home.settings.add(a_change(Setting.IGNORED, True, device_id="hue:c"))
    cycle = await home.collection.run([a_due(slot=NOON + timedelta(minutes=5))])
    (outcome,) = cycle.report.outcomes
    assert isinstance(outcome, Collected)
    (reading,) = outcome.readings
    assert (reading.location, reading.is_anomalous, reading.values) == (
        "Garden",
        False,
        {Quantity.TEMPERATURE: -5.0},
    )
    assert outcome.unread == ()


async def test_plausibility_is_judged_with_the_offset_and_the_measured_value_stored() -> None:
    home = Home(MemorySource("hue", [a_reply(a_reading("hue:a", temperature=41.0))]))
    home.settings.add(an_offset(-5.0))
    await home.collection.run([a_due()])
    ((reading,),) = [tuple(home.store.readings.values())]
    assert (reading.values, reading.is_anomalous) == ({Quantity.TEMPERATURE: 41.0}, False)


@pytest.mark.parametrize("error", [SourceUnavailable("away"), None])
async def test_settings_are_obeyed_while_the_store_is_away(error: SourceError | None) -> None:
    three = a_reply(a_reading("hue:a"), a_reading("hue:b"), a_reading("hue:c"))
    two = a_reply(a_reading("hue:a"), a_reading("hue:b"))
    home = Home(MemorySource("hue", [three, three, error or two]))
    for minutes in (0, 5):
        await home.collection.run([a_due(slot=NOON + timedelta(minutes=minutes))])
    home.settings.add(a_change(Setting.IGNORED, True, device_id="hue:a"))
    home.settings.add(a_change(Setting.IGNORED, True, device_id="hue:c"))
    home.settings.add(a_change(Setting.NAME, "Study", device_id="hue:b"))
    home.collection.storage.settings()
    home.store.fault = StoreFull("no room")
    cycle = await home.collection.run([a_due(slot=NOON + timedelta(minutes=10))])
    assert not isinstance(cycle, Stored)
    (outcome,) = cycle.report.outcomes
    assert {one.device_id for one in outcome.unread} <= {"hue:b"}
    expected = [] if error else [("hue:b", "Study")]
    assert [(one.device_id, one.location) for one in cycle.report.readings] == expected
