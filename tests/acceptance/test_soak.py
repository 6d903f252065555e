"""The collector in real time, with faulty services, in short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.soak.living import live
from tests.benchmarks.soak.verdict import complaints, figures


@pytest.mark.proof
@pytest.mark.timeout(150)
def test_faulty_services_break_no_promise(tmp_path: Path) -> None:
    lived = live(tmp_path / "home", length_s=50, calm_s=16, seed=5)
    assert complaints(lived) == []
    said = figures(lived)
    assert said["cycles"] >= 8
    assert any(one["status"] != 200 for one in lived.requests["hue"])
    assert said["readings stored"] == said["readings said"] > 5 * 8
