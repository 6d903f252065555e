"""A home whose database is missing at a start: nothing is begun silently, and no reading is lost."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.files.locks import SourceLocks
from config.draft import draft_of
from entrypoints.wiring.setup import save
from tests.acceptance.conftest import RunHere
from tests.support.databases import changed, rows
from tests.support.deployments import Deployment
from tests.support.namespaces import in_mounts

COUNT = "SELECT count(*) FROM readings"
READINGS = "SELECT device_id, timestamp, temperature_celsius FROM readings ORDER BY 1, 2"


def check_database(deployment: Deployment) -> tuple[int, dict[str, Any]]:
    """The exit code of a health check of the database, and its answer."""
    done = deployment.run("health", "--json", "--offline", "--only", "database")
    return done.returncode, json.loads(done.stdout)["checks"]["database"][0]


@pytest.fixture
def before(deployment: Deployment, run_here: RunHere) -> list[tuple[Any, ...]]:
    """The readings of the deployment, which has collected before and has a backup of them."""
    assert run_here(deployment, "collect", "--once").returncode == 0
    assert list((deployment.database.parent / "backups").glob("*.db"))
    return deployment.rows(READINGS)


def test_lost_database_is_an_incident_until_a_person_accepts_it(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]]
) -> None:
    deployment.database.unlink()
    code, answer = check_database(deployment)
    assert (code, answer["status"]) == (2, "fail")
    collected = run_here(deployment, "collect", "--once")
    assert "critical: store.missing" in collected.stderr
    assert set(before) <= set(deployment.rows(READINGS)), "the backup was merged"
    code, answer = check_database(deployment)
    assert (code, answer["status"]) == (1, "fail")
    assert "db accept" in answer["nextStep"]
    assert "the database is missing" in run_here(deployment, "status").stdout
    assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    assert check_database(deployment)[0] == 1, "a further cycle accepts nothing"
    accepted = run_here(deployment, "db", "accept")
    assert (accepted.returncode, accepted.stderr) == (0, "")
    assert check_database(deployment)[0] == 0
    assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    assert "missing" not in run_here(deployment, "status").stdout
    assert "nothing is changed" in run_here(deployment, "db", "accept").stdout


@pytest.mark.parametrize("command", [("status",), ("db", "check"), ("backup", "copy.db")])
def test_commands_that_need_the_database_say_that_it_is_missing(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]], command: tuple[str, ...]
) -> None:
    deployment.database.unlink()
    done = run_here(deployment, *command)
    assert done.returncode == 1
    assert "it was there before" in done.stdout + done.stderr
    assert "db accept" in done.stdout + done.stderr
    assert not deployment.database.exists()


def test_cycles_by_hand_merge_the_backup_too(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]]
) -> None:
    deployment.database.unlink()
    assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    assert set(before) <= set(deployment.rows(READINGS))


def test_data_folder_without_anything_is_no_new_home(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]]
) -> None:
    shutil.rmtree(deployment.database.parent)
    assert check_database(deployment)[0] == 2
    assert "critical: store.missing" in run_here(deployment, "collect", "--once").stderr
    assert check_database(deployment)[0] == 1


def test_begin_again_on_purpose(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]]
) -> None:
    assert run_here(deployment, "db", "new").returncode == 64, "there is no terminal to ask at"
    begun = run_here(deployment, "db", "new", "--yes")
    assert begun.returncode == 0
    assert deployment.rows(COUNT) == [(0,)]
    (kept,) = deployment.database.parent.glob("readings.db.replaced-*Z")
    assert str(kept) in begun.stdout
    assert rows(kept, READINGS) == before
    assert check_database(deployment)[0] == 0
    assert list((deployment.database.parent / "backups").glob("*.db"))


def test_only_collect_begins_again_without_the_data_folder(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]]
) -> None:
    shutil.rmtree(deployment.database.parent)
    run_here(deployment, "status")
    deployment.run("health", "--offline")
    run_here(deployment, "db", "check")
    save(draft_of(deployment.folder))  # as setup does
    assert not deployment.database.parent.exists()


def test_begin_again_is_refused_while_a_collector_runs(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]]
) -> None:
    locks = SourceLocks(deployment.database.parent / "locks")
    locks.acquire("hue")
    try:
        refused = run_here(deployment, "db", "new", "--yes")
    finally:
        locks.close()
    assert refused.returncode == 1
    assert "Stop it" in refused.stderr
    assert deployment.rows(READINGS) == before


def test_restored_backup_ends_the_incident_and_belongs_to_the_home(
    deployment: Deployment, run_here: RunHere, before: list[tuple[Any, ...]], tmp_path: Path
) -> None:
    """Also one of another home: a person has chosen it."""
    (own,) = deployment.rows("SELECT value FROM properties WHERE name = 'home_id'")
    (backup,) = (deployment.database.parent / "backups").glob("*.db")
    other = shutil.copyfile(backup, tmp_path / "other.db")
    changed(other, "UPDATE properties SET value = 'another' WHERE name = 'home_id'")
    deployment.database.unlink()
    run_here(deployment, "collect", "--cycles", "1")
    assert run_here(deployment, "restore", str(other), "--yes").returncode == 0
    assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    assert deployment.rows("SELECT value FROM properties WHERE name = 'home_id'") == [own]
    assert check_database(deployment)[0] == 0
    assert len(deployment.rows("SELECT DISTINCT timestamp FROM readings")) == 3, "the interim cycle is kept"


def test_home_that_cannot_be_marked_fails_its_health_check(deployment: Deployment, run_here: RunHere) -> None:
    deployment.block_lasting_folders()
    assert run_here(deployment, "collect", "--once").returncode == 0
    code, answer = check_database(deployment)
    assert (code, answer["status"]) == (1, "fail")


def in_data_mount(deployment: Deployment, *commands: str, mount: str) -> subprocess.CompletedProcess[str]:
    """Run shell commands while the data folder is a mount of its own; `collect` stands for one cycle."""
    data = shlex.quote(str(deployment.database.parent))
    collect = shlex.join(deployment.command("collect", "--cycles", "1", "--json"))
    script = "\n".join(commands).replace("COLLECT", collect).replace("DATA", data)
    script = script.replace("HEALTH", shlex.join(deployment.command("health", "--offline", "--json")))
    return subprocess.run(
        in_mounts(mount.replace("DATA", data), ["sh", "-c", script]),
        env={name: value for name, value in deployment.environment().items() if "COV" not in name},
        cwd=deployment.folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


MOUNTS = {
    "tmpfs": "mkdir DATA\nmount -t tmpfs tmpfs DATA",
    "bind": "mkdir DATA DATA-disk\nmount --bind DATA-disk DATA",
}


@pytest.mark.proof
@pytest.mark.parametrize("kind", MOUNTS)
def test_disk_that_is_away_at_a_start_is_waited_for(deployment: Deployment, kind: str) -> None:
    """The disk is kept mounted elsewhere meanwhile, as if it was only unplugged."""
    done = in_data_mount(
        deployment,
        "COLLECT",
        "mkdir DATA-elsewhere && mount --move DATA DATA-elsewhere 2>/dev/null"
        " || { mount --bind DATA DATA-elsewhere && umount DATA; }",
        "COLLECT",
        "HEALTH >health.json; echo $? >health.code",
        "find DATA -mindepth 1 >below.txt",
        "mount --bind DATA-elsewhere DATA",
        "COLLECT",
        "cp DATA/readings.db after.db; cp DATA/state.json after.json",
        mount=MOUNTS[kind],
    )
    cycles = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(cycle["stored"], cycle["spooled"]) for cycle in cycles] == [
        (True, False),
        (False, True),
        (True, False),
    ], done.stderr
    folder = deployment.folder
    assert (folder / "below.txt").read_text() == "", "nothing is made below the mount point"
    assert (folder / "health.code").read_text().strip() == "2"
    (answer,) = json.loads((folder / "health.json").read_text())["checks"]["database"]
    assert "was on a disk" in answer["output"]
    slots = {cycle["outcomes"][0]["slot"] for cycle in cycles}
    assert {slot for (slot,) in rows(folder / "after.db", "SELECT DISTINCT timestamp FROM readings")} == slots
    state = json.loads((folder / "after.json").read_text())
    assert "store.missing" not in state
    assert "database_missing:database" not in state.get("incidents", {})


@pytest.mark.proof
def test_collector_that_starts_without_the_disk_goes_on_with_it(deployment: Deployment) -> None:
    done = in_data_mount(
        deployment,
        "COLLECT",
        "mkdir DATA-elsewhere && mount --move DATA DATA-elsewhere 2>/dev/null"
        " || { mount --bind DATA DATA-elsewhere && umount DATA; }",
        "touch running.jsonl",
        "COLLECT --cycles 6 --every 1 >running.jsonl &",
        "while [ $(wc -l <running.jsonl) -lt 2 ]; do sleep 0.2; done",
        "find DATA -mindepth 1 >below.txt",
        "mount --bind DATA-elsewhere DATA",
        "wait",
        "cp DATA/readings.db after.db; cp DATA/state.json after.json; find state -name '*.jsonl' -size +0",
        mount=MOUNTS["tmpfs"],
    )
    first, *left = done.stdout.splitlines()
    running = (deployment.folder / "running.jsonl").read_text().splitlines()
    cycles = [json.loads(line) for line in (first, *running)]
    kinds = ["stored" if cycle["stored"] else "spooled" for cycle in cycles]
    assert (kinds[:3], kinds[-1], left) == (["stored", "spooled", "spooled"], "stored", []), done.stderr
    assert (deployment.folder / "below.txt").read_text() == ""
    slots = {cycle["outcomes"][0]["slot"] for cycle in cycles}
    after = deployment.folder / "after.db"
    assert {slot for (slot,) in rows(after, "SELECT DISTINCT timestamp FROM readings")} == slots
    state = json.loads((deployment.folder / "after.json").read_text())
    assert "store.missing" not in state
    assert not (deployment.folder / "state" / "state.json").exists()


@pytest.mark.proof
@pytest.mark.parametrize("put_back", [shutil.move, shutil.copyfile])
def test_found_database_gets_the_cycles_of_the_interim_one(
    deployment: Deployment, run_here: RunHere, put_back: Callable[[Path, Path], object]
) -> None:
    collect = ("collect", "--cycles", "1", "--json")
    found = deployment.folder / "found.db"
    outputs = [deployment.run(*collect).stdout]
    deployment.database.rename(found)
    outputs += [deployment.run("collect", "--cycles", "2", "--every", "1", "--json").stdout]
    put_back(found, deployment.database)
    outputs += [deployment.run(*collect).stdout, deployment.run(*collect).stdout]
    cycles = [json.loads(line) for output in outputs for line in output.splitlines()]
    slots = {cycle["outcomes"][0]["slot"] for cycle in cycles}
    assert {slot for (slot,) in deployment.rows("SELECT DISTINCT timestamp FROM readings")} == slots
    assert check_database(deployment)[0] == 0
    assert "missing" not in run_here(deployment, "status").stdout
    assert not list((deployment.folder / "state" / "interim").glob("*.jsonl"))
