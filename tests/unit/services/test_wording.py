"""What is repeated of a source's words, and what is said of numbers that are none."""

from __future__ import annotations

import math

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.source import MemorySource
from adapters.memory.store import MemoryStore
from domain.cycle import Collected, Failed, Outcome, SourceReply
from domain.errors import SourceError, SourceRefused
from domain.reading import Quantity
from domain.services.collection_cycle import LONGEST_TEXT, MOST_NOTES, SourcePlan
from tests.support.builders import NOON, a_due, a_reading, a_reply, an_unread
from tests.support.collecting import a_collection


async def outcome_of(answer: SourceReply | SourceError) -> tuple[Outcome, MemoryJournal]:
    journal, clock = MemoryJournal(), MemoryClock(NOON)
    plan = SourcePlan(source=MemorySource("hue", [answer]), interval_s=300)
    collection = a_collection([plan], store=MemoryStore(), clock=clock, journal=journal)
    (outcome,) = (await collection.run([a_due("hue")])).report.outcomes
    return outcome, journal


@pytest.mark.parametrize(
    ("found", "note"),
    [
        (1, "1 value was NaN or infinite, and not stored"),
        (2, "2 values were NaN or infinite, and not stored"),
        (12_345, "12,345 values were NaN or infinite, and not stored"),
    ],
)
async def test_numbers_that_are_none_are_counted_in_the_ledger_and_in_the_journal(
    found: int, note: str
) -> None:
    reply = SourceReply(readings=(a_reading(),), notes=("said",), not_finite=found)
    outcome, journal = await outcome_of(reply)
    assert isinstance(outcome, Collected)
    assert outcome.notes == (note, "said")
    (record,) = journal.of("source.not_finite")
    assert record.fields == {"source": "hue", "values": found}


async def test_those_of_a_reading_are_counted_too() -> None:
    odd = a_reading(
        values={Quantity.TEMPERATURE: math.nan, Quantity.PM25: 3.0}, other_values={"range.12": math.inf}
    )
    outcome, _ = await outcome_of(SourceReply(readings=(odd,), not_finite=1))
    assert isinstance(outcome, Collected)
    assert outcome.notes == ("3 values were NaN or infinite, and not stored",)


async def test_where_all_are_numbers_nothing_is_said() -> None:
    outcome, journal = await outcome_of(a_reply())
    assert isinstance(outcome, Collected)
    assert outcome.notes == ()
    assert not journal.of("source.not_finite")


async def test_words_without_end_are_cut_wherever_they_stand() -> None:
    words = "w" * 3_000_000
    outcome, _ = await outcome_of(a_reply(unread=[an_unread(detail=words)], notes=[words]))
    assert isinstance(outcome, Collected)
    assert [len(one.detail) for one in outcome.unread] == [LONGEST_TEXT]
    assert [len(note) for note in outcome.notes] == [LONGEST_TEXT]
    outcome, journal = await outcome_of(SourceRefused(words))
    assert isinstance(outcome, Failed)
    assert len(outcome.detail) == LONGEST_TEXT
    assert len(str(journal.of("source.failed")[0].fields["detail"])) == LONGEST_TEXT


async def test_remarks_without_end_are_counted_and_the_count_of_lost_numbers_is_among_those_told() -> None:
    notes = [f"remark {number}" for number in range(5000)]
    outcome, _ = await outcome_of(SourceReply(readings=(), notes=tuple(notes), not_finite=7))
    assert isinstance(outcome, Collected)
    assert outcome.notes[0] == "7 values were NaN or infinite, and not stored"
    assert outcome.notes[1:] == (*notes[: MOST_NOTES - 1], "and 4,981 more notes")
    outcome, _ = await outcome_of(a_reply(notes=notes[:MOST_NOTES]))
    assert isinstance(outcome, Collected)
    assert outcome.notes == tuple(notes[:MOST_NOTES])
