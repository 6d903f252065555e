"""No secret in anything that is written anywhere: with sources that quote them all, and for every fault."""

from __future__ import annotations

import base64
import email
import email.policy
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from urllib.parse import quote

import pytest
from aiosmtpd.smtp import Envelope

from adapters.runtime.clock import SystemClock
from adapters.simulator.faults import parse_fault
from adapters.simulator.home import SimulatedHome
from entrypoints.cli import main
from entrypoints.commands import health
from tests.support import quoting
from tests.support.alert_servers import MailHandler, mail_server
from tests.support.collect_simulated import simulated_environment
from tests.support.deployments import (
    Deployment,
    a_deployment,
    an_offline_home,
    calm_seed,
    drop_cut_connections,
    with_amazon,
)
from tests.support.proofs import in_proofs

PASSWORD, PING = "marked-mail-password-1", "http://127.0.0.1:9/marked-ping-2"
MAIL = "host: localhost, security: none, recipients: [me@example.org]"
BUNDLED = ("health.json", "ledger.jsonl", "log.txt")
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


def text_of(envelope: Envelope) -> str:
    assert isinstance(envelope.content, bytes)
    body = email.message_from_bytes(envelope.content, policy=email.policy.default).get_body()
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def quoted_home(tmp_path: Path) -> Deployment:
    """A home of two sources, both of which are replaced by some that quote secrets."""
    home = an_offline_home(tmp_path / "home")
    with home.config_file.open("a") as config:
        config.write("  amazon_aqm: {enabled: true, alexa_url: https://localhost:9}\n")
        config.write("logging: {level: DEBUG}\n")
    home.secrets_file.write_text(quoting.SECRETS_FILE)
    return home


@pytest.fixture
def written_by_all(
    quoted_home: Deployment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., dict[str, str]]:
    """Collects once, and asks every command that shows a source's texts; returns what each place got."""
    home, folder = quoted_home, quoted_home.folder

    def run(*arguments: str, in_children: bool) -> subprocess.CompletedProcess[str]:
        if not in_children:
            capfd.readouterr()
            simulated = simulated_environment(str(home.ca_file))
            if arguments[0] == "health":  # as a command of `main` it ends its process
                code = health.run(arguments[1:], environment=simulated)
            else:
                code = main(list(arguments), environment=simulated)
            return subprocess.CompletedProcess(arguments, code, *capfd.readouterr())
        command = [sys.executable, "-m", "entrypoints", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    def write(*, redacts: bool, in_children: bool) -> dict[str, str]:
        for name, value in {**home.environment(), **quoting.environment(redacts=redacts)}.items():
            monkeypatch.setenv(name, value)
        if in_children:
            path = quoting.in_children(tmp_path / "children")
            monkeypatch.setenv("PYTHONPATH", f"{path}:{os.environ['PYTHONPATH']}")
        else:
            quoting.install(monkeypatch.setattr)
        places: dict[str, str] = {}
        handler = MailHandler()
        with mail_server(handler) as port:
            with home.config_file.open("a") as config:
                config.write(f"alerts: {{mail: {{port: {port}, {MAIL}}}}}\n")
            cycle = run("collect", "--cycles", "1", "-v", in_children=in_children)
            assert cycle.returncode == 1, cycle
            places["mail"] = "".join(map(text_of, handler.envelopes))
        places |= {"stdout": cycle.stdout, "stderr": cycle.stderr}
        for place, *command in (
            ("health", "health"),
            ("health as JSON", "health", "--json", "--bundle", str(folder / "bundle.zip")),
            ("the ledger in words", "log"),
            ("page", "report", "--output", str(folder / "page.html")),
        ):
            places[place] = run(*command, in_children=in_children).stdout
        places["page"] = (folder / "page.html").read_text()
        with zipfile.ZipFile(folder / "bundle.zip") as bundle:
            places |= {f"{name} of the bundle": bundle.read(name).decode() for name in BUNDLED}
        places["log"] = (folder / "logs" / "homeclimate.log").read_text()
        for event in ("source.failed", "library", "uncaught"):
            places[f"{event} in the log"] = "".join(
                line for line in places["log"].splitlines() if f" {event} " in line
            )
        places["alert file"] = (folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt").read_text()
        places["state file"] = (folder / "data" / "state.json").read_text()
        for column in ("detail", "notes", "unread"):
            places[f"{column} in the ledger"] = str(home.rows(f"SELECT {column} FROM outcomes"))  # noqa: S608
        return places

    return write


@pytest.mark.parametrize("in_children", [False, *in_proofs([True])], ids=str)
@pytest.mark.parametrize("redacts", [True, False], ids=str)
def test_what_a_source_quotes_is_redacted_everywhere(
    written_by_all: Callable[..., dict[str, str]], redacts: bool, in_children: bool
) -> None:
    """Without the redactor every secret is everywhere: each place does get the text."""
    places = written_by_all(redacts=redacts, in_children=in_children)
    found = {
        place: {kind for kind, secret in quoting.SECRETS.items() if secret in text}
        for place, text in places.items()
    }
    assert found == dict.fromkeys(places, set() if redacts else set(quoting.SECRETS))
