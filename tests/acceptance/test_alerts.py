"""Alert file, mail and ping of a real `collect`."""

from __future__ import annotations

import email
import email.policy
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from tests.acceptance.conftest import RunHere
from tests.support.alert_servers import MailHandler, mail_server, switch
from tests.support.deployments import Deployment, a_home_with_an_account, calm_seed
from tests.support.odd_server import odd_server, saying

COOKIES = "  cookies: {session-id: 147-0000000, session-token: dead-cookie-1, csrf: '5'}\n"


@pytest.fixture
def home() -> Iterator[SimulatedHome]:
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        yield home


@pytest.fixture
def deployment(tmp_path: Path, home: SimulatedHome) -> Deployment:
    return a_home_with_an_account(tmp_path / "home", home)


def alert_file(deployment: Deployment) -> Path:
    return deployment.folder / "data" / "ALERT_TOKEN_REFRESH_NEEDED.txt"


def sign_out(deployment: Deployment) -> str:
    """Leave the home with nothing but expired cookies; return the secrets as they were."""
    before = deployment.secrets_file.read_text()
    kept = before.partition("amazon_aqm:")[0]
    deployment.secrets_file.write_text(f"{kept}amazon_aqm:\n{COOKIES}")
    return before


def notified_by(deployment: Deployment, *, port: int, ping_port: int) -> None:
    """Configure the mail server and the ping URL."""
    mail = f"host: localhost, port: {port}, security: none, recipients: [me@example.org]"
    with deployment.config_file.open("a") as config:
        config.write(f"alerts:\n  mail: {{{mail}}}\n")
    with deployment.secrets_file.open("a") as secrets:
        secrets.write(f"alerts: {{ping_url: 'http://127.0.0.1:{ping_port}/ping/3f0c-secret'}}\n")


def subjects(handler: MailHandler) -> list[str]:
    contents = (envelope.content for envelope in handler.envelopes)
    mails = (
        email.message_from_bytes(content, policy=email.policy.default)
        for content in contents
        if isinstance(content, bytes)
    )
    return [str(mail["Subject"]) for mail in mails]


def test_rejected_credentials_and_recovery_are_notified(deployment: Deployment, run_here: RunHere) -> None:
    handler = MailHandler()
    with mail_server(handler) as port, switch() as (ping_port, pings):
        signed_in = sign_out(deployment)
        notified_by(deployment, port=port, ping_port=ping_port)
        assert run_here(deployment, "collect", "--once").returncode == 1
        text = alert_file(deployment).read_text()
        assert f"`homeclimate setup --reauth amazon --home {deployment.folder}`" in text
        assert "Since 20" in text
        assert "dead-cookie-1" not in text
        assert "a person must act" in run_here(deployment, "status").stdout
        deployment.secrets_file.write_text(signed_in)
        assert run_here(deployment, "collect", "--cycles", "1").returncode == 0
    assert not alert_file(deployment).exists()
    assert subjects(handler) == [
        "[homeclimate] amazon rejects the stored credentials",
        "[homeclimate] recovered: amazon rejects the stored credentials",
    ]
    assert pings == ["/ping/3f0c-secret"]
    logs = "".join(path.read_text() for path in (deployment.folder / "logs").iterdir())
    assert "incident.opened" in logs
    assert "3f0c-secret" not in logs


@pytest.mark.proof
def test_hanging_mail_server_and_ping_cost_no_reading(deployment: Deployment, run_here: RunHere) -> None:
    sign_out(deployment)
    with odd_server(saying(b""), secure=False) as odd:
        port = int(odd.address.rpartition(":")[2])
        notified_by(deployment, port=port, ping_port=port)
        done = run_here(deployment, "collect", "--once", environment={"SIMULATED_RATE": "30"})
    assert done.returncode == 1
    assert deployment.rows("SELECT count(*) > 0 FROM readings WHERE device_type = 'hue_sensor'") == [(1,)]
    status = run_here(deployment, "status", "--json").stdout
    assert "did not take the mail" in status
    assert "ping URL did not answer" in status
    assert "3f0c-secret" not in status


def test_disabled_account_dismisses_its_alert(deployment: Deployment, run_here: RunHere) -> None:
    sign_out(deployment)
    assert run_here(deployment, "collect", "--once").returncode == 1
    assert "a person must act" in run_here(deployment, "status").stdout
    config = deployment.config_file.read_text()
    before, _, after = config.partition("amazon_aqm:\n    enabled: true")
    deployment.config_file.write_text(f"{before}amazon_aqm:\n    enabled: false{after}")
    status = run_here(deployment, "status")
    assert "a person must act" not in status.stdout
    assert "amazon refuses" not in status.stdout
    assert alert_file(deployment).exists(), "status changes nothing"
    assert run_here(deployment, "collect", "--once").returncode == 0
    assert not alert_file(deployment).exists()
    logs = "".join(path.read_text() for path in (deployment.folder / "logs").iterdir())
    assert logs.count("alert_file.removed") == 1
    assert logs.count("incident.dismissed") == 1
    assert json.loads(run_here(deployment, "status", "--json").stdout)["incidents"] == {}


def test_endless_reader_is_an_incident(deployment: Deployment, run_here: RunHere) -> None:
    arguments = ("collect", "--once", "--source", "hue")
    assert run_here(deployment, *arguments).returncode == 0
    with (
        closing(sqlite3.connect(deployment.database, isolation_level=None)) as reader,
        closing(sqlite3.connect(deployment.database)) as writer,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM readings").fetchone()
        writer.execute("CREATE TABLE of_somebody_else (much)")
        writer.execute("INSERT INTO of_somebody_else VALUES (zeroblob(70000000))")
        writer.commit()
        for _ in range(2):
            assert run_here(deployment, *arguments).returncode == 0
        status = run_here(deployment, "status").stdout
    assert "another program keeps the database open for reading" in status
    for _ in range(2):
        assert run_here(deployment, *arguments).returncode == 0
    assert "another program" not in run_here(deployment, "status").stdout
    logs = "".join(path.read_text() for path in (deployment.folder / "logs").iterdir())
    assert logs.count("incident.opened") == logs.count("incident.recovered") == 1
