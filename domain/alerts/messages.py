"""Alert messages with their remedies, and the outbox of those that wait to be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from domain.alerts.incidents import Dismissed, Incident, Notice, Opened, Recovered, Topic
from domain.errors import NotifyError, NotifyUnavailable
from domain.printable import printable
from domain.times import local_time

REJECTED_PAUSE = timedelta(hours=1)
_MOST_WAITING = 50

# Title and remedy.
_TEXTS: Mapping[Topic, tuple[str, str]] = {
    Topic.CREDENTIALS: (
        "{subject} rejects the stored credentials",
        "Run `homeclimate setup --reauth {subject}`. All other sources go on meanwhile.",
    ),
    Topic.SOURCE_SILENT: (
        "no readings from {subject}",
        "Check that it is switched on and the network works. It is asked again at every slot.",
    ),
    Topic.DEVICE_SILENT: (
        "no readings from the device {subject}",
        "Check its battery, plug and range. To do without it: `homeclimate devices ignore {subject}`.",
    ),
    Topic.BATTERY_LOW: ("the battery of {subject} is low", "Replace it. No setting needs to be changed."),
    Topic.VALUE_UNCHANGED: (
        "the value of the device {subject} does not change",
        "Warm the sensor with your hand. If that changes nothing, take its battery out and put it back.",
    ),
    Topic.DISK_LOW: (
        "the disk is nearly full",
        "Free some space on the disk of the data folder. What does not fit waits in memory for a day.",
    ),
    Topic.DATABASE_MISSING: (
        "the database is missing",
        "Mount its disk, or put the file or a backup back. `homeclimate db accept` accepts the loss.",
    ),
    Topic.DATABASE_LOG_LOST: (
        "the log of the database was deleted while it was in use",
        "Nothing has to be done once this has recovered. Find what deletes files in the data folder.",
    ),
    Topic.DATABASE_ASIDE: (
        "the database was damaged and has been set aside",
        "Collecting continues in a new one. `homeclimate db salvage FILE` recovers what can still be read.",
    ),
    Topic.DATABASE_DAMAGED: (
        "the daily check found damage in the database",
        "Run `homeclimate db check`. It shows what is damaged and the next step.",
    ),
    Topic.NO_BACKUP: (
        "no backup of the database can be made",
        "Make room on its disk, or change backups.max_bytes. `homeclimate health --only backups` says more.",
    ),
    Topic.WAL_HELD: (
        "another program keeps the database open for reading",
        "The database's log grows until that program ends. Close it, or let it read in shorter transactions.",
    ),
    Topic.SPOOL_IN_USE: (
        "readings cannot be stored in the database",
        "They wait in data/spool and are stored once the database is writable again. The reason is above.",
    ),
    Topic.CLOCK_STEPPED: (
        "the computer's clock is, or was, wrong",
        "Check the clock and its time service. Collecting goes on, with the time that the clock shows.",
    ),
}


@attrs.frozen(kw_only=True)
class Attachment:
    """A file of a message; `kind` is its media type."""

    name: str
    kind: str
    content: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Message:
    """A subject of one line, a text of several, and a file. The outbox keeps no file."""

    subject: str
    text: str
    attachment: Attachment | None = None


@attrs.frozen(kw_only=True)
class Outbox:
    """The newest fifty messages that wait to be sent, oldest first, and why none can be sent at present."""

    waiting: tuple[Message, ...] = ()
    failing_since: datetime | None = None
    not_before: datetime | None = None
    last_error: str = ""

    def with_messages(self, messages: Iterable[Message]) -> Outbox:
        return attrs.evolve(self, waiting=(*self.waiting, *messages)[-_MOST_WAITING:])

    def next(self, now: datetime) -> Message | None:
        """Return the message to send now, if any."""
        if self.not_before is not None and now < self.not_before:
            return None
        return self.waiting[0] if self.waiting else None

    def after_success(self) -> Outbox:
        return Outbox(waiting=self.waiting[1:])

    def after_failure(self, error: NotifyError, now: datetime) -> Outbox:
        """Try again with the next cycle. Pause after a permanent error, since retries can lock a login."""
        pause = timedelta() if isinstance(error, NotifyUnavailable) else REJECTED_PAUSE
        return attrs.evolve(
            self,
            failing_since=self.failing_since or now,
            not_before=now + pause,
            last_error=str(error),
        )


def title_of(incident: Incident) -> str:
    """Return what is wrong, in one line."""
    return _TEXTS[incident.topic][0].format(subject=printable(incident.subject))


def remedy_of(incident: Incident) -> str:
    """Return what to do about it."""
    return _TEXTS[incident.topic][1].format(
        subject=printable(incident.subject), detail=printable(incident.detail)
    )


def detail_of(incident: Incident) -> str:
    """Return what is known of it, in one line; it may quote a device or a service."""
    return printable(incident.detail) or "none"


def length_text(length: timedelta) -> str:
    """Return a length of time in one unit, such as `30 min`."""
    minutes = round(length.total_seconds() / 60)
    hours = minutes / 60
    return f"{minutes} min" if hours < 2 else f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.0f} days"


def message_of(notice: Notice, *, home: str) -> Message:
    """Return the message of a notice; `home` is the home that it is about."""
    incident = notice.incident
    title = title_of(incident)
    since = local_time(incident.since)
    if isinstance(notice, Recovered | Dismissed):
        ended = "recovered" if isinstance(notice, Recovered) else "no longer expected"
        length = length_text(notice.length)
        detail = (
            f"\nDetails: {printable(notice.detail)}"
            if isinstance(notice, Recovered) and notice.detail
            else ""
        )
        return Message(
            subject=f"{ended}: {title}",
            text=f"{ended.capitalize()} after {length} (since {since}): {title}.{detail}\n\nHome: {home}\n",
        )
    return Message(
        subject=f"{'' if isinstance(notice, Opened) else 'still: '}{title}",
        text=(
            f"Since {since}: {title}.\nDetails: {detail_of(incident)}\n\n"
            f"{remedy_of(incident)}\n\nHome: {home}\n"
        ),
    )
