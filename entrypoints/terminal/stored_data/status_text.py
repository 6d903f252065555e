"""Format the status of a home: the table of newest values, lines for people and an object for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs

from domain.cycle import DEVICE_CAUSES
from domain.history.coverage import Coverage, stale_from
from domain.progress import Waiting
from domain.times import local_time
from entrypoints.terminal.layout import Line
from entrypoints.terminal.output import Look
from entrypoints.terminal.stored_data.coverage_text import causes_text, coverage_object, share_text
from entrypoints.terminal.stored_data.newest_table import Newest, NewestTables, age_of
from entrypoints.words import reason_of
from ports.state import Json
from ports.stored_data import SourceRecord

FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_MOST_DEVICES = 10  # with a line each below their source


@attrs.frozen(kw_only=True)
class Status:
    """What is known of a home at `now` from its own files.

    `devices` have their temperatures and coverage since `since`; `coverage` is that of each source,
    `source_of` the source of each device.
    `incidents` and `state` come from the state file; `collectors` are the sources that a process collects
    from at this moment. `interval` is the longest time between two slots.
    """

    now: datetime
    since: datetime
    interval: timedelta
    devices: tuple[Newest, ...] = ()
    source_of: Mapping[str, str] = attrs.field(factory=dict)
    coverage: Mapping[str, Coverage] = attrs.field(factory=dict)
    records: tuple[SourceRecord, ...] = ()
    waiting: Waiting
    incidents: Mapping[str, Json]
    state: Mapping[str, Mapping[str, Json]]
    alert_file: Path | None
    collectors: tuple[str, ...]
    store_trouble: str | None = None
    is_simulated: bool = False


def lines(status: Status, width: int) -> Iterator[Line]:
    """Yield problems first, then the newest values, then the sources."""
    for problem in _problems(status):
        yield problem, Look.BOLD
    if status.is_simulated:
        yield "the readings are those of a simulated home", Look.BOLD
    running = ", ".join(status.collectors)
    yield f"collecting now: {running}" if running else "no collector is running", Look.PLAIN
    yield from ((line, Look.PLAIN) for line in _waiting(status.waiting))
    tables = NewestTables(
        devices=status.devices, since=status.since, now=status.now, interval=status.interval
    )
    if status.devices:
        yield "", Look.PLAIN
        yield from tables.lines(width)
    if status.records:
        yield "", Look.PLAIN
    for record in status.records:
        yield f"{record.source}: {_describe(record, status.coverage.get(record.source))}", Look.PLAIN
        yield from ((f"  {line}", Look.PLAIN) for line in _incomplete(status, record.source))
        if (share := _retry_share(record)) is not None:
            yield f"  a retry solved {share * 100:.0f} % of temporary errors", Look.PLAIN


def as_object(status: Status) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    return {
        "format": FORMAT,
        "now": status.now.isoformat(),
        "is_simulated": status.is_simulated,
        "collecting": list(status.collectors),
        "troubles": list(_problems(status)),
        "incidents": status.incidents,
        "state": status.state,
        "spool": {
            "cycles": status.waiting.cycles,
            "readings": status.waiting.readings,
            "places": status.waiting.places,
        },
        "sources": [
            {
                **attrs.asdict(record),
                "slot": record.slot.isoformat(),
                "ahead": record.ahead.isoformat() if record.ahead else None,
                "mended_share": _retry_share(record),
                "coverage": coverage_object(status.coverage.get(record.source)),
            }
            for record in status.records
        ],
        "devices": [
            {
                "device_id": reading.device_id,
                "location": reading.location,
                "collected_at": reading.collected_at.isoformat(),
                "observed_at": reading.observed_at.isoformat() if reading.observed_at else None,
                "age_s": age_of(reading, status.now).total_seconds(),
                "values": {quantity.value: value for quantity, value in reading.values.items()},
                "battery_percent": reading.battery_percent,
                "is_anomalous": reading.is_anomalous,
                "is_stale": status.now > stale_from(reading.collected_at, status.interval),
                "coverage": coverage_object(one.coverage),
            }
            for one in status.devices
            for reading in (one.reading,)
        ],
    }


def _problems(status: Status) -> Iterator[str]:
    names = {one.reading.device_id: one.reading.location for one in status.devices}
    if status.store_trouble:
        yield f"database: {status.store_trouble}"
    for problem in status.waiting.unreadable:
        yield f"spool: {problem}"
    if status.alert_file:
        yield f"a person must act: {status.alert_file} says what to do"
    for record in status.records:
        if record.ahead is not None:
            yield (
                f"the clock is, or was, wrong: {record.source} has a slot of {local_time(record.ahead)}; "
                "rows that are later than two hours from now are not shown as newest"
            )
    for incident in status.incidents.values():
        if isinstance(incident, dict) and incident.get("is_open"):
            yield f"{_title(incident, names)} (since {_since(incident.get('since'))})"
    yield from _upkeep_problems(status.state)


def _upkeep_problems(state: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    report = state.get("upkeep.report", {})
    if report.get("result") == "failed":
        yield f"weekly report: {report.get('reason')}; it is tried again after a day"
    for key in ("upkeep.backup", "upkeep.copy"):
        kept = state.get(key, {}).get("kept")
        for file, reason in kept.items() if isinstance(kept, dict) else ():
            yield (
                f"the old backup {file} is kept: {reason}. `homeclimate db salvage` with this file merges "
                "its rows"
            )


def _waiting(waiting: Waiting) -> Iterator[str]:
    if waiting.cycles:
        yield (
            f"spool: {waiting.readings} readings of {waiting.cycles} cycles wait for the database in "
            f"{' and '.join(waiting.places)}; the next cycle that can write to it stores them"
        )


def _title(incident: Mapping[str, Json], names: Mapping[str, str]) -> str:
    """Return what is wrong, with the name of the device that it names by its id."""
    title, subject = str(incident.get("title")), incident.get("subject")
    name = names.get(subject) if isinstance(subject, str) else None
    return title if name is None else title.replace(str(subject), name)


def _since(since: Json) -> str:
    try:
        return local_time(datetime.fromisoformat(str(since)))
    except ValueError:
        return str(since)


def _describe(record: SourceRecord, coverage: Coverage | None) -> str:
    if record.state == "stored":
        what = f"{record.readings} reading{'' if record.readings == 1 else 's'}"
        what += f", {record.unread} missing," if record.unread else ""
    else:
        detail = f" ({record.detail})" if record.detail else ""
        what = f"{record.state}: {reason_of(record.cause or '')}{detail},"
    text = f"{what} at {local_time(record.slot)}"
    if coverage is not None and coverage.share is not None:
        text += f"; {share_text(coverage)} of the last 24 h stored"
    return text


def _incomplete(status: Status, source: str) -> Iterator[str]:
    """Yield what is missing, and a line for each device that lacks readings for causes of its own."""
    if (whole := status.coverage.get(source)) is not None and whole.missing:
        yield f"missing: {causes_text(whole.missing)}"
    found = [
        (one.reading.location, one.coverage)
        for one in status.devices
        if status.source_of.get(one.reading.device_id) == source
        and one.coverage is not None
        and one.coverage.missing.keys() & DEVICE_CAUSES
    ]
    for name, coverage in found[:_MOST_DEVICES]:
        own = {cause: number for cause, number in coverage.missing.items() if cause in DEVICE_CAUSES}
        yield f"{name}: {share_text(coverage)} stored; missing: {causes_text(own)}"
    if len(found) > _MOST_DEVICES:
        yield f"and {len(found) - _MOST_DEVICES} more devices"


def _retry_share(record: SourceRecord) -> float | None:
    """Return the share of cycles with a temporary error in which a retry brought the readings."""
    troubled = record.mended + record.unmended
    return record.mended / troubled if troubled else None
