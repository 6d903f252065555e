"""Mail to a real SMTP server: encryption, login, errors and time limits."""

from __future__ import annotations

import contextlib
import email
import email.policy
import threading
import time
from pathlib import Path
from typing import Any

import attrs
import pytest

from adapters.alerts.smtp_mail import MailServer, SmtpMail
from adapters.runtime.clock import SystemClock
from adapters.simulator.certificates import AMAZON_CA_FILE, CA_FILE, shipped
from domain.alerts.messages import Attachment, Message
from domain.errors import NotifyError, NotifyUnavailable
from tests.support.alert_servers import PASSWORD, USER, MailHandler, mail_server
from tests.support.odd_server import OddServer, odd_server, saying

MESSAGE = Message(subject="nothing comes\nfrom hue", text="Seit 12 Uhr: kein Gerät.\n")
SHOWN = shipped("alexa.pem")  # for localhost too
OURS = MailServer(
    host="localhost", port=0, security="starttls", username=USER, password=PASSWORD, ca_file=AMAZON_CA_FILE
)


async def send(server: MailServer, limit_s: float = 10.0) -> None:
    clock = SystemClock()
    mail = SmtpMail(
        server, sender="home@example.org", recipients=("me@example.org", "you@example.org"), clock=clock
    )
    await mail.send(MESSAGE, clock.elapsed_s() + limit_s)


def at(port: int, **changes: Any) -> MailServer:
    return attrs.evolve(OURS, port=port, **changes)


def port_of(odd: OddServer) -> int:
    return int(odd.address.rpartition(":")[2])


async def test_login_beyond_ascii_is_refused_by_the_server_not_by_us() -> None:
    with mail_server(MailHandler(), starttls=SHOWN.server_context()) as port:
        with pytest.raises(NotifyError, match="rejects the user name or the password"):
            await send(at(port, password="pässwörd"))
        with pytest.raises(NotifyError, match="rejects the user name or the password"):
            await send(at(port, username="jürgen"))


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("hömé@example.org", "me@example.org"),
        ("me@example.org", "me@exämple.org"),
        ("a\nb", "me@example.org"),
    ],
)
async def test_odd_address_is_a_matter_of_mail_alone(sender: str, recipient: str) -> None:
    clock = SystemClock()
    with mail_server(MailHandler()) as port, contextlib.suppress(NotifyError):
        server = MailServer(host="localhost", port=port, security="none")
        mail = SmtpMail(server, sender=sender, recipients=(recipient,), clock=clock)
        await mail.send(MESSAGE, clock.elapsed_s() + 10)


async def test_mail_is_sent_by_starttls_after_login() -> None:
    handler = MailHandler()
    with mail_server(handler, starttls=SHOWN.server_context()) as port:
        await send(at(port))
    (envelope,) = handler.envelopes
    assert envelope.rcpt_tos == ["me@example.org", "you@example.org"]
    assert isinstance(envelope.content, bytes)
    mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert mail["Subject"] == "[homeclimate] nothing comes from hue"
    assert (mail["From"], mail["To"]) == ("home@example.org", "me@example.org, you@example.org")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@example.org>")
    assert mail["Date"]
    body = mail.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == MESSAGE.text


async def test_attachment_arrives_as_it_was() -> None:
    handler, page = MailHandler(), "<!doctype html>\n<p>21.5 °C</p>\n".encode() * 5000
    clock = SystemClock()
    with mail_server(handler) as port:
        server = MailServer(host="localhost", port=port, security="none")
        mail = SmtpMail(server, sender="a@example.org", recipients=("b@example.org",), clock=clock)
        file = Attachment(name="homeclimate.html", kind="text/html", content=page)
        await mail.send(attrs.evolve(MESSAGE, attachment=file), clock.elapsed_s() + 10)
    (envelope,) = handler.envelopes
    assert isinstance(envelope.content, bytes)
    received = email.message_from_bytes(envelope.content, policy=email.policy.default)
    (attached,) = received.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type()) == ("homeclimate.html", "text/html")
    assert attached.get_payload(decode=True) == page


async def test_mail_is_sent_by_tls() -> None:
    handler = MailHandler()
    with mail_server(handler, tls=SHOWN.server_context()) as port:
        await send(at(port, security="tls", username=None))
    assert len(handler.envelopes) == 1


async def test_mail_is_sent_in_plain_only_if_configured() -> None:
    handler = MailHandler()
    with mail_server(handler) as port:
        await send(at(port, security="none", username=None))
        assert len(handler.envelopes) == 1
        with pytest.raises(NotifyError, match="does not offer") as refused:
            await send(at(port))
    assert not isinstance(refused.value, NotifyUnavailable)
    assert len(handler.envelopes) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_untrusted_server_gets_neither_mail_nor_password(security: str) -> None:
    handler = MailHandler()
    context = SHOWN.server_context()
    with (
        mail_server(handler, **{security: context}) as port,
        pytest.raises(NotifyError, match="is not trusted"),
    ):
        await send(at(port, security=security, ca_file=CA_FILE))
    assert handler.envelopes == []


async def test_wrong_password_is_a_permanent_error_without_the_password() -> None:
    handler = MailHandler()
    with (
        mail_server(handler, starttls=SHOWN.server_context()) as port,
        pytest.raises(NotifyError, match="user name or the password") as refused,
    ):
        await send(at(port, password="wrong-Password-1"))
    assert not isinstance(refused.value, NotifyUnavailable)
    assert "wrong-Password-1" not in str(refused.value) + repr(at(port, password="wrong-Password-1"))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 come again later", NotifyUnavailable), ("554 no such thing here", NotifyError)],
)
async def test_reply_code_decides_whether_to_retry(answer: str, kind: type[NotifyError]) -> None:
    with (
        mail_server(MailHandler(answer=answer), starttls=SHOWN.server_context()) as port,
        pytest.raises(NotifyError) as refused,
    ):
        await send(at(port))
    assert type(refused.value) is kind
    assert answer[4:] not in str(refused.value)


@pytest.mark.parametrize(
    ("greeting", "every_s"), [(b"", None), (b"220-", 0.05), (b"x", 0.05), (b"220 mail\r\n", None)]
)
async def test_silent_or_dripping_server_holds_one_thread_at_most(
    greeting: bytes, every_s: float | None
) -> None:
    clock = SystemClock()
    with odd_server(saying(greeting, every_s), secure=False) as odd:
        mail = SmtpMail(at(port_of(odd)), sender="a@example.org", recipients=("b@example.org",), clock=clock)
        for _ in range(3):
            with pytest.raises(NotifyUnavailable, match=r"within|has not ended|no usable"):
                await mail.send(MESSAGE, clock.elapsed_s() + 0.3)
        assert sum(thread.name == "mail" for thread in threading.enumerate()) <= 1
    _wait_until_no_thread_is_called("mail")


async def test_absent_server_is_a_temporary_error() -> None:
    with odd_server(saying(b""), secure=False) as odd:
        pass
    with pytest.raises(NotifyUnavailable):
        await send(at(port_of(odd)))


async def test_missing_ca_file_is_reported(tmp_path: Path) -> None:
    with mail_server(MailHandler(), starttls=SHOWN.server_context()) as port, pytest.raises(NotifyError):
        await send(at(port, ca_file=tmp_path / "none.pem"))


def _wait_until_no_thread_is_called(name: str) -> None:
    ends = time.monotonic() + 30
    while any(thread.name == name for thread in threading.enumerate()):
        assert time.monotonic() < ends, "the thread does not end"
        time.sleep(0.01)
