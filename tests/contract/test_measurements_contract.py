"""What reading measurements back promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.store import MemoryStore
from adapters.memory.stored_data import MemoryMeasurements
from adapters.sqlite.history.queries import SqliteMeasurements
from ports.store import Store
from ports.stored_data import Measurements
from tests.support.builders import NOON, a_cycle, a_measurement
from tests.support.databases import a_store

Pair = tuple[Store, Measurements]
SECOND = timedelta(seconds=1)
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(params=["memory", "sqlite"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    if request.param == "memory":
        store = MemoryStore()
        yield store, MemoryMeasurements(store)
        return
    path = tmp_path / "readings.db"
    sqlite = a_store(path)
    sqlite.open()
    yield sqlite, SqliteMeasurements(path)
    sqlite.close()


def test_measurements_are_read_back_in_the_order_of_time(pair: Pair) -> None:
    store, measurements = pair
    earlier = a_measurement(
        NOON, strategy="v1", payload_bytes=900, cycle_s=0.5, commit_s=0.25, cpu_s=0.1, succeeded=False
    )
    later = a_measurement(NOON + FIVE_MINUTES)
    assert list(measurements.between(NOON, NOON + SECOND)) == []
    store.append(a_cycle(measurements=(later, earlier)))
    assert list(measurements.between(NOON, NOON + 2 * FIVE_MINUTES)) == [earlier, later]


@pytest.mark.parametrize(
    ("since_s", "until_s", "found"),
    [(0, 300, [0]), (0, 301, [0, 300]), (1, 301, [300]), (301, 302, [])],
)
def test_a_range_includes_its_start_and_excludes_its_end(
    pair: Pair, since_s: int, until_s: int, found: list[int]
) -> None:
    store, measurements = pair
    every = {at_s: a_measurement(NOON + timedelta(seconds=at_s)) for at_s in (0, 300)}
    store.append(a_cycle(measurements=tuple(every.values())))
    read = measurements.between(NOON + timedelta(seconds=since_s), NOON + timedelta(seconds=until_s))
    assert list(read) == [every[at_s] for at_s in found]


def test_a_measurement_is_completed_once_and_never_undone(pair: Pair) -> None:
    store, measurements = pair
    begun = a_measurement()
    completed = attrs.evolve(begun, cycle_s=0.5, commit_s=0.25, cpu_s=0.125)
    for one in (begun, completed, begun):
        store.append(a_cycle(measurements=(one,)))
    assert list(measurements.between(NOON, NOON + SECOND)) == [completed]
