"""Whole cycles over spoiled replies, and the laws that hold for each of them and its rows."""

from __future__ import annotations

import asyncio
import json
import math
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from adapters.hue.source import Strategy
from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.state import MemoryState
from adapters.sqlite.store import SqliteStore
from domain.cycle import Cause, Collected, CycleReport, Failed, Outcome, Stored
from domain.reading import Quantity
from domain.services.collection_cycle import SourcePlan
from domain.services.retry_policy import RetryPolicy
from ports.state import State
from tests.support.alexa_stand_in import REFRESH_TOKEN
from tests.support.amazon_bench import an_amazon_bench
from tests.support.builders import NOON, a_due
from tests.support.collecting import a_collection
from tests.support.hue_bench import WallOf, a_hue_bench
from tests.support.odd_json import numbers_that_are_none
from tests.support.odd_server import CA_FILE
from tests.support.reads import read_once
from tests.support.recorded import recorded
from tests.support.replayed_home import Answer, ReplayedHome, Way, a_replayed_home

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
    found += [f"{row['source']}: {fault}" for row in outcomes for fault in _of_ledger(row)]
    if len(outcomes) != len(report.outcomes):
        found.append(f"{len(outcomes)} outcomes in the ledger for {len(report.outcomes)}")
    return found + list(_of_readings({row["device_id"]: row for row in rows}, report))


def readings_at(path: Path, slot: str) -> list[sqlite3.Row]:
    """The rows of that slot."""
    return _selected(path, "SELECT * FROM all_readings WHERE timestamp = ?", slot)


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


def _of_ledger(row: sqlite3.Row) -> Iterator[str]:
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


_LARGEST_STATE = 1_000_000  # characters
# What makes the sources ask for it.
STRATEGIES: dict[str, Strategy] = {"hue.v1/sensors": "v1", "hue.v1/whole_bridge": "whole_bridge"}
BY_V2 = ("hue.v2/device", "hue.v2/device_power", "hue.v2/zigbee_connectivity")  # what v1 may leave open
WAYS: dict[str, Way] = {
    "amazon.endpoints": "endpoints",
    "amazon.phoenix": "phoenix",
    "amazon.exchange": "cookies",
    "amazon.csrf": "cookies",
}


