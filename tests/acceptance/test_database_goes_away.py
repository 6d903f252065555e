"""A real `collect` whose database, folder or disk goes away, or is tampered with: no stored cycle is lost."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support.deployments import Deployment
from tests.support.namespaces import in_mounts

BEFORE, MEANWHILE, AFTER = 2, 3, 3  # cycles


@pytest.fixture
def impatient(deployment: Deployment) -> Deployment:
    """A home that waits for its database only for a moment."""
    text = deployment.config_file.read_text()
    quick = "storage:\n  busy_timeout_ms: 50\n  retry_max_attempts: 1\n"
    deployment.config_file.write_text(text.replace("storage:\n", quick))
    return deployment


@attrs.frozen(kw_only=True)
class Running:
    """A collector in mounts of its own, whose data folder is mounted from the folder `disk`."""

    home: Deployment
    process: subprocess.Popen[str]

    @property
    def data(self) -> Path:
        return self.home.folder / "data"

    @property
    def disk(self) -> Path:
        return self.home.folder.parent / "disk"

    def cycle(self) -> dict[str, Any]:
        """Wait for the next cycle."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        cycle: dict[str, Any] = json.loads(line)
        return cycle

    def cycles(self, count: int) -> list[dict[str, Any]]:
        return [self.cycle() for _ in range(count)]

    def sh(self, script: str, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a shell script where the collector runs, in the home's folder."""
        names = {"DATA": self.data, "DB": self.home.database, "DISK": self.disk}
        settings = "; ".join(f"{name}={shlex.quote(str(path))}" for name, path in names.items())
        return subprocess.run(
            ["nsenter", "--mount", "-t", str(self.process.pid), "sh", "-ec", f"{settings}\n{script}"],
            cwd=self.home.folder,
            env=self.home.environment(),
            capture_output=True,
            text=True,
            timeout=50,
            check=check,
        )

    def homeclimate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another process of ours where the collector runs."""
        return self.sh(shlex.join(self.home.command(*arguments)), check=False)


@contextmanager
def collecting(home: Deployment, cycles: int) -> Iterator[Running]:
    disk, data = home.folder.parent / "disk", home.folder / "data"
    disk.mkdir()
    data.mkdir(exist_ok=True)
    command = home.command("collect", "--cycles", str(cycles), "--every", "1", "--json")
    process = subprocess.Popen(
        in_mounts(f"mount --bind {shlex.quote(str(disk))} {shlex.quote(str(data))}", ["exec", *command]),
        env={name: value for name, value in home.environment().items() if "COV" not in name},
        cwd=home.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield Running(home=home, process=process)
    finally:
        process.kill()
        process.communicate()


def slots(cycles: list[dict[str, Any]]) -> set[str]:
    return {outcome["slot"] for cycle in cycles for outcome in cycle["outcomes"] if outcome["readings"]}


def stored_slots(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {slot for (slot,) in connection.execute("SELECT DISTINCT timestamp FROM readings")}


# What happens, and what undoes it; "" if nothing does.
AWAY = {
    "unmounted": ("umount -l $DATA", "mount --bind $DISK $DATA"),
    "unmounted, another disk mounted": (
        "umount -l $DATA; mount -t tmpfs tmpfs $DATA",
        "umount $DATA; mount --bind $DISK $DATA",
    ),
    "moved": ("umount -l $DATA; mv $DISK $DISK-moved", "mv $DISK-moved $DISK; mount --bind $DISK $DATA"),
    "file moved": ("mv $DB $DB-away", "mv $DB-away $DB"),
    "file moved, a folder made": ("mv $DB $DB-away; mkdir $DB", "rmdir $DB; mv $DB-away $DB"),
    "file moved, an empty one made": ("mv $DB $DB-away; : > $DB", "mv $DB-away $DB"),
}
TAMPERED = {
    "mounted again read-only": "umount -l $DATA; mount --bind $DISK $DATA; mount -o remount,bind,ro $DATA",
    "file deleted": "rm $DB",
    "file moved to another disk": "mv $DB $DISK-file",
    "file and log deleted": "rm $DB*",
    "log deleted": "rm $DB-wal",
    "log emptied": ": > $DB-wal",
    "index deleted": "rm $DB-shm",
    "log and index deleted": "rm $DB-wal $DB-shm",
    "log replaced": "cp $DB-wal $DB-wal2; mv $DB-wal2 $DB-wal",
    "copied over itself": "cp $DB $DB-copy; mv $DB-copy $DB",
    "emptied by a rename": ": > $DB-empty; mv $DB-empty $DB",
    "replaced by a folder": "rm $DB; mkdir $DB",
}


@pytest.mark.proof
@pytest.mark.parametrize("how", AWAY)
def test_a_database_that_is_away_gets_every_cycle_when_it_is_back(impatient: Deployment, how: str) -> None:
    take_away, bring_back = AWAY[how]
    with collecting(impatient, BEFORE + MEANWHILE + AFTER) as running:
        before = running.cycles(BEFORE)
        running.sh(take_away)
        meanwhile = running.cycles(MEANWHILE)
        made = running.sh("ls -A $DATA").stdout.split()
        running.sh(bring_back)
        after = running.cycles(AFTER)
        running.process.communicate()
    assert [cycle["spooled"] for cycle in meanwhile[1:]] == [True] * (MEANWHILE - 1)
    if "file" not in how:
        assert made == []
    assert after[-1]["stored"]
    assert slots([*before, *meanwhile, *after]) == stored_slots(running.disk / "readings.db")
    assert not list(running.data.iterdir()), "below the mount"


@pytest.mark.proof
@pytest.mark.parametrize("how", TAMPERED)
def test_a_database_that_is_tampered_with_keeps_every_cycle(impatient: Deployment, how: str) -> None:
    with collecting(impatient, 100) as running:
        cycles = running.cycles(BEFORE)
        running.sh(TAMPERED[how])
        cycles += running.cycles(2)
        running.process.kill()
        running.process.communicate()
    assert cycles[-1]["stored"]
    assert slots(cycles) == stored_slots(running.disk / "readings.db")


@pytest.mark.proof
@pytest.mark.parametrize("how", TAMPERED)
def test_a_collector_that_is_stopped_leaves_every_cycle_in_the_database(
    impatient: Deployment, how: str
) -> None:
    with collecting(impatient, 100) as running:
        cycles = running.cycles(BEFORE)
        running.sh(TAMPERED[how])
        running.process.terminate()
        out, _ = running.process.communicate()
    cycles += [json.loads(line) for line in out.splitlines()]
    assert slots(cycles) == stored_slots(running.disk / "readings.db")


OTHERS = [("status",), ("health",), ("db", "check"), ("backup", "copy.db"), ("collect", "--once")]


@pytest.mark.proof
@pytest.mark.parametrize("how", ["unmounted", "unmounted, another disk mounted", "moved"])
def test_no_command_makes_anything_in_the_place_of_data_that_is_away(impatient: Deployment, how: str) -> None:
    take_away, bring_back = AWAY[how]
    with collecting(impatient, 100) as running:
        running.cycles(BEFORE)
        running.sh(take_away)
        for command in OTHERS:
            assert "Traceback" not in running.homeclimate(*command).stderr
        assert running.sh("ls -A $DATA").stdout.split() == []
        running.sh(bring_back)
        while not running.cycle()["stored"]:
            pass


@pytest.mark.proof
@pytest.mark.parametrize("how", ["log deleted", "log and index deleted", "index deleted", "file deleted"])
def test_other_commands_cost_no_cycle_of_a_tampered_database(impatient: Deployment, how: str) -> None:
    with collecting(impatient, 100) as running:
        cycles = running.cycles(BEFORE)
        for command in OTHERS:
            running.sh(TAMPERED[how])
            assert "Traceback" not in running.homeclimate(*command).stderr
            cycles += running.cycles(2)
        running.process.kill()
        running.process.communicate()
    stored = [cycle for cycle in cycles if cycle["stored"]]
    assert stored[-1] == cycles[-1]
    assert slots(cycles) <= stored_slots(running.disk / "readings.db")


@pytest.mark.proof
def test_a_database_on_another_disk_is_restored_and_replaced_through_its_link(impatient: Deployment) -> None:
    assert impatient.run("collect", "--once").returncode == 0
    backup = impatient.folder / "backup.db"
    assert impatient.run("backup", str(backup)).returncode == 0
    with collecting(impatient, 100) as running:
        running.process.kill()
        running.process.communicate()
    disk, real = shlex.quote(str(running.disk)), shlex.quote(str(running.disk / "readings.db"))
    link = shlex.quote(str(impatient.database))
    done = subprocess.run(
        in_mounts(
            f"mount -t tmpfs tmpfs {disk}; mv {link} {real}; rm -f {link}-*; ln -s {real} {link}",
            impatient.command("restore", str(backup), "--yes"),
            afterwards=f"test -L {link} || code=99; test -f {real} || code=98; ls {disk} >&2",
        ),
        env=impatient.environment(),
        cwd=impatient.folder,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "readings.db.replaced-" in done.stderr
