"""Calls the URL of a dead-man's switch."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from urllib.parse import urlsplit

from adapters.runtime.threads import in_daemon_thread_within
from domain.errors import NotifyError, NotifyUnavailable
from ports.clock import Clock

_LEAST_S = 0.1


class HttpPing:
    """GET on the URL where all is well, and on the URL with `/fail` at its path's end where not.

    The convention is that of healthchecks.io and those who follow it. The URL is a secret: no error names it.
    Redirects are not followed, and of a reply only the status is read.
    """

    def __init__(self, url: str, *, clock: Clock) -> None:
        self._url = urlsplit(url)
        self._clock = clock

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:
        timeout_s = max(deadline_s - self._clock.elapsed_s(), _LEAST_S)
        try:
            connection = self._connection(timeout_s)
        except ValueError as error:
            raise NotifyError("the ping URL is none that can be called: look at secrets.yaml") from error

        def shut() -> None:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

        try:
            status = await in_daemon_thread_within(
                timeout_s,
                lambda: self._status(connection, is_well=is_well),
                "ping",
                clock=self._clock,
                give_up=shut,
            )
        except TimeoutError as error:
            raise NotifyUnavailable(f"the ping URL did not answer within {timeout_s:.0f} s") from error
        if not 200 <= status < 300:
            raise NotifyError(
                f"the ping URL answers with HTTP {status}: look at alerts.ping_url in secrets.yaml"
            )

    def _status(self, connection: http.client.HTTPConnection, *, is_well: bool) -> int:
        path = self._url.path.rstrip("/") + ("" if is_well else "/fail")
        query = f"?{self._url.query}" if self._url.query else ""
        try:
            connection.request("GET", f"{path or '/'}{query}", headers={"User-Agent": "homeclimate"})
            return connection.getresponse().status
        except (ValueError, http.client.InvalidURL) as error:
            raise NotifyError("the ping URL is none that can be called: look at secrets.yaml") from error
        except (OSError, http.client.HTTPException) as error:
            raise NotifyUnavailable(f"the ping URL did not answer ({type(error).__name__})") from error
        finally:
            connection.close()

    def _connection(self, timeout_s: float) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        if self._url.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, self._url.port, timeout=timeout_s, context=context)
        return http.client.HTTPConnection(host, self._url.port, timeout=timeout_s)