class Spoiling:
    """A replayed home, and a database in which the cycles of all cases are stored one after the other.

    `tried` counts by what was asked, `became` what came of it.
    """

    def __init__(self, home: ReplayedHome, folder: Path) -> None:
        self.home = home
        self.cycles = 0
        self.tried: Counter[str] = Counter()
        self.became: Counter[str] = Counter({"failed by a bug": 0, "rows outside the rules": 0})
        self.state: State = MemoryState()
        self.journal = MemoryJournal()
        self._database = folder / "readings.db"
        self._store = SqliteStore(self._database, journal=MemoryJournal(), clock=MemoryClock(NOON))

    def cycle(self, answers: Mapping[str, Answer]) -> CycleReport:
        """Run a cycle of both sources that meets these answers. Raise AssertionError if a law is broken."""
        self.home.answers, self.home.asked = dict(answers), Counter()
        self.home.way = next((WAYS[name] for name in answers if name in WAYS), "graphql")
        self.home.has_names_in_v1 = not any(name in BY_V2 for name in answers)
        chosen = (STRATEGIES[name] for name in answers if name in STRATEGIES)
        report = asyncio.run(self._cycle(next(chosen, "auto")))
        for name in answers:
            self.tried[name] += self.home.asked[name] > 0
        self._check(report, answers)
        return report

    def cycle_counting(self, answers: Mapping[str, Answer]) -> None:
        """Run a cycle whose replies have odd numbers only: nothing fails, and each is counted."""
        for outcome in self.cycle(answers).outcomes:
            source = outcome.due.source
            assert isinstance(outcome, Collected), outcome
            served = sum(
                self.home.asked[name] * numbers_that_are_none(body_of(answer))
                for name, answer in answers.items()
                if name.startswith(f"{source}.")
            )
            recorded_ = [record.fields for record in self.journal.of("source.not_finite")]
            counted = [fields["values"] for fields in recorded_ if fields["source"] == source]
            assert counted == ([served] if served else []), (served, counted)
            assert not served or outcome.notes[0].startswith(f"{served:,} value"), outcome.notes

    def read(self, name: str, answer: Answer) -> None:
        """Run one read by itself, those of a sign-in included; raise any error that is not a SourceError."""
        self.home.answers, self.home.way = {name: answer}, "graphql"
        asyncio.run(read_once(self.home, name))
        self.tried[f"{name} alone"] += 1

    def rows(self) -> list[sqlite3.Row]:
        """Return the rows of the last cycle."""
        return readings_at(self._database, _slot(self.cycles).isoformat())

    def close(self) -> None:
        self._store.close()

    async def _cycle(self, strategy: Strategy) -> CycleReport:
        self.cycles += 1
        self.state, self.journal = MemoryState(), MemoryJournal()
        clock, slot, home = (
            WallOf(wall=MemoryClock(NOON)),
            _slot(self.cycles),
            recorded(),
        )
        hue = a_hue_bench(
            self.home.bridge,
            api_key=home.hue_key,
            bridge_id=home.bridge_id,
            roots=CA_FILE,
            strategy=strategy,
            state=self.state,
            wall=MemoryClock(NOON),
            raw_response=True,
        )
        amazon = an_amazon_bench(self.home.hosts, state=self.state, roots=CA_FILE, raw_response=True)
        plans = [
            SourcePlan(source=source, interval_s=300, policy=RetryPolicy(attempts=1))
            for source in (hue.source, amazon.source)
        ]
        collection = a_collection(
            plans, clock=clock, journal=self.journal, store=self._store, state=self.state
        )
        try:
            cycle = await collection.run([a_due("hue", slot), a_due("amazon", slot)])
        finally:
            await hue.source.close()
            await amazon.source.close()
        assert isinstance(cycle, Stored), cycle
        return cycle.report

    def _check(self, report: CycleReport, spoiled: Iterable[str]) -> None:
        """Check the laws."""
        broken = complaints(self._database, report)
        self.became["rows outside the rules"] += len(broken)
        for outcome in report.outcomes:
            source = outcome.due.source
            self.became[f"{source} {type(outcome).__name__}"] += 1
            self.became["failed by a bug"] += isinstance(outcome, Failed) and outcome.cause is Cause.INTERNAL
            broken += _of_outcome(outcome)
            if not any(name.startswith(f"{source}.") for name in spoiled):
                broken += _of_a_good_source(outcome)
        broken += [f"a bug: {record.fields}" for record in self.journal.of("source.bug")]
        shown = repr((report.outcomes, self.journal.records))
        broken += [
            f"{secret[:4]}... was shown" for secret in (recorded().hue_key, REFRESH_TOKEN) if secret in shown
        ]
        longest = max((len(str(record.fields)) for record in self.journal.records), default=0)
        if longest > 5_000:
            broken.append(f"a record of {longest} characters in the journal")
        kept = sum(len(json.dumps(self.state.get(key), allow_nan=False)) for key in _KEYS)
        if kept > _LARGEST_STATE:
            broken.append(f"{kept} characters in the state")
        assert not broken, broken


def _slot(cycle: int) -> datetime:
    return NOON + timedelta(minutes=5 * cycle)


def _of_outcome(outcome: Outcome) -> Iterator[str]:
    match outcome:
        case Collected():
            devices = [
                *(one.device_id for one in outcome.readings),
                *(one.device_id for one in outcome.unread),
            ]
            if len(devices) != len(set(devices)):
                yield "a device is accounted for twice"
        case Failed(cause=Cause.INTERNAL) | Failed(detail=""):
            yield f"failed by {outcome.cause}: {outcome.detail}"
        case Failed():
            pass
        case _:
            yield f"it became {outcome}"


def _of_a_good_source(outcome: Outcome) -> Iterator[str]:
    wanted = recorded().sensors if outcome.due.source == "hue" else recorded().monitors
    got = {one.device_id for one in outcome.readings} if isinstance(outcome, Collected) else set()
    if got != wanted:
        yield f"the other source lost {wanted - got}: {outcome}"


def body_of(answer: Answer) -> str:
    """Return the JSON of a plain answer."""
    return b"".join(answer.pieces).split(b"\r\n\r\n", 1)[1].decode()


_KEYS = ("hue.directory", "amazon.monitors", "amazon.access_token", "amazon.authorisation", "amazon.refusal")


@contextmanager
def spoiling(folder: Path) -> Iterator[Spoiling]:
    """Yield a home whose replies a test spoils."""
    with a_replayed_home() as home:
        ready = Spoiling(home, folder)
        try:
            yield ready
        finally:
            ready.close()
