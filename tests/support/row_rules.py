"""What must be true of every row that a cycle leaves in the database, by rules of the tests' own."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.cycle import Cause, Collected, CycleReport
from domain.reading import Quantity

# The columns of values, and what the table's rules let in.
_RANGES = {
    Quantity.TEMPERATURE: ("temperature_celsius", -40.0, 50.0),
    Quantity.RELATIVE_HUMIDITY: ("humidity_percent", 0.0, 100.0),
    Quantity.PM25: ("pm25_ugm3", 0.0, math.inf),
    Quantity.PM10: ("pm10_ugm3", 0.0, math.inf),
    Quantity.CARBON_MONOXIDE: ("co_ppm", 0.0, math.inf),
    Quantity.CARBON_DIOXIDE: ("co2_ppm", 0.0, math.inf),
    Quantity.VOC_INDEX: ("voc_ppb", 0.0, math.inf),
    Quantity.IAQ_SCORE: ("iaq_score", 0.0, 100.0),
}
_LONGEST = {"device_id": 210, "location": 200, "raw_response": 65_536, "other_values": 20_000}
_LONGEST_OF_LEDGER = {"detail": 1_000, "notes": 50_000, "unread": 4_000_000}


def complaints(path: Path, report: CycleReport) -> list[str]:
    """Everything that is not as it must be of the rows of the report's slot."""
    slot = report.outcomes[0].due.slot.isoformat()
    rows = readings_at(path, slot)
    outcomes = _selected(path, "SELECT * FROM outcomes WHERE slot = ?", slot)
    found = [f"{row['device_id'][:60]}: {fault}" for row in rows for fault in _of_row(row)]
    found += [f"{row['source']}: {fault}" for row in outcomes for fault in _of_outcome(row)]
    if len(outcomes) != len(report.outcomes):
        found.append(f"{len(outcomes)} outcomes in the ledger for {len(report.outcomes)}")
    return found + list(_of_readings({row["device_id"]: row for row in rows}, report))


def readings_at(path: Path, slot: str) -> list[sqlite3.Row]:
    """The rows of that slot."""
    return _selected(path, "SELECT * FROM readings WHERE timestamp = ?", slot)


def _selected(path: Path, statement: str, slot: str) -> list[sqlite3.Row]:
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return connection.execute(statement, (slot,)).fetchall()


def _of_row(row: sqlite3.Row) -> Iterator[str]:
    for column, least, most in _RANGES.values():
        value = row[column]
        if value is not None and not (isinstance(value, float) and least <= value <= most):
            yield f"{column} is {value!r}"
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{column} is not finite"
    if row["battery_level"] not in (None, *range(101)) or row["signal_strength"] not in (None, 0, 1):
        yield f"battery {row['battery_level']!r}, signal {row['signal_strength']!r}"
    if row["is_anomalous"] not in (0, 1):
        yield f"is_anomalous is {row['is_anomalous']!r}"
    for column in ("timestamp", "observed_at"):
        if row[column] is not None and datetime.fromisoformat(row[column]).utcoffset() is None:
            yield f"{column} is {row[column]!r}"
    if not row["device_id"].strip() or not row["location"]:
        yield "it has no name"
    yield from _too_long(row, _LONGEST)
    others = _strict(row["other_values"] or "{}")
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in others.values()):
        yield f"other_values are {others!r}"
    _strict(row["raw_response"] or "null")


def _of_outcome(row: sqlite3.Row) -> Iterator[str]:
    if row["state"] not in ("stored", "failed"):
        yield f"its state is {row['state']}"
    if (row["state"] == "stored") != (row["cause"] is None):
        yield f"{row['state']} with the cause {row['cause']!r}"
    if row["cause"] is not None and Cause(row["cause"]) is Cause.INTERNAL:
        yield f"internal: {row['detail']}"
    if not all(isinstance(note, str) for note in _strict(row["notes"] or "[]")):
        yield f"notes are {row['notes']!r}"
    for why in _strict(row["unread"] or "{}").values():
        Cause(why if isinstance(why, str) else why[0])
    yield from _too_long(row, _LONGEST_OF_LEDGER)


def _of_readings(rows: dict[str, sqlite3.Row], report: CycleReport) -> Iterator[str]:
    """Every finite value that a source gave is in its row, and what the column refuses is flagged."""
    for outcome in report.outcomes:
        for reading in outcome.readings if isinstance(outcome, Collected) else ():
            row = rows.pop(reading.device_id, None)
            if row is None:
                yield f"{reading.device_id[:60]} has no row"
                continue
            others = _strict(row["other_values"] or "{}")
            for quantity, value in reading.values.items():
                column, least, most = _RANGES[quantity]
                is_kept = row[column] == value if least <= value <= most else others.get(quantity) == value
                if not is_kept or (not least <= value <= most and row["is_anomalous"] != 1):
                    yield f"{reading.device_id}: {quantity} {value} is {row[column]}, {others}"
    yield from (f"{device_id[:60]} has a row without a reading" for device_id in rows)


def _too_long(row: sqlite3.Row, limits: dict[str, int]) -> Iterator[str]:
    for column, most in limits.items():
        if len(row[column] or "") > most:
            yield f"{column} has {len(row[column])} characters"


def _strict(written: str) -> Any:
    """The JSON; ValueError for NaN and infinities, for which it has no words."""

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} in JSON")

    return json.loads(written, parse_constant=refuse)
