"""The JSON of the services' state: what is saved is read, and damage counts as never saved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.files.saved_state import SavedState
from adapters.memory.state import MemoryState
from domain.alerts.incidents import ClockStep, Incident, Topic
from domain.alerts.messages import Message, Outbox
from domain.backoff import SourceFailures
from domain.cycle import Cause
from domain.upkeep import Step, StepRecord, StepResult
from tests.support.builders import NOON

OLD_STATE = Path(__file__).parents[1] / "fixtures/home_2026_11/data/state.json"
INCIDENT = Incident(
    topic=Topic.BATTERY_LOW,
    subject="hue:1",
    since=NOON,
    count=3,
    notified_at=NOON,
    detail="hall: 5 %",
    source="hue",
)


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.mark.parametrize(
    "failures",
    [
        SourceFailures(),
        SourceFailures(failures=4, refusals=2, cause=Cause.THROTTLED, until=NOON),
        SourceFailures(failures=1, refusals=1, cause=Cause.CREDENTIALS, until=NOON, credential="mark"),
    ],
)
def test_failures_are_saved(state: MemoryState, failures: SourceFailures) -> None:
    SavedState(state).save_failures("hue", failures)
    assert SavedState(state).failures("hue") == failures
    assert SavedState(state).failures("amazon") == SourceFailures()


@pytest.mark.parametrize("incident", [INCIDENT, attrs.evolve(INCIDENT, notified_at=None, source="")])
def test_incidents_are_saved(state: MemoryState, incident: Incident) -> None:
    SavedState(state).save_incidents({"key": incident})
    assert SavedState(state).incidents() == {"key": incident}


@pytest.mark.parametrize(
    "outbox",
    [
        Outbox(),
        Outbox(waiting=(Message(subject="a", text="b"),)),
        Outbox(
            waiting=(Message(subject="a", text="b"),), failing_since=NOON, not_before=NOON, last_error="no"
        ),
    ],
)
def test_outbox_is_saved(state: MemoryState, outbox: Outbox) -> None:
    SavedState(state).save_outbox(outbox)
    assert SavedState(state).outbox() == outbox


@pytest.mark.parametrize("step", list(Step))
def test_runs_of_steps_are_saved(state: MemoryState, step: Step) -> None:
    record = StepRecord(
        at=NOON,
        result=StepResult.OK,
        file="a.db",
        size_bytes=1,
        made_at=NOON,
        copied="b.db",
        kept={"c.db": "readings hue:a"},
    )
    SavedState(state).save_run(step, record)
    assert SavedState(state).last_run(step) == record


def test_clock_step_is_saved(state: MemoryState) -> None:
    assert SavedState(state).clock_step() is None
    step = ClockStep(NOON, "it was set back by 30 min")
    SavedState(state).save_clock_step(step)
    assert SavedState(state).clock_step() == step
    state.put("clock.step", {"at": 5, "detail": None})
    assert SavedState(state).clock_step() is None


def test_clock_faults_are_saved(state: MemoryState) -> None:
    SavedState(state).save_clock_faults({"hue": NOON})
    assert SavedState(state).clock_faults() == {"hue": NOON}


def test_state_of_an_earlier_program_is_read(state: MemoryState) -> None:
    for key, value in json.loads(OLD_STATE.read_text()).items():
        state.put(key, value)
    saved = SavedState(state)
    (incident,) = saved.incidents().values()
    assert (incident.topic, incident.is_open, incident.count) == (Topic.SPOOL_IN_USE, True, 1)
    state.put(
        "upkeep.backup", {"result": "failed", "reason": "no room", "at": NOON.isoformat(), "file": "a.db"}
    )
    state.put("streak.hue", {"streak": {"failures": 7, "refusals": 0, "cause": "network", "until": None}})
    assert saved.last_run(Step.BACKUP) == StepRecord(
        at=NOON, result=StepResult.FAILED, reason="no room", file="a.db"
    )
    assert saved.failures("hue") == SourceFailures(failures=7, cause=Cause.NETWORK)


@pytest.mark.parametrize(
    "nonsense",
    [
        {},
        {"streak": 1, "waiting": 1, "at": 1, "a": 1},
        {"streak": {"failures": 1, "refusals": 1, "cause": "no cause", "until": None}, "a": {}},
        {"waiting": [1, {"subject": 1}], "at": "noon", "result": "ok"},
        {"at": "2026-03-01T12:00:00", "result": "ok"},  # without a zone
        {"at": NOON.isoformat(), "result": 5},
        {"a": {"topic": "none", "subject": "", "since": NOON.isoformat(), "count": 1, "told_at": None}},
    ],
)
def test_damaged_state_counts_as_never_saved(state: MemoryState, nonsense: dict[str, Any]) -> None:
    for key in ("streak.hue", "incidents", "notifier", "upkeep.check", "clock.faults"):
        state.put(key, nonsense)
    saved = SavedState(state)
    assert saved.failures("hue") == SourceFailures()
    assert (saved.incidents(), saved.outbox(), saved.last_run(Step.CHECK)) == ({}, Outbox(), None)
