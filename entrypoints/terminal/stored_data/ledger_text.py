"""Format the ledger: a line for each run of slots with the same outcome, or an object for scripts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import tzinfo
from typing import Any

from domain.history.coverage import NO_CYCLE
from domain.history.ledger import LedgerRow, LedgerRun
from domain.history.series import Span
from domain.times import local_span, local_time
from entrypoints.terminal.layout import Line
from entrypoints.terminal.output import Look
from entrypoints.words import reason_of

FORMAT = 1  # of the JSON object: increased when a key is renamed or removed
_MOST_NAMES = 4
_STATES = {"deferred": "not asked: ", "missed": "no cycle: ", NO_CYCLE: ""}


def lines(runs: Iterable[LedgerRun], names: Mapping[str, str], zone: tzinfo) -> Iterator[Line]:
    """Yield a line for each run; `names` are those of devices by id."""
    for run in runs:
        look = Look.PLAIN if run.row.state == "stored" else Look.BOLD
        yield f"{_when(run, zone)}  {run.row.source}  {_outcome(run, names)}{_cost(run)}", look


def as_object(runs: Iterable[LedgerRun], span: Span) -> dict[str, Any]:
    """Return the object that docs/reference/command-line.md documents."""
    return {
        "format": FORMAT,
        "since": span.since.isoformat(),
        "until": span.until.isoformat(),
        "runs": [
            {
                "source": run.row.source,
                "first_slot": run.first_slot.isoformat(),
                "last_slot": run.row.slot.isoformat(),
                "slots": run.slots,
                "planned": run.row.is_planned,
                "state": run.row.state,
                "cause": run.row.cause or None,
                "detail": run.row.detail,
                "readings": run.row.readings,
                "unread": [
                    {"device_id": device_id, "cause": cause, "detail": detail}
                    for device_id, (cause, detail) in run.row.unread.items()
                ],
                "attempts": run.attempts or None,
                "duration_s": run.duration_s,
            }
            for run in runs
        ],
    }


def _when(run: LedgerRun, zone: tzinfo) -> str:
    if run.slots > 1:
        return local_span(run.first_slot, run.row.slot, zone)
    return local_time(run.row.slot, zone, seconds=not run.row.is_planned)


def _outcome(run: LedgerRun, names: Mapping[str, str]) -> str:
    row = run.row
    if row.state == "stored":
        count = "no readings" if not row.readings else f"{row.readings} reading{'s'[: row.readings != 1]}"
        text = f"{run.slots:,} slots, {count} each" if run.slots > 1 else count
        text += f"; missing: {_missing(row, names)}" if row.unread else ""
    else:
        slots = f"{run.slots:,} slots: " if run.slots > 1 else ""
        detail = f" ({row.detail})" if row.detail else ""
        text = f"{slots}{_STATES.get(row.state, '')}{reason_of(row.cause)}{detail}"
    return text if row.is_planned else f"{text}, by hand"


def _missing(row: LedgerRow, names: Mapping[str, str]) -> str:
    by_cause: dict[str, list[str]] = {}
    for device_id, (cause, detail) in row.unread.items():
        by_cause.setdefault(cause, []).append(names.get(device_id, detail or device_id))
    return ", ".join(f"{_listed(devices)} ({reason_of(cause)})" for cause, devices in by_cause.items())


def _listed(devices: list[str]) -> str:
    surplus = len(devices) - _MOST_NAMES
    named = ", ".join(sorted(devices)[:_MOST_NAMES])
    return f"{named} and {surplus} more" if surplus > 0 else named


def _cost(run: LedgerRun) -> str:
    """Return the attempts and the time of a read, if they were measured."""
    if run.duration_s is None or not run.attempts:
        return ""
    attempts = f"{run.attempts} attempts, " if run.attempts > 1 else ""
    return f"  [{'up to ' if run.slots > 1 else ''}{attempts}{run.duration_s:.2f} s]"
