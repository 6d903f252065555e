"""`homeclimate simulator`, started as a person would."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
HOMECLIMATE = [sys.executable, "-c", "import sys; from entrypoints.cli import main; sys.exit(main())"]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*HOMECLIMATE, "simulator", *arguments],
        cwd=CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as simulator:
        try:
            yield simulator
        finally:
            simulator.terminate()
            simulator.wait(10)


def facts_of(simulator: subprocess.Popen[str]) -> dict[str, Any]:
    assert simulator.stdout is not None
    facts: dict[str, Any] = json.loads(simulator.stdout.readline())
    return facts


def ask(address: str, path: str, method: str = "GET", body: str | None = None) -> Any:
    asking = http.client.HTTPConnection(address, timeout=5)
    asking.request(method, path, body)
    reply = asking.getresponse()
    content = reply.read()
    asking.close()
    return json.loads(content) if reply.status == 200 else reply.status


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_stop(ending: signal.Signals) -> None:
    with running("--json", "--seed", "4") as simulator:
        facts = facts_of(simulator)
        assert ask(facts["http_address"], "/api/config")["bridgeid"] == facts["bridge_id"].upper()
        sensors = ask(facts["http_address"], f"/api/{facts['key']}/sensors")
        found = {f"hue:{s['uniqueid']}" for s in sensors.values() if s["type"] == "ZLLTemperature"}
        assert found == {sensor["device_id"] for sensor in facts["sensors"]}
        assert Path(facts["ca_file"]).exists()
        simulator.send_signal(ending)
        assert simulator.wait(10) == 0
        assert simulator.stderr is not None
        assert simulator.stderr.read() == ""


def test_a_signal_presses_the_button() -> None:
    with running("--json") as simulator:
        address = facts_of(simulator)["http_address"]
        asked = '{"devicetype": "app#host"}'
        assert ask(address, "/api", "POST", asked)[0]["error"]["type"] == 101
        simulator.send_signal(signal.SIGUSR1)
        deadline_s = time.monotonic() + 10
        while "error" in (said := ask(address, "/api", "POST", asked)[0]):
            assert time.monotonic() < deadline_s
        assert len(said["success"]["username"]) == 40


def test_faults_come_from_the_command_line() -> None:
    with running("--json", "--bridge-model", "BSB001", "--fault", "kind=throttle path=/sensors") as simulator:
        facts = facts_of(simulator)
        assert facts["model"] == "BSB001"
        assert ask(facts["address"], f"/api/{facts['key']}/sensors") == 429
        assert "1" in ask(facts["address"], f"/api/{facts['key']}/groups")


@pytest.mark.parametrize("model", ["BSB001", "BSB002", "BSB003"])
def test_it_says_how_to_ask_and_to_pair(model: str) -> None:
    with running("--bridge-model", model) as simulator:
        assert simulator.stdout is not None
        said = ""
        while "Ctrl-C" not in said:
            line = simulator.stdout.readline()
            assert line, said
            said += line
        assert ("it has no HTTPS" in said) == (model == "BSB001")
        assert ("/clip/v2/resource/temperature" in said) == (model != "BSB001")
        assert "SIGUSR1" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fault", "kind=nonsense"], "kind=nonsense is none of"),
        (["--bridge-model", "BSB009"], "BSB009"),
    ],
)
def test_a_wrong_command_line_is_said_and_is_64(arguments: list[str], complaint: str) -> None:
    with running(*arguments) as simulator:
        assert simulator.wait(10) == 64
        assert simulator.stderr is not None
        assert complaint in simulator.stderr.read()
