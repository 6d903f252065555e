"""The duration and the bytes of cycles can be looked up in the database and the log."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.log.rotating_log import RotatingLog
from adapters.memory.runtime import MemoryClock
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import Pace
from domain.services.collection_cycle import SourcePlan
from tests.support.builders import NOON, a_due
from tests.support.collecting import a_collection
from tests.support.databases import a_store, rows
from tests.support.hue_bench import in_front_of

CYCLES = 3
LATENCY_S = 0.03


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
async def reply_bytes(folder: Path, simulated_home: SimulatedHome, home_clock: MemoryClock) -> list[int]:
    """Run three cycles with a slow bridge; return the bytes that it sent in each."""
    bridge, sent = simulated_home.bridge, []
    bridge.set_pace(Pace(latency_s=LATENCY_S))
    store, log = (
        a_store(folder / "readings.db"),
        RotatingLog(folder / "logs", redact=str, clock=SystemClock()),
    )
    async with in_front_of(bridge, wall=home_clock) as bench:
        collection = a_collection(
            [SourcePlan(source=bench.source, interval_s=300)],
            clock=bench.clock,
            meter=bench.meter,
            store=store,
            journal=log,
        )
        for number in range(CYCLES):
            before = len(bridge.requests)
            await collection.run([a_due("hue", slot=NOON + timedelta(minutes=5 * number))])
            sent.append(sum(request.reply_bytes for request in bridge.requests[before:]))
            home_clock.advance(300)
    store.close()
    return sent


def test_capture_collection_cycle_duration(folder: Path, reply_bytes: list[int]) -> None:
    kept = rows(
        folder / "readings.db",
        "SELECT slot, duration_s FROM source_measurements ORDER BY slot",
    )
    whole = [float(text) for text in _logged(folder, "duration_s")]
    assert [slot[:16] for slot, _ in kept] == [
        "2026-03-01T12:00",
        "2026-03-01T12:05",
        "2026-03-01T12:10",
    ]
    assert len(whole) == len(reply_bytes) == CYCLES
    for (_, read_s), whole_s in zip(kept, whole, strict=True):
        assert LATENCY_S <= read_s <= whole_s + 0.001  # the log tells milliseconds


def test_capture_network_payload_size(folder: Path, reply_bytes: list[int]) -> None:
    kept = rows(
        folder / "readings.db",
        "SELECT payload_bytes, wire_bytes FROM source_measurements ORDER BY slot",
    )
    assert [payload for payload, _ in kept] == [wire for _, wire in kept] == reply_bytes
    assert [int(text) for text in _logged(folder, "payload_bytes")] == reply_bytes
    assert reply_bytes[0] > reply_bytes[1] > 0, "the first cycle also asks who the sensors are"


def _logged(folder: Path, field: str) -> list[str]:
    """Return the field of each cycle in the log."""
    text = (folder / "logs" / "homeclimate.log").read_text()
    return re.findall(rf" cycle .*\b{field}=(\S+)", text)


async def test_fallback_is_measured_with_the_read_that_failed(
    folder: Path, simulated_home: SimulatedHome, home_clock: MemoryClock
) -> None:
    bridge, store = simulated_home.bridge, a_store(folder / "readings.db")
    async with in_front_of(bridge, wall=home_clock) as bench:
        await bench.read()  # who is who
        bench.operations()
        bridge.faults.add("path=/clip/v2/resource/temperature kind=garbled")
        plans = [SourcePlan(source=bench.source, interval_s=300)]
        collection = a_collection(
            plans, clock=bench.clock, meter=bench.meter, store=store, journal=bench.journal
        )
        await collection.run([a_due("hue", slot=NOON)])
    store.close()
    kept = rows(folder / "readings.db", "SELECT strategy, payload_bytes FROM source_measurements")
    assert kept == [("v1", sum(request.reply_bytes for request in bridge.requests[-2:]))]
    [(notes,)] = rows(folder / "readings.db", "SELECT notes FROM outcomes")
    assert "read version 1 of the API, since version 2 could not be read" in notes
