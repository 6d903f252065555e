"""`homeclimate devices`, as a person and a script run it."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.sqlite.care.verification import check
from tests.acceptance.conftest import RunHere
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store, rows
from tests.support.deployments import Deployment

FIVE_MINUTES = timedelta(minutes=5)
ATTIC, BATH, HALL = "hue:00:aa", "hue:00:bb", "alexa:cc"


@pytest.fixture
def home(deployment: Deployment) -> Deployment:
    """A home with two cycles of three devices, whose secrets nobody can read."""
    deployment.database.parent.mkdir(parents=True, exist_ok=True)
    store = a_store(deployment.database)
    for slot in (NOON, NOON + FIVE_MINUTES):
        readings = (
            a_reading(ATTIC, location="Attic", temperature=20.1, collected_at=slot),
            a_reading(BATH, location="Bath", temperature=22.0, collected_at=slot),
            a_reading(HALL, location="Hall", temperature=18.0, pm25=4.0, collected_at=slot),
        )
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    store.close()
    (deployment.folder / "config" / "secrets.yaml").write_text("]")
    return deployment


def listed(home: Deployment, run_here: RunHere) -> dict[str, dict[str, Any]]:
    done = run_here(home, "devices", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    return {one["device_id"]: one for one in json.loads(done.stdout)["devices"]}


def test_devices_are_listed_without_readable_secrets(home: Deployment, run_here: RunHere) -> None:
    lines = run_here(home, "devices").stdout.splitlines()
    assert lines[0].split() == ["name", "device", "kind", "source", "seen", "settings"]
    assert [line.split()[:4] for line in lines[1:]] == [
        ["Attic", ATTIC, "hue_sensor", "hue"],
        ["Bath", BATH, "hue_sensor", "hue"],
        ["Hall", HALL, "hue_sensor", "hue"],
    ]


def test_a_negative_offset_is_no_option_and_reaches_the_readers(home: Deployment, run_here: RunHere) -> None:
    done = run_here(home, "devices", "offset", "attic", "-1.3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Attic ({ATTIC}): -1.3 °C is added")
    assert listed(home, run_here)[ATTIC]["settings"]["offsets"] == {"temperature": -1.3}
    stored = home.rows("SELECT DISTINCT temperature_celsius FROM readings WHERE location = 'Attic'")
    assert stored == [(20.1,)]
    for options, value in (((), "18.8"), (("--raw",), "20.1")):
        rows = csv.DictReader(run_here(home, "export", *options).stdout.splitlines())
        assert [row["temperature (Cel)"] for row in rows if row["device_id"] == ATTIC] == [value] * 2
    assert run_here(home, "devices", "offset", "attic", "0").returncode == 0
    assert listed(home, run_here)[ATTIC]["settings"]["offsets"] == {}


def test_an_ignored_device_is_exported_only_when_it_is_named(home: Deployment, run_here: RunHere) -> None:
    done = run_here(home, "devices", "ignore", BATH)
    assert "NOT collected any more" in done.stdout
    assert BATH not in run_here(home, "export").stdout
    assert BATH in run_here(home, "export", "--device", "bath").stdout
    assert listed(home, run_here)[BATH]["settings"]["ignored_since"] is not None


def test_the_history_is_renamed_after_a_verified_backup(home: Deployment, run_here: RunHere) -> None:
    refused = run_here(home, "devices", "rename", "attic", "Study", "--history")
    assert (refused.returncode, "--yes" in refused.stderr) == (64, True)
    done = run_here(home, "devices", "rename", "attic", "Study", "--history", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    (backup,) = home.database.parent.glob("readings.db.before-rename-*")
    assert f"{backup}: " in done.stdout
    assert "2 stored readings" in done.stdout
    locations = "SELECT DISTINCT location FROM readings ORDER BY location"
    assert rows(backup, locations) == [("Attic",), ("Bath",), ("Hall",)]
    assert home.rows(locations) == [("Bath",), ("Hall",), ("Study",)]
    assert check(home.database, busy_timeout_ms=100) == ()
    assert listed(home, run_here)[ATTIC]["name"] == "Study"


def test_every_change_is_in_the_history(home: Deployment, run_here: RunHere) -> None:
    changes = [
        ("rename", "hall", "Study"),
        ("outdoor", "attic"),
        ("plausible", "attic", "-30", "45"),
        ("plausible", "alexa:c", "0", "50", "--quantity", "pm25"),
        ("outdoor", "attic", "--remove"),
    ]
    for change in changes:
        assert run_here(home, "devices", *change).returncode == 0
    said = json.loads(run_here(home, "devices", "history", "--json").stdout)["changes"]
    assert [(one["device_id"], one["setting"], one["quantity"], one["value"]) for one in said] == [
        (HALL, "name", None, "Study"),
        (ATTIC, "outdoor", None, True),
        (ATTIC, "plausible", "temperature", [-30.0, 45.0]),
        (HALL, "plausible", "pm25", [0.0, 50.0]),
        (ATTIC, "outdoor", None, None),
    ]
    own = run_here(home, "devices", "history", "study").stdout.splitlines()
    assert [line.split()[4:7] for line in own[1:]] == [["name", "Study"], ["pm25", "plausible", "0"]]


def test_wrong_usage_names_what_to_do(home: Deployment, run_here: RunHere) -> None:
    wrong = {
        ("offset", "cellar", "1"): "there is no device 'cellar'. The devices are Attic (hue:00:aa), Bath",
        ("offset", "hue:", "1"): "'hue:' stands for Attic (hue:00:aa), Bath (hue:00:bb). Write more of it",
        ("offset", "attic", "nan"): "nan is not an offset. It lies between -20 and 20",
        ("offset", "attic", "-21"): "-21 is not an offset",
        ("offset", "attic"): "name an offset such as -1.3, or --remove",
        ("rename", "attic", " "): "' ' is not a name",
        ("plausible", "attic", "45", "-30"): "45 to -30 is not a range",
        ("plausible", "attic", "60", "70"): "no temperature lies between 60 and 70",
    }
    for arguments, message in wrong.items():
        done = run_here(home, "devices", *arguments)
        assert (done.returncode, message in " ".join(done.stderr.split())) == (64, True), done.stderr
    assert json.loads(run_here(home, "devices", "history", "--json").stdout)["changes"] == []


@pytest.mark.proof
def test_a_running_collector_obeys_without_a_restart(deployment: Deployment, run_here: RunHere) -> None:
    collector = deployment.start("collect", "--cycles", "5", "--every", "1", "--json")
    first, second, *others = sorted(_readings(collector.stdout.readline()))
    for change in (("rename", first, "Study"), ("plausible", first, "-40", "-39"), ("ignore", second)):
        assert run_here(deployment, "devices", *change).returncode == 0
    *_, last = collector.communicate()[0].splitlines()
    readings = _readings(last)
    assert sorted(readings) == [first, *others]
    assert (readings[first]["location"], readings[first]["is_anomalous"]) == ("Study", True)


def _readings(line: str) -> dict[str, dict[str, Any]]:
    (outcome,) = json.loads(line)["outcomes"]
    assert outcome["unread"] == []
    return {one["device_id"]: one for one in outcome["readings"]}


def test_a_home_without_readings_says_what_to_do_first(deployment: Deployment, run_here: RunHere) -> None:
    done = run_here(deployment, "devices", "outdoor", "attic")
    assert done.returncode in (1, 64)
    assert "cycle" in done.stderr or "collect" in done.stderr
