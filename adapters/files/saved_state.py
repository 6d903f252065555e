"""Store the state of the services as JSON objects in `State`; damaged values count as never saved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from domain.alerts.incidents import ClockStep, Incident, Incidents, Topic
from domain.alerts.messages import Message, Outbox, title_of
from domain.backoff import SourceFailures
from domain.cycle import Cause
from domain.upkeep import FileTrouble, MissingDatabase, Quarantine, Step, StepRecord, StepResult
from ports.state import Json, State

# The keys and fields are read by every version of the program: add, never rename.
_FAILURES = "streak."  # and the source's name
_INCIDENTS, _OUTBOX, _CLOCK_FAULTS, _PING = "incidents", "notifier", "clock.faults", "heartbeat"
_CLOCK_STEP = "clock.step"
_RESCUE = "store.rescue"
_QUARANTINE, _MISSING, _STEP, _RUNNING = "store.aside", "store.missing", "upkeep.", "upkeep.running"


class SavedState:
    """Implements `BackoffState`, `AlertState` and `UpkeepState` on one `State`."""

    def __init__(self, state: State) -> None:
        self._state = state

    def failures(self, source: str) -> SourceFailures:
        match self._state.get(_FAILURES + source).get("streak"):
            case {
                "failures": int(failures),
                "refusals": int(refusals),
                "cause": cause,
                "until": until,
                **others,
            }:
                try:
                    return SourceFailures(
                        failures=failures,
                        refusals=refusals,
                        cause=Cause(str(cause)) if cause else None,
                        until=_instant(until),
                        credential=str(others.get("credential", "")),
                    )
                except ValueError:
                    return SourceFailures()
            case _:
                return SourceFailures()

    def save_failures(self, source: str, failures: SourceFailures) -> None:
        value: dict[str, Json] = {
            "failures": failures.failures,
            "refusals": failures.refusals,
            "cause": failures.cause.value if failures.cause else None,
            "until": _text(failures.until),
        }
        if failures.credential:
            value["credential"] = failures.credential
        self._state.put(_FAILURES + source, {} if failures == SourceFailures() else {"streak": value})

    def incidents(self) -> Incidents:
        saved = self._state.get(_INCIDENTS)
        if not saved:
            return {}
        return {key: incident for key, value in saved.items() if (incident := _incident(value)) is not None}

    def save_incidents(self, incidents: Incidents) -> None:
        self._state.put(_INCIDENTS, {key: _incident_json(incident) for key, incident in incidents.items()})

    def outbox(self) -> Outbox:
        saved = self._state.get(_OUTBOX)
        waiting = saved.get("waiting")
        error = saved.get("last_error")
        return Outbox(
            waiting=tuple(
                Message(subject=subject, text=text)
                for one in (waiting if isinstance(waiting, list) else [])
                if isinstance(one, dict)
                and isinstance(subject := one.get("subject"), str)
                and isinstance(text := one.get("text"), str)
            ),
            failing_since=_instant(saved.get("failing_since")),
            not_before=_instant(saved.get("not_before")),
            last_error=error if isinstance(error, str) else "",
        )

    def save_outbox(self, outbox: Outbox) -> None:
        value: dict[str, Json] = {}
        if outbox.waiting:
            value["waiting"] = [{"subject": one.subject, "text": one.text} for one in outbox.waiting]
        if outbox.failing_since:
            value["failing_since"] = _text(outbox.failing_since)
            value["not_before"] = _text(outbox.not_before)
            value["last_error"] = outbox.last_error
        self._state.put(_OUTBOX, value)

    def clock_faults(self) -> Mapping[str, datetime]:
        saved = self._state.get(_CLOCK_FAULTS)
        return {source: slot for source, value in saved.items() if (slot := _instant(value)) is not None}

    def save_clock_faults(self, slots: Mapping[str, datetime]) -> None:
        self._state.put(_CLOCK_FAULTS, {source: slot.isoformat() for source, slot in slots.items()})

    def clock_step(self) -> ClockStep | None:
        if not (saved := self._state.get(_CLOCK_STEP)):
            return None
        at, detail = _instant(saved.get("at")), saved.get("detail")
        return None if at is None else ClockStep(at, detail if isinstance(detail, str) else "")

    def save_clock_step(self, step: ClockStep) -> None:
        self._state.put(_CLOCK_STEP, {"at": step.at.isoformat(), "detail": step.detail})

    def has_ping_failure(self) -> bool:
        return bool(self._state.get(_PING))

    def save_ping_failure(self, since: datetime, error: str) -> None:
        self._state.put(_PING, {"failing_since": since.isoformat(), "last_error": error})

    def clear_ping_failure(self) -> None:
        self._state.put(_PING, {})

    def last_run(self, step: Step) -> StepRecord | None:
        saved = self._state.get(_STEP + step)
        if not saved:
            return None
        at, result = _instant(saved.get("at")), saved.get("result")
        if at is None or result not in set(StepResult):
            return None
        size = saved.get("bytes")
        return StepRecord(
            at=at,
            result=StepResult(str(result)),
            detail=_optional(saved.get("detail")),
            reason=_optional(saved.get("reason")),
            kept_as=_optional(saved.get("kept_as")),
            file=_optional(saved.get("file")),
            size_bytes=size if isinstance(size, int) else None,
            made_at=_instant(saved.get("made_at")),
            copied=_optional(saved.get("copied")),
            kept=_texts(saved.get("kept")),
        )

    def save_run(self, step: Step, record: StepRecord) -> None:
        value: dict[str, Json] = {
            "at": record.at.isoformat(),
            "result": record.result.value,
            "detail": record.detail,
            "reason": record.reason,
            "kept_as": record.kept_as,
            "file": record.file,
            "bytes": record.size_bytes,
            "made_at": _text(record.made_at),
            "copied": record.copied,
            "kept": dict(record.kept) or None,
        }
        always = ("detail", "reason") if step is not Step.CHECK else ("detail", "reason", "kept_as")
        self._state.put(
            _STEP + step,
            {name: part for name, part in value.items() if part is not None or name in always},
        )

    def quarantine(self) -> Quarantine | None:
        saved = self._state.get(_QUARANTINE)
        if not saved:
            return None
        return Quarantine(
            kept_as=str(saved.get("kept_as")),
            at=_instant(saved.get("at")),
            is_restored=bool(saved.get("finished")),
        )

    def file_trouble(self) -> FileTrouble | None:
        saved = self._state.get(_RESCUE)
        if not saved:
            return None
        return FileTrouble(
            reason=str(saved.get("reason")),
            is_log=bool(saved.get("is_log")),
            result=str(saved.get("result") or "") if saved.get("finished") else None,
        )

    def forget_file_trouble(self) -> None:
        self._state.put(_RESCUE, {})

    def missing_database(self) -> MissingDatabase | None:
        saved = self._state.get(_MISSING)
        if not saved:
            return None
        merged = saved.get("merged_rows")
        return MissingDatabase(
            reason=str(saved.get("reason")),
            is_replaced="finished" in saved,
            is_restored=bool(saved.get("finished", True)),
            restored_from=_optional(saved.get("restored_from")),
            merged_rows=merged if isinstance(merged, int) else 0,
        )

    def is_running(self) -> bool:
        return bool(self._state.get(_RUNNING))

    def save_start(self, at: datetime) -> None:
        self._state.put(_RUNNING, {"since": at.isoformat()})

    def save_clean_stop(self) -> None:
        self._state.put(_RUNNING, {})


def _incident_json(incident: Incident) -> Json:
    return {
        "topic": incident.topic.value,
        "subject": incident.subject,
        "since": incident.since.isoformat(),
        "count": incident.count,
        "told_at": _text(incident.notified_at),
        "detail": incident.detail,
        "source": incident.source,
        "is_open": incident.is_open,
        "title": title_of(incident),
    }


def _incident(value: Json) -> Incident | None:
    match value:
        case {
            "topic": str(topic),
            "subject": str(subject),
            "since": since_text,
            "count": int(count),
            "told_at": str() | None as notified_at,
            "detail": str(detail),
            **others,
        } if topic in set(Topic) and (since := _instant(since_text)) is not None:
            if notified_at is not None and _instant(notified_at) is None:
                return None
            source = others.get("source")
            return Incident(
                topic=Topic(topic),
                subject=subject,
                since=since,
                count=count,
                notified_at=_instant(notified_at),
                detail=detail,
                source=source if isinstance(source, str) else "",
            )
        case _:
            return None


def _optional(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Json) -> Mapping[str, str]:
    return {name: str(text) for name, text in value.items()} if isinstance(value, dict) else {}


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None


def _instant(value: Json) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None
