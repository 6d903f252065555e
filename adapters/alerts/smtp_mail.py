"""Mail by SMTP."""

from __future__ import annotations

import contextlib
import email.utils
import smtplib
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Literal

import attrs

from adapters.runtime.threads import in_daemon_thread_within
from domain.alert_messages import Message
from domain.errors import NotifyError, NotifyUnavailable
from ports.clock import Clock

Security = Literal["starttls", "tls", "none"]
_LEAST_S = 0.1
# How we call ourselves (RFC 5321, 4.1.3): without it smtplib asks a name server, for as long as that takes.
_OURSELVES = "[127.0.0.1]"


@attrs.frozen(kw_only=True)
class MailServer:
    """Where mail is handed over, and as whom. Without a user name nobody signs in.

    `ca_file` None takes the system's roots.
    """

    host: str
    port: int
    security: Security
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    ca_file: Path | None = None


class SmtpMail:
    """One connection a message. A connection that was to be encrypted is never used in plain.

    smtplib's time-out is for each reply: at the deadline the socket is shut, whatever is under way on it.
    """

    def __init__(self, server: MailServer, *, sender: str, recipients: tuple[str, ...], clock: Clock) -> None:
        self._server = server
        self._sender = sender
        self._recipients = recipients
        self._clock = clock

    async def send(self, message: Message, deadline_s: float) -> None:
        left_s = max(deadline_s - self._clock.elapsed_s(), _LEAST_S)
        talk = _Talk(server=self._server, timeout_s=left_s)
        mail = self._mail(message)
        try:
            await in_daemon_thread_within(
                left_s, lambda: talk.hand_over(mail), "mail", clock=self._clock, give_up=talk.shut
            )
        except TimeoutError as error:
            raise NotifyUnavailable(
                f"{self._server.host} did not take the mail within {left_s:.0f} s"
            ) from error

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Subject"] = f"[homeclimate] {' '.join(message.subject.split())}"
        mail["Date"] = email.utils.format_datetime(self._clock.now())
        mail["Message-ID"] = email.utils.make_msgid(domain=self._sender.rpartition("@")[2] or None)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: so that nobody's holiday answers
        mail.set_content(message.text)
        return mail


@attrs.define(kw_only=True)
class _Talk:
    """One conversation with the server, in a thread of its own; `shut` ends it from outside."""

    server: MailServer
    timeout_s: float
    socket: socket.socket | None = None

    def hand_over(self, mail: EmailMessage) -> None:
        with _told(self.server.host), contextlib.closing(self._connected()) as smtp:
            if self.server.security == "starttls":
                smtp.starttls(context=self._context())
            if self.server.username is not None:
                smtp.login(self.server.username, self.server.password or "")
            smtp.send_message(mail)
            with contextlib.suppress(smtplib.SMTPException, OSError):  # it has been taken already
                smtp.quit()

    def shut(self) -> None:
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_RDWR)

    def _connected(self) -> smtplib.SMTP:
        where = (self.server.host, self.server.port)
        if self.server.security == "tls":
            return _Tls(self, *where, timeout=self.timeout_s, context=self._context())
        return _Plain(self, *where, timeout=self.timeout_s)

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.server.ca_file)


class _Plain(smtplib.SMTP):
    """Notes its socket as soon as there is one: the constructor waits for the server's greeting."""

    def __init__(self, talk: _Talk, host: str, port: int, *, timeout: float) -> None:
        self._talk = talk
        super().__init__(host, port, local_hostname=_OURSELVES, timeout=timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._talk.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        return self._talk.socket


class _Tls(smtplib.SMTP_SSL):
    """The same, encrypted from the beginning."""

    def __init__(self, talk: _Talk, host: str, port: int, *, timeout: float, context: ssl.SSLContext) -> None:
        self._talk = talk
        super().__init__(host, port, local_hostname=_OURSELVES, timeout=timeout, context=context)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        self._talk.socket = super()._get_socket(host, port, timeout)  # type: ignore[misc]
        return self._talk.socket


@contextlib.contextmanager
def _told(host: str) -> Iterator[None]:
    """What smtplib raises, in our words. A server's own words stay out: they may repeat what it was sent."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise NotifyError(f"{host} refuses the user name or the password ({error.smtp_code})") from error
    except smtplib.SMTPNotSupportedError as error:
        raise NotifyError(f"{host} does not offer what alerts.mail.security asks for: {error}") from error
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        raise _by_code(codes[0], f"{host} refuses the recipients ({codes})") from error
    except smtplib.SMTPResponseException as error:
        raise _by_code(error.smtp_code, f"{host} answers with {error.smtp_code}") from error
    except ssl.SSLCertVerificationError as error:
        raise NotifyError(
            f"the certificate of {host} is not to be trusted: {error.verify_message}"
        ) from error
    except ValueError as error:  # a name or a password in letters that the protocol does not know
        raise NotifyError(f"the settings of the mail do not do ({type(error).__name__})") from error
    except (smtplib.SMTPException, OSError) as error:
        raise NotifyUnavailable(f"{host} cannot be talked to ({type(error).__name__})") from error


def _by_code(code: int, said: str) -> NotifyError:
    """RFC 5321, 4.2.1: 4 means that it may be tried again, 5 that it must not."""
    return NotifyUnavailable(said) if 400 <= code < 500 else NotifyError(said)
