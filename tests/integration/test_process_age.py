"""A process knows how long it has been there, before its first line too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).parents[2]
_CODE = (
    "import time; time.sleep(0.5); from adapters.health.machine import process_age_s; print(process_age_s())"
)


def test_what_passed_before_it_was_asked_counts() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _CODE], cwd=_CHECKOUT, capture_output=True, text=True, check=True
    )
    assert 0.4 < float(done.stdout) < 60
