"""Coverage: where a series has no reading, and why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import attrs

from domain.history.series import Span

NO_CYCLE = "no_cycle"  # no word of the ledger: there is no row
_STALE_AFTER = timedelta(minutes=30)


@attrs.frozen(kw_only=True)
class Absence:
    """One planned slot of a source without readings of all its devices.

    `device_id` is the device that has no reading for `cause`; None means every device of the source.
    """

    source: str
    device_id: str | None
    slot: datetime
    interval_s: int
    cause: str
    detail: str = ""


@attrs.frozen(kw_only=True)
class SeriesGap:
    """Slots in a row without readings for one cause: of a device, or of a source and all its devices."""

    source: str
    device_id: str | None
    begin: datetime
    end: datetime
    cause: str
    detail: str = ""


def unwritten(source: str, newest: datetime, span: Span, interval: timedelta) -> Iterator[Absence]:
    """Yield the slots of the span since the newest one of the source: nothing has collected since then."""
    slot = newest + 2 * interval  # the next one may be in progress
    if slot < span.until:
        slot -= interval
    if slot < span.since:
        slot += -((slot - span.since) // interval) * interval
    while slot < span.until:
        yield Absence(
            source=source,
            device_id=None,
            slot=slot,
            interval_s=round(interval.total_seconds()),
            cause=NO_CYCLE,
        )
        slot += interval


def stale_from(collected_at: datetime, interval: timedelta) -> datetime:
    """Return when a newest reading no longer counts as current."""
    return collected_at + max(_STALE_AFTER, 3 * interval)


def gaps_of(absences: Iterable[Absence]) -> Sequence[SeriesGap]:
    """Join absences of one device, or source, that follow each other for the same cause; sort by begin."""
    open_gaps: dict[tuple[str, str | None], SeriesGap] = {}
    closed: list[SeriesGap] = []
    for one in sorted(absences, key=lambda absence: absence.slot):
        key = (one.source, one.device_id)
        end = one.slot + timedelta(seconds=one.interval_s)
        present = open_gaps.get(key)
        if present is not None and present.cause == one.cause and present.end >= one.slot:
            open_gaps[key] = attrs.evolve(present, end=max(end, present.end))
            continue
        if present is not None:
            closed.append(present)
        open_gaps[key] = SeriesGap(
            source=one.source,
            device_id=one.device_id,
            begin=one.slot,
            end=end,
            cause=one.cause,
            detail=one.detail,
        )
    return sorted(
        [*closed, *open_gaps.values()], key=lambda gap: (gap.begin, gap.source, gap.device_id or "")
    )
