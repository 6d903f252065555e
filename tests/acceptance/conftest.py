"""What acceptance tests start from."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from adapters.simulator.home import SimulatedHome
from entrypoints.cli import main
from tests.support.collect_simulated import simulated_environment
from tests.support.deployments import Deployment, a_deployment

RunHere = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def deployment(tmp_path: Path, simulated_home: SimulatedHome) -> Deployment:
    """An earlier system's home, whose bridge is `simulated_home`."""
    bridge = simulated_home.bridge
    return a_deployment(
        tmp_path / "home", address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
    )


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunHere:
    """Runs the program as `Deployment.run` does, but in this process, which starts no Python; no terminal."""

    def run(
        deployment: Deployment,
        *arguments: str,
        given: str | bytes = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        for name, value in {
            **deployment.environment(),
            "SIMULATED_RATE": "20",
            **(environment or {}),
        }.items():
            monkeypatch.setenv(name, value)
        content = given if isinstance(given, bytes) else given.encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))
        capsys.readouterr()
        code = main(list(arguments), environment=simulated_environment(str(deployment.ca_file)))
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run
