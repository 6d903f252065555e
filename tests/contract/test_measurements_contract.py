"""What whoever reads measurements back promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from adapters.memory.store import MemoryMeasurements, MemoryStore
from adapters.sqlite.queries import SqliteMeasurements
from domain.cycle import CycleReport
from domain.measurements import Measurement
from ports.store import Store
from ports.stored_data import Measurements
from tests.support.builders import NOON
from tests.support.databases import a_store

Kept = tuple[Store, Measurements]


def a_measurement(at_s: float, operation: str = "source.read") -> Measurement:
    return Measurement(
        operation=operation,
        source="hue",
        began_at=NOON + timedelta(seconds=at_s),
        duration_s=0.25,
        wire_bytes=300,
        payload_bytes=900,
        succeeded=at_s < 300,
    )


@pytest.fixture(params=["memory", "sqlite"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "memory":
        store = MemoryStore()
        yield store, MemoryMeasurements(store)
        return
    path = tmp_path / "readings.db"
    sqlite = a_store(path)
    yield sqlite, SqliteMeasurements(path)
    sqlite.close()


def test_what_was_measured_is_read_back_in_the_order_of_time(kept: Kept) -> None:
    store, measurements = kept
    later, earlier = a_measurement(300), a_measurement(0.000001)
    store.append(CycleReport(outcomes=(), measurements=(later, earlier)))
    assert measurements.between(NOON, NOON + timedelta(hours=1)) == [earlier, later]


@pytest.mark.parametrize(
    ("since_s", "until_s", "found"), [(0, 300, [0]), (0, 301, [0, 300]), (1, 301, [300]), (301, 302, [])]
)
def test_the_beginning_counts_and_the_end_does_not(
    kept: Kept, since_s: float, until_s: float, found: list[float]
) -> None:
    store, measurements = kept
    store.append(CycleReport(outcomes=(), measurements=(a_measurement(0), a_measurement(300))))

    told = measurements.between(NOON + timedelta(seconds=since_s), NOON + timedelta(seconds=until_s))
    assert list(told) == [a_measurement(each) for each in found]


def test_two_that_are_alike_are_two(kept: Kept) -> None:
    store, measurements = kept
    same = a_measurement(0)
    store.append(CycleReport(outcomes=(), measurements=(same, attrs.evolve(same))))
    assert list(measurements.between(NOON, NOON + timedelta(seconds=1))) == [same, same]
