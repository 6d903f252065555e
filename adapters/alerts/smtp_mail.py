"""Send mail by SMTP."""

from __future__ import annotations

import base64
import contextlib
import email.utils
import smtplib
import ssl
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import attrs

from adapters.runtime.threads import SingleThread
from domain.alerts.messages import Message
from domain.errors import NotifyError, NotifyUnavailable
from ports.clock import Clock

Security = Literal["starttls", "tls", "none"]
_LEAST_S = 0.1
_CHALLENGE, _LOGGED_IN, _MOST_CHALLENGES = 334, (235, 503), 5  # RFC 4954
# Our name in the greeting (RFC 5321, 4.1.3). Without one smtplib asks a name server, however long that takes.
_LOCAL_HOSTNAME = "[127.0.0.1]"


@attrs.frozen(kw_only=True)
class MailServer:
    """A mail server and its account. Without a user name there is no login; `ca_file` None: system roots."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    ca_file: Path | None = None


class SmtpMail:
    """Opens one connection a message. Never falls back to plain text when encryption fails."""

    def __init__(self, server: MailServer, *, sender: str, recipients: tuple[str, ...], clock: Clock) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._clock = clock
        self._thread = SingleThread("mail", clock)

    async def send(self, message: Message, deadline_s: float) -> None:
        limit_s = max(deadline_s - self._clock.elapsed_s(), _LEAST_S)
        with _translate_errors(self._server.host):
            mail = self._compose(message)
        try:
            await self._thread.run(lambda: self._submit(mail, limit_s), limit_s)
        except TimeoutError as error:
            raise NotifyUnavailable(f"{self._server.host} did not take the mail: {error}") from error

    def _compose(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Subject"] = f"[homeclimate] {' '.join(message.subject.split())}"
        mail["Date"] = email.utils.format_datetime(self._clock.now())
        mail["Message-ID"] = email.utils.make_msgid(domain=self._sender.rpartition("@")[2] or None)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        mail.set_content(message.text)
        if (file := message.attachment) is not None:
            main, _, sub = file.kind.partition("/")
            mail.add_attachment(file.content, maintype=main, subtype=sub, filename=file.name)
        return mail

    def _submit(self, mail: EmailMessage, timeout_s: float) -> None:
        """Hand the mail to the server. Blocks: each socket operation gets `timeout_s`."""
        server = self._server
        with _translate_errors(server.host), contextlib.closing(self._connect(timeout_s)) as smtp:
            if server.security == "starttls":
                smtp.starttls(context=self._ssl_context())
            if server.username is not None:
                smtp.login(server.username, server.password or "")
            smtp.send_message(mail)
            with contextlib.suppress(smtplib.SMTPException, OSError):  # the server has the mail already
                smtp.quit()

    def _connect(self, timeout_s: float) -> smtplib.SMTP:
        host, port = self._server.host, self._server.port
        if self._server.security == "tls":
            context = self._ssl_context()
            return _Utf8SmtpSsl(host, port, _LOCAL_HOSTNAME, timeout=timeout_s, context=context)
        return _Utf8Smtp(host, port, _LOCAL_HOSTNAME, timeout=timeout_s)

    def _ssl_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._server.ca_file)


class _Utf8Smtp(smtplib.SMTP):
    """Sends user names and passwords as UTF-8 (RFC 4616); smtplib knows ASCII only."""

    def auth(
        self, mechanism: str, authobject: Callable[..., str | None], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        first = authobject() if initial_response_ok else None
        command = mechanism if first is None else f"{mechanism} {_encode(first)}"
        code, reply = self.docmd("AUTH", command)
        for _ in range(_MOST_CHALLENGES):
            if code != _CHALLENGE:
                break
            code, reply = self.docmd(_encode(authobject(base64.b64decode(reply)) or ""))
        if code not in _LOGGED_IN:
            raise smtplib.SMTPAuthenticationError(code, reply)
        return code, reply


class _Utf8SmtpSsl(_Utf8Smtp, smtplib.SMTP_SSL):
    """The same over TLS."""


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@contextlib.contextmanager
def _translate_errors(host: str) -> Iterator[None]:
    """Raise `NotifyError` for what smtplib raises. A server's text stays out: it may repeat what was sent."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise NotifyError(f"{host} rejects the user name or the password ({error.smtp_code})") from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotifyError(f"{host} does not offer what alerts.mail.security needs: {error}") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise _error_by_code(codes[0], f"{host} rejects the recipients ({codes})") from error
    except smtplib.SMTPResponseException as error:
        raise _error_by_code(error.smtp_code, f"{host} replied with error {error.smtp_code}") from error
    except ssl.SSLCertVerificationError as error:
        raise NotifyError(f"the certificate of {host} is not trusted: {error.verify_message}") from error
    except (ValueError, LookupError) as error:  # such as an address that no header can carry
        raise NotifyError(
            f"a setting under alerts.mail, or alerts.mail_password, is invalid ({type(error).__name__})"
        ) from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotifyUnavailable(f"no usable connection to {host} ({type(error).__name__})") from error


def _error_by_code(code: int, message: str) -> NotifyError:
    """Distinguish temporary (4xx) from permanent (5xx) errors: RFC 5321, 4.2.1."""
    return NotifyUnavailable(message) if 400 <= code < 500 else NotifyError(message)
