"""`homeclimate db`, as a person runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from adapters.files.locks import UpkeepLock
from config.files import DEMO_MARK
from tests.acceptance.conftest import RunHere
from tests.support.builders import a_cycle
from tests.support.databases import a_store, changed, rows
from tests.support.deployments import Deployment, an_offline_home


@pytest.fixture
def home(tmp_path: Path) -> Deployment:
    """A home with one reading, without a source that answers."""
    home = an_offline_home(tmp_path / "home")
    store = a_store(home.database)
    store.append(a_cycle())
    store.close()
    return home


def _json(home: Deployment, run_here: RunHere) -> dict[str, object]:
    answer = json.loads(run_here(home, "db", "check", "--json").stdout)
    assert isinstance(answer, dict)
    return answer


def test_check_reports_a_sound_database_during_collection(home: Deployment, run_here: RunHere) -> None:
    store = a_store(home.database)
    store.open()
    done = run_here(home, "db", "check")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{home.database} is sound\n", "")
    assert _json(home, run_here) == {
        "format": 1,
        "path": str(home.database),
        "sound": True,
        "findings": [],
        "next": None,
    }
    store.close()


def test_home_of_the_demo_is_checked_and_restored_as_one(home: Deployment, run_here: RunHere) -> None:
    copy = home.folder / "copy.db"
    changed(home.database, "UPDATE properties SET value = '1' WHERE name = 'is_simulated'")
    home.config_file.write_text(f"{DEMO_MARK}\n{home.config_file.read_text()}")
    assert run_here(home, "backup", str(copy)).returncode == 0
    for command in (("db", "check"), ("restore", str(copy), "--yes")):
        done = run_here(home, *command)
        assert (done.returncode, "of a simulated home" in done.stdout) == (0, True), done
    assert run_here(home, "collect", "--once").returncode == 78


def test_simulated_home_is_checked_and_backed_up(home: Deployment, run_here: RunHere) -> None:
    changed(home.database, "UPDATE properties SET value = '1' WHERE name = 'is_simulated'")
    assert run_here(home, "db", "check").stdout == f"{home.database} is sound\n"
    copy = home.folder / "copy.db"
    assert run_here(home, "backup", str(copy)).returncode == 0
    assert rows(copy, "SELECT value FROM properties WHERE name = 'is_simulated'") == [("1",)]
    assert run_here(home, "restore", str(copy), "--yes").returncode == 78  # it writes


def test_check_names_a_changed_value_and_the_next_step(home: Deployment, run_here: RunHere) -> None:
    changed(home.database, "UPDATE readings SET temperature_celsius = 21.51")
    done = run_here(home, "db", "check")
    assert done.returncode == 1
    assert done.stdout.startswith("readings, ids 1 to 1 (2026-03-01T12:00:00+00:00 to ")
    assert "Compare them with a backup" in done.stderr
    answer = _json(home, run_here)
    assert answer["sound"] is False
    assert "Compare them with a backup" in str(answer["next"])


def test_check_reports_a_damaged_file_and_the_next_step(home: Deployment, run_here: RunHere) -> None:
    content = bytearray(home.database.read_bytes())
    content[4096:8192] = bytes(4096)
    home.database.write_bytes(content)
    done = run_here(home, "db", "check")
    assert done.returncode == 1
    assert done.stdout.startswith("file, ")
    assert "homeclimate restore FILE" in done.stderr
    assert "homeclimate db salvage" in done.stderr
    assert home.database.read_bytes() == content


@pytest.mark.parametrize(
    ("statements", "code"),
    [
        (["CREATE TABLE songs (title)"], 78),
        (["CREATE TABLE readings (id)", "PRAGMA user_version = 7"], 78),
    ],
)
def test_check_refuses_a_database_of_another_program(
    home: Deployment, run_here: RunHere, statements: list[str], code: int
) -> None:
    home.database.unlink()
    changed(home.database, *statements)
    assert run_here(home, "db", "check").returncode == code


def test_check_without_a_database_fails(home: Deployment, run_here: RunHere) -> None:
    home.database.unlink()
    done = run_here(home, "db", "check")
    assert done.returncode == 1
    assert "does not exist" in done.stderr


def test_salvage_merges_a_damaged_file(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    damaged = home.database.rename(tmp_path / "damaged.db")
    content = bytearray(damaged.read_bytes())
    content[:4096] = bytes(4096)
    damaged.write_bytes(content)
    assert run_here(home, "db", "check").returncode == 1
    done = run_here(home, "db", "salvage", str(damaged))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"1 readings could be read in {damaged}; 1 of them were missing in {home.database}" in done.stdout
    assert home.rows("SELECT device_id, temperature_celsius FROM readings") == [
        ("hue:00:17:88:01:02:03:04:05-02-0402", 21.5)
    ]
    assert run_here(home, "db", "check").returncode == 0
    again = run_here(home, "db", "salvage", str(damaged))
    assert "; 0 of them were missing in" in again.stdout
    assert damaged.read_bytes() == content


def test_salvage_names_doubtful_and_left_out_rows(
    home: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    damaged = home.database.rename(tmp_path / "damaged.db")
    changed(damaged, "UPDATE readings SET temperature_celsius = 3", "UPDATE outcomes SET readings = 7")
    done = run_here(home, "db", "salvage", str(damaged))
    assert "merged, but check it: readings, ids 1 to 1 of the damaged file" in done.stdout
    assert "left out: outcomes, hue 2026-03-01T12:00:00+00:00, has changed" in done.stdout


def test_salvage_refuses_the_database_itself(home: Deployment, run_here: RunHere) -> None:
    done = run_here(home, "db", "salvage", str(home.database))
    assert done.returncode == 1
    assert "homeclimate restore FILE" in done.stderr


def test_salvage_of_nothing_fails(home: Deployment, run_here: RunHere, tmp_path: Path) -> None:
    other = tmp_path / "letter.txt"
    other.write_text("Dear Sir or Madam,\n" * 1000)
    done = run_here(home, "db", "salvage", str(other))
    assert done.returncode == 1
    assert f"is {other} a database of this program" in done.stderr


def test_rebuild_rollups_next_to_a_collector(home: Deployment, run_here: RunHere) -> None:
    store = a_store(home.database)
    store.open()
    changed(home.database, "UPDATE readings SET temperature_celsius = 5")
    done = run_here(home, "db", "rebuild-rollups")
    said = f"{home.database}: 1 readings are summed up by hour and day\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    assert rows(home.database, "SELECT low, high, count FROM rollup_days") == [(5.0, 5.0, 1)]
    store.close()


def test_rebuild_rollups_waits_for_the_upkeep_and_needs_a_database(
    home: Deployment, run_here: RunHere
) -> None:
    lease = UpkeepLock(home.database.with_name("upkeep.lock"))
    assert lease.acquire()
    done = run_here(home, "db", "rebuild-rollups")
    lease.release()
    assert (done.returncode, "the daily upkeep of the database is running" in done.stderr) == (1, True), done
    shutil.rmtree(home.database.parent)
    done = run_here(home, "db", "rebuild-rollups")
    assert (done.returncode, "there is no database" in done.stderr) == (1, True), done
