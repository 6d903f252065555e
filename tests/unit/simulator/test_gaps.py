"""Which devices a row of the ledger must name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.simulator.simulation.account.gaps import unexplained_gaps
from adapters.simulator.simulation.account.incidents import Row
from tests.support.builders import NOON

FAILED = ("hue", NOON)
STORED = ("hue", NOON - timedelta(hours=1))


@pytest.mark.parametrize(("later", "wrong"), [(FAILED, {"hue not in a row that is failed": 1}), (STORED, {})])
def test_a_device_counts_from_its_first_reading_on(later: tuple[str, object], wrong: dict[str, int]) -> None:
    rows = {
        FAILED: Row(state="failed", cause="network", is_scheduled=True),
        STORED: Row(state="stored", cause=None, is_scheduled=True),
    }
    found = unexplained_gaps(rows, {STORED: ["hue:1"]}, (), lambda key: float(key == later))
    assert found == wrong
