"""Health rules: from the state of a component to its answer, with the next step."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from domain.alerts.incidents import DISK_GOOD_BYTES, DISK_LOW_BYTES, ClockStep
from domain.cycle import SourceReply
from domain.errors import (
    CredentialsDoubted,
    CredentialsRefused,
    CredentialsStale,
    SourceError,
    SourceRefused,
    SourceThrottled,
)
from domain.health.report import Answer, Status, Weight, failed, passed, skipped, warned
from domain.progress import Waiting
from domain.times import local_time
from domain.upkeep import StepRecord, StepResult

_CLOCK_BEFORE = datetime.fromisoformat("2025-01-01T00:00:00+00:00")  # before this program existed
_CLOCK_TOLERANCE = timedelta(minutes=1)
_RECENTLY = timedelta(days=1)
_CHECK_OLD = timedelta(days=3)
_BACKUP_OLD = timedelta(days=3)
_COPY_OLD = timedelta(days=7)
_SLOTS_TOLERATED = 3
_GRACE = timedelta(minutes=2)
_SHORTEST_INTERVAL = timedelta(minutes=5)  # so that a newly shortened interval does not make old slots late


# Why most components are skipped at once; a report shows each of the two reasons on one line.
NEEDS_CONFIGURATION = "the configuration must be corrected first"
IS_SIMULATED = "this is a simulated home, which has it only while the demo runs"


@attrs.frozen(kw_only=True)
class SystemCommands:
    """What a person types on this system."""

    start_collector: str
    show_disk: str
    sync_clock: str


@attrs.frozen(kw_only=True)
class LastSlot:
    """A source's newest planned slot, and its outcome.

    `ahead` is a later slot that only a wrong clock can have written.
    """

    source: str
    slot: datetime
    state: str
    ahead: datetime | None = None


def judge_disk(free_bytes: int | None, commands: SystemCommands) -> Answer:
    """Judge the free space for the home's data, by the limits of the incident."""
    if free_bytes is None:
        return warned(
            "the free space is unknown", f"Check the disk of the data folder: `{commands.show_disk}`."
        )
    summary = f"{free_bytes / 1e6:,.0f} MB free"
    if free_bytes < DISK_LOW_BYTES:
        return failed(
            summary,
            f"Make room on the disk of the data folder: less than {DISK_LOW_BYTES // 1_000_000} MB is left"
            f" (`{commands.show_disk}`).",
        )
    if free_bytes < DISK_GOOD_BYTES:
        return warned(summary, f"Make room soon. An alert is sent below {DISK_LOW_BYTES // 1_000_000} MB.")
    return passed(summary)


def judge_spool(waiting: Waiting, problems: Sequence[str] = ()) -> Answer:
    """Judge what waits to be stored, which should be nothing; `problems` are those of the places."""
    problems = list(dict.fromkeys((*waiting.unreadable, *problems)))
    step = "Check who owns the folder, and its disk."
    if waiting.cycles:
        places = " and ".join(waiting.places)
        problems.insert(0, f"{waiting.cycles:,} cycles with {waiting.readings:,} readings wait in {places}")
        step = "See the answer of the database. The next cycle that can be stored stores them too."
    return failed("; ".join(problems), step) if problems else passed("nothing waits to be stored")


def judge_last_check(last: StepRecord | None, now: datetime) -> Answer:
    """Judge the last daily check of every row."""
    if last is None:
        return skipped("the database has not been checked yet; the next collector does it, once a day")
    at = local_time(last.at)
    run_check = "Run `homeclimate db check`"
    match last.result:
        case StepResult.OK if now - last.at > _CHECK_OLD:
            return warned(f"sound at {at}, and not checked since", f"{run_check}.")
        case StepResult.OK:
            return passed(f"sound at {at}")
        case StepResult.DAMAGED:
            return failed(
                f"the check at {at} found damage: {last.detail}",
                f"{run_check}. It shows what is damaged and how to repair it.",
            )
        case _:
            return failed(f"the check at {at} failed: {last.reason}", f"{run_check}, and follow its advice.")


