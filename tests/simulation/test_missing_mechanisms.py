"""A simulation without one of the collector's mechanisms reports the promise that is broken."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest

from adapters.alerts.alert_file import AlertFile
from adapters.amazon.authorisation import Headers, TokenAuthoriser
from adapters.files.spool.folder import SpoolFolder
from adapters.hue.sensor_directory import SensorDirectory
from adapters.hue.source import HueSource
from adapters.log.rotating_log import RotatingLog, _LogFiles
from adapters.simulator.chance import hexadecimal
from adapters.simulator.hue.model import BSB002
from adapters.simulator.simulation import bounds
from adapters.sqlite import store
from adapters.sqlite.database_lock import DatabaseLock
from adapters.sqlite.migration import migrations
from adapters.sqlite.rows import cycles, readings
from adapters.sqlite.rows.checksums import LedgerRow
from adapters.sqlite.rows.cycles import CycleWriter
from adapters.sqlite.rows.devices import DeviceRows
from adapters.sqlite.rows.readings import _COLUMNS_TO_INSERT, Cell
from adapters.sqlite.schema import CREATE_READINGS
from adapters.sqlite.wal import Wal
from domain import cycle
from domain.backoff import SourceFailures
from domain.cycle import Cause, Gap, SourceReply, cause_of
from domain.errors import SourceGarbled, SourceRefused
from domain.reading import Reading
from domain.redaction import Redactor
from domain.schedule import Due
from domain.services import collection_cycle
from domain.services.collection_cycle import CollectionCycle, SourcePlan
from domain.services.continuous_collection import ContinuousCollection
from domain.services.retry_policy import RetryPolicy
from entrypoints.cli import main
from entrypoints.commands import simulate
from ports.journal import Level

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

Patch = pytest.MonkeyPatch


def broken_promises(capsys: pytest.CaptureFixture[str], *, days: float, faults: str) -> list[str]:
    code = main(["simulate", "--days", str(days), "--faults", faults, "--json"])
    broken: list[str] = json.loads(capsys.readouterr().out)["broken"]
    assert code == bool(broken)
    return broken


def without_budget(patch: Patch) -> None:
    async def read(self: CollectionCycle, plan: SourcePlan, due: Due, policy: RetryPolicy) -> SourceReply:
        return await plan.source.read(due.slot, self._clock.elapsed_s() + 86_400)

    patch.setattr(CollectionCycle, "_read", read)


def without_fixed_rate(patch: Patch) -> None:
    async def nap(self: ContinuousCollection, _: asyncio.Future[Any]) -> None:
        await self._clock.sleep(300)

    patch.setattr(ContinuousCollection, "_nap", nap)


def without_reachability(patch: Patch) -> None:
    patch.setattr(SensorDirectory, "_is_reachable", lambda *_: True)


def without_checkpoints(patch: Patch) -> None:
    patch.setattr(simulate, "_CONFIG", "storage: {busy_timeout_ms: 1, wal_checkpoint_interval: 100000}\n")
    patch.setattr(Wal, "shorten", lambda *_, **__: None)


def without_rows_for_gaps(patch: Patch) -> None:
    patch.setattr(cycles, "find_holes", lambda *_: ())


def without_cause_of_gaps(patch: Patch) -> None:
    patch.setattr(Gap, "cause_of", lambda *_: Cause.OVERRUN)


def without_end_of_alerts(patch: Patch) -> None:
    patch.setattr(AlertFile, "clear", lambda _: None)


def without_new_access_tokens(patch: Patch) -> None:
    async def header_sets(self: TokenAuthoriser, deadline_s: float) -> AsyncGenerator[Headers, None]:
        yield {"Authorization": f"Bearer {(await self._tokens.token(deadline_s)).value}"}

    patch.setattr(TokenAuthoriser, "header_sets", header_sets)


def without_checksums(patch: Patch) -> None:
    patch.setattr(CycleWriter, "_insert_checksum", lambda *_, **__: None)


def without_emptying_the_spool(patch: Patch) -> None:
    patch.setattr(SpoolFolder, "remove_drained", lambda _: None)


def without_idempotence(patch: Patch) -> None:
    without_emptying_the_spool(patch)
    patch.setattr(SpoolFolder, "mark_drained", lambda *_, **__: None)
    table, *indexes = CREATE_READINGS
    unique = "    UNIQUE (device_id, timestamp),\n"
    assert unique in table
    patch.setattr(migrations, "CREATE_READINGS", (table.replace(unique, ""), *indexes))
    for name in ("INSERT_READING", "INSERT_NAMED_READING"):
        patch.setattr(cycles, name, getattr(cycles, name).partition("ON CONFLICT")[0])
    patch.setattr(CycleWriter, "_present", lambda *_: set())


def without_closed_files(patch: Patch) -> None:
    def forget(self: DatabaseLock) -> None:
        self._descriptor = None

    patch.setattr(DatabaseLock, "close", forget)


def without_names(patch: Patch) -> None:
    change_rows(patch, location="Attic")


def without_batteries(patch: Patch) -> None:
    change_rows(patch, battery_level=None)


def change_rows(patch: Patch, **columns: Cell) -> None:
    row_of = readings.row_of
    places = {_COLUMNS_TO_INSERT.index(name): cell for name, cell in columns.items()}

    def changed(reading: Reading, created_at: str) -> tuple[Cell, ...]:
        return tuple(places.get(place, cell) for place, cell in enumerate(row_of(reading, created_at)))

    patch.setattr(cycles, "row_of", changed)


def change_ledger(patch: Patch, change: Callable[[LedgerRow], LedgerRow]) -> None:
    ledger_row = cycles._ledger_row
    patch.setattr(cycles, "_ledger_row", lambda entry: change(ledger_row(entry)))


def without_cause_of_devices(patch: Patch) -> None:
    change_ledger(patch, lambda row: row._replace(unread=(row.unread or "").replace("unreach", "un") or None))


def without_devices_of_failures(patch: Patch) -> None:
    change_ledger(patch, lambda row: row if row.state == "stored" else row._replace(unread=None))


def without_details(patch: Patch) -> None:
    change_ledger(patch, lambda row: row._replace(detail=""))


def without_end_of_pauses(patch: Patch) -> None:
    change_ledger(patch, lambda row: row._replace(until=row.until and "2030-01-01T00:00:00+00:00"))


def with_one_word_for_two_causes(patch: Patch) -> None:
    def cause(error: Exception) -> Cause:
        return Cause.NETWORK if isinstance(error, SourceGarbled) else cause_of(error)

    patch.setattr(collection_cycle, "cause_of", cause)


def without_rows_for_devices(patch: Patch) -> None:
    patch.setattr(DeviceRows, "write", lambda *_, **__: None)


def without_pauses(patch: Patch) -> None:
    patch.setattr(SourceFailures, "defers", lambda *_: False)


def without_one_read_a_cycle(patch: Patch) -> None:
    read = CollectionCycle._read

    async def read_twice(
        self: CollectionCycle, plan: SourcePlan, due: Due, policy: RetryPolicy
    ) -> SourceReply:
        await read(self, plan, due, policy)
        return await read(self, plan, due, policy)

    patch.setattr(CollectionCycle, "_read", read_twice)


def without_a_limit_of_attempts(patch: Patch) -> None:
    patch.setattr(RetryPolicy, "attempts_for", lambda *_: 100)


def without_half_of_the_log(patch: Patch) -> None:
    record = RotatingLog.record
    numbers: Iterator[int] = iter(range(10**9))

    def record_half(self: RotatingLog, level: Level, event: str, **fields: object) -> None:
        if next(numbers) % 2:
            record(self, level, event, **fields)

    patch.setattr(RotatingLog, "record", record_half)


def without_newest_reading(patch: Patch) -> None:
    patch.setattr(cycle, "is_newer", lambda *_: False)


def without_one_reading_a_device(patch: Patch) -> None:
    patch.setattr(collection_cycle, "without_duplicates", list)


@pytest.mark.parametrize(
    ("mechanism", "faults", "days", "promise"),
    [
        (without_newest_reading, "sensor-on-two-bridges", 1, "rows of two bridges are wrong"),
        (without_one_reading_a_device, "sensor-on-two-bridges", 1, "rows of two bridges are wrong"),
        (without_names, "none", 0.25, "values are not those"),
        (without_batteries, "none", 0.25, "values are not those"),
        (without_cause_of_devices, "none", 0.25, "devices without a reading are not explained"),
        (without_devices_of_failures, "unavailable", 1, "devices without a reading are not explained"),
        (without_details, "unavailable", 1, "contradict themselves"),
        (without_end_of_pauses, "throttled", 1, "contradict themselves"),
        (with_one_word_for_two_causes, "garbled", 1, "name a wrong cause"),
        (without_rows_for_devices, "none", 0.25, "no row of their own"),
        (without_pauses, "throttled", 1, "in a pause"),
        (without_one_read_a_cycle, "none", 0.25, "after its readings"),
        (without_a_limit_of_attempts, "reset", 1, "after 3 attempts"),
        (without_half_of_the_log, "none", 0.25, "have no record in the log"),
        (without_budget, "dripping", 1, "a cycle took"),
        (without_fixed_rate, "slow", 1, "after its slot"),
        (without_reachability, "none", 2, "are stored that the home did not hand over"),
        (without_checkpoints, "none", 1, "the database's log took"),
        (without_rows_for_gaps, "stopped", 1, "have no row in the ledger"),
        (without_cause_of_gaps, "stopped", 1, "name a wrong cause"),
        (without_end_of_alerts, "token-refused", 1, "alerts were not those called for"),
        (without_new_access_tokens, "token-expired", 1, "a retry mended"),
        (without_checksums, "none", 0.25, "rows have no checksum"),
        (without_emptying_the_spool, "database-locked", 1, "cycles still wait in the spool"),
        (without_idempotence, "database-locked", 1, "readings are stored twice"),
        (without_closed_files, "stopped", 1, "more descriptors were open"),
    ],
)
def test_a_missing_mechanism_is_reported_as_a_broken_promise(
    monkeypatch: Patch,
    capsys: pytest.CaptureFixture[str],
    mechanism: Callable[[Patch], None],
    faults: str,
    days: float,
    promise: str,
) -> None:
    mechanism(monkeypatch)
    broken = broken_promises(capsys, days=days, faults=faults)
    assert any(promise in each for each in broken), broken


def test_a_log_without_rotation_exceeds_its_bound(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bound is that of the smallest log."""
    config = f"{simulate._CONFIG}logging: {{max_bytes: 65536, backup_count: 0}}\n"
    monkeypatch.setattr(simulate, "_CONFIG", config)
    monkeypatch.setattr(bounds, "LARGEST_LOG_BYTES", 65_536)
    assert broken_promises(capsys, days=2, faults="none") == []
    monkeypatch.setattr(_LogFiles, "_make_room", lambda *_, **__: None)
    (broken,) = broken_promises(capsys, days=2, faults="none")
    assert "the log took" in broken


