"""The system's zone, also where it has no name."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from adapters.health.machine import LINUX
from domain.alerts.incidents import Incident, Opened, Topic
from domain.alerts.messages import message_of
from domain.health.rules import judge_clock, judge_last_check
from domain.times import local_time
from domain.upkeep import StepRecord, StepResult
from entrypoints.terminal import baseline_text
from entrypoints.wiring.storage import local_zone
from tests.support.baselines import a_baseline
from tests.support.builders import NOON


@pytest.fixture
def restored_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(("text", "hours"), [("UTC+3", -3), ("<+0530>-5:30", 5.5), ("Foo/Bar", 0)])
def test_a_rule_instead_of_a_name_gives_its_offset(
    monkeypatch: pytest.MonkeyPatch, restored_zone: None, text: str, hours: float
) -> None:
    monkeypatch.setenv("TZ", text)
    monkeypatch.setattr("tzlocal.unix._cache_tz", None)
    time.tzset()
    assert local_zone().utcoffset(None) == timedelta(hours=hours)


def test_people_see_local_times(monkeypatch: pytest.MonkeyPatch, restored_zone: None) -> None:
    monkeypatch.setenv("TZ", "<+0530>-5:30")
    time.tzset()
    run = StepRecord(at=NOON, result=StepResult.OK)
    assert judge_last_check(run, NOON).summary == "sound at 2026-03-01 17:30 +05:30"
    assert judge_clock(NOON, [], LINUX).summary == "2026-03-01 17:30:00 +05:30"
    incident = Incident(topic=Topic.CREDENTIALS, subject="amazon", since=NOON)
    assert "Since 2026-03-01 17:30 +05:30" in message_of(Opened(incident=incident), home="/home").text
    _, row = baseline_text.table([a_baseline()])
    assert row.split()[1:4] == ["2026-03-01", "17:30", "+05:30"]
    assert "UTC" not in "".join(baseline_text.report(a_baseline()))


def test_a_time_at_the_end_of_the_calendar_is_shown() -> None:
    assert local_time(datetime.max.replace(tzinfo=UTC), timezone(timedelta(hours=14))).startswith(
        "9999-12-31"
    )
