"""What is as it should be: rules from what was seen of a component to its answer, with the next step."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from domain.errors import (
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceRefused,
    SourceThrottled,
)
from domain.health import Answer, failed, passed, skipped, warned
from domain.incidents import DISK_GOOD_BYTES, DISK_LOW_BYTES

if TYPE_CHECKING:
    from domain.cycle import SourceReply

_CLOCK_BEFORE = datetime.fromisoformat("2025-01-01T00:00:00+00:00")  # older than this program: a lost battery
_CLOCK_TOLERANCE = timedelta(minutes=10)
_LATELY = timedelta(days=1)
_CHECK_OLD = timedelta(days=3)
_SLOTS_TOLERATED = 3
_GRACE = timedelta(minutes=2)
_SHORTEST_INTERVAL = timedelta(minutes=5)  # who has just made it shorter has older slots


@attrs.frozen
class Slots:
    """A source's newest planned slot, and the newest of those that only a wrong clock can have written."""

    newest: datetime
    ahead: datetime | None = None


@attrs.frozen(kw_only=True)
class LastSlot:
    """A source's newest planned slot, and what became of it."""

    source: str
    slot: datetime
    state: str
    interval: timedelta


def of_disk(free_bytes: int | None) -> Answer:
    """The room for the home's data; the limits are those of the incident."""
    if free_bytes is None:
        return warned(
            "how much room there is cannot be told", "Look at the disk of the data folder: `df -h`."
        )
    told = f"{free_bytes / 1e6:,.0f} MB free"
    if free_bytes < DISK_LOW_BYTES:
        return failed(told, "Make room on the disk of the data folder: less than 200 MB is left (`df -h`).")
    if free_bytes < DISK_GOOD_BYTES:
        return warned(told, "Make room soon: at 200 MB an alert is given.")
    return passed(told)


def of_spool(cycles: int, readings: int, folder: str) -> Answer:
    """What waits to be stored; it should be nothing."""
    if not cycles:
        return passed("nothing waits to be stored")
    return failed(
        f"{cycles:,} cycles with {readings:,} readings wait in {folder}",
        "See what is said of the database; the next cycle that can be stored takes them all along.",
    )


def of_last_check(kept: Mapping[str, object], now: datetime, *, program: str) -> Answer:
    """The result of the last check of every row, as the daily upkeep keeps it."""
    at = _instant(kept.get("at"))
    if at is None:
        return skipped("the database has not been checked yet; a collector that stays does it daily")
    told = f"{at:%Y-%m-%d %H:%M} UTC"
    match kept.get("result"):
        case "ok" if now - at > _CHECK_OLD:
            return warned(f"sound at {told}, and not checked since", f"Run `{program} db check`.")
        case "ok":
            return passed(f"sound at {told}")
        case "damaged":
            return failed(
                f"damage was found at {told}: {kept.get('detail')}",
                f"Run `{program} db check`: it names what is damaged, and how to get it back.",
            )
        case _:
            return failed(
                f"the check of {told} could not be made: {kept.get('reason')}",
                f"Run `{program} db check`, and do what it says.",
            )


def of_clock(now: datetime, slots: Iterable[Slots]) -> Answer:
    """Whether the time can be: not before this program, nor before what was stored.

    Where cycles have been stored since at the present time, it was wrong once and is right now.
    """
    step = "Set the clock, and let a time service keep it: `timedatectl set-ntp true`."
    told = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < _CLOCK_BEFORE:
        return failed(f"it says {told}, which is long past", step)
    slots = tuple(slots)
    ahead = [one.ahead or one.newest for one in slots if (one.ahead or one.newest) > now + _CLOCK_TOLERANCE]
    if not ahead:
        return passed(told)
    summary = f"it says {told}, and there is a cycle of {max(ahead):%Y-%m-%d %H:%M} UTC"
    if any(timedelta(0) <= now - one.newest <= _LATELY for one in slots):
        return warned(summary, f"It was wrong once, and cycles have come since. If it is wrong now: {step}")
    return failed(summary, f"{step} If it is right now, the next cycle shows it.")


def of_last_cycle(
    slots: Collection[LastSlot], collectors: Collection[str], now: datetime, *, program: str
) -> Answer:
    """Whether cycles come as they should: wherever one was planned, a collector should be running."""
    if not slots:
        if collectors:
            return warned("a collector runs, and has no cycle yet", "Ask again after the first interval.")
        return skipped("no cycle was ever planned: no collector has run yet")
    old = [one for one in slots if now - one.slot > _tolerated(one.interval)]
    if not old:
        newest = max(slots, key=lambda one: one.slot)
        return passed(f"{newest.source} {newest.state} at {newest.slot:%Y-%m-%d %H:%M:%S} UTC")
    told = ", ".join(f"{one.source} at {one.slot:%Y-%m-%d %H:%M} UTC" for one in old)
    if any(one.source in collectors for one in old):
        return failed(
            f"a collector runs, and its last cycle is old: {told}",
            "Look at the end of the log, and start the collector again.",
        )
    return failed(
        f"no collector runs; the last cycle: {told}",
        f"Start it: `systemctl start homeclimate`, or `{program} collect`.",
    )


def of_reply(reply: SourceReply) -> Answer:
    """A source that answered; that a device did not is its battery's matter, and no failure of the source."""
    told = f"{len(reply.readings)} devices answer"
    notes = "".join(f"; {note}" for note in reply.notes)
    if not reply.readings and not reply.unread:
        return warned(f"it answers, and has no device that is read{notes}", "Add one in its app.")
    if reply.unread:
        silent = ", ".join(f"{one.device_id} ({one.cause.replace('_', ' ')})" for one in reply.unread)
        return warned(
            f"{told}, {len(reply.unread)} do not: {silent}{notes}",
            "Look at the batteries and plugs of those, and at their place.",
        )
    return passed(f"{told}{notes}")


def of_source_error(error: SourceError, *, source: str, program: str) -> Answer:
    """A source that did not hand over; the step goes by what kind of failure it was."""
    match error:
        case CredentialsRefused() | CredentialsStale():
            step = f"Run `{program} setup --reauth {source}`."
        case SourceThrottled():
            wait = f" in {error.retry_after_s:.0f} s" if error.retry_after_s else " in some minutes"
            step = f"Ask again{wait}; ask less often if this stays. Nothing else has to be changed."
        case SourceRefused():
            step = f"Run `{program} setup` if it was replaced or has moved; else find out who answers there."
        case _ if source.startswith("hue"):
            step = (
                "Look whether the bridge is switched on and in this network; "
                f"`{program} setup` finds one that has moved."
            )
        case _:
            step = "Look whether the internet can be reached; nothing has to be changed here if it passes."
    return failed(str(error), step)


def _tolerated(interval: timedelta) -> timedelta:
    return _SLOTS_TOLERATED * max(interval, _SHORTEST_INTERVAL) + _GRACE


def _instant(written: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(written) if isinstance(written, str) else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
