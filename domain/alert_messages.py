"""What a person is told of an incident, with the next step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import attrs

from domain.incidents import Dismissed, Incident, Notice, Opened, Recovered, Topic


@attrs.frozen(kw_only=True)
class Message:
    """A subject of one line, and a text of several."""

    subject: str
    text: str


# What has happened to the subject, and what to do; `{program}` is how this program is started.
_WORDS: Mapping[Topic, tuple[str, str]] = {
    Topic.CREDENTIALS: (
        "{subject} refuses our credentials",
        "Run `{program} setup --reauth {subject}`. Until then nothing of it is collected; all else goes on.",
    ),
    Topic.SOURCE_SILENT: (
        "nothing comes from {subject}",
        "Is it switched on, and the network well? It is asked at every slot; `{program} status` shows it.",
    ),
    Topic.DEVICE_SILENT: (
        "{subject} gives no readings",
        "Look at its battery or plug, and at its place; `{program} status` shows the others.",
    ),
    Topic.BATTERY_LOW: ("the battery of {subject} is low", "Change it; no setting needs to be changed."),
    Topic.DISK_LOW: (
        "the disk is nearly full",
        "Make room on the disk of the home's data folder. Readings that do not fit wait in memory for a day.",
    ),
    Topic.DATABASE_ASIDE: (
        "the database was damaged and is moved aside",
        "Collecting goes on in a new one. `{program} db salvage FILE` brings back what can still be read.",
    ),
    Topic.DATABASE_DAMAGED: (
        "the daily check found damage in the database",
        "Run `{program} db check`; it names what is damaged and the next step.",
    ),
    Topic.LOG_HELD: (
        "another program keeps the database open for reading",
        "Its log grows until that program ends. Close it, or let it read in shorter steps.",
    ),
    Topic.SPOOL_IN_USE: (
        "readings cannot be stored in the database",
        "They wait in data/spool and are stored as soon as it can be written to. The reason is above.",
    ),
    Topic.CLOCK_STEPPED: (
        "the computer's clock is, or was, wrong",
        "A stored slot lies in the future: {detail}. Look at the clock and its time service.",
    ),
}


def title_of(incident: Incident, program: str = "homeclimate") -> str:
    """What has happened, in one line."""
    return _WORDS[incident.topic][0].format(subject=incident.subject, program=program)


def remedy_of(incident: Incident, program: str) -> str:
    """What to do about it."""
    return _WORDS[incident.topic][1].format(subject=incident.subject, program=program, detail=incident.detail)


def message_of(notice: Notice, *, home: str, program: str) -> Message:
    """What a person reads; `home` says which home it is about."""
    incident = notice.incident
    title = title_of(incident, program)
    since = f"{incident.since:%Y-%m-%d %H:%M} UTC"
    if isinstance(notice, Recovered | Dismissed):
        ended = "recovered" if isinstance(notice, Recovered) else "no longer expected"
        return Message(
            subject=f"{ended}: {title}",
            text=(
                f"{ended.capitalize()} after {_told(notice.length)} (since {since}): {title}.\n\n"
                f"Home: {home}\n"
            ),
        )
    lasts = "" if isinstance(notice, Opened) else "still: "
    return Message(
        subject=f"{lasts}{title}",
        text=(
            f"Since {since}: {title}.\nSeen: {incident.detail or 'nothing more'}\n\n"
            f"{remedy_of(incident, program)}\n\nHome: {home}\n"
        ),
    )


def _told(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 1440:.0f} days"
