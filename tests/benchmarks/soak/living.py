"""Lets `collect` live at an interval of seconds before a home in another process, and notes what is seen."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from tests.benchmarks.soak.process import Sample, sample
from tests.benchmarks.soak.troubles import Trouble, troubles
from tests.support.deployments import Deployment, a_deployment, with_amazon

INTERVAL_S = 5
_CHECKOUT = Path(__file__).parents[3]
_EVERY_S = 0.5
_PATIENCE_S = 60.0


@attrs.frozen(kw_only=True)
class Said:
    """A cycle as the collector told it on stdout, and the Unix time at which that was read."""

    at_s: float
    cycle: dict[str, Any]


@attrs.frozen(kw_only=True)
class Lived:
    """Everything that a soak saw. `requests` are the home's own, by source; times are Unix time."""

    deployment: Deployment
    began_s: float
    stopped_s: float
    calm_s: float
    devices: dict[str, list[str]]
    requests: dict[str, list[dict[str, Any]]]
    troubles: tuple[Trouble, ...]
    said: tuple[Said, ...]
    samples: tuple[Sample, ...]
    exit_code: int
    stderr: str


def live(folder: Path, *, length_s: float, calm_s: float, seed: int) -> Lived:
    """Start home and collector, let things go wrong, end the collector by SIGTERM, ask what there was."""
    with simulated_home(seed) as (ask, where):
        home_began_s = time.time()
        deployment = deployment_of(folder, where)
        expected = troubles(seed=seed, length_s=length_s, calm_s=calm_s)
        late_s = time.time() - home_began_s
        for trouble in expected:
            ask(trouble.order(late_s))
        began_s = time.time()
        said, samples, exit_code, stderr = _collector(deployment, began_s + length_s)
        return Lived(
            deployment=deployment,
            began_s=began_s,
            stopped_s=began_s + length_s,
            calm_s=calm_s,
            devices=where["devices"],
            requests=ask("seen\n"),
            troubles=expected,
            said=said,
            samples=samples,
            exit_code=exit_code,
            stderr=stderr,
        )


@contextmanager
def simulated_home(seed: int) -> Iterator[tuple[Any, dict[str, Any]]]:
    command = [sys.executable, "-m", "tests.benchmarks.soak.home", str(seed)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_CHECKOUT
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        orders, answers = process.stdin, process.stdout

        def ask(line: str) -> Any:
            orders.write(line)
            orders.flush()
            return json.loads(answers.readline())

        yield ask, json.loads(answers.readline())
        orders.close()


def deployment_of(folder: Path, where: dict[str, Any]) -> Deployment:
    bridge, alexa = where["bridge"], where["alexa"]
    deployment = a_deployment(folder, **{**bridge, "ca_file": Path(bridge["ca_file"])})
    deployment = with_amazon(deployment, **{**alexa, "ca_file": Path(alexa["ca_file"])})
    config = deployment.config_file.read_text()
    assert "interval_seconds: 300" in config
    deployment.config_file.write_text(config.replace(": 300", f": {INTERVAL_S}"))
    return deployment


def _collector(
    deployment: Deployment, until_s: float
) -> tuple[tuple[Said, ...], tuple[Sample, ...], int, str]:
    said: list[Said] = []
    samples: list[Sample] = []
    with (
        (deployment.folder / "stderr").open("w+") as stderr,
        subprocess.Popen(
            deployment.command("collect", "--json"),
            env=deployment.environment(),
            cwd=deployment.folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        listener = threading.Thread(target=_listen, args=(process.stdout, said))
        listener.start()
        try:
            while time.time() < until_s and process.poll() is None:
                samples.append(sample(process.pid, deployment.folder))
                time.sleep(_EVERY_S)  # what is watched is real time
            process.send_signal(signal.SIGTERM)
            exit_code = process.wait(_PATIENCE_S)
        finally:
            process.kill()
            listener.join()
        stderr.seek(0)
        return tuple(said), tuple(samples), exit_code, stderr.read()


def _listen(lines: Any, said: list[Said]) -> None:
    said.extend(Said(at_s=time.time(), cycle=json.loads(line)) for line in lines)
