"""`homeclimate baseline` with a simulated bridge, and with measurements that are known."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.files.locks import SourceLocks
from adapters.runtime.clock import SystemClock
from domain.cycle import CycleReport
from tests.acceptance.conftest import RunHere
from tests.support.builders import a_measurement
from tests.support.databases import a_store
from tests.support.deployments import Deployment
from tests.support.old_homes import Age, make_old_home
from tests.support.proofs import in_proofs

OLD_HOME = Path(__file__).parents[1] / "fixtures" / "home_2026_11"
REAL_TIME = {"SIMULATED_RATE": "1"}  # for commands in a row, each of which reads: a second has one cycle


def parse(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def measured(deployment: Deployment, durations_s: Sequence[float], days_ago: float) -> None:
    """Store the measurements of cycles then, a minute apart."""
    began = SystemClock().now() - timedelta(days=days_ago)
    measurements = tuple(
        a_measurement(began + timedelta(minutes=number), duration_s=duration_s, cycle_s=duration_s)
        for number, duration_s in enumerate(durations_s)
    )
    store = a_store(deployment.folder / "data" / "readings.db")
    store.append(CycleReport(outcomes=(), measurements=measurements))
    store.close()


def jittered(middle_s: float, count: int = 60) -> list[float]:
    """Independent durations around that one."""
    chance = random.Random(round(middle_s * 1000))  # noqa: S311 - chance that is the same each time
    return [middle_s * chance.uniform(0.95, 1.05) for _ in range(count)]


@pytest.fixture
def slower(deployment: Deployment, run_here: RunHere) -> Deployment:
    """A home whose cycles took 0.2 s last week, kept as a baseline, and 0.3 s since yesterday."""
    measured(deployment, jittered(0.2), 6)
    assert run_here(deployment, "baseline", "capture", "last week").returncode == 0
    measured(deployment, jittered(0.3), 0.5)
    return deployment


def test_baseline_storage_and_retrieval(deployment: Deployment, run_here: RunHere) -> None:
    done = run_here(deployment, "baseline", "capture", "as it was", "--cycles", "2", "--every", "1", "--json")
    assert done.returncode == 0, done.stderr
    captured = parse(done)
    assert (captured["name"], captured["cycles"], captured["left_out"]) == ("as it was", 2, 0)
    figures = {(one["figure"], one["of"]): one for one in captured["figures"]}
    assert list(figures) == [
        (kind, "hue")
        for kind in ("cycle_s", "cpu_s", "commit_s", "read_s", "attempts", "wire_bytes", "payload_bytes")
    ]
    assert 0 < figures["commit_s", "hue"]["centre"] < figures["cycle_s", "hue"]["centre"]
    assert 0 < figures["read_s", "hue"]["centre"] < figures["cycle_s", "hue"]["centre"]
    assert figures["attempts", "hue"]["centre"] == 1.0
    assert figures["payload_bytes", "hue"]["centre"] > 100
    known = set(captured["circumstances"])
    assert {"machine", "load", "homeclimate", "Python", "SQLite", "configuration"} < known
    assert deployment.rows("SELECT state, scheduled FROM outcomes") == [("stored", 0)] * 2
    assert parse(run_here(deployment, "baseline", "list", "--json")) == {"format": 1, "baselines": [captured]}
    assert parse(run_here(deployment, "baseline", "report", "as it was", "--json"))["baselines"] == [captured]


@pytest.mark.proof
def test_read_option_forces_a_strategy_that_the_baseline_names(
    deployment: Deployment, run_here: RunHere
) -> None:
    bytes_by_read = {}
    for read in ("whole_bridge", "v1", "v2"):
        asked = ("baseline", "capture", read, "--cycles", "1", "--read", read, "--json")
        done = run_here(deployment, *asked, environment=REAL_TIME)
        assert done.returncode == 0, done.stderr
        captured = parse(done)
        assert captured["circumstances"]["Hue read"] == read
        figures = {one["figure"]: one["centre"] for one in captured["figures"]}
        bytes_by_read[read] = figures["payload_bytes"]
    assert deployment.rows("SELECT strategy FROM source_measurements ORDER BY slot") == [
        ("whole_bridge",),
        ("v1",),
        ("v2",),
    ]
    assert bytes_by_read["v1"] < bytes_by_read["whole_bridge"]
    done = run_here(deployment, "baseline", "compare", "whole_bridge", "v1")
    assert "not the same: Hue read: whole_bridge -> v1" in done.stdout
    assert "not the same: configuration: " in done.stdout


def test_baseline_comparison_reporting(slower: Deployment, run_here: RunHere) -> None:
    (kept,) = parse(run_here(slower, "baseline", "list", "--json"))["baselines"]
    assert "load" not in kept["circumstances"], "which is of cycles that run now"
    done = run_here(slower, "baseline", "compare", "last week")
    assert (done.returncode, done.stderr) == (0, "")
    first, head, *lines = done.stdout.splitlines()
    assert first == "last week (60 cycles) -> now (60 cycles)"
    assert head.split() == ["figure", "of", "last", "week", "now", "change", "between", "verdict"]
    (cycle,) = (line for line in lines if line.startswith("whole cycle"))
    assert re.fullmatch(
        r"whole cycle +hue +(199|20\d)\.\d\d ms \[19\d\.\d\d ms, 20\d\.\d\d ms\]"
        r" +(299|30\d)\.\d\d ms \[29\d\.\d\d ms, 30\d\.\d\d ms\]"
        r" +\+(4\d|5\d)\.\d% +\+4\d\.\d% to \+5\d\.\d% +slower",
        cycle,
    )
    counted = [line for line in lines if line.startswith("bytes")]
    assert [line.endswith("  no difference shown") for line in counted] == [True, True]


def test_broken_limit_exits_with_1_and_is_explained(slower: Deployment, run_here: RunHere) -> None:
    since = f"{SystemClock().now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    asked = ("baseline", "compare", "last week", "--since", since, "--max-slower")
    done = run_here(slower, *asked, "10%")
    assert done.returncode == 1
    assert "slower" in done.stdout
    assert "the limit of +10.0% is broken: whole cycle of hue by +" in done.stderr
    done = run_here(slower, *asked, "900%")
    assert (done.returncode, done.stderr) == (0, "")
    said = parse(run_here(slower, *asked, "10", "--json"))
    assert said["broken"] == [{"figure": "cycle_s", "of": "hue"}, {"figure": "read_s", "of": "hue"}]
    assert {change["verdict"] for change in said["changes"] if change["figure"] == "cycle_s"} == {"slower"}


def test_same_cycles_show_no_difference_and_can_be_removed(slower: Deployment, run_here: RunHere) -> None:
    for name in ("a", "b"):
        assert run_here(slower, "baseline", "capture", name, "--since", "7d").returncode == 0
    done = run_here(slower, "baseline", "compare", "a", "b", "--max-slower", "0%", "--json")
    assert done.returncode == 0
    assert {change["verdict"] for change in parse(done)["changes"]} == {"no difference shown"}
    assert run_here(slower, "baseline", "remove", "a").returncode == 0
    assert run_here(slower, "baseline", "remove", "a").returncode == 1
    left = parse(run_here(slower, "baseline", "list", "--json"))["baselines"]
    assert [one["name"] for one in left] == ["last week", "b"]


def test_cycles_of_a_baseline_are_not_compared_with_it(deployment: Deployment, run_here: RunHere) -> None:
    measured(deployment, jittered(0.2), 0.5)
    assert run_here(deployment, "baseline", "capture", "before").returncode == 0
    nothing = run_here(deployment, "baseline", "compare", "before")
    assert (nothing.returncode, "no complete cycle was measured since" in nothing.stderr) == (1, True)
    assert run_here(deployment, "baseline", "compare", "before", "--cycles", "1").returncode == 0
    said = parse(run_here(deployment, "baseline", "compare", "before", "--json"))
    assert said["changes"][0]["after"]["samples"] == 1
    assert said["overlap"] is None


def test_overlap_of_two_baselines_is_reported(deployment: Deployment, run_here: RunHere) -> None:
    measured(deployment, jittered(0.2), 0.5)
    captured = parse(run_here(deployment, "baseline", "capture", "a", "--json"))
    done = run_here(deployment, "baseline", "compare", "a", "--since", "7d")
    assert "the same cycles count on both sides, so that any change looks smaller than it is" in done.stdout
    assert run_here(deployment, "baseline", "capture", "b").returncode == 0
    said = parse(run_here(deployment, "baseline", "compare", "a", "b", "--json"))
    assert said["overlap"] == [captured["first_at"], captured["last_at"]]


def test_limit_that_cannot_be_judged_is_reported(deployment: Deployment, run_here: RunHere) -> None:
    measured(deployment, [0.2], 3)
    assert run_here(deployment, "baseline", "capture", "a").returncode == 0
    measured(deployment, [0.2], 0.5)
    assert run_here(deployment, "baseline", "capture", "b", "--since", "1d").returncode == 0
    done = run_here(deployment, "baseline", "compare", "a", "b", "--max-slower", "10%")
    assert done.returncode == 0
    whole, *others = done.stderr.splitlines()
    assert whole == (
        "the limit of +10.0% is not judged: whole cycle of hue"
        " (only 1 independent cycle of the 12 that it takes)"
    )
    assert len(others) == 1
    said = parse(run_here(deployment, "baseline", "compare", "a", "b", "--max-slower", "10%", "--json"))
    assert [one["figure"] for one in said["not_judged"]] == ["cycle_s", "read_s"]
    assert "not judged" not in run_here(deployment, "baseline", "compare", "a", "b").stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("capture", "a", "--since", "7d", "--cycles", "3"), 64, "exclude each other"),
        (("capture", "a", "--since", ""), 64, "'' is not a time. Write 90m, 12h or 7d"),
        (("capture", "a", "--since", "", "--cycles", "1"), 64, "exclude each other"),
        (("compare", "last week", "last week", "--since", ""), 64, "NAME2 is measured already"),
        (("capture", "a", "--read", "v1"), 64, "--read and --every need --cycles"),
        (("capture", "a", "--every", "5"), 64, "--read and --every need --cycles"),
        (("compare", "last week", "b", "--every", "5"), 64, "--read and --every need --cycles"),
        (("capture", "a", "--since", "last week"), 64, "'last week' is not a time. Write 90m, 12h or 7d"),
        (("capture", "a", "--since", "0001-01-01T00:00+14:00"), 64, "is not a time"),
        (("capture", "a", "--since", "9999-12-31T23:59-10:00"), 64, "is not a time"),
        (("capture", "a", "--source", "hive"), 1, "Measured were: hue"),
        (("capture", "now"), 64, "is not 'now'"),
        (("capture", " "), 64, "1 to 64 printable characters"),
        (("capture", "a", "--read", "v3", "--cycles", "1"), 64, "'v3' is not one of"),
        (("compare", "a", "b", "--cycles", "3"), 64, "NAME2 is measured already"),
        (("compare", "a", "--max-slower", "much"), 64, "'much' is not a limit. Write 10%"),
        (("compare", "a", "--max-slower", "-5%"), 64, "is not a limit"),
        (("compare", "a"), 1, "there is no baseline a. There are: last week"),
        (("compare", "last week", ""), 1, "there is no baseline"),
        (("report", "a"), 1, "there is no baseline a"),
        (("remove", "a"), 1, "homeclimate: there is no baseline a. There are: last week"),
        (("capture", "a", "--since", "1m"), 1, "no complete cycle was measured since"),
        (("capture", "a", "--cycles", "1", "--source", "hive"), 78, "there is no source hive"),
    ],
)
def test_wrong_usage_is_reported_with_the_next_step(
    slower: Deployment, run_here: RunHere, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = run_here(slower, "baseline", *arguments)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_taken_name_is_rejected_before_any_cycle_runs(slower: Deployment, run_here: RunHere) -> None:
    assert run_here(slower, "baseline", "capture", "a").returncode == 0
    done = run_here(slower, "baseline", "capture", "a", "--cycles", "1")
    assert done.returncode == 64
    assert "there is a baseline a already. Replace it with --replace" in done.stderr
    assert slower.rows("SELECT count(*) FROM outcomes") == [(0,)]
    done = run_here(slower, "baseline", "capture", "a", "--cycles", "1", "--replace", "--json")
    assert parse(done)["cycles"] == 1


@pytest.mark.proof
def test_strategies_of_bridges_are_counted(deployment: Deployment, run_here: RunHere) -> None:
    def read_of(name: str, *options: str) -> object:
        asked = ("baseline", "capture", name, "--json", *options)
        return parse(run_here(deployment, *asked, environment=REAL_TIME))["circumstances"]["Hue read"]

    assert read_of("usual", "--cycles", "2", "--every", "1") == "v2"
    assert read_of("small", "--cycles", "1", "--read", "v1") == "v1"
    assert read_of("all of it") == "v2 in 2 of 3 reads, v1 in 1"


def test_known_since_names_what_changed_while_measuring(deployment: Deployment, run_here: RunHere) -> None:
    def known_since(name: str, *options: str) -> str:
        done = run_here(deployment, "baseline", "capture", name, *options, "--json")
        return str(parse(done)["circumstances"]["known since"])

    measured(deployment, jittered(0.2, 3), 6)
    written_at = SystemClock().now() - timedelta(days=2)
    os.utime(deployment.config_file, (written_at.timestamp(),) * 2)
    assert f"configuration {written_at:%Y-%m-%d %H:%M}" in known_since("over the change")
    os.utime(deployment.config_file, ((written_at - timedelta(days=9)).timestamp(),) * 2)
    assert "configuration" not in known_since("after it")
    assert known_since("at once", "--cycles", "1") == "the beginning"


def test_one_cycle_is_singular(deployment: Deployment, run_here: RunHere) -> None:
    measured(deployment, jittered(0.2, 1), 0.5)
    done = run_here(deployment, "baseline", "capture", "a")
    assert done.stdout.startswith("## a\n\n1 complete cycle, begun ")
    done = run_here(deployment, "baseline", "compare", "a", "--since", "7d")
    assert done.stdout.startswith("a (1 cycle) -> now (1 cycle)\n")


def test_names_are_normalized(slower: Deployment, run_here: RunHere) -> None:
    composed, decomposed = "Caf\u00e9 router", "  Cafe\u0301\u00a0  router "
    assert parse(run_here(slower, "baseline", "capture", decomposed, "--json"))["name"] == composed
    done = run_here(slower, "baseline", "capture", composed)
    assert (done.returncode, f"there is a baseline {composed} already" in done.stderr) == (64, True)
    for name in (composed, decomposed):
        assert run_here(slower, "baseline", "compare", name, name).returncode == 0
        assert run_here(slower, "baseline", "report", name).stdout.startswith(f"## {composed}\n")
    assert run_here(slower, "baseline", "capture", " now ").returncode == 64
    assert run_here(slower, "baseline", "remove", decomposed).returncode == 0


def test_moved_home_has_the_same_configuration(slower: Deployment, run_here: RunHere) -> None:
    assert run_here(slower, "baseline", "capture", "here").returncode == 0
    moved = attrs.evolve(slower, folder=slower.folder.rename(slower.folder.with_name("elsewhere")))
    assert run_here(moved, "baseline", "capture", "there").returncode == 0
    differing = parse(run_here(moved, "baseline", "compare", "here", "there", "--json"))["differing"]
    assert "configuration" not in differing


def test_cycles_in_the_future_are_reported(deployment: Deployment, run_here: RunHere) -> None:
    measured(deployment, jittered(0.2, 3), -1)
    done = run_here(deployment, "baseline", "capture", "a")
    said = "3 cycles have a time in the future, up to "
    assert (done.returncode, said in done.stderr) == (1, True)
    measured(deployment, jittered(0.2, 2), 1)
    done = run_here(deployment, "baseline", "capture", "a", "--json")
    assert (parse(done)["cycles"], said in done.stderr) == (2, True)
    assert "the clock was ahead" in done.stderr
    done = run_here(deployment, "baseline", "compare", "a", "--since", "3d")
    assert (done.returncode, said in done.stderr) == (0, True)
    for asked in (("compare", "a", "a"), ("list",)):
        assert run_here(deployment, "baseline", *asked).stderr == ""


def test_damaged_baseline_does_not_affect_others(slower: Deployment, run_here: RunHere) -> None:
    with closing(sqlite3.connect(slower.database)) as connection, connection:
        connection.execute("UPDATE baselines SET content = '{}'")
    done = run_here(slower, "baseline", "capture", "another")
    assert (done.returncode, done.stderr) == (0, "")
    assert run_here(slower, "baseline", "capture", "last week").returncode == 1
    assert run_here(slower, "baseline", "capture", "last week", "--replace").returncode == 0
    assert run_here(slower, "baseline", "compare", "last week", "another").returncode == 0


def test_home_without_a_database_gets_the_next_step(deployment: Deployment, run_here: RunHere) -> None:
    for asked in ("list", "report"):
        done = run_here(deployment, "baseline", asked)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "there is no baseline yet. Make one with homeclimate baseline capture NAME\n"
    done = run_here(deployment, "baseline", "capture", "a")
    assert done.returncode == 1
    assert "The first cycle makes it" in done.stderr


def test_capture_may_be_the_first_command_with_an_old_database(
    deployment: Deployment, run_here: RunHere
) -> None:
    deployment.database.parent.mkdir()
    make_old_home(deployment.database, Age.C_WAL, 5)
    assert run_here(deployment, "baseline", "list").returncode == 0
    done = run_here(deployment, "baseline", "capture", "a")
    assert (done.returncode, "The first cycle upgrades it" in done.stderr) == (1, True)
    assert run_here(deployment, "baseline", "capture", "a", "--cycles", "1").returncode == 0


@pytest.mark.parametrize(
    "asked", [("capture", "a", "--replace"), *in_proofs([("compare", "a", "--max-slower", "10%")])]
)
def test_interrupted_cycles_are_neither_kept_nor_compared(
    slower: Deployment, run_here: RunHere, asked: tuple[str, ...]
) -> None:
    assert run_here(slower, "baseline", "capture", "a").returncode == 0
    kept = parse(run_here(slower, "baseline", "report", "a", "--json"))
    running = slower.start("baseline", *asked, "--cycles", "500", "--every", "1")
    assert "readings" in running.stderr.readline()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate()
    assert running.poll() == 130
    assert " of 500 cycles" in said
    assert parse(run_here(slower, "baseline", "report", "a", "--json")) == kept


@pytest.mark.proof
def test_cycle_that_was_not_stored_counts_as_left_out(slower: Deployment, run_here: RunHere) -> None:
    with closing(sqlite3.connect(slower.database)) as connection:
        connection.execute(
            "CREATE TRIGGER only_one BEFORE INSERT ON source_measurements"
            " WHEN EXISTS (SELECT 1 FROM source_measurements"
            " WHERE slot >= strftime('%Y-%m-%dT%H:%M', 'now', '-1 hour'))"
            " BEGIN SELECT RAISE(IGNORE); END"
        )
    captured = parse(run_here(slower, "baseline", "capture", "a", "--cycles", "3", "--every", "1", "--json"))
    assert (captured["cycles"], captured["left_out"]) == (1, 2)


def test_running_collector_allows_capture_but_no_new_cycles(slower: Deployment, run_here: RunHere) -> None:
    locks = SourceLocks(slower.folder / "data" / "locks")
    locks.acquire("hue")
    done = run_here(slower, "baseline", "capture", "a", "--cycles", "1")
    assert done.returncode == 75
    assert "hue" in done.stderr
    assert run_here(slower, "baseline", "capture", "a").returncode == 0
    locks.close()


def test_baseline_of_november_2026_is_compared_with_old_and_new_cycles(
    deployment: Deployment, run_here: RunHere
) -> None:
    deployment.database.parent.mkdir()
    shutil.copy(OLD_HOME / "data" / "readings.db", deployment.database)
    compare = ("baseline", "compare", "first-winter", "--json")
    old = parse(run_here(deployment, *compare, "--since", "2026-11-29T22:28:29"))
    new = parse(run_here(deployment, *compare, "--cycles", "1", "--source", "hue"))
    assert {(one["figure"], one["of"]) for one in old["changes"]} >= {("cycle_s", "amazon+hue")}
    assert [one["of"] for one in new["changes"]] == ["hue"] * 4
