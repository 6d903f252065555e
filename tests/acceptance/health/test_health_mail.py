"""`health --send-test-mail`."""

from __future__ import annotations

import pytest

from tests.acceptance.health.conftest import ReadOut
from tests.support.alert_servers import USER, MailHandler, mail_server
from tests.support.sick_homes import SickHome, run_health

PASSWORD = "MARKED-mail-password-5c1"
MAIL = (
    "alerts:\n  mail: {{host: localhost, port: {port}, security: none, recipients: [me@example.org]{more}}}\n"
)


def send_mail(home: SickHome, read_out: ReadOut) -> tuple[int, str]:
    code, out, err = run_health(home, read_out, "--only", "mail", "--send-test-mail")
    assert err == ""
    return code, out


def test_mail_is_sent_only_on_request(home: SickHome, read_out: ReadOut) -> None:
    handler = MailHandler()
    with mail_server(handler) as port:
        home.more_config(MAIL.format(port=port, more=""))
        run_health(home, read_out)
        assert handler.envelopes == []
        code, out = send_mail(home, read_out)
    assert (code, out.split()[:2]) == (0, ["pass", "mail"])
    (envelope,) = handler.envelopes
    assert b"a test" in (envelope.content or b"")


@pytest.mark.parametrize("answer", ["550 no such user", "451 try again later", None])
def test_rejected_mail_or_absent_server_is_a_failure(
    home: SickHome, read_out: ReadOut, answer: str | None
) -> None:
    with mail_server(MailHandler(answer or "")) as port:
        home.more_config(MAIL.format(port=port if answer else 9, more=""))
        code, out = send_mail(home, read_out)
    assert (code, "-> " in out, "alerts.mail in config.yaml" in out) == (1, True, True)


def test_rejected_login_is_reported_without_the_password(home: SickHome, read_out: ReadOut) -> None:
    handler = MailHandler()
    home.more_secrets(f"alerts: {{mail_password: {PASSWORD}}}\n")
    with mail_server(handler) as port:
        home.more_config(MAIL.format(port=port, more=f", username: {USER}"))
        code, out = send_mail(home, read_out)
    assert (code, "535" in out, "alerts.mail in config.yaml" in out) == (1, True, True)
    assert handler.envelopes == []
    assert PASSWORD not in out


def test_missing_mail_configuration_is_reported(home: SickHome, read_out: ReadOut) -> None:
    code, out = send_mail(home, read_out)
    assert (code, "get-notified.md" in out) == (1, True)
