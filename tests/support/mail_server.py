"""A real SMTP server on loopback, for mails of tests."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "home@localhost", "correct horse battery"


@attrs.define
class MailHandler:
    """Keeps what it is handed. `answer` is what it says to each message."""

    answer: str = "250 OK"
    envelopes: list[Envelope] = attrs.field(factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.envelopes.append(envelope)
        return self.answer


@contextmanager
def mail_server(
    handler: MailHandler, *, starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """A server's port; with a context for STARTTLS it takes no login and no mail before that."""

    def protocol() -> SMTP:
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=_authenticated,
            auth_require_tls=starttls is not None,
        )

    with _serving(protocol, tls) as port:
        yield port


def _authenticated(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    is_known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_known, handled=is_known)


@contextmanager
def _serving(protocol: Callable[[], SMTP], tls: ssl.SSLContext | None) -> Iterator[int]:
    def create() -> Any:
        return asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0, ssl=tls)

    with _running(create) as port:
        yield port


@contextmanager
def _running(create: Callable[[], Any]) -> Iterator[int]:
    """The server's port, while a loop in a thread of its own serves it."""
    loop = asyncio.new_event_loop()

    async def begin() -> asyncio.Server:
        server = await create()
        assert isinstance(server, asyncio.Server)
        return server

    async def end() -> None:
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
