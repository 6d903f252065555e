"""A health report as text for people and monitors, and as JSON."""

from __future__ import annotations

import json

from domain.health.report import ComponentResult, HealthReport, Status, Weight
from entrypoints.terminal.health_text import as_json, brief, ending, lines
from tests.support.builders import NOON

DISK = ComponentResult(
    component="disk",
    status=Status.FAIL,
    summary="1 MB | free\nof 10",
    next_step="Make room.",
    duration_s=0.25,
)
CLOCK = ComponentResult(component="clock", status=Status.PASS, summary="noon")
BRIDGE = ComponentResult(component="hue", status=Status.WARN, summary="silent", weight=Weight.SOURCE)

UNASKED = ComponentResult(component="wal", status=Status.UNKNOWN, summary="not asked")


def test_line_has_the_next_step_below() -> None:
    assert list(lines(CLOCK)) == ["pass     clock           noon"]
    assert list(lines(DISK)) == [
        "fail     disk            1 MB | free",
        "                         of 10",
        "         -> Make room.",
    ]


def test_long_component_name_is_not_cut() -> None:
    long = ComponentResult(component="hue:001788fffe5a1e57", status=Status.PASS, summary="8 devices")
    assert list(lines(long)) == ["pass     hue:001788fffe5a1e57  8 devices"]


def test_ending_counts_each_status() -> None:
    assert ending(HealthReport((CLOCK, BRIDGE)), 0.26) == "healthy: 1 to look at, 1 passed in 0.3 s"
    assert ending(HealthReport((CLOCK, DISK)), 1).startswith("not healthy; readings are collected: 1 failed")
    assert ending(HealthReport((CLOCK, UNASKED)), 1).startswith("not all could be checked: 1 unknown")


def test_brief_is_one_line_with_one_bar() -> None:
    assert brief(HealthReport((DISK, CLOCK)), 1.5) == (
        "HOMECLIMATE WARNING - disk: 1 MB / free; of 10 | time=1.50s failed=1 warnings=0"
    )
    assert brief(HealthReport((CLOCK, UNASKED)), 1).startswith("HOMECLIMATE WARNING - 1 unknown | ")
    assert brief(HealthReport((CLOCK, BRIDGE)), 1).startswith("HOMECLIMATE OK - 1 passed, 1 to look at | ")


def test_json_has_every_check_and_the_status() -> None:
    report = json.loads(as_json(HealthReport((DISK, CLOCK, BRIDGE)), at=NOON, duration_s=1.23456))
    assert (report["status"], report["exitCode"], report["durationSeconds"]) == ("fail", 1, 1.235)
    assert report["checks"]["disk"] == [
        {
            "status": "fail",
            "output": "1 MB | free\nof 10",
            "nextStep": "Make room.",
            "weight": "ordinary",
            "durationSeconds": 0.25,
        }
    ]
    assert "nextStep" not in report["checks"]["clock"][0]
    warned = json.loads(as_json(HealthReport((CLOCK, BRIDGE)), at=NOON, duration_s=1))
    assert (warned["status"], warned["exitCode"]) == ("warn", 0)
    assert json.loads(as_json(HealthReport((CLOCK,)), at=NOON, duration_s=1))["status"] == "pass"
