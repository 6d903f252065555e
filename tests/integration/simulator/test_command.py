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

from adapters.simulator.certificates import shipped
from tests.support.forked import Piped, wanted

CHECKOUT = Path(__file__).parents[3]
CODE_PAIR = "/auth/create/codepair"


@contextmanager
def running(*arguments: str, stdin: int = -1) -> Iterator[Piped]:
    order = wanted(["simulator", *arguments], environment=os.environ, folder=CHECKOUT)
    simulator = Piped(order, stdin)
    with simulator.stdout, simulator.stderr:
        try:
            yield simulator
        finally:
            simulator.terminate()
            simulator.wait()


def facts_of(simulator: Piped) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(simulator.stdout.readline())
    assert facts["format"] == 1
    return facts


def ask(address: str, path: str, method: str = "GET", body: str | None = None, ca_file: str = "") -> Any:
    """Return the JSON of a reply with status 200, else the status."""
    if ca_file:
        trusting = ssl.create_default_context(cafile=ca_file)
        asking: http.client.HTTPConnection = http.client.HTTPSConnection(
            address, timeout=30, context=trusting
        )
    else:
        asking = http.client.HTTPConnection(address, timeout=30)
    asking.request(method, path, body)
    reply = asking.getresponse()
    content = reply.read()
    asking.close()
    return json.loads(content) if reply.status == 200 else reply.status


def access_token(facts: dict[str, Any]) -> Any:
    form = {
        "app_name": "tests",
        "source_token": facts["alexa"]["refresh_token"],
        "source_token_type": "refresh_token",
        "requested_token_type": "access_token",
    }
    alexa = facts["alexa"]
    return ask(alexa["address"], "/auth/token", "POST", urlencode(form), alexa["ca_file"])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_simulator_serves_until_a_signal(ending: signal.Signals) -> None:
    with running("--json", "--seed", "4") as simulator:
        facts = facts_of(simulator)
        assert ask(facts["http_address"], "/api/config")["bridgeid"] == facts["bridge_id"].upper()
        sensors = ask(facts["http_address"], f"/api/{facts['key']}/sensors")
        found = {f"hue:{s['uniqueid']}" for s in sensors.values() if s["type"] == "ZLLTemperature"}
        assert found == {sensor["device_id"] for sensor in facts["sensors"]}
        assert Path(facts["ca_file"]).exists()
        simulator.send_signal(ending)
        assert simulator.wait() == 0
        assert simulator.stderr.read() == ""


def test_sigusr1_presses_the_button() -> None:
    with running("--json") as simulator:
        address = facts_of(simulator)["http_address"]
        body = '{"devicetype": "app#host"}'
        assert ask(address, "/api", "POST", body)[0]["error"]["type"] == 101
        simulator.send_signal(signal.SIGUSR1)
        deadline_s = time.monotonic() + 50
        while "error" in (answer := ask(address, "/api", "POST", body)[0]):
            assert time.monotonic() < deadline_s
        assert len(answer["success"]["username"]) == 40


def test_options_set_model_faults_and_pace() -> None:
    options = ("--bridge-model", "BSB001", "--fault", "kind=throttle path=/sensors", "--latency", "20")
    alexa_fault = ("--alexa-fault", "kind=refused-token code=InvalidToken status=403 first=2")
    with running("--json", *options, "--per-kb", "2", *alexa_fault) as simulator:
        facts = facts_of(simulator)
        assert facts["model"] == "BSB001"
        assert ask(facts["address"], f"/api/{facts['key']}/sensors") == 429
        began_s = time.monotonic()
        whole = ask(facts["address"], f"/api/{facts['key']}")
        kilobytes = len(json.dumps(whole, separators=(",", ":"))) / 1000
        assert time.monotonic() - began_s >= 0.02 + 0.002 * kilobytes
        alexa = facts["alexa"]
        assert [monitor["room"] for monitor in alexa["monitors"]] == ["kitchen", "bedroom", "living"]
        assert {"session-id", "session-token", "csrf"} <= set(alexa["cookies"])
        assert alexa["code_page"] == f"https://{alexa['address']}/code"
        assert access_token(facts)["expires_in"] == 3600
        assert access_token(facts) == 403


def test_alexa_can_show_a_certificate_of_the_user(tmp_path: Path) -> None:
    both = shipped("alexa-self-signed.pem").file.read_text()
    begins = both.index("-----BEGIN PRIVATE KEY")
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    certificate.write_text(both[:begins])
    key.write_text(both[begins:])
    with running("--json", "--certificate", str(certificate), "--key", str(key)) as simulator:
        facts = facts_of(simulator)
        assert facts["alexa"]["ca_file"] == str(certificate)
        assert access_token(facts)["expires_in"] == 3600


@pytest.mark.parametrize("option", ["--port", "--alexa-port"])
def test_port_in_use_is_reported(option: str) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        running(option, str(taken.getsockname()[1])) as simulator,
    ):
        assert simulator.wait() == 64
        assert f"a port is not available: [Errno {errno.EADDRINUSE}]" in simulator.stderr.read()


def test_terminal_takes_codes_and_presses_the_button() -> None:
    ours, theirs = pty.openpty()
    with running("--json", stdin=theirs) as simulator:
        alexa = facts_of(simulator)["alexa"]
        device = json.dumps({"code_data": {"device_type": "x", "device_serial": "y"}})
        code = ask(alexa["address"], CODE_PAIR, "POST", device, alexa["ca_file"])["public_code"]
        for line, message in (("\n", "button"), (f"{code}\n", "linked"), (f"{code}\n", "No such code")):
            os.write(ours, line.encode())
            assert message in simulator.stderr.readline()
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("model", ["BSB001", "BSB003"])
def test_introduction_explains_reading_and_pairing(model: str) -> None:
    with running("--bridge-model", model) as simulator:
        text = ""
        while "Ctrl-C" not in text:
            line = simulator.stdout.readline()
            assert line, text
            text += line
        assert ("no HTTPS" in text) == (model == "BSB001")
        assert ("/clip/v2/resource/temperature" in text) == (model != "BSB001")
        assert "SIGUSR1" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fault", "kind=nonsense"], "unknown kind=nonsense"),
        (["--alexa-fault", "kind=gone count=many"], "--alexa-fault"),
        (["--key", __file__], "--key needs --certificate"),
        (["--latency", "-1"], "--latency"),
        (["--certificate", __file__], "invalid certificate"),
    ],
)
def test_wrong_usage_is_64_with_a_message(arguments: list[str], message: str) -> None:
    with running(*arguments) as simulator:
        assert simulator.wait() == 64
        assert message in simulator.stderr.read()
