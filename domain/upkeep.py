"""Records of the database's upkeep: the last run of each step, and a quarantined database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

import attrs

_BACKUP_OVERDUE = timedelta(days=2)
_WEEK = timedelta(days=7)
_REPORT_HOUR = 7  # on Mondays
_REPORT_AGAIN = timedelta(days=1)


class Step(StrEnum):
    """The steps of the upkeep. The state keeps these words: add, never rename."""

    CHECK = "check"
    TIDY = "tidy"
    RESTORE = "restore"
    BACKUP = "backup"
    COPY = "copy"  # of the newest backup, to a second disk
    REPORT = "report"  # of the last week, by mail


class StepResult(StrEnum):
    """How a step ended. The state keeps these words: add, never rename."""

    OK = "ok"
    DAMAGED = "damaged"
    SKIPPED = "skipped"
    FAILED = "failed"


@attrs.frozen(kw_only=True)
class StepRecord:
    """The last run of a step.

    `detail` is what a check, a backup or a copy found wrong, `reason` why a step failed or was skipped.
    `kept_as` is where a damaged database was set aside. `file`, `size_bytes` and `made_at` are those of the
    newest backup or copy, also while later ones fail; `file` of a restore is the backup that was merged.
    `copied` is the backup that was copied; `kept` are the backups that would have been removed, and why they
    were not.
    """

    at: datetime
    result: StepResult
    detail: str | None = None
    reason: str | None = None
    kept_as: str | None = None
    file: str | None = None
    size_bytes: int | None = None
    made_at: datetime | None = None
    copied: str | None = None
    kept: Mapping[str, str] = attrs.field(factory=dict)

    def lacks_backup(self, now: datetime) -> bool:
        """Return whether no backup can be made: there is no room, or it has failed for two days."""
        if self.result is not StepResult.FAILED:
            return self.result is StepResult.SKIPPED
        return self.made_at is None or now - self.made_at > _BACKUP_OVERDUE


def is_report_due(last: StepRecord, now: datetime, zone: tzinfo) -> bool:
    """Return whether the weekly report is to be sent: the first time from Monday, 7:00 in the zone, on.

    `last` is the last attempt; a failed one is repeated a day later. A time in the future, of a clock that
    was wrong, counts for a week at most.
    """
    if last.result is StepResult.FAILED:
        return not timedelta() <= now - last.at < _REPORT_AGAIN
    local = now.astimezone(zone)
    hour = local.replace(hour=_REPORT_HOUR, minute=0, second=0, microsecond=0)
    monday = hour - timedelta(days=local.weekday())
    begin = monday if monday <= local else monday - _WEEK
    return not begin <= last.at < now + _WEEK


@attrs.frozen(kw_only=True)
class Quarantine:
    """A damaged database that was set aside. `is_restored` once a backup has been merged into the new one."""

    kept_as: str
    at: datetime | None
    is_restored: bool


@attrs.frozen(kw_only=True)
class FileTrouble:
    """The file of the open database, or its log, was moved, deleted or replaced under a running process.

    `result` is what was done about it; None until that is done.
    """

    reason: str
    is_log: bool
    result: str | None


@attrs.frozen(kw_only=True)
class MissingDatabase:
    """A database that is not where it was, and why.

    `is_replaced` means that an interim one is in use until a person accepts the loss. `is_restored` once the
    newest sound backup, `restored_from`, has been merged into it; None if there was none.
    """

    reason: str
    is_replaced: bool
    is_restored: bool
    restored_from: str | None = None
    merged_rows: int = 0

    def __str__(self) -> str:
        if not self.is_replaced:
            return self.reason
        if not self.is_restored:
            return f"{self.reason}. The newest sound backup is being merged into a new database"
        if self.restored_from is None:
            return f"{self.reason}. A new database is in use, and there was no sound backup to merge into it"
        return (
            f"{self.reason}. A new database is in use, with {self.merged_rows:,} readings of the backup "
            f"{self.restored_from}"
        )
