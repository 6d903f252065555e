"""One cycle: who is asked, what is stored, and what is said of the rest."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import attrs
import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryMeter
from adapters.memory.source import Hangs, MemorySource
from adapters.memory.spool import MemorySpool, MemoryState
from adapters.memory.store import MemoryHistory, MemoryStore
from domain.cycle import (
    Cause,
    Collected,
    Deferred,
    Failed,
    NotStored,
    SourceReply,
    Spooled,
    Stored,
    Verdict,
    verdict,
)
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
from domain.measurements import Measurement
from domain.reading import Quantity, Range
from domain.services.collection_cycle import SOURCE_BUDGET_S, SourcePlan
from ports.source import Source
from tests.support.builders import NOON, a_due, a_reading, a_reply, an_unread
from tests.support.collecting import a_collection


class Home:
    """A collection over fakes, and the fakes."""

    def __init__(self, *sources: Source) -> None:
        self.clock = MemoryClock(NOON)
        self.store = MemoryStore()
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
        self.collection = a_collection(
            self.plans,
            store=self.store,
            spool=self.spool,
            state=self.state,
            clock=self.clock,
            meter=self.meter,
            journal=self.journal,
        )

    def measured(self) -> list[Measurement]:
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


async def test_only_the_sources_that_are_due_are_asked() -> None:
    hue, amazon = MemorySource("hue", [a_reply()]), MemorySource("amazon", [a_reply()])
    await Home(hue, amazon).collection.run([a_due("hue")])
    assert (len(hue.asked), len(amazon.asked)) == (1, 0)


async def test_one_failing_source_does_not_cost_the_others_their_readings() -> None:
    home = Home(
        MemorySource("amazon", [CredentialsRefused("sign in again")]),
        MemorySource("hue", [a_reply(a_reading("hue:1", temperature=20.0))]),
    )
    cycle = await home.collection.run([a_due("amazon"), a_due("hue")])
    assert home.stored() == {"hue:1": 20.0}
    assert verdict([cycle]) is Verdict.SOME_FAILED


async def test_a_hanging_source_is_out_of_time_when_its_budget_is_over_and_not_before() -> None:
    home = Home(MemorySource("amazon", [Hangs()]), MemorySource("hue", [a_reply()]))
    cycle = await home.collection.run([a_due("amazon"), a_due("hue")])
    hanging, answering = cycle.report.outcomes
    assert isinstance(hanging, Failed)
    assert hanging.cause is Cause.OUT_OF_TIME
    assert isinstance(answering, Collected)
    assert SOURCE_BUDGET_S <= home.clock.elapsed_s() < SOURCE_BUDGET_S + 1


async def test_a_bug_in_a_source_costs_only_that_source() -> None:
    class Buggy(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            raise ZeroDivisionError("a bug")

    home = Home(Buggy("amazon"), MemorySource("hue", [a_reply()]))
    cycle = await home.collection.run([a_due("amazon"), a_due("hue")])
    assert [type(outcome) for outcome in cycle.report.outcomes] == [Failed, Collected]
    assert cycle.report.outcomes[0] == Failed(
        due=a_due("amazon"), cause=Cause.INTERNAL, detail="ZeroDivisionError: a bug"
    )
    assert "source.bug" in home.journal.events()


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (SourceUnavailable("no route"), Cause.NETWORK),
        (SourceThrottled("429"), Cause.THROTTLED),
        (CredentialsRefused("sign in"), Cause.CREDENTIALS),
        (SourceRefused("another bridge"), Cause.REFUSED),
        (SourceGarbled("html"), Cause.GARBLED),
    ],
)
async def test_the_ledger_says_why_a_source_failed(error: SourceError, cause: Cause) -> None:
    home = Home(MemorySource("hue", [error] * 3))
    cycle = await home.collection.run([a_due("hue")])
    (outcome,) = cycle.report.outcomes
    assert isinstance(outcome, Failed)
    assert (outcome.cause, outcome.detail) == (cause, str(error))


async def test_a_transient_failure_is_mended_within_the_cycle() -> None:
    hue = MemorySource("hue", [SourceUnavailable("reset"), a_reply()])
    cycle = await Home(hue).collection.run([a_due("hue")])
    assert verdict([cycle]) is Verdict.ALL_STORED
    assert len(hue.asked) == 2


async def test_a_permanent_failure_is_not_asked_again_in_the_cycle() -> None:
    hue = MemorySource("hue", [CredentialsRefused("no such key"), a_reply()])
    await Home(hue).collection.run([a_due("hue")])
    assert len(hue.asked) == 1


async def test_an_implausible_value_is_stored_and_marked() -> None:
    home = Home(MemorySource("hue", [a_reply(a_reading("hue:1", temperature=45.0))]))
    await home.collection.run([a_due("hue")])
    (reading,) = MemoryHistory(home.store).newest()
    assert reading.is_anomalous
    assert home.stored() == {"hue:1": 45.0}


async def test_a_value_that_no_table_takes_costs_neither_its_reading_nor_the_others() -> None:
    home = Home(
        MemorySource(
            "hue", [a_reply(a_reading("hue:sun", temperature=61.0), a_reading("hue:2", temperature=20.0))]
        )
    )
    cycle = await home.collection.run([a_due("hue")])
    (outcome,) = cycle.report.outcomes
    assert outcome.unread == ()
    in_the_sun, other = sorted(MemoryHistory(home.store).newest(), key=lambda one: one.is_anomalous)[::-1]
    assert (in_the_sun.device_id, in_the_sun.other_values) == ("hue:sun", {"temperature": 61.0})
    assert (other.device_id, other.values) == ("hue:2", {Quantity.TEMPERATURE: 20.0})


async def test_a_reading_without_a_temperature_is_a_reading() -> None:
    home = Home(MemorySource("amazon", [a_reply(a_reading("alexa:1", pm25=3.0))]))
    cycle = await home.collection.run([a_due("amazon")])
    assert [reading.values for reading in MemoryHistory(home.store).newest()] == [{Quantity.PM25: 3.0}]
    assert cycle.report.outcomes[0].unread == ()


async def test_a_device_that_is_no_longer_listed_is_accounted_for() -> None:
    hue = MemorySource("hue", [a_reply(a_reading("hue:1"), a_reading("hue:2")), a_reply(a_reading("hue:1"))])
    home = Home(hue)
    await home.collection.run([a_due("hue", NOON)])
    cycle = await home.collection.run([a_due("hue", NOON.replace(minute=5))])
    (outcome,) = cycle.report.outcomes
    assert [(unread.device_id, unread.cause) for unread in outcome.unread] == [("hue:2", Cause.NOT_LISTED)]


async def test_a_device_that_the_source_gives_a_cause_for_is_not_accounted_for_twice() -> None:
    hue = MemorySource(
        "hue",
        [
            a_reply(a_reading("hue:1"), a_reading("hue:2")),
            a_reply(a_reading("hue:1"), unread=[an_unread("hue:2", Cause.UNREACHABLE)]),
        ],
    )
    home = Home(hue)
    await home.collection.run([a_due("hue", NOON)])
    cycle = await home.collection.run([a_due("hue", NOON.replace(minute=5))])
    assert [unread.cause for unread in cycle.report.outcomes[0].unread] == [Cause.UNREACHABLE]


async def test_when_a_source_fails_each_of_its_devices_is_unread_for_that_cause() -> None:
    hue = MemorySource(
        "hue", [a_reply(a_reading("hue:1"), a_reading("hue:2")), CredentialsRefused("revoked")]
    )
    home = Home(hue)
    await home.collection.run([a_due("hue", NOON)])
    cycle = await home.collection.run([a_due("hue", NOON.replace(minute=5))])
    assert {unread.device_id: unread.cause for unread in cycle.report.outcomes[0].unread} == {
        "hue:1": Cause.CREDENTIALS,
        "hue:2": Cause.CREDENTIALS,
    }


async def test_a_device_that_comes_twice_in_a_reply_is_stored_once() -> None:
    twice = a_reply(a_reading("hue:1", temperature=20.0), a_reading("hue:1", temperature=25.0))
    home = Home(MemorySource("hue", [twice]))
    cycle = await home.collection.run([a_due("hue")])
    assert home.stored() == {"hue:1": 20.0}
    assert len(cycle.report.readings) == 1


async def test_a_store_that_refuses_is_said_and_does_not_end_the_program() -> None:
    home = Home(MemorySource("hue", [a_reply()]))
    home.store.fault = StoreFull("no room left in data/")
    cycle = await home.collection.run([a_due("hue")])
    assert isinstance(cycle, Spooled)
    assert cycle.reason == "no room left in data/"
    assert home.spool.reports == [cycle.report]
    assert verdict([cycle]) is Verdict.ALL_STORED


async def test_a_store_and_a_spool_that_refuse_are_said_and_do_not_end_the_program() -> None:
    home = Home(MemorySource("hue", [a_reply()]))
    home.store.fault = StoreFull("no room left in data/")
    home.spool.fault = SpoolError("no room left in data/spool")
    cycle = await home.collection.run([a_due("hue")])
    assert isinstance(cycle, NotStored)
    assert cycle.reason == "no room left in data/"
    assert verdict([cycle]) is Verdict.NONE_STORED


async def test_each_source_of_a_cycle_is_one_measurement() -> None:
    home = Home(
        MemorySource("hue", [SourceUnavailable("gone"), attrs.evolve(a_reply(), strategy="v2")]),
        MemorySource("amazon", [SourceRefused("no")]),
    )
    cycle = await home.collection.run([a_due("hue"), a_due("amazon")])
    hue, amazon = cycle.report.measurements
    assert hue == Measurement(
        slot=NOON, source="hue", strategy="v2", duration_s=home.clock.elapsed_s(), attempts=2
    )
    assert (amazon.attempts, amazon.succeeded) == (1, False)


async def test_measure_collection_cycle_duration() -> None:
    """Sources are read at the same time: the slowest one counts, not the sum."""

    class Slow(MemorySource):
        async def read(self, slot: datetime, deadline_s: float) -> SourceReply:
            await home.clock.sleep(2.5 if self.name == "hue" else 1.25)
            home.meter.worked_s += 0.5
            return await super().read(slot, deadline_s)

    home = Home(Slow("hue", [a_reply()]), Slow("amazon", [a_reply()]))
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


async def test_a_cycle_is_one_line_in_the_journal() -> None:
    home = Home(MemorySource("hue", [a_reply()]))
    await home.collection.run([a_due("hue")])
    (record,) = home.journal.of("cycle")
    assert record.fields == {
        "slot": NOON.isoformat(),
        "kept": "stored",
        "readings": 1,
        "failed": 0,
        "deferred": 0,
        "attempts": 1,
        "duration_s": "0.000",
        "commit_s": "0.000",
        "wire_bytes": 0,
        "payload_bytes": 0,
    }


async def test_a_cycle_that_is_cancelled_cancels_its_sources() -> None:
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


async def test_closing_lets_go_of_sources() -> None:
    hue = MemorySource("hue")
    await Home(hue).collection.close()
    assert hue.is_closed


async def test_no_secret_that_a_source_repeats_reaches_the_terminal_or_the_ledger() -> None:
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
    """What became of the cycles at those minutes."""
    kinds: list[type[object]] = []
    for minute in minutes:
        home.clock.advance((slot(minute) - home.clock.now()).total_seconds())
        cycle = await home.collection.run([a_due("hue", slot(minute))])
        kinds.append(type(cycle.report.outcomes[0]))
    return kinds


async def test_a_source_that_goes_on_throttling_is_left_in_peace_and_the_ledger_says_until_when() -> None:
    hue = MemorySource("hue", [a_reply(), *[SourceThrottled("429")] * 6, a_reply()])
    home = Home(hue)
    assert await at(home, 0, 5, 10, 15, 20) == [Collected, Failed, Failed, Deferred, Collected]
    assert home.store.ledger["hue", slot(15)] == Deferred(
        due=a_due("hue", slot(15)),
        cause=Cause.THROTTLED,
        until=slot(20),
        unread=(an_unread(a_reading().device_id, Cause.THROTTLED),),
    )


async def test_a_source_is_left_in_peace_for_as_long_as_it_named() -> None:
    hue = MemorySource("hue", [SourceThrottled("429", retry_after_s=900), a_reply()])
    assert await at(Home(hue), 0, 5, 10, 15) == [Failed, Deferred, Deferred, Collected]


async def test_that_a_source_is_left_in_peace_is_known_to_the_next_process() -> None:
    home = Home(MemorySource("hue", [SourceThrottled("429", retry_after_s=900)]))
    await at(home, 0)
    next_process = Home(MemorySource("hue", [a_reply()]))
    next_process.collection = a_collection(
        next_process.plans, clock=home.clock, journal=home.journal, state=home.state
    )
    cycle = await next_process.collection.run([a_due("hue", slot(5))])
    assert isinstance(cycle.report.outcomes[0], Deferred)


async def test_a_cycle_by_hand_asks_a_source_that_is_left_in_peace() -> None:
    hue = MemorySource("hue", [SourceThrottled("429", retry_after_s=900), a_reply()])
    home = Home(hue)
    await at(home, 0)
    cycle = await home.collection.run([a_due("hue", slot(1), scheduled=False)])
    assert isinstance(cycle.report.outcomes[0], Collected)


async def test_plain_network_trouble_never_makes_a_source_be_asked_less_often() -> None:
    hue = MemorySource("hue", [SourceUnavailable("no route")] * 100)
    assert await at(Home(hue), *range(0, 60, 5)) == [Failed] * 12


async def test_a_source_that_failed_five_cycles_in_a_row_gets_one_attempt_until_it_answers() -> None:
    hue = MemorySource(
        "hue", [SourceUnavailable("no route")] * 16 + [a_reply(), SourceUnavailable("no route")]
    )
    home = Home(hue)
    await at(home, 0, 5, 10, 15, 20)
    assert len(hue.asked) == 15
    assert await at(home, 25, 30) == [Failed, Collected]
    assert len(hue.asked) == 17
    hue.asked.clear()
    await at(home, 35)
    assert len(hue.asked) > 1


async def test_credentials_that_are_refused_for_good_need_a_person_and_stale_ones_do_not() -> None:
    for error, needs_person in ((CredentialsRefused("revoked"), True), (CredentialsStale("expired"), False)):
        cycle = await Home(MemorySource("hue", [error])).collection.run([a_due("hue")])
        (outcome,) = cycle.report.outcomes
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.needs_person) == (Cause.CREDENTIALS, needs_person)


async def test_the_attempts_of_a_cycle_are_counted_in_its_line() -> None:
    home = Home(
        MemorySource("hue", [SourceUnavailable("reset"), a_reply()]), MemorySource("amazon", [a_reply()])
    )
    await home.collection.run([a_due("hue"), a_due("amazon")])
    assert home.journal.of("cycle")[0].fields["attempts"] == 3


async def test_a_source_that_cannot_be_closed_keeps_nothing_from_being_put_by() -> None:
    class Clinging(MemorySource):
        async def close(self) -> None:
            raise OSError("a socket that will not close")

    home = Home(Clinging("amazon"), MemorySource("hue", [a_reply()]))
    home.store.fault, home.spool.fault = StoreFull("full"), SpoolError("full")
    await home.collection.run([a_due("hue")])
    home.spool.fault = None
    await home.collection.close()
    assert len(home.spool.reports) == 1
    assert home.journal.of("source.not_closed")[0].fields["source"] == "amazon"
