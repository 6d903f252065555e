"""What is remembered of incidents across processes, and the messages that could not be sent yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from domain.alert_messages import Message, title_of
from domain.errors import NotifyError, NotifyUnavailable
from domain.incidents import Incident, Incidents, Topic
from ports.state import Json, State

_INCIDENTS, _OUTBOX = "incidents", "notifier"
_MESSAGES_KEPT = 50
REFUSED_PAUSE = timedelta(hours=1)


class IncidentStore:
    """The incidents, in the state. What is damaged there is forgotten: its trouble opens anew."""

    def __init__(self, state: State) -> None:
        self._state = state

    def incidents(self) -> Incidents:
        kept = self._state.get(_INCIDENTS)
        return {key: incident for key, value in kept.items() if (incident := _incident_of(value)) is not None}

    def save(self, incidents: Incidents) -> None:
        self._state.put(_INCIDENTS, {key: _as_json(incident) for key, incident in incidents.items()})


class Outbox:
    """Messages in the order in which they came, at most the newest fifty; and since when none can be sent."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(self, messages: Iterable[Message]) -> None:
        if new := tuple(messages):
            self._put((*self._waiting(), *new)[-_MESSAGES_KEPT:])

    def oldest(self, now: datetime) -> Message | None:
        """What is to be sent next; nothing before its time."""
        if now < (_instant(self._state.get(_OUTBOX).get("not_before")) or now):
            return None
        return next(iter(self._waiting()), None)

    def sent(self, message: Message) -> None:
        """Forget that message, and the trouble."""
        rest = [each for each in self._waiting() if each != message]
        self._state.put(_OUTBOX, {"waiting": _as_list(rest)} if rest else {})

    def note_trouble(self, error: NotifyError, now: datetime) -> None:
        """Try again with the next cycle; what was refused for good only once an hour: a login may lock up."""
        kept = self._state.get(_OUTBOX)
        pause = timedelta() if isinstance(error, NotifyUnavailable) else REFUSED_PAUSE
        trouble: dict[str, Json] = {
            "failing_since": kept.get("failing_since") or now.isoformat(),
            "not_before": (now + pause).isoformat(),
            "last_error": str(error),
        }
        self._state.put(_OUTBOX, {**kept, **trouble})

    def _put(self, waiting: Iterable[Message]) -> None:
        self._state.put(_OUTBOX, {**self._state.get(_OUTBOX), "waiting": _as_list(waiting)})

    def _waiting(self) -> tuple[Message, ...]:
        waiting = self._state.get(_OUTBOX).get("waiting")
        messages = map(_message_of, waiting if isinstance(waiting, list) else [])
        return tuple(message for message in messages if message is not None)


def _as_list(messages: Iterable[Message]) -> Json:
    return [{"subject": message.subject, "text": message.text} for message in messages]


def _message_of(value: Json) -> Message | None:
    match value:
        case {"subject": str(subject), "text": str(text)}:
            return Message(subject=subject, text=text)
        case _:
            return None


def _as_json(incident: Incident) -> Json:
    return {
        "topic": incident.topic.value,
        "subject": incident.subject,
        "since": incident.since.isoformat(),
        "count": incident.count,
        "told_at": incident.notified_at.isoformat() if incident.notified_at else None,
        "detail": incident.detail,
        "source": incident.source,
        "is_open": incident.is_open,
        "title": title_of(incident),
    }


def _incident_of(value: Json) -> Incident | None:
    match value:
        case {
            "topic": str(topic),
            "subject": str(subject),
            "since": str(since),
            "count": int(count),
            "told_at": str() | None as notified_at,
            "detail": str(detail),
        }:
            source = value.get("source") if isinstance(value, dict) else None
            try:
                return Incident(
                    topic=Topic(topic),
                    subject=subject,
                    since=_aware(since),
                    count=count,
                    notified_at=_aware(notified_at) if notified_at else None,
                    detail=detail,
                    source=source if isinstance(source, str) else "",
                )
            except ValueError:
                return None
        case _:
            return None


def _instant(value: Json) -> datetime | None:
    try:
        return _aware(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _aware(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("an instant without a zone")
    return instant
