"""Every promise is kept while the collector's clock is wrong, or its machine sleeps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from entrypoints.cli import main

pytestmark = [pytest.mark.proof, pytest.mark.timeout(300)]

Report = dict[str, Any]


def simulated(capsys: pytest.CaptureFixture[str], faults: str, seed: int) -> Report:
    main(["simulate", "--faults", faults, "--seed", str(seed), "--json"])
    report: Report = json.loads(capsys.readouterr().out)
    return report


@pytest.mark.parametrize(
    ("faults", "seed", "missed", "stored"),
    [
        ("clock-forward", 2, 20, 582),  # two steps ahead, each set right after hours
        ("clock-back", 1, 28, 584),
        ("clock-back", 3, 14, 582),
        ("asleep", 1, 230, 346),
    ],
)
def test_every_promise_is_kept(
    capsys: pytest.CaptureFixture[str], faults: str, seed: int, missed: int, stored: int
) -> None:
    report = simulated(capsys, faults, seed)
    assert (report["broken"], report["causes_wrong"]) == ([], {})
    assert report["states"] == {"missed": missed, "stored": stored}
    assert report["handed_over"] == report["stored"] > 1500
