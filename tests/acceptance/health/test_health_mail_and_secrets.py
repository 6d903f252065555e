"""A mail that a health check is asked for, and what it never tells."""

from __future__ import annotations

import base64
import shutil
from urllib.parse import quote

import pytest

from domain.redaction import Redactor
from entrypoints.wiring.health import Components
from tests.acceptance.health.conftest import ReadOut
from tests.support.mail_server import USER, MailHandler, mail_server
from tests.support.sick_homes import SickHome, asked_here

MARKED = ("MARKED-mail-password-5c1", "MARKED-ping-5c1")
MAIL = (
    "alerts:\n  mail: {{host: localhost, port: {port}, security: none, recipients: [me@example.org]{more}}}\n"
)
ALERT_SECRETS = f"alerts: {{mail_password: {MARKED[0]}, ping_url: 'https://localhost:9/{MARKED[1]}'}}\n"


def ask_for_mail(home: SickHome, read_out: ReadOut) -> tuple[int, str]:
    code, out, err = asked_here(home, read_out, "--only", "mail", "--send-test-mail")
    assert err == ""
    return code, out


def test_a_mail_is_sent_when_it_is_asked_for_and_only_then(home: SickHome, read_out: ReadOut) -> None:
    handler = MailHandler()
    with mail_server(handler) as port:
        home.more_config(MAIL.format(port=port, more=""))
        asked_here(home, read_out)
        assert handler.envelopes == []
        code, out = ask_for_mail(home, read_out)
    assert (code, out.split()[:2]) == (0, ["pass", "mail"])
    (envelope,) = handler.envelopes
    assert b"a test" in (envelope.content or b"")


@pytest.mark.parametrize("answer", ["550 no such user", "451 try again later"])
def test_a_mail_that_is_refused_is_a_failure(home: SickHome, read_out: ReadOut, answer: str) -> None:
    with mail_server(MailHandler(answer)) as port:
        home.more_config(MAIL.format(port=port, more=""))
        code, out = ask_for_mail(home, read_out)
    assert (code, "-> Correct alerts.mail" in out) == (1, True)


def test_a_login_that_is_refused_is_a_failure_that_does_not_tell_the_password(
    home: SickHome, read_out: ReadOut
) -> None:
    handler = MailHandler()
    with home.deployment.secrets_file.open("a") as file:
        file.write(ALERT_SECRETS)
    with mail_server(handler) as port:
        home.more_config(MAIL.format(port=port, more=f", username: {USER}"))
        code, out = ask_for_mail(home, read_out)
    assert (code, "535" in out, "-> Correct alerts.mail" in out) == (1, True, True)
    assert handler.envelopes == []
    assert MARKED[0] not in out


def test_a_mail_server_that_is_not_there_is_a_failure(home: SickHome, read_out: ReadOut) -> None:
    home.more_config(MAIL.format(port=9, more=""))
    code, out = ask_for_mail(home, read_out)
    assert (code, "-> Correct alerts.mail" in out) == (1, True)


def test_a_home_without_a_mail_server_is_told_where_to_name_one(home: SickHome, read_out: ReadOut) -> None:
    code, out = ask_for_mail(home, read_out)
    assert (code, "get-notified.md" in out) == (1, True)


def secrets_of(home: SickHome) -> list[str]:
    alexa = home.simulated.alexa
    plain = [home.simulated.bridge.key, alexa.refresh_token, *MARKED]
    return [
        form
        for secret in plain
        for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode().rstrip("="))
    ]


def sicken(home: SickHome) -> None:
    """Let everything that can repeat a secret do so, and much go wrong besides."""
    key, token = home.simulated.bridge.key, home.simulated.alexa.refresh_token
    home.more_config(MAIL.format(port=9, more=f", username: me@{MARKED[0]}"))
    with home.deployment.secrets_file.open("a") as file:
        file.write(ALERT_SECRETS)
    reason = f"{token} {quote(token)}"
    home.state("upkeep.check", result="failed", at="2026-01-01T00:00:00+00:00", reason=reason)
    home.sql(f"UPDATE outcomes SET source = source || ':{key}'")  # noqa: S608
    home.simulated.bridge.faults.add("kind=revoked")
    home.simulated.alexa.end_access()
    home.simulated.alexa.faults.add("kind=refused-token")


FORMS: tuple[list[str], ...] = (
    [],
    ["--json"],
    ["--brief"],
    ["--send-test-mail"],
    ["--only", "last_check", "--json"],
)


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_health_check_security_no_credential_leak(home: SickHome, read_out: ReadOut, form: list[str]) -> None:
    sicken(home)
    code, out, err = asked_here(home, read_out, *form)
    assert code in (1, 2)
    written = "".join(path.read_text() for path in (home.deployment.folder / "logs").iterdir())
    for secret in secrets_of(home):
        assert secret not in out + err + written


@pytest.mark.parametrize("broken", ["config.yaml", "secrets.yaml"])
def test_validator_security_no_credential_leak(home: SickHome, read_out: ReadOut, broken: str) -> None:
    """Also where the file that holds them cannot be read, so that they are not known for secrets."""
    sicken(home)
    shutil.copy(home.deployment.secrets_file, home.deployment.folder / "kept")
    file = home.deployment.folder / "config" / broken
    for damage in ("]\n", "\thue: x\n", '  "\n', "  - &\n"):
        text = file.read_text()
        file.write_text(text + damage)
        code, out, err = asked_here(home, read_out, "--json", "--offline")
        assert (code, broken in out) == (2, True)
        for secret in secrets_of(home):
            assert secret not in out + err
        file.write_text(text)


def test_the_search_finds_what_the_redactor_would_let_through(
    home: SickHome, read_out: ReadOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Careless(Redactor):
        def redact(self, text: str) -> str:
            return text

    monkeypatch.setattr(Components, "redactor", lambda _: Careless(()))
    sicken(home)
    _, out, _ = asked_here(home, read_out, "--only", "last_check", "--json")
    assert home.simulated.alexa.refresh_token in out
