"""`simulate` with the disk and the files in trouble: no reading is lost, or the ledger says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files.locks import SourceLocks
from adapters.sqlite.care.quarantine import DatabaseQuarantine
from adapters.sqlite.identity.home_identity import HomeIdentity
from adapters.sqlite.open_files import Condition, OpenFiles
from entrypoints.cli import main

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

Report = dict[str, Any]


def simulated(capsys: pytest.CaptureFixture[str], home: Path, faults: str, seed: int = 2) -> Report:
    options = ["--faults", faults, "--seed", str(seed), "--home", str(home), "--json"]
    main(["simulate", *options])
    report: Report = json.loads(capsys.readouterr().out)
    return report


def logged(home: Path) -> str:
    return "".join(path.read_text() for path in sorted((home / "logs").iterdir()))


@pytest.mark.parametrize(
    ("faults", "event"),
    [
        ("disk-full", "SQLITE_IOERR_WRITE"),
        ("no-room", "log.records_lost"),
        ("data-away", "store.away"),
        ("database-missing", "store.deleted"),
        ("database-replaced", "store.replaced"),
        ("database-emptied", "store.replaced"),
        ("wal-deleted", "store.log_lost"),
        ("log-unwritable", "log.records_lost"),
        ("data-away-at-start", "store.missing"),
    ],
)
def test_no_reading_is_lost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, faults: str, event: str
) -> None:
    report = simulated(capsys, tmp_path, faults)
    assert report["broken"] == []
    assert report["handed_over"] == report["stored"] > 2000
    assert event in logged(tmp_path)


@pytest.mark.parametrize(
    ("faults", "event"),
    [
        ("database-missing-at-start", "store.missing"),
        ("database-emptied-at-start", "store.moved_aside"),
        ("database-replaced-at-start", "upkeep.check_ok"),
    ],
)
def test_ledger_says_what_was_lost_with_the_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, faults: str, event: str
) -> None:
    report = simulated(capsys, tmp_path, faults)
    assert report["broken"] == []
    assert report["handed_over"] - report["stored"] == report["said_to_be_lost"] > 100
    assert event in logged(tmp_path)


@pytest.mark.parametrize(("faults", "seed"), [("damaged-page", 2), ("damaged-page-at-start", 3)])
def test_salvage_reports_all_that_a_damaged_page_cost(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, faults: str, seed: int
) -> None:
    report = simulated(capsys, tmp_path, faults, seed)
    assert report["broken"] == []
    assert 0 < report["handed_over"] - report["stored"] == report["said_to_be_lost"] < 50
    assert "store.moved_aside" in logged(tmp_path)


def test_a_backup_copied_over_the_open_database_costs_only_what_it_lacks(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = simulated(capsys, tmp_path, "database-overwritten", seed=1)
    assert report["broken"] == []
    assert report["handed_over"] - report["stored"] == report["said_to_be_lost"] > 1000
    assert "store.backup_merged" in logged(tmp_path)


def without_looking_at_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenFiles, "condition", lambda _: Condition.IN_PLACE)


def without_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HomeIdentity, "loss", lambda _: None)


def without_quarantine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DatabaseQuarantine, "ensure_sound", lambda *_, **__: False)


def without_notes_of_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SourceLocks, "ran", lambda *_: ())


@pytest.mark.parametrize(
    ("mechanism", "faults", "promise"),
    [
        (without_looking_at_the_files, "database-missing", "can be counted"),
        (without_looking_at_the_files, "wal-deleted", "are not stored"),
        (without_identity, "database-missing-at-start", "are not stored"),
        (without_quarantine, "database-emptied-at-start", "can be counted"),
        (without_notes_of_what_ran, "database-missing-at-start", "name a wrong cause"),
    ],
)
def test_a_missing_mechanism_is_reported(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    mechanism: Callable[[pytest.MonkeyPatch], None],
    faults: str,
    promise: str,
) -> None:
    mechanism(monkeypatch)
    assert main(["simulate", "--faults", faults, "--seed", "2", "--home", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert promise in shown.out + shown.err
