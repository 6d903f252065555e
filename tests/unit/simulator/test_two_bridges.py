"""Which rows of a ledger are right where two bridges list one device."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.simulator.simulation.account.incidents import Row
from adapters.simulator.simulation.account.shown import Shown
from adapters.simulator.simulation.account.two_bridges import newest, taken_from_others, wrong_rows
from tests.support.builders import NOON

OLD = Shown(values=(15.0,), about=(), observed_at=NOON - timedelta(hours=2))
NEW = Shown(values=(21.0,), about=(), observed_at=NOON)


def row(readings: int, taken: str | None = None) -> Row:
    other = {} if taken is None else {"sensor": taken}
    return Row(state="stored", cause=None, is_scheduled=True, readings=readings, taken=other)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (row(1, "hue:new"), row(2), []),
        (row(2), row(2), ["a reading is taken from hue:old instead of hue:new"]),
        (
            row(2),
            row(1, "hue:old"),
            ["a reading is taken from hue:old instead of hue:new"] * 2,
        ),
        (row(2, "hue:new"), row(2), ["2 readings instead of 1"]),
        (row(1, "hue:new"), row(1), ["1 readings instead of 2"]),
    ],
    ids=["right", "no note", "older one taken", "counts what was not stored", "does not count what was"],
)
def test_rows_of_two_bridges_take_the_newest_and_count_it_once(
    old: Row, new: Row, expected: list[str]
) -> None:
    listed = {
        ("sensor", NOON): {"hue:old": OLD, "hue:new": NEW},
        ("other of old", NOON): {"hue:old": NEW},
        ("other of new", NOON): {"hue:new": NEW},
    }
    assert list(wrong_rows(listed, {("hue:old", NOON): old, ("hue:new", NOON): new})) == expected


@pytest.mark.parametrize("source", ["hue:a", "hue:b"])
def test_either_of_two_readings_of_the_same_time_may_be_taken(source: str) -> None:
    listed = {("sensor", NOON): {"hue:a": NEW, "hue:b": NEW}}
    rows = {(each, NOON): row(1) if each == source else row(0, source) for each in ("hue:a", "hue:b")}
    assert not list(wrong_rows(listed, rows))


def test_the_newest_reading_is_to_be_stored_whichever_bridge_is_first() -> None:
    assert newest({"hue:old": OLD, "hue:new": NEW}) == ("hue:new", NEW)
    assert newest({"hue:new": NEW, "hue:old": OLD}) == ("hue:new", NEW)


def test_notes_name_the_source_from_which_a_reading_is_taken() -> None:
    notes = (
        '["the reading of s1 is taken from hue:a", "the reading of s2 (not listed here) is taken from hue:b"]'
    )
    assert taken_from_others(notes) == {"s1": "hue:a", "s2": "hue:b"}
    assert not taken_from_others(None)
