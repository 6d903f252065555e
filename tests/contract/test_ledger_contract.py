"""The promises of every ledger."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta

import attrs

from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryLedger
from adapters.sqlite.history.ledger import SqliteLedger
from domain.cycle import Cause
from domain.history.coverage import Absence
from domain.history.ledger import LedgerRow
from ports.store import Store
from ports.stored_data import KnownDevice, Ledger, SourceRecord
from tests.support.builders import (
    NOON,
    a_collected,
    a_cycle,
    a_deferred,
    a_due,
    a_failed,
    a_measurement,
    a_missed,
    a_reading,
    an_unread,
)
from tests.support.stored_pairs import pair_fixture

MINUTE = timedelta(minutes=1)
END = NOON + timedelta(hours=2)
Pair = tuple[Store, Ledger]
pair = pair_fixture(MemoryLedger, SqliteLedger)


def test_a_store_without_a_cycle_has_no_records(pair: Pair) -> None:
    _, ledger = pair
    assert ledger.records(NOON, END) == []


def test_the_newest_outcome_of_each_source_is_returned(pair: Pair) -> None:
    store, ledger = pair
    store.append(a_cycle(a_failed(a_due(slot=NOON - 5 * MINUTE)), a_deferred(a_due("amazon"))))
    store.append(a_cycle(a_collected(a_reading("hue:1"), a_reading("hue:2"), unread=(an_unread(),))))
    assert ledger.records(NOON, END) == [
        SourceRecord(source="amazon", slot=NOON, state="deferred", cause="throttled", slots={"deferred": 1}),
        SourceRecord(source="hue", slot=NOON, state="stored", readings=2, unread=1, slots={"stored": 1}),
    ]


def test_planned_slots_are_counted_from_the_given_instant(pair: Pair) -> None:
    store, ledger = pair
    for minute in (0, 5, 10):
        store.append(a_cycle(a_failed(a_due(slot=NOON + minute * MINUTE))))
    missed = (a_missed(a_due(slot=NOON + 15 * MINUTE)), a_missed(a_due(slot=NOON + 20 * MINUTE)))
    store.append(a_cycle(a_collected(due=a_due(slot=NOON + 25 * MINUTE)), missed=missed))
    store.append(a_cycle(a_failed(a_due(slot=NOON + 26 * MINUTE, scheduled=False))))
    (record,) = ledger.records(NOON + 5 * MINUTE, END)
    assert record.slots == {"failed": 2, "missed": 2, "stored": 1}
    assert record.slot == NOON + 25 * MINUTE


def test_cycles_saved_by_a_retry_are_counted(pair: Pair) -> None:
    store, ledger = pair
    at_once, mended, lost = (
        a_measurement(NOON),
        a_measurement(NOON + 5 * MINUTE, attempts=3),
        a_measurement(NOON + 10 * MINUTE, attempts=3, succeeded=False),
    )
    store.append(a_cycle(measurements=(at_once,)))
    store.append(a_cycle(a_collected(due=a_due(slot=NOON + 5 * MINUTE)), measurements=(mended,)))
    store.append(a_cycle(a_failed(a_due(slot=NOON + 10 * MINUTE)), measurements=(lost,)))
    store.append(a_cycle(a_failed(a_due(slot=NOON + 15 * MINUTE), Cause.CREDENTIALS)))
    (record,) = ledger.records(NOON, END)
    assert (record.mended, record.unmended) == (1, 1)
    (later,) = ledger.records(NOON + 6 * MINUTE, END)
    assert (later.mended, later.unmended) == (0, 1)


def test_slots_of_a_wrong_clock_are_not_counted(pair: Pair) -> None:
    store, ledger = pair
    far = NOON + timedelta(days=4000)
    store.append(a_cycle(a_collected()))
    ahead = a_collected(a_reading("hue:1"), a_reading("hue:2"), due=a_due(slot=far))
    store.append(a_cycle(ahead, measurements=(a_measurement(far, attempts=3),)))
    store.append(a_cycle(a_failed(a_due(slot=far + 5 * MINUTE)), a_failed(a_due("amazon", far))))
    amazon, hue = ledger.records(NOON, END)
    assert (hue.slot, hue.readings, hue.slots) == (NOON, 1, {"stored": 1})
    assert (hue.mended, hue.unmended) == (0, 0)
    assert hue.ahead == far + 5 * MINUTE
    assert (amazon.slot, amazon.ahead, amazon.slots) == (far, far, {}), "there is no other"


def test_absences_are_of_a_source_or_of_single_devices(pair: Pair) -> None:
    store, ledger = pair
    at = [NOON + number * 5 * MINUTE for number in range(4)]
    store.append(
        a_cycle(a_collected(a_reading("hue:1"), due=a_due(slot=at[0]), unread=(an_unread("hue:2"),)))
    )
    store.append(a_cycle(a_failed(a_due(slot=at[1]), detail="timed out")))
    store.append(
        a_cycle(
            a_collected(a_reading("hue:1", collected_at=at[3]), due=a_due(slot=at[3])),
            missed=(a_missed(a_due(slot=at[2])),),
        )
    )
    found = [(one.slot, one.device_id, one.cause, one.detail) for one in ledger.absences(NOON, at[3])]
    assert found == [
        (at[0], "hue:2", "unreachable", ""),
        (at[1], None, "network", "timed out"),
        (at[2], None, "stopped", ""),
    ]
    assert ledger.absences(at[3], END) == []
    assert ledger.devices() == [KnownDevice(device_id="hue:1", source="hue", first_slot=at[0])]


def test_absences_in_a_row_are_one(pair: Pair) -> None:
    """One sensor is away all the time; of the other slots one failed, and in two another sensor was away."""
    store, ledger = pair
    unread = (an_unread("hue:1"),), (an_unread("hue:2"), an_unread("hue:1"))
    for number, which in enumerate((0, 0, 1, 1, None, 0, 0)):
        due = a_due(slot=NOON + number * 5 * MINUTE)
        store.append(a_cycle(a_failed(due) if which is None else a_collected(due=due, unread=unread[which])))
    found = {(one.device_id, one.slot, one.slots, one.end) for one in ledger.absences(NOON, END)}
    at = [NOON + number * 5 * MINUTE for number in range(8)]
    assert found == {
        ("hue:1", at[0], 4, at[4]),
        ("hue:2", at[2], 2, at[4]),
        (None, at[4], 1, at[5]),
        ("hue:1", at[5], 2, at[7]),
    }


def test_rows_have_every_outcome_by_source_and_slot(pair: Pair) -> None:
    store, ledger = pair
    at = [NOON + number * 5 * MINUTE for number in range(5)]
    store.append(a_cycle(a_collected(due=a_due(slot=at[0]), unread=(an_unread("hue:2", detail="Attic"),))))
    store.append(a_cycle(a_failed(a_due(slot=at[1]), detail="timed out"), a_deferred(a_due("amazon", at[1]))))
    missed = (a_missed(a_due(slot=at[2]), Cause.ASLEEP),)
    by_hand = a_collected(a_reading(collected_at=at[3]), due=a_due(slot=at[3], scheduled=False))
    store.append(a_cycle(by_hand, missed=missed))
    store.append(a_cycle(a_collected(due=a_due(slot=at[4]))))
    hue = LedgerRow(source="hue", slot=at[0], interval_s=300, is_planned=True, state="stored", readings=1)
    failed = attrs.evolve(hue, slot=at[1], readings=0, state="failed", cause="network", detail="timed out")
    assert list(ledger.rows(at[0], at[4])) == [
        attrs.evolve(failed, source="amazon", state="deferred", cause="throttled", detail=""),
        attrs.evolve(hue, unread={"hue:2": ("unreachable", "Attic")}),
        failed,
        attrs.evolve(failed, slot=at[2], state="missed", cause="asleep", detail=""),
        attrs.evolve(hue, slot=at[3], is_planned=False),
    ]


def test_a_device_without_a_reading_or_a_cause_is_unexplained(pair: Pair) -> None:
    """hue:2 is in no reply for two slots; hue:3 comes in the last one, and hue:4 is named."""
    store, ledger = pair
    at = [NOON + number * 5 * MINUTE for number in range(4)]
    first = [a_reading(device_id, collected_at=at[0]) for device_id in ("hue:1", "hue:2", "HUE:4")]
    store.append(a_cycle(a_collected(*first, due=a_due(slot=at[0]))))
    for slot in at[1:3]:
        reading = a_reading("hue:1", collected_at=slot)
        store.append(a_cycle(a_collected(reading, due=a_due(slot=slot), unread=(an_unread("hue:4"),))))
    last = [a_reading(device_id, collected_at=at[3]) for device_id in ("HUE:1", "hue:2", "hue:3", "hue:4")]
    store.append(a_cycle(a_collected(*last, due=a_due(slot=at[3]))))
    (found,) = ledger.unexplained(NOON, END)
    assert (found.device_id, found.slot, found.slots, found.cause) == ("hue:2", at[1], 2, "not_listed")
    assert ledger.unexplained(at[3], END) == []


def test_a_slot_between_two_rows_without_one_is_unexplained(pair: Pair) -> None:
    """The clock was 12 years behind at first; at the end the interval is twice as long."""
    store, ledger = pair
    at = [NOON + number * 5 * MINUTE for number in range(9)]
    store.append(a_cycle(a_failed(a_due(slot=NOON - timedelta(days=4400)))))
    for slot in at[:6]:
        store.append(a_cycle(a_failed(a_due(slot=slot)), a_failed(a_due("amazon", slot))))
    store.append(a_cycle(a_failed(attrs.evolve(a_due(slot=at[8]), interval_s=600))))
    assert ledger.unexplained(NOON, END) == []
    for slot in (*at[1:4], at[6]):
        delete_row(store, ledger, slot)
    expected = Absence(source="hue", device_id=None, slot=at[1], interval_s=300, cause="unknown", slots=3)
    later = attrs.evolve(expected, slot=at[6], interval_s=600, slots=1)
    assert ledger.unexplained(NOON, END) == [expected, later]
    assert ledger.unexplained(NOON, at[8]) == [expected]
    assert ledger.unexplained(at[2] + MINUTE, at[5]) == [attrs.evolve(expected, slot=at[3], slots=1)]
    assert ledger.unexplained(at[4], at[6]) == []


def delete_row(store: Store, ledger: Ledger, slot: datetime) -> None:
    """Delete the row of "hue" from the ledger."""
    if isinstance(ledger, SqliteLedger):
        with closing(sqlite3.connect(ledger._path)) as connection, connection:
            connection.execute("DELETE FROM outcomes WHERE source = 'hue' AND slot = ?", (slot.isoformat(),))
    else:
        assert isinstance(store, MemoryStore)
        del store.ledger["hue", slot]
