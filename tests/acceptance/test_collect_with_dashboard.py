"""`collect --dashboard`: whatever becomes of the dashboard's process, every cycle is collected and stored."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import urllib.request
from contextlib import suppress

import pytest

from adapters.runtime.clock import SystemClock
from tests.support.deployments import Deployment
from tests.support.forked import Piped

CYCLES = 8
VIEWERS = 8
WAIT_S = 30.0


@pytest.mark.proof
def test_cycles_go_on_after_the_dashboard_is_killed(deployment: Deployment) -> None:
    collector, _ = started(deployment)
    pid = int(logged(deployment, r"dashboard\.started pid=(\d+)"))
    os.kill(pid, signal.SIGKILL)
    ended(deployment, collector)
    assert logged(deployment, r"dashboard\.ended code=(\S+)") == "-9"


@pytest.mark.proof
def test_cycles_go_on_while_the_dashboard_is_busy(deployment: Deployment) -> None:
    collector, port = started(deployment)
    over = threading.Event()
    counts = [0] * VIEWERS

    def look(number: int) -> None:
        while not over.is_set():
            counts[number] += answers(port, "data?range=all")

    viewers = [threading.Thread(target=look, args=(number,)) for number in range(VIEWERS)]
    for viewer in viewers:
        viewer.start()
    ended(deployment, collector)
    over.set()
    for viewer in viewers:
        viewer.join()
    assert min(counts) > 0
    assert not answers(port)  # it has ended with the collector


@pytest.mark.proof
def test_dashboard_ends_when_the_collector_is_killed(deployment: Deployment) -> None:
    collector, port = started(deployment)
    collector.kill()
    clock = SystemClock()
    began = clock.elapsed_s()
    while answers(port) and clock.elapsed_s() - began < WAIT_S:
        pass
    still_answers = answers(port)
    with suppress(ProcessLookupError):
        os.kill(int(logged(deployment, r"dashboard\.started pid=(\d+)")), signal.SIGKILL)
    assert not still_answers
    collector.communicate()


def test_once_and_dashboard_exclude_each_other(deployment: Deployment) -> None:
    done = deployment.run("collect", "--once", "--dashboard")
    assert done.returncode == 64
    assert "exclude each other" in done.stderr


def started(deployment: Deployment) -> tuple[Piped, int]:
    """Start a collector with a dashboard, and return its port once it answers."""
    arguments = ("--cycles", str(CYCLES), "--every", "1", "--json", "--dashboard", "0")
    collector = deployment.start("collect", *arguments)
    return collector, int(logged(deployment, r"Open http://127\.0\.0\.1:(\d+)/"))


def ended(deployment: Deployment, collector: Piped) -> None:
    """Wait for the collector, which has stored every cycle and printed nothing else."""
    out, err = collector.communicate(timeout=60)
    assert (collector.returncode, err) == (0, "")
    assert [json.loads(line)["stored"] for line in out.splitlines()] == [True] * CYCLES
    assert deployment.rows("SELECT count(*) FROM outcomes WHERE state = 'stored'") == [(CYCLES,)]


def logged(deployment: Deployment, pattern: str) -> str:
    """Wait until the log has it; return its group."""
    log, clock = deployment.folder / "logs" / "homeclimate.log", SystemClock()
    began = clock.elapsed_s()
    while not (found := re.search(pattern, log.read_text() if log.exists() else "")):
        assert clock.elapsed_s() - began < WAIT_S
    return found.group(1)


def answers(port: int, path: str = "") -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as reply:
        return bool(reply.read())
    return False
