"""Every fault of the simulated home, at DEBUG: no secret in anything that was written anywhere."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote

import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.faults import parse_fault
from adapters.simulator.home import SimulatedHome
from entrypoints.cli import main
from tests.support.collect_simulated import simulated_environment
from tests.support.deployments import Deployment, a_deployment, calm_seed, drop_cut_connections, with_amazon
from tests.support.proofs import in_proofs

PASSWORD, PING = "marked-mail-password-1", "http://127.0.0.1:9/marked-ping-2"
BRIDGE_FAULTS = (
    "reset", "throttle", "unavailable", "half", "html", "garbled", "error", "revoked", "redirect", "huge",
    "null", "missing", "certificate", "silence", "dribble",
)  # fmt: skip
ALEXA_FAULTS = (
    "reset", "throttle", "unavailable", "half", "html", "garbled", "redirect", "silence", "stale-token",
    "stale-token as=401", "stale-token as=redirect", "refused-token", "refused-token shape=html",
    "throttled-inside", "forbidden", "gone", "unreachable", "skewed-clock",
)  # fmt: skip
ALL_FAULTS = tuple(zip_longest(BRIDGE_FAULTS, ALEXA_FAULTS, fillvalue="null"))
# of each kind of text that can repeat a secret: a reply, its address, an error of the library
SOME_FAULTS = (
    ("error", "refused-token"),
    ("redirect", "stale-token as=redirect"),
    ("html", "throttled-inside"),
)


@pytest.fixture(scope="module")
def home() -> Iterator[SimulatedHome]:
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        yield home


@pytest.fixture
def deployment(tmp_path: Path, home: SimulatedHome, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    bridge, alexa = home.bridge, home.alexa

    deployment = a_deployment(
        tmp_path / "home", address=bridge.address, bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
    )
    config = deployment.config_file
    config.write_text(
        "logging: {level: DEBUG}\nalerts: {mail: {host: localhost, port: 9, recipients: [a@b]}}\n"
        + config.read_text()
        + "    timeout_seconds: 0.3\n    retry_attempts: 2\n"
    )
    deployment = with_amazon(
        deployment, url=alexa.url, refresh_token=alexa.refresh_token, ca_file=alexa.ca_file
    )
    with config.open("a") as more:
        more.write("    timeout_seconds: 0.3\n    retry_attempts: 2\n")
    with deployment.secrets_file.open("a") as secrets:
        secrets.write(f"alerts: {{mail_password: {PASSWORD}, ping_url: '{PING}'}}\n")
    for name, value in {**deployment.environment(), "SIMULATED_RATE": "50"}.items():
        monkeypatch.setenv(name, value)
    return deployment


def forms_of(secret: str) -> set[bytes]:
    """Return the secret as in logs, URLs and headers."""
    plain = secret.encode()
    return {plain, quote(secret, safe="").encode(), base64.b64encode(plain).rstrip(b"=")}


# aiohttp leaves a TLS connection that was cut at its deadline to the garbage collector when its event loop
# ends. That connections are bounded is tested with the source itself.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("faults", [SOME_FAULTS, *in_proofs([ALL_FAULTS])], ids=["some", "all"])
def test_no_fault_writes_a_secret_anywhere(
    deployment: Deployment,
    home: SimulatedHome,
    capfd: pytest.CaptureFixture[str],
    faults: Sequence[tuple[str, str]],
) -> None:
    output = ""
    for bridge_fault, alexa_fault in faults:
        home.bridge.faults.add(parse_fault(f"kind={bridge_fault}"))
        home.alexa.faults.add(parse_fault(f"kind={alexa_fault}"))
        main(
            ["collect", "--cycles", "1", "-v"],
            environment=simulated_environment(str(deployment.ca_file)),
        )
        home.bridge.faults.clear()
        home.alexa.faults.clear()
        output += "".join(capfd.readouterr())
    drop_cut_connections()
    main(
        ["collect", "--cycles", "1", "-v", "--json"],
        environment=simulated_environment(str(deployment.ca_file)),
    )
    main(["status", "--json"], environment=simulated_environment(str(deployment.ca_file)))
    output += "".join(capfd.readouterr())

    account = home.alexa._api.account
    issued = [*account._access, *(token for session in account._sessions for token in session)]
    known = [home.bridge.key, home.alexa.refresh_token, PASSWORD, PING]
    assert len(issued) >= 2
    written = {"the output": output.encode()} | {
        str(path.relative_to(deployment.folder)): path.read_bytes()
        for path in deployment.folder.rglob("*")
        if path.is_file()
    }
    assert b"DEBUG" in written["logs/homeclimate.log"]
    assert b"logger=urllib3.connectionpool" in written["logs/homeclimate.log"]
    for secret in (*known, *issued):
        holders = {name for name, content in written.items() for form in forms_of(secret) if form in content}
        allowed = {"config/secrets.yaml"} if secret in known else {"data/state.json"}
        assert holders <= allowed, secret
