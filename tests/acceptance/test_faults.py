"""Real collectors while disk, mount, lock, log and clock go wrong, counted against a numbering bridge."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.proof,
    pytest.mark.timeout(1000),
    pytest.mark.skipif(
        shutil.which("unshare") is None or os.getuid() != 0, reason="mounts need unshare, and root"
    ),
]


def test_no_reading_is_lost_and_no_slot_unexplained() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.faults", "--at-once", "6"],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.stdout.endswith("\n0 broken promises\n"), done.stdout + done.stderr
