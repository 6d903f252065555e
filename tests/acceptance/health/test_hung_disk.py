"""A disk that never answers: the health check ends and names it, and a log on it stops no cycle."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time

import pytest

from tests.acceptance.health.conftest import ReadOut
from tests.support.sick_homes import SickHome, run_health

_NOT_MOUNTED = 77


def run_hung(home: SickHome, folder: str, *command: str) -> subprocess.CompletedProcess[str]:
    """Run the command while the folder is on a disk that never answers; skip where none can be made."""
    if os.getuid() != 0:
        pytest.skip("mounts need root")
    deployment = home.deployment
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.support.hung_disk",
            home.folder / folder,
            *deployment.command(*command),
        ],
        env=deployment.environment(),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    if done.returncode == _NOT_MOUNTED:
        pytest.skip("no disk of ours can be mounted here")
    return done


@pytest.mark.proof
@pytest.mark.parametrize(
    ("folder", "component"),
    [
        ("config", "configuration"),
        ("data", "database"),
        ("data/locks", "locks"),
        ("data/spool", "spool"),
        ("data/backups", "files"),
        ("state", "spool"),
        ("logs", "logs"),
    ],
)
def test_health_ends_and_names_what_hangs(home: SickHome, folder: str, component: str) -> None:
    began_s = time.monotonic()
    done = run_hung(home, folder, "health", "--offline", "--timeout", "6")
    assert done.returncode in (1, 2), done
    assert re.search(rf"^(fail|unknown) +{component} +(no answer|could not)", done.stdout, re.MULTILINE), done
    assert time.monotonic() - began_s < 40  # the process that starts it takes its time too


@pytest.mark.proof
def test_log_on_a_disk_that_hangs_stops_no_cycle(home: SickHome) -> None:
    done = run_hung(home, "logs", "collect", "--cycles", "2")
    assert (done.returncode, done.stdout.count("hue  8 readings")) == (0, 2), done
    assert done.stderr.count("\n") == 1
    assert "nothing is logged to" in done.stderr


def test_log_that_is_a_pipe_stops_no_cycle_and_is_a_failure(home: SickHome, read_out: ReadOut) -> None:
    log = home.folder / "logs" / "homeclimate.log"
    log.unlink()
    os.mkfifo(log)
    done = home.deployment.run("collect", "--cycles", "2", "--every", "1")
    assert (done.returncode, done.stdout.count("hue  8 readings")) == (0, 2), done
    assert done.stderr == f"homeclimate: nothing is logged to {log}: it is a named pipe (FIFO), not a file\n"
    code, out, _ = run_health(home, read_out, "--offline", "--only", "logs")
    assert (code, f"{log} cannot be opened: it is a named pipe" in out) == (1, True)
