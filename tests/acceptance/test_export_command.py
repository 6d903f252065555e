"""`homeclimate export`, as a person and a script run it."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import stat
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.simulator.home import SimulatedHome
from tests.acceptance.conftest import RunHere
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store
from tests.support.deployments import Deployment
from tests.support.terminal import at_a_terminal

FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture
def collected(deployment: Deployment) -> Deployment:
    """A home with an hour of two rooms, the name of one of which is a formula."""
    deployment.database.parent.mkdir(parents=True, exist_ok=True)
    store = a_store(deployment.database)
    for number in range(12):
        slot = NOON + number * FIVE_MINUTES
        readings = (
            a_reading("hue:A", location="=1+1", collected_at=slot, temperature=20 + number / 4),
            a_reading("alexa:b", location="K\u00fcche", collected_at=slot, pm25=number),
        )
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    store.close()
    return deployment


def test_export_writes_every_reading_as_csv(collected: Deployment, run_here: RunHere) -> None:
    done = run_here(collected, "export")
    assert (done.returncode, done.stderr) == (0, "")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert len(rows) == 24
    assert rows[2]["collected_at"] == "2026-03-01T12:05:00+00:00"
    assert {row["location"] for row in rows} == {"'=1+1", "K\u00fcche"}
    assert [float(row["temperature (Cel)"]) for row in rows[::2]] == [20 + number / 4 for number in range(12)]


@pytest.mark.parametrize("options", [(), ("--long",), ("--format", "jsonl"), ("--zone", "Asia/Kolkata")])
def test_each_row_of_a_simulated_home_says_so(
    deployment: Deployment, run_here: RunHere, options: tuple[str, ...]
) -> None:
    deployment.database.parent.mkdir(parents=True)
    store = a_store(deployment.database, is_simulated=True)
    store.append(a_cycle(a_collected(a_reading(observed_at=NOON), a_reading("hue:b", pm25=2.0))))
    store.close()
    done = run_here(deployment, "export", *options)
    assert done.stderr == "The home is simulated: none of these values was measured.\n"
    if "jsonl" in options:
        assert [json.loads(line)["is_simulated"] for line in done.stdout.splitlines()] == [True, True]
    else:
        rows = list(csv.DictReader(done.stdout.splitlines()))
        assert [row["is_simulated"] for row in rows] == ["1", "1"]
        assert rows[0]["observed_at"][:4] == "2026"
        assert all(None not in row for row in rows), "no cell beyond the headings"


def test_export_selects(collected: Deployment, run_here: RunHere) -> None:
    options = ("--since", "2026-03-01T12:30", "--until", "2026-03-01T13:40+01:00", "--quantity", "pm25")
    done = run_here(collected, "export", "--format", "jsonl", "--long", "--device", "k\u00dcche", *options)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["collected_at"], one["value"], one["unit"]) for one in found] == [
        ("2026-03-01T12:30:00+00:00", 6.0, "ug/m3"),
        ("2026-03-01T12:35:00+00:00", 7.0, "ug/m3"),
    ]
    assert len(run_here(collected, "export", "--device", "HUE:a").stdout.splitlines()) == 13


def test_export_replaces_a_file_only_when_forced(
    collected: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    file = tmp_path / "readings.jsonl"
    assert run_here(collected, "export", "--output", str(file)).returncode == 0
    assert len([json.loads(line) for line in file.read_text("utf-8").splitlines()]) == 24
    file.write_text("mine")
    refused = run_here(collected, "export", "--output", str(file))
    assert (refused.returncode, file.read_text()) == (64, "mine")
    assert "--force" in refused.stderr
    assert run_here(collected, "export", "--output", str(file), "--force").returncode == 0
    assert len(file.read_text("utf-8").splitlines()) == 24
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["readings.jsonl"]
    os.mkfifo(tmp_path / "pipe.csv")
    assert run_here(collected, "export", "--output", str(tmp_path / "pipe.csv"), "--force").returncode == 64


def test_a_copy_can_be_read_by_who_may_not_write_beside_it(
    collected: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    file = tmp_path / "published" / "readings.db"
    file.parent.mkdir()
    assert run_here(collected, "export", "--output", str(file)).returncode == 0
    file.chmod(0o644)
    assert run_here(collected, "export", "--output", str(file), "--force").returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [one.name for one in file.parent.iterdir()] == ["readings.db"]
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM all_readings").fetchone() == (24,)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "parquet"), "Name it with --output"),
        (("--output", "a.db", "--since", "1d"), "the whole database"),
        (("--output", "/none/a.csv"), "there is no folder /none. Make it, or name another file"),
        (("--device", "Cellar"), "no device or room 'Cellar'. Rooms: =1+1, K\u00fcche"),
        (("--since", "1d", "--until", "2d"), "--since is not before --until"),
        (("--since", "yesterday"), "is not a time"),
        (("--quantity", "ozone"), "ozone"),
        (("--zone", "Europe/Atlantis"), "is not a time zone"),
    ],
)
def test_wrong_usage_is_named(
    collected: Deployment, run_here: RunHere, options: tuple[str, ...], message: str
) -> None:
    done = run_here(collected, "export", *options)
    assert (done.returncode, done.stdout) == (64, "")
    assert message in done.stderr


def test_nothing_is_left_when_the_database_cannot_be_read(
    deployment: Deployment, run_here: RunHere, tmp_path: Path, simulated_home: SimulatedHome
) -> None:
    done = run_here(deployment, "export", "--output", str(tmp_path / "a.csv"))
    assert done.returncode == 1
    assert "no database" in done.stderr
    assert not list(tmp_path.glob("a.csv*"))


def test_a_killed_export_leaves_nothing_after_the_next_one(
    collected: Deployment, run_here: RunHere, tmp_path: Path
) -> None:
    file = tmp_path / "a.csv"
    (tmp_path / "old.csv.making").mkdir()
    (tmp_path / "old.csv.making" / "old.csv").write_text("half")
    (tmp_path / "old.csv.making.lock").write_text("homeclimate\n")
    assert run_here(collected, "export", "--output", str(file)).returncode == 0
    assert [one.name for one in tmp_path.glob("*.csv*")] == ["a.csv"]


def test_a_terminal_shows_the_progress(collected: Deployment, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    with at_a_terminal(collected, "export", "--zone", "Europe/Berlin", "--output", str(file)) as terminal:
        assert terminal.wait() == 0
    assert "24/24" in terminal.output
    assert file.read_text().splitlines()[1].startswith("2026-03-01T13:00:00+01:00,")


@pytest.mark.parametrize("command", ["export", "status"])
def test_a_reader_that_goes_away_ends_the_command_quietly(collected: Deployment, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        collected.command(command),
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, **collected.environment()},
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")