def judge_backups(
    last: StepRecord | None,
    *,
    is_there: bool,
    copy: StepRecord | None,
    copy_to: str | None,
    now: datetime,
) -> Answer:
    """Judge the last daily backup, which `is_there` or not, and its copy in the folder `copy_to`.

    A copy that is missing or old is a warning at most: the second disk may be in a drawer.
    """
    if last is None:
        return skipped("no backup has been made yet; the next collector does it, once a day")
    answers = [_judge_backup(last, now) if is_there else _judge_removed_backup(last)]
    if copy_to is not None:
        answers.append(_judge_copy(copy, copy_to, now))
    if kept := {**last.kept, **(copy.kept if copy is not None and copy_to is not None else {})}:
        file, reason = next(iter(kept.items()))
        answers.append(
            warned(
                f"{len(kept)} old backups are kept, such as {file}: {reason}",
                f"`homeclimate db salvage {shlex.quote(file)}` merges them. If you deleted the rows on "
                "purpose, delete the file.",
            )
        )
    worst = max(answers, key=lambda answer: (answer.status is Status.FAIL, answer.status is Status.WARN))
    return attrs.evolve(worst, summary="; ".join(answer.summary for answer in answers))


def _judge_backup(last: StepRecord, now: datetime) -> Answer:
    made_at = last.made_at or last.at
    made = f"{last.file} is of {local_time(made_at)}" if last.file else "there is no backup yet"
    if last.result is StepResult.OK and now - made_at <= _BACKUP_OLD:
        return passed(made)
    if last.result is StepResult.OK:
        return warned(f"{made}, and none was made since", "Start a collector: it makes one each day.")
    summary = f"{made}; the last try failed: {last.reason}"
    step = "Do what this says. The next try is in an hour, or on the next day."
    return failed(summary, step) if last.lacks_backup(now) else warned(summary, step)


def _judge_removed_backup(last: StepRecord) -> Answer:
    return failed(
        f"the newest backup, {last.file}, is gone",
        "Find out what removed it. The collector makes the next one tomorrow.",
    )


def _judge_copy(copy: StepRecord | None, copy_to: str, now: datetime) -> Answer:
    """Warn if no copy there is newer than seven days."""
    is_there = copy is not None and copy.file is not None and copy.file.startswith(f"{copy_to}/")
    made_at = copy.made_at if copy is not None and is_there else None
    if copy is not None and made_at is not None and now - made_at < _COPY_OLD:
        return passed(f"copied to {copy_to}{f', {copy.detail}' if copy.detail else ''}")
    since = f"the newest there is of {made_at:%Y-%m-%d}" if made_at else "there is none"
    reason = f" ({copy.reason})" if copy is not None and copy.reason else ""
    return warned(
        f"no new copy in {copy_to}: {since}{reason}",
        f"Mount the second disk, and look at `ls -la {shlex.quote(copy_to)}`. A collector copies the newest "
        "backup within the hour.",
    )


def judge_clock(
    now: datetime, slots: Iterable[LastSlot], commands: SystemCommands, step: ClockStep | None = None
) -> Answer:
    """Judge the time: it must not be before this program existed, nor before what was stored.

    If cycles have been stored at the present time since, the clock was wrong once and is right now. That it
    was set back is a failure for a day.
    """
    fix = f"Set the clock, and let a time service keep it: `{commands.sync_clock}`."
    summary = local_time(now, seconds=True)
    if now < _CLOCK_BEFORE:
        return failed(f"the clock shows {summary}, which is in the past", fix)
    slots = tuple(slots)
    ahead = [one.ahead or one.slot for one in slots if (one.ahead or one.slot) > now + _CLOCK_TOLERANCE]
    if step is not None and step.is_recent(now):
        return failed(f"the clock shows {summary}; {step.detail} ({local_time(step.at)})", fix)
    if not ahead:
        return passed(summary)
    summary = f"the clock shows {summary}, but there is a cycle of {local_time(max(ahead))}"
    if any(timedelta(0) <= now - one.slot <= _RECENTLY for one in slots):
        return warned(summary, f"It was wrong once, and is right by now. If it is not: {fix}")
    return failed(summary, f"{fix} If it is right now, the next cycle confirms it.")


