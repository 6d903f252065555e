"""`homeclimate simulate`: the same days for the same seed, and a broken promise is reported."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.amazon import states
from adapters.files.locks import SourceLocks
from adapters.files.spool.file_spool import FileSpool
from adapters.simulator.home import SimulatedHome
from domain.alerts.incidents import Patience
from domain.cycle import Cause
from domain.reading import Quantity
from domain.retry import GiveUp
from domain.services import collection_cycle
from domain.services.alerting import Alerting
from domain.services.retry_policy import RetryPolicy
from entrypoints.cli import main

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

_SEED = "169"  # a day with seven kinds of trouble
Report = dict[str, Any]


def simulated(capsys: pytest.CaptureFixture[str], faults: str) -> tuple[int, Report]:
    code = main(["simulate", "--faults", faults, "--seed", "1", "--json"])
    report: Report = json.loads(capsys.readouterr().out)
    return code, report


@pytest.mark.parametrize("options", [["--seed", _SEED], ["--faults", "killed"]], ids=" ".join)
def test_the_same_seed_gives_the_same_ledger_and_readings_byte_for_byte(
    tmp_path: Path, options: list[str]
) -> None:
    dumps = []
    for number in ("1", "2"):
        home = tmp_path / number
        subprocess.run(
            [sys.executable, "-m", "entrypoints", "simulate", "--home", str(home), *options],
            env={**os.environ, "PYTHONHASHSEED": number},
            check=True,
            capture_output=True,
        )
        with closing(sqlite3.connect(home / "data" / "readings.db")) as connection:
            dumps.append(
                [
                    connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - from here
                    for table in ("outcomes", "readings", "air_readings", "checksums")
                ]
            )
    assert dumps[0][0]
    assert dumps[0] == dumps[1]


@pytest.mark.parametrize(
    ("faults", "states"),
    [
        ("bridge-moved", {"stored": 576}),  # it is found within the cycle
        ("bridge-replaced", {"failed": 82, "stored": 494}),
        ("token-replaced", {"deferred": 76, "failed": 16, "stored": 484}),
    ],
)
def test_every_promise_is_kept_by_one_source_in_trouble(
    capsys: pytest.CaptureFixture[str], faults: str, states: dict[str, int]
) -> None:
    code, report = simulated(capsys, faults)
    assert (code, report["broken"], report["causes_wrong"]) == (0, [], {})
    assert report["states"] == states


def test_of_a_sensor_on_two_bridges_the_newest_reading_is_stored_and_counted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, report = simulated(capsys, "sensor-on-two-bridges")
    assert (code, report["broken"], report["states"]) == (0, [], {"stored": 3 * 288})
    assert report["on_two_bridges"] > 0


def test_every_promise_is_kept_while_the_database_is_locked(capsys: pytest.CaptureFixture[str]) -> None:
    code, report = simulated(capsys, "database-locked")
    assert (code, report["format"], report["broken"]) == (0, 1, [])
    assert report["slots_with_a_row"] == report["slots_due"] == 576
    assert report["handed_over"] == report["stored"] > 3000


def test_a_kill_that_is_played_loses_nothing_but_what_was_in_flight(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, report = simulated(capsys, "killed")
    assert (code, report["broken"]) == (0, [])
    assert sum(report["kills"].values()) > 2
    assert report["slots_with_a_row"] == report["slots_due"] == 576
    assert report["handed_over"] == report["stored"] > 3000


def without_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSpool, "add", lambda *_: "nowhere")


def without_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "decide", lambda *_: GiveUp("never"))


def without_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection_cycle, "cause_of", lambda _: Cause.INTERNAL)


def without_alerts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Alerting, "_update_board", lambda *_: None)


def without_slots_in_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceLocks, "begin", lambda *_: None)


def without_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Patience, "needed", lambda *_: 1)


def with_another_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedHome, "temperature", lambda *_: 99.0)


def with_a_wrong_quantity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_BY_ASSET", {})
    monkeypatch.setattr(states, "_BY_INSTANCE", {**states._BY_INSTANCE, "5": Quantity.CARBON_DIOXIDE})


@pytest.mark.parametrize(
    ("mechanism", "faults", "promise"),
    [
        (without_spool, "database-locked", "were handed over and are not stored"),
        (without_retry, "hiccup", "a retry mended"),
        (without_retry, "database-busy", "short troubles of store.append"),
        (without_cause, "network-cut", "name a wrong cause"),
        (without_alerts, "token-refused", "alerts were not those called for: alert_file missing"),
        (without_patience, "network-cut", "alerts were not those called for: source_silent open"),
        (without_slots_in_progress, "killed", "were handed over and are not stored"),
        (with_another_value, "none", "are not those that the home showed"),
        (with_a_wrong_quantity, "none", "are not those that the home showed"),
    ],
)
def test_a_missing_mechanism_is_reported_as_a_broken_promise(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    mechanism: Any,
    faults: str,
    promise: str,
) -> None:
    mechanism(monkeypatch)
    code, report = simulated(capsys, faults)
    assert code == 1
    assert any(promise in broken for broken in report["broken"]), report["broken"]