def test_a_secret_that_a_service_quotes_is_found_without_redaction(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    key = hexadecimal(40, 1, BSB002.bridge_id, "ready key")

    async def read(self: HueSource, slot: datetime, deadline_s: float) -> SourceReply:
        raise SourceRefused(f"you sent GET /api/{key}/sensors")

    monkeypatch.setattr(HueSource, "read", read)
    found = broken_promises(capsys, days=0.25, faults="none")
    assert not any("secret" in each for each in found)
    monkeypatch.setattr(Redactor, "redact", lambda _, text: text)
    found = broken_promises(capsys, days=0.25, faults="none")
    assert "a secret was written to stdout and the ledger and the log" in found


def test_half_of_a_cycle_is_found_without_transactions(
    monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each tenth cycle fails after its readings were written, and is stored from the spool."""
    numbers: Iterator[int] = iter(range(10_000))
    insert_checksum = CycleWriter._insert_checksum

    def fail(self: CycleWriter, before: int, rows: Sequence[Any], *, is_certain: bool) -> None:
        if next(numbers) % 10 == 5:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorname = "SQLITE_FULL"
            raise error
        insert_checksum(self, before, rows, is_certain=is_certain)

    @contextmanager
    def no_transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
        yield

    monkeypatch.setattr(CycleWriter, "_insert_checksum", fail)
    assert broken_promises(capsys, days=0.25, faults="none") == []
    monkeypatch.setattr(store, "transaction", no_transaction)
    found = broken_promises(capsys, days=0.25, faults="none")
    assert any("rows have no checksum" in each for each in found), found