def judge_last_cycle(
    slots: Iterable[LastSlot],
    intervals: Mapping[str, timedelta],
    collectors: Collection[str],
    now: datetime,
    commands: SystemCommands,
) -> Answer:
    """Judge whether each source is read as planned, by a collector that runs.

    `intervals` are those of the sources that are enabled now; slots of other sources do not count.
    """
    by_source = {one.source: one for one in slots if one.source in intervals}
    if not by_source:
        if collectors:
            return warned("a collector is running, without a cycle yet", "Check again after one interval.")
        return skipped("no cycle has been planned yet: no collector has run")
    late = [
        one
        for one in by_source.values()
        if now - one.slot > _SLOTS_TOLERATED * max(intervals[one.source], _SHORTEST_INTERVAL) + _GRACE
    ]
    if late:
        summary = ", ".join(f"{one.source} at {local_time(one.slot)}" for one in late)
        if any(one.source in collectors for one in late):
            return failed(
                f"a collector is running, but its last cycle is old: {summary}",
                "Look at the end of the log, and restart the collector.",
            )
        return failed(
            f"no collector is running; the last cycle: {summary}",
            f"Start it: `{commands.start_collector}`, or `homeclimate collect`.",
        )
    summary = ", ".join(
        f"{one.source} {one.state} at {local_time(one.slot, seconds=True)}" for one in by_source.values()
    )
    if without := [source for source in intervals if source not in by_source]:
        return warned(
            f"{summary}; no cycle yet of {', '.join(without)}",
            "Check again after one interval. If there is none then, restart the collector.",
        )
    return passed(summary)


def judge_unasked_source(
    *, is_enabled: bool, is_offline: bool, are_secrets_readable: bool, has_credentials: bool
) -> Answer | None:
    """Return why a source is not asked; None if it is to be asked."""
    if not is_enabled:
        return skipped("not enabled in the configuration", Weight.ORDINARY)
    if is_offline:
        return skipped("--offline leaves out the network", Weight.ORDINARY)
    if not are_secrets_readable:
        return skipped("secrets.yaml must be corrected first")
    return None if has_credentials else skipped("has no credentials: see secrets")


def judge_reply(reply: SourceReply) -> Answer:
    """Judge a source that answered. A silent device is no failure of its source."""
    summary = f"{len(reply.readings)} devices answer"
    notes = "".join(f"; {note}" for note in reply.notes)
    if not reply.readings and not reply.unread:
        return warned(f"it answers, but has no device that is read{notes}", "Add one in its app.")
    if reply.unread:
        silent = ", ".join(f"{one.device_id} ({one.cause.replace('_', ' ')})" for one in reply.unread)
        return warned(
            f"{summary}, {len(reply.unread)} do not: {silent}{notes}",
            "Check their batteries and plugs, and that they are in range.",
        )
    return passed(f"{summary}{notes}")


def judge_source_error(error: SourceError, *, source: str, unavailable_step: str) -> Answer:
    """Judge a source that failed; `unavailable_step` is the next step where it cannot be reached."""
    match error:
        case CredentialsRefused() | CredentialsStale():
            step = f"Run `homeclimate setup --reauth {source}`."
        case CredentialsDoubted():
            step = f"It may pass. If the next cycles are refused, run `homeclimate setup --reauth {source}`."
        case SourceThrottled():
            wait = f" in {error.retry_after_s:.0f} s" if error.retry_after_s else " in some minutes"
            step = f"Try again{wait}. If this happens often, use a longer interval."
        case SourceRefused():
            step = (
                "Run `homeclimate setup` if it was replaced or has moved; else find out what answers there."
            )
        case _:
            step = unavailable_step
    return failed(str(error), step)
