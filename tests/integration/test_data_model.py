"""docs/reference/data-model.md and database.md document exactly the fields that the program produces."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.alerts.incidents import Incident, Topic
from domain.errors import SourceUnavailable
from domain.health.report import ComponentResult, HealthReport, Status
from domain.measurements import ReadCost
from domain.reading import Quantity, Reading
from domain.services.baseline_comparison import compare
from domain.services.retry_policy import RetryPolicy
from entrypoints.terminal import baseline_text, health_text
from tests.support.baselines import a_baseline, sqlite_baselines
from tests.support.builders import NOON, a_cycle, a_measurement
from tests.support.databases import a_store, rows

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
RETRY_EVENTS = ("retry", "retry_recovered", "retry_gave_up")


def documented(first_cell: str) -> Mapping[str, list[str]]:
    """Return the other cells of the table that begins with this cell, by the names in its first column."""
    _, _, table = (REFERENCE / "data-model.md").read_text().partition(f"\n| {first_cell} |")
    return rows_of(table)


def rows_of(text: str) -> Mapping[str, list[str]]:
    """Return the other cells of each row of the text's first table, by the names in its first cell."""
    fields: dict[str, list[str]] = {}
    for line in text[text.index("\n|---") :].partition("\n\n")[0].strip().splitlines()[1:]:
        first, *others = [cell.strip() for cell in line.strip("|").split("|")]
        fields |= dict.fromkeys(re.findall(r"`([^`]+)`", first), others)
    return fields


def test_fields_of_a_reading() -> None:
    assert set(documented("field of a reading")) == {field.name for field in attrs.fields(Reading)}
    assert set(documented("quantity")) == set(Quantity)


def test_columns_of_the_database(tmp_path: Path) -> None:
    path = tmp_path / "readings.db"
    store = a_store(path)
    store.open()
    store.append(a_cycle(measurements=(a_measurement(),)))
    store.close()
    readings = columns(path, "readings")
    assert readings >= {cells[0].split()[0].strip("`") for cells in documented("quantity").values()}
    measurements = {field.name for field in attrs.fields(ReadCost)}
    assert measurements == columns(path, "source_measurements") == set(documented("field of a measurement"))
    _, text = (REFERENCE / "database.md").read_text().split("\n## `readings`")
    assert set(rows_of(text)) == readings
    assert set(rows_of(text.partition("\n## `outcomes`")[2])) == columns(path, "outcomes")


def columns(path: Path, table: str) -> set[str]:
    return {row[1] for row in rows(path, f"PRAGMA table_info({table})")}


@pytest.mark.parametrize("event", RETRY_EVENTS)
def test_fields_of_a_retry_event(event: str) -> None:
    journal, clock = MemoryJournal(), MemoryClock(NOON)
    attempts = iter([True, False, True, True, True])

    async def operation() -> None:
        if next(attempts):
            raise SourceUnavailable("reset", endpoint="GET 192.0.2.1/clip")

    async def retry_twice() -> None:
        retrier = StaminaRetrier(clock=clock, journal=journal, random=lambda: 0.0)
        for _ in range(2):
            deadline_s = clock.elapsed_s() + 18
            await retrier.call(operation, name="hue.read", policy=RetryPolicy(), deadline_s=deadline_s)

    with pytest.raises(SourceUnavailable):
        asyncio.run(retry_twice())
    column = RETRY_EVENTS.index(event)
    fields = {name for name, cells in documented("field of an event").items() if cells[column] == "yes"}
    assert journal.of(event)
    assert all(set(record.fields) == fields for record in journal.of(event))


def test_fields_of_the_health_report() -> None:
    bad = ComponentResult(component="disk", status=Status.FAIL, summary="full", next_step="Make room.")
    report = json.loads(health_text.as_json(HealthReport((bad,)), at=NOON, duration_s=0.5))
    assert set(documented("field of the report")) == set(report)
    assert set(documented("field of a check")) == set(report["checks"]["disk"][0])


def test_fields_of_a_baseline(tmp_path: Path) -> None:
    path, kept = tmp_path / "readings.db", a_baseline(machine="x86_64")
    store = a_store(path)
    store.open()
    store.close()
    with sqlite_baselines(path) as baselines:
        baselines.save(kept)
    ((content,),) = rows(path, "SELECT content FROM baselines")
    assert set(documented("field of the content")) == set(json.loads(content))
    assert set(documented("field of a baseline")) == set(baseline_text.baseline_object(kept))
    comparison = baseline_text.comparison_object(compare(kept, kept), [])
    assert set(documented("field of a comparison")) == set(comparison)


def test_fields_of_an_incident() -> None:
    state = MemoryState()
    SavedState(state).save_incidents({"a": Incident(topic=Topic.DISK_LOW, subject="disk", since=NOON)})
    incident: Any = state.get("incidents")["a"]
    fields = documented("field of an incident")
    assert set(fields) == set(incident)
    assert set(re.findall(r"`(\w+)`", fields["topic"][0])) == set(Topic)
