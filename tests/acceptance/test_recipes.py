"""The recipes of docs/how-to/use-other-programs.md do what they say, where the other program is installed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.conftest import RunHere
from tests.support.builders import NOON, a_collected, a_cycle, a_due, a_reading
from tests.support.databases import a_store
from tests.support.deployments import Deployment

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
HOUR = timedelta(hours=1)
ROOMS = {"hue:a": "Attic", "hue:b": "=1+1"}


@pytest.fixture
def home(deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """A home with two days of readings every hour, but for six hours; the current folder is an empty one."""
    deployment.database.parent.mkdir(parents=True, exist_ok=True)
    store = a_store(deployment.database)
    for number in (*range(20), *range(26, 48)):
        slot = NOON + number * HOUR
        readings = (
            a_reading(device, location=room, collected_at=slot, temperature=20 + number % 24 / 4, pm25=3.0)
            for device, room in ROOMS.items()
        )
        store.append(a_cycle(a_collected(*readings, due=a_due(slot=slot))))
    store.close()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return deployment


def recipe(program: str, language: str) -> str:
    """Return the block of that language below the program's heading."""
    text = (HOW_TO / "use-other-programs.md").read_text("utf-8")
    section = text.split(f"\n## {program}\n")[1].split("\n## ")[0]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


def export(home: Deployment, run_here: RunHere, program: str, **replaced: str) -> None:
    """Run the export that the recipe begins with."""
    command = recipe(program, "sh").splitlines()[0].removeprefix("./run ")
    for old, new in replaced.items():
        command = command.replace(old, new)
    done = run_here(home, *shlex.split(command))
    assert (done.returncode, done.stderr) == (0, "")


def run_python(program: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(recipe(program, "python"), names)  # noqa: S102 - our own page
    return names


def test_pandas_has_the_means_by_day(home: Deployment, run_here: RunHere) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    export(home, run_here, "pandas")
    by_day = run_python("pandas")["by_day"]
    assert [str(day) for day in by_day.index] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert by_day["max"]["Attic"].tolist() == [22.5, 24.75, 25.75]


def test_duckdb_reads_parquet(home: Deployment, run_here: RunHere) -> None:
    pytest.importorskip("duckdb", reason="DuckDB is not installed")
    export(home, run_here, "DuckDB")
    found = run_python("DuckDB")["means"].fetchall()
    assert {room for room, *_ in found} == set(ROOMS.values())
    assert sum(count for *_, count in found) == 84


def test_datasette_serves_the_copy(home: Deployment, run_here: RunHere) -> None:
    program = shutil.which("datasette")
    if program is None:
        pytest.skip("Datasette is not installed")
    export(home, run_here, "Datasette")
    command = shlex.split(recipe("Datasette", "sh").splitlines()[1])
    path = "/published/readings.json?_shape=array&location__exact=Attic&_size=1000"
    done = subprocess.run([program, *command[1:], "--get", path], capture_output=True, check=True)
    assert len(json.loads(done.stdout)) == 42


def test_grafana_draws_breaks_from_the_copy(home: Deployment, run_here: RunHere) -> None:
    """Grafana replaces its variables in the queries; the plugin opens the file for each of them."""
    source = yaml.safe_load((HOW_TO / "grafana" / "datasource.yaml").read_text())["datasources"][0]
    copy = Path("copy.db").absolute()
    export(home, run_here, "Grafana", **{source["jsonData"]["path"]: str(copy)})
    dashboard = json.loads((HOW_TO / "grafana" / "dashboard.json").read_text("utf-8"))
    found = {}
    for panel in dashboard["panels"]:
        (target,) = panel["targets"]
        assert target["datasource"] == {"type": source["type"], "uid": source["uid"]}
        assert target["queryText"] == target["rawQueryText"]
        query = target["queryText"]
        for variable, value in {
            "$__interval_ms": 3_600_000,
            "$__from": int(NOON.timestamp() * 1000),
            "$__to": int((NOON + 48 * HOUR).timestamp() * 1000),
        }.items():
            query = query.replace(variable, str(value))
        assert "$" not in query
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as connection:
            plan = " ".join(row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
            assert "readings USING INDEX idx_readings_timestamp" in plan
            found[panel["title"]] = connection.execute(query).fetchall()
    rows = [(time, value) for time, room, value in found["Temperature"] if room == "Attic"]
    assert [time for time, _ in rows] == [int((NOON + number * HOUR).timestamp()) for number in range(48)]
    assert [number for number, (_, value) in enumerate(rows) if value is None] == [*range(20, 26)]
    assert rows[19][1] == 24.75
    assert len(found["PM2.5"]) == 96
    assert found["Carbon monoxide"] == []
