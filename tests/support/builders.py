"""Values for tests, complete without a word about what the test is not about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from domain.cycle import (
    Cause,
    Collected,
    CycleReport,
    Deferred,
    Failed,
    Missed,
    Outcome,
    SourceReply,
    Unread,
)
from domain.errors import SourceUnavailable
from domain.measurements import ReadCost
from domain.reading import DeviceKind, Quantity, Reading
from domain.retry import Attempt
from domain.schedule import Due

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INTERVAL_S = 300


def a_reading(device_id: str = "hue:00:17:88:01:02:03:04:05-02-0402", **changes: Any) -> Reading:
    """A reading; each quantity can be given by its name, such as `temperature=21.5`."""
    quantities = {quantity: changes.pop(quantity.value) for quantity in Quantity if quantity.value in changes}
    fields: dict[str, Any] = {
        "kind": DeviceKind.HUE_SENSOR,
        "location": "Living room",
        "collected_at": NOON,
        "values": quantities or {Quantity.TEMPERATURE: 21.5},
    }
    return Reading(device_id=device_id, **(fields | changes))


def a_due(source: str = "hue", slot: datetime = NOON, **changes: Any) -> Due:
    fields: dict[str, Any] = {"interval_s": INTERVAL_S}
    return Due(source=source, slot=slot, **(fields | changes))


def a_reply(*readings: Reading, unread: Iterable[Unread] = (), notes: Iterable[str] = ()) -> SourceReply:
    """A reply with those readings, or with one when none is given."""
    return SourceReply(readings=readings or (a_reading(),), unread=tuple(unread), notes=tuple(notes))


def an_unread(device_id: str = "hue:quiet", cause: Cause = Cause.UNREACHABLE, detail: str = "") -> Unread:
    return Unread(device_id=device_id, cause=cause, detail=detail)


def a_collected(*readings: Reading, due: Due | None = None, **changes: Any) -> Collected:
    """What a source answered, with one reading when none is given."""
    return Collected(due=due or a_due(), readings=readings or (a_reading(),), **changes)


def a_failed(due: Due | None = None, cause: Cause = Cause.NETWORK, **changes: Any) -> Failed:
    return Failed(due=due or a_due(), cause=cause, **({"detail": "the bridge did not answer"} | changes))


def a_deferred(due: Due | None = None, cause: Cause = Cause.THROTTLED, **changes: Any) -> Deferred:
    return Deferred(due=due or a_due(), cause=cause, **({"until": NOON} | changes))


def a_missed(due: Due | None = None, cause: Cause = Cause.STOPPED, **changes: Any) -> Missed:
    return Missed(due=due or a_due(), cause=cause, **changes)


def a_cycle(*outcomes: Outcome, **changes: Any) -> CycleReport:
    """A report of a cycle, with one source that answered when no outcome is given."""
    return CycleReport(outcomes=outcomes or (a_collected(),), **changes)


def a_measurement(slot: datetime = NOON, **changes: Any) -> ReadCost:
    """What a read of the source "hue" cost that needed one attempt."""
    fields: dict[str, Any] = {"source": "hue", "duration_s": 0.25, "attempts": 1, "wire_bytes": 300}
    return ReadCost(slot=slot, **(fields | changes))


def an_attempt(**changes: Any) -> Attempt:
    """A first attempt that failed at once for want of a network, with half a minute left."""
    fields: dict[str, Any] = {
        "number": 1,
        "error": SourceUnavailable("no route to the bridge"),
        "elapsed_s": 0.0,
        "cost_s": 0.0,
        "budget_s": 30.0,
        "jitter": 0.0,
    }
    return Attempt(**(fields | changes))
