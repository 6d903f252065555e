"""Every promise is kept while the clock is wrong, the machine sleeps, or the zone's offset changes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.simulator.simulation.troubles import Trouble
from domain import gaps
from domain.progress import SourceProgress
from domain.services import continuous_collection
from entrypoints.cli import main
from entrypoints.commands import simulate
from entrypoints.wiring import storage

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

Report = dict[str, Any]
_1970 = date(1970, 1, 1)


def simulated(capsys: pytest.CaptureFixture[str], faults: str, seed: int, *more: str) -> Report:
    main(["simulate", "--faults", faults, "--seed", str(seed), "--json", *more])
    report: Report = json.loads(capsys.readouterr().out)
    return report


def rows(home: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(home / "data" / "readings.db")) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.parametrize(
    ("faults", "seed", "missed", "stored"),
    [
        ("clock-forward", 2, 20, 582),  # two steps ahead, each set right after hours
        ("clock-back", 1, 28, 584),
        ("clock-back", 3, 14, 582),
        ("asleep", 1, 230, 346),
        ("start-1970", 2, 2, 584),
        ("clock-drift", 1, 0, 582),
    ],
)
def test_every_promise_is_kept(
    capsys: pytest.CaptureFixture[str], faults: str, seed: int, missed: int, stored: int
) -> None:
    report = simulated(capsys, faults, seed)
    assert (report["broken"], report["causes_wrong"]) == ([], {})
    states = report["states"]
    assert (states.get("missed", 0), states["stored"], sum(states.values())) == (
        missed,
        stored,
        missed + stored,
    )
    assert report["handed_over"] == report["stored"] > 1500


def test_a_clock_that_is_set_right_as_the_machine_wakes_makes_no_steps_of_its_sleep(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seed 22 of a storm found it on its third day."""
    chosen = (
        Trouble(name="clock-forward", begins_s=7_237.0, lasts_s=2 * 3_600.0),
        Trouble(name="asleep", begins_s=10_837.0, lasts_s=3 * 3_600.0),
    )
    monkeypatch.setattr(simulate, "troubles", lambda *_, **__: chosen)
    report = simulated(capsys, "asleep", 22)
    assert (report["broken"], report["causes_wrong"]) == ([], {})


def test_a_start_in_1970_makes_no_device_older(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert simulated(capsys, "start-1970", 2, "--home", str(tmp_path / "home"))["broken"] == []
    in_1970 = rows(tmp_path / "home", "SELECT count(*) FROM readings WHERE timestamp < '2000-01-01'")
    assert in_1970 > [(0,)], "they have the time that the clock showed"
    (first,) = rows(tmp_path / "home", "SELECT min(first_slot) FROM devices")
    assert first == ("2026-03-02T00:00:00+00:00",)


@pytest.mark.parametrize(
    ("seed", "day", "readings"), [(1, date(2026, 3, 29), 23 * 12), (2, date(2026, 10, 25), 25 * 12)]
)
def test_the_days_of_a_change_of_the_offset_have_23_and_25_hours(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, seed: int, day: date, readings: int
) -> None:
    report = simulated(capsys, "daylight-saving", seed, "--days", "3", "--home", str(tmp_path / "home"))
    assert (report["broken"], report["states"]) == ([], {"stored": 3 * 576})
    statement = f"SELECT max(count) FROM rollup_days WHERE begin = {(day - _1970).days}"  # noqa: S608 - a number
    assert rows(tmp_path / "home", statement) == [(readings,)]


def without_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    known = continuous_collection.change_between

    def change_between(*looks: continuous_collection.ClockLook) -> continuous_collection.ClockChange:
        return attrs.evolve(known(*looks), stepped=timedelta())

    monkeypatch.setattr(continuous_collection, "change_between", change_between)


def without_the_clock_that_counts_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    def passed_between(
        before: continuous_collection.ClockLook, after: continuous_collection.ClockLook
    ) -> timedelta:
        return timedelta(seconds=after.elapsed_s - before.elapsed_s)

    monkeypatch.setattr(continuous_collection, "passed_between", passed_between)


def without_the_rest_of_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = gaps.Hole.newest

    def some(hole: gaps.Hole, _: int) -> tuple[Sequence[Any], None]:
        return newest(hole, 5)[0], None

    monkeypatch.setattr(gaps.Hole, "newest", some)


def without_seconds_outside_the_schedule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceProgress, "is_new", lambda *_: True)


def without_the_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "local_zone", lambda: UTC)


@pytest.mark.parametrize(
    ("mechanism", "faults", "seed", "promise"),
    [
        (without_steps, "clock-back", 1, "amazon missed overrun instead of missed clock_stepped"),
        (
            without_the_clock_that_counts_sleep,
            "asleep",
            1,
            "amazon missed clock_stepped instead of missed asleep",
        ),
        (without_the_rest_of_a_hole, "asleep", 1, "slots have no row in the ledger"),
        (without_seconds_outside_the_schedule, "clock-back", 1, "were handed over and are not stored"),
        (without_the_zone, "daylight-saving", 1, "days are summed up otherwise than their readings"),
    ],
)
def test_a_missing_mechanism_is_reported_as_a_broken_promise(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mechanism: Any,
    faults: str,
    seed: int,
    promise: str,
) -> None:
    mechanism(monkeypatch)
    report = simulated(capsys, faults, seed, *(["--days", "2"] if faults == "daylight-saving" else []))
    assert any(promise in broken for broken in report["broken"]), report["broken"]


def test_the_rows_of_a_long_sleep_are_written_in_portions(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gaps, "ROWS_AT_ONCE", 5)
    report = simulated(capsys, "asleep", 1)
    assert (report["broken"], report["states"]["missed"]) == ([], 230)
