"""The collector in real time, with faulty services, in short."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from tests.benchmarks.soak.living import live


@pytest.mark.proof
@pytest.mark.timeout(150)
def test_faulty_services_break_no_promise_until_ctrl_c(tmp_path: Path) -> None:
    told: list[str] = []
    ctrl_c = threading.Timer(30, os.kill, (os.getpid(), signal.SIGINT))
    ctrl_c.start()
    verdict = live(tmp_path / "home", length_s=3600, calm_s=16, seed=5, tell=told.append)
    ctrl_c.join()
    assert (told, verdict.broken, verdict.has_calm_end) == ([], 0, True)
    assert verdict.cycles >= 8
    assert verdict.refused
    assert verdict.coverage["home"]["stored"] == len(verdict.told) > 5 * 8
