"""What `homeclimate collect` does so that no damage to the database costs readings."""

from __future__ import annotations

import signal
import time
from typing import NoReturn

import pytest

from adapters.sqlite.care.verification import structural_fault
from config.loading import load
from domain.errors import StoreError
from entrypoints.commands.collect import Request, run
from entrypoints.wiring.collecting import collecting
from tests.acceptance.conftest import RunHere
from tests.support.collect_simulated import simulated_environment
from tests.support.damaged import damage
from tests.support.databases import rows
from tests.support.deployments import Deployment


@pytest.fixture
def damaged(deployment: Deployment, run_here: RunHere) -> bytes:
    """The content of the deployment's database, which has collected before and is damaged since."""
    assert run_here(deployment, "collect", "--once").returncode == 0
    return damage(deployment.database, "without its schema")


def test_a_cycle_is_stored_and_the_damaged_file_kept(
    deployment: Deployment, run_here: RunHere, damaged: bytes
) -> None:
    done = run_here(deployment, "collect", "--once")
    assert done.returncode == 0
    (kept,) = deployment.database.parent.glob("readings.db.damaged-*Z")
    assert kept.read_bytes() == damaged
    assert f"homeclimate db salvage --home {deployment.folder} {kept}" in done.stderr
    entries = deployment.rows("SELECT state, scheduled FROM outcomes ORDER BY scheduled")
    assert entries == [("stored", 0), ("stored", 1)], "the slot of the backup stays as it was"


def test_a_continuous_collector_checks_the_file_at_its_start(
    deployment: Deployment, run_here: RunHere, damaged: bytes
) -> None:
    with collecting(load(deployment.folder), simulated_environment(str(deployment.ca_file)), checking=True):
        assert structural_fault(deployment.database) is None
    (kept,) = deployment.database.parent.glob("readings.db.damaged-*Z")
    assert kept.read_bytes() == damaged


def test_collect_once_does_not_check_the_whole_file(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def not_now(*_: object, checking: bool, **__: object) -> NoReturn:
        asked.append(checking)
        raise StoreError("not now")

    monkeypatch.setattr("entrypoints.commands.collect.collecting", not_now)
    for once in (True, False):
        run(Request(home=deployment.folder, once=once), simulated_environment(str(deployment.ca_file)))
    assert asked == [False, True]


def test_a_continuous_collector_makes_a_verified_backup(deployment: Deployment) -> None:
    running = deployment.start("collect")
    backups = deployment.database.parent / "backups"
    give_up_at = time.monotonic() + 50
    while not list(backups.glob("readings-*Z.db")):
        assert time.monotonic() < give_up_at, "there is no backup"
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    _, errors = running.communicate(timeout=50)
    assert (running.returncode, errors) == (0, "")
    (backup,) = backups.iterdir()
    assert structural_fault(backup) is None
    assert rows(backup, "SELECT count(*) FROM readings") == [(8,)]
