"""What acceptance tests start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.simulator.home import SimulatedHome
from tests.deployments import Deployment, a_deployment


@pytest.fixture
def deployment(tmp_path: Path, simulated_home: SimulatedHome) -> Deployment:
    """An earlier system's home, whose bridge is `simulated_home`."""
    bridge = simulated_home.bridge
    return a_deployment(
        tmp_path / "home", address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
    )
