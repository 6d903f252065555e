"""A real `collect` while its database cannot be written to: cycles go on, and no reading is lost."""

from __future__ import annotations

import fcntl
import json
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from adapters.simulator.home import SimulatedHome
from tests.support.deployments import Deployment
from tests.support.forked import Piped
from tests.support.namespaces import filled, in_mounts, small_disk

Cycles = list[dict[str, Any]]


@pytest.fixture
def impatient(deployment: Deployment) -> Deployment:
    """A home that waits for its database only for a moment."""
    text = deployment.config_file.read_text()
    quick = "storage:\n  busy_timeout_ms: 50\n  retry_max_attempts: 2\n  retry_base_delay: 0.05\n"
    deployment.config_file.write_text(text.replace("storage:\n", quick))
    return deployment


# Not by `preexec_fn`: beside the threads of the simulated home that is no longer allowed.
_LIMITED = (
    "import os, resource, sys; limit = int(sys.argv[1]); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)); os.execv(sys.argv[2], sys.argv[2:])"
)


def collecting(deployment: Deployment, cycles: int) -> Piped:
    return deployment.start("collect", "--cycles", str(cycles), "--every", "1", "--json")


def collecting_with_little_room(
    deployment: Deployment, cycles: int, *, largest_file_bytes: int
) -> subprocess.Popen[str]:
    command = deployment.command("collect", "--cycles", str(cycles), "--every", "1", "--json")
    command = [sys.executable, "-c", _LIMITED, str(largest_file_bytes), *command]
    # what measures coverage in it would have no room for its own file either
    environment = {name: value for name, value in deployment.environment().items() if "COV" not in name}
    return subprocess.Popen(
        command,
        env=environment,
        cwd=deployment.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(running: Piped | subprocess.Popen[str]) -> Cycles:
    out, errors = running.communicate(timeout=50)
    assert "Traceback" not in errors
    return [json.loads(line) for line in out.splitlines()]


def slots(cycles: Cycles) -> list[str]:
    """Each once: the last cycle of one process and the first of the next may fall into one second."""
    return list(dict.fromkeys(cycle["outcomes"][0]["slot"] for cycle in cycles))


def states(cycles: Cycles) -> list[str]:
    return [
        "stored" if cycle["stored"] else "spooled" if cycle["spooled"] else "in memory" for cycle in cycles
    ]


def stored_slots(deployment: Deployment) -> list[str]:
    """In the order in which they were stored, each as often as it was."""
    rows = deployment.rows("SELECT timestamp FROM readings GROUP BY timestamp ORDER BY min(id)")
    return [timestamp for (timestamp,) in rows]


@pytest.mark.proof
def test_a_long_locked_database_loses_no_reading(
    impatient: Deployment, simulated_home: SimulatedHome
) -> None:
    before = told(collecting(impatient, 1))
    with closing(sqlite3.connect(impatient.database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        during = told(collecting(impatient, 3))
    assert states(during) == ["spooled"] * 3
    assert "locked by another program" in during[0]["reason"]
    after = told(collecting(impatient, 1))
    assert states(after) == ["stored"]
    assert stored_slots(impatient) == slots(before + during + after)
    counts = impatient.rows("SELECT count(*) FROM readings GROUP BY timestamp")
    assert set(counts) == {(len(simulated_home.sensors),)}
    assert list((impatient.folder / "data" / "spool").glob("*.jsonl")) == []


@contextmanager
def _a_transaction(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def _our_lock(database: Path) -> Iterator[None]:
    with database.with_name(f"{database.name}.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("held", [_a_transaction, pytest.param(_our_lock, marks=pytest.mark.proof)])
def test_a_process_killed_while_the_database_is_locked_loses_no_reading(
    deployment: Deployment, held: Callable[[Path], AbstractContextManager[None]]
) -> None:
    before = told(collecting(deployment, 1))
    with held(deployment.database):
        killed = collecting(deployment, 1)
        while not (spooled := list((deployment.folder / "data" / "spool").glob("*.jsonl"))):
            assert killed.poll() is None, "it has neither stored the cycle nor spooled it"
        while not spooled[0].read_bytes().endswith(b"\n"):
            assert killed.poll() is None
        killed.kill()
        killed.communicate()
    after = told(collecting(deployment, 1))
    assert states(after) == ["stored"]
    stored = stored_slots(deployment)
    assert [stored[0], stored[-1], len(stored)] == [*slots(before), *slots(after), 3]


@pytest.mark.proof
@pytest.mark.parametrize("held", [_a_transaction, _our_lock])
def test_cycles_by_hand_while_the_database_is_locked_share_no_slot(
    impatient: Deployment, held: Callable[[Path], AbstractContextManager[None]]
) -> None:
    """What another process has stored, and what waits, is known without the lock."""
    cycles = told(impatient.start("collect", "--once", "--json"))
    with held(impatient.database):
        for _ in range(2):
            cycles += told(impatient.start("collect", "--once", "--json"))
    cycles += told(impatient.start("collect", "--once", "--json"))
    assert states(cycles) == ["stored", "spooled", "spooled", "stored"]
    assert stored_slots(impatient) == slots(cycles)
    assert len(slots(cycles)) == 4


@pytest.mark.proof
def test_a_full_disk_spools_readings_then_keeps_them_in_memory(impatient: Deployment) -> None:
    impatient.block_lasting_folders()
    before = told(collecting(impatient, 1))
    (impatient.folder / "data" / "spool" / "reserve").unlink()
    running = collecting_with_little_room(impatient, 12, largest_file_bytes=24_000)
    during = told(running)
    kinds = states(during)
    spooled = kinds.count("spooled")
    assert kinds == ["spooled"] * spooled + ["in memory"] * (12 - spooled)
    assert 0 < spooled < 12
    assert running.returncode == 1
    after = told(collecting(impatient, 1))
    assert states(after) == ["stored"]
    assert stored_slots(impatient) == slots(before + during[:spooled] + after)
    assert impatient.rows("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.proof
def test_a_data_folder_away_for_a_while_loses_no_reading(
    impatient: Deployment,
) -> None:
    data, away = impatient.folder / "data", impatient.folder / "away"
    running = collecting(impatient, 6)
    first = _next(running)
    _swap(data, away)
    during = [_next(running), _next(running)]
    data.unlink()
    away.rename(data)
    after = told(running)
    assert states(during) == ["spooled"] * 2
    assert {cycle["place"] for cycle in during} == {str(impatient.folder / "state" / "spool")}
    assert states(after)[-1] == "stored"
    assert stored_slots(impatient) == slots([first, *during, *after])
    assert running.returncode == 0


@pytest.mark.proof
def test_a_deleted_data_folder_is_made_again_with_all_that_was_stored(impatient: Deployment) -> None:
    running = collecting(impatient, 4)
    first = _next(running)
    while (impatient.folder / "data").exists():  # the alerts of the cycle may add a file meanwhile
        with suppress(OSError):
            shutil.rmtree(impatient.folder / "data")
    after = told(running)
    assert states(after)[-1] == "stored"
    assert stored_slots(impatient) == slots([first, *after])


def _next(running: Piped) -> dict[str, Any]:
    cycle = json.loads(running.stdout.readline())
    assert isinstance(cycle, dict)
    return cycle


def _swap(data: Path, away: Path) -> None:
    """Move the folder away, and let a file stand in its place: nothing can be made there."""
    data.rename(away)
    data.write_text("not mounted")


@pytest.mark.proof
def test_a_full_file_system_loses_no_reading(impatient: Deployment) -> None:
    """Neither database nor spool take anything, so that the readings wait in memory."""
    impatient.block_lasting_folders()
    assert impatient.run("collect", "--once").returncode == 0
    data = impatient.folder / "data"
    later = f"(sleep 5; rm {shlex.quote(str(data / 'ballast'))}) &"
    running = subprocess.Popen(
        in_mounts(
            f"{small_disk(data, '3m')}\nrm {data}/spool/reserve\n{filled(data)}\n{later}",
            impatient.command("collect", "--cycles", "8", "--every", "1", "--json"),
            afterwards=f"cp -a {shlex.quote(str(data))} {shlex.quote(str(data))}-then",
        ),
        env={name: value for name, value in impatient.environment().items() if "COV" not in name},
        cwd=impatient.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    cycles = told(running)
    assert (states(cycles)[0], states(cycles)[-1]) == ("in memory", "stored")
    data.rmdir()
    data.with_name("data-then").rename(data)
    assert stored_slots(impatient)[1:] == slots(cycles)
    assert len(set(stored_slots(impatient))) == len(slots(cycles)) + 1
    assert not list((data / "spool").glob("*.jsonl"))
