"""`homeclimate simulator`, started as a person would."""

from __future__ import annotations

import errno
import http.client
import json
import os
import pty
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.simulator.certificates import leaf_file
from tests.support.forked import Piped, wanted

CHECKOUT = Path(__file__).parents[3]


@contextmanager
def running(*arguments: str, stdin: int = -1) -> Iterator[Piped]:
    order = wanted(["simulator", *arguments], environment=os.environ, folder=CHECKOUT)
    simulator = Piped(order, stdin)
    with simulator.stdout, simulator.stderr:
        try:
            yield simulator
        finally:
            simulator.terminate()
            simulator.wait(10)


def facts_of(simulator: Piped) -> dict[str, Any]:
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


def test_the_bridge_is_as_slow_as_the_command_line_says() -> None:
    """A lower bound: whatever else the machine does, a reply does not come before its time."""
    with running("--json", "--latency", "150", "--per-kb", "10") as simulator:
        facts = facts_of(simulator)
        began_s = time.monotonic()
        whole = ask(facts["http_address"], f"/api/{facts['key']}")
        assert (
            time.monotonic() - began_s >= 0.15 + 0.01 * len(json.dumps(whole, separators=(",", ":"))) / 1000
        )


def ask_alexa(facts: dict[str, Any], path: str, ca_file: str | None = None, **form: str) -> tuple[int, Any]:
    trusting = ssl.create_default_context(cafile=ca_file or facts["alexa"]["ca_file"])
    asking = http.client.HTTPSConnection(facts["alexa"]["address"], timeout=5, context=trusting)
    asking.request("POST", path, urlencode(form))
    reply = asking.getresponse()
    content = json.loads(reply.read())
    asking.close()
    return reply.status, content


def access_token(facts: dict[str, Any], ca_file: str | None = None) -> tuple[int, Any]:
    return ask_alexa(
        facts,
        "/auth/token",
        ca_file,
        app_name="tests",
        source_token=facts["alexa"]["refresh_token"],
        source_token_type="refresh_token",
        requested_token_type="access_token",
    )


def test_alexa_answers_too_with_faults_of_its_own() -> None:
    fault = ("--alexa-fault", "kind=refused-token code=InvalidToken first=2")
    with running("--json", *fault) as simulator:
        facts = facts_of(simulator)
        alexa = facts["alexa"]
        assert [monitor["room"] for monitor in alexa["monitors"]] == ["kitchen", "bedroom", "living"]
        assert {"session-id", "session-token", "csrf"} <= set(alexa["cookies"])
        assert alexa["code_page"] == f"https://{alexa['address']}/code"
        assert access_token(facts)[0] == 200
        status, told = access_token(facts)
        assert (status, told["error"]) == (400, "InvalidToken")


def test_alexa_can_show_another_certificate(tmp_path: Path) -> None:
    both = leaf_file("alexa-self-signed.pem").read_text()
    begins = both.index("-----BEGIN PRIVATE KEY")
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    certificate.write_text(both[:begins])
    key.write_text(both[begins:])
    with running("--json", "--certificate", str(certificate), "--key", str(key)) as simulator:
        facts = facts_of(simulator)
        assert facts["alexa"]["ca_file"] == str(certificate)
        assert access_token(facts)[0] == 200


@pytest.mark.parametrize("option", ["--port", "--alexa-port"])
def test_a_port_that_is_taken_is_said_and_is_64(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(option, str(port)) as simulator:
            assert simulator.wait(10) == 64
            assert f"a port is not available: [Errno {errno.EADDRINUSE}]" in simulator.stderr.read()


def test_at_a_terminal_a_typed_code_links_a_device_and_an_empty_line_presses_the_button() -> None:
    ours, theirs = pty.openpty()
    with running("--json", stdin=theirs) as simulator:
        pair = created_pair(facts_of(simulator))
        for typed, said in (("\n", "button"), (f"{pair}\n", "linked"), (f"{pair}\n", "No such code")):
            os.write(ours, typed.encode())
            assert said in simulator.stderr.readline()
    os.close(ours)
    os.close(theirs)


def created_pair(facts: dict[str, Any]) -> str:
    trusting = ssl.create_default_context(cafile=facts["alexa"]["ca_file"])
    asking = http.client.HTTPSConnection(facts["alexa"]["address"], timeout=5, context=trusting)
    device = {"code_data": {"device_type": "x", "device_serial": "y"}}
    asking.request("POST", "/auth/create/codepair", json.dumps(device))
    code: str = json.loads(asking.getresponse().read())["public_code"]
    asking.close()
    return code


@pytest.mark.parametrize("model", ["BSB001", "BSB002", "BSB003"])
def test_it_says_how_to_ask_and_to_pair(model: str) -> None:
    with running("--bridge-model", model) as simulator:
        said = ""
        while "Ctrl-C" not in said:
            line = simulator.stdout.readline()
            assert line, said
            said += line
        assert ("no HTTPS" in said) == (model == "BSB001")
        assert ("/clip/v2/resource/temperature" in said) == (model != "BSB001")
        assert "SIGUSR1" in said


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--fault", "kind=nonsense"], "unknown kind=nonsense"),
        (["--bridge-model", "BSB009"], "BSB009"),
        (["--alexa-fault", "kind=gone count=many"], "--alexa-fault"),
        (["--key", __file__], "--key needs --certificate"),
        (["--latency", "-1"], "--latency"),
        (["--per-kb", "much"], "--per-kb"),
        (["--certificate", __file__], "invalid certificate"),
    ],
)
def test_a_wrong_command_line_is_said_and_is_64(arguments: list[str], complaint: str) -> None:
    with running(*arguments) as simulator:
        assert simulator.wait(10) == 64
        assert complaint in simulator.stderr.read()
