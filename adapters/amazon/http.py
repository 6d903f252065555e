"""HTTP with Amazon: one aiohttp session, every request bounded in time and size, no redirects followed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import attrs
from aiohttp.abc import AbstractResolver, ResolveResult

from adapters.amazon.hosts import USER_AGENT
from adapters.http.lenient_json import body_excerpt
from adapters.http.replies import add_endpoint, check_body_size, decompress, endpoint_of, parse_content_length
from adapters.runtime.threads import in_daemon_thread
from domain.errors import (
    CredentialsDoubted,
    CredentialsRefused,
    CredentialsStale,
    SourceGarbled,
    SourceThrottled,
    SourceUnavailable,
)
from ports.clock import Clock
from ports.meter import Meter, Tally

_LONGEST_CONNECT_S = 5.0
_SHORTEST_S = 0.05
_NEVER_ROUNDED_S = 3600.0  # aiohttp rounds longer timeouts up to whole seconds, past the deadline
_OK = 200


class NotReached(SourceUnavailable):
    """There was no complete reply."""


class NoReply(NotReached):
    """The host was connected, and gave no complete reply to this request; another may fare better."""


class NoTokenYet(SourceUnavailable):
    """The token endpoint gave no token, without refusing it for good."""


class AsksForPerson(CredentialsStale):
    """There was a page for a person in place of an answer: a captcha, or a further step of a sign-in.

    It may pass by itself, and no other request helps: the source is asked less often, and only if it lasts
    people are alerted.
    """


# Errors that any other request to the data service would meet too, or make worse.
AFFECTS_EVERY_REQUEST = (
    NotReached,
    NoTokenYet,
    CredentialsDoubted,
    CredentialsRefused,
    CredentialsStale,
    SourceThrottled,
)


@attrs.frozen(kw_only=True)
class Request:
    """One request. `is_private` if the reply holds secrets, such as tokens."""

    operation: str
    url: str
    method: Literal["GET", "POST"] = "POST"
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    is_private: bool = False

    @property
    def endpoint(self) -> str:
        """Method, host and path for the log, without the query."""
        return endpoint_of(self.method, self.url)


@attrs.frozen(kw_only=True)
class Reply:
    """A complete reply with any status. `cookies` are those that it sets."""

    request: Request
    status: int
    content_type: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    retry_after: str | None = None
    location: str | None = attrs.field(default=None, repr=False)
    cookies: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def sample(self) -> str:
        """The size and a redacted beginning of the body, for error messages."""
        beginning = "" if self.request.is_private else body_excerpt(self.body)
        return f"{len(self.body):,} bytes" + (f", {beginning!r}" if beginning else "")


class AmazonSession:
    """Sends requests and keeps the connections from cycle to cycle, on the running event loop.

    `roots` None means the system's root certificates. Cookies are the caller's: none is stored or added.
    """

    def __init__(
        self,
        *,
        source: str,
        timeout_s: float,
        roots: Path | None,
        clock: Clock,
        meter: Meter,
        open_connector: Callable[[], aiohttp.BaseConnector] | None = None,
    ) -> None:
        self._source = source
        self._timeout_s = timeout_s
        self._roots = roots
        self._clock = clock
        self._meter = meter
        self._open_connector = open_connector or self._open_network_connector
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def send(self, request: Request, deadline_s: float) -> Reply:
        """Return the complete reply, of any status.

        Raise SourceUnavailable if it has not come by `deadline_s` (an instant of `Clock.elapsed_s`) or within
        the timeout; SourceGarbled if a good reply is too large or its compression broken.
        """
        with (
            add_endpoint(request.endpoint),
            self._meter.measuring(request.operation, self._source) as tally,
        ):
            left_s = deadline_s - self._clock.elapsed_s()
            if left_s <= _SHORTEST_S:
                raise SourceUnavailable("no complete answer within the time for this source")
            timeout_s = min(self._timeout_s, left_s)
            try:
                return await self._exchange(request, timeout_s, tally)
            except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
                raise _not_reached(error, request.url, timeout_s) from error

    async def close(self) -> None:
        """Close the connections. The session may be used again."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(RuntimeError):  # its event loop may be closed
                await session.close()

    async def _exchange(self, request: Request, timeout_s: float, tally: Tally) -> Reply:
        session = await self._open_session()
        limits = aiohttp.ClientTimeout(
            total=timeout_s,
            sock_connect=min(timeout_s, _LONGEST_CONNECT_S),
            ceil_threshold=_NEVER_ROUNDED_S,
        )
        async with session.request(
            request.method,
            request.url,
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,
            timeout=limits,
        ) as response:
            return Reply(
                request=request,
                status=response.status,
                content_type=response.headers.get("Content-Type", ""),
                body=await _read_body(response, tally),
                retry_after=response.headers.get("Retry-After"),
                location=response.headers.get("Location"),
                cookies={name: morsel.value for name, morsel in response.cookies.items()},
            )

    async def _open_session(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            await self.close()
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=self._open_connector(),
                headers={"Accept-Encoding": "gzip", "User-Agent": USER_AGENT},
                # each request brings its own Cookie header: aiohttp's jars quote values and drop cookies of
                # IP addresses
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # else the bytes on the wire could be neither counted nor bounded
                trust_env=False,
            )
        return self._session

    def _open_network_connector(self) -> aiohttp.BaseConnector:
        return aiohttp.TCPConnector(
            ssl=ssl.create_default_context(cafile=self._roots), resolver=_DaemonResolver()
        )


class _DaemonResolver(AbstractResolver):
    """Looks up names in a daemon thread.

    aiohttp's own resolver runs in the event loop's executor, whose threads are waited for at the end: half a
    minute with name servers that do not answer.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await in_daemon_thread(
            lambda: socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM), f"look up {host}"
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=each,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for each, _, protocol, _, address in addresses
        ]

    async def close(self) -> None:
        """Do nothing: nothing is kept open."""


async def _read_body(response: aiohttp.ClientResponse, tally: Tally) -> bytes:
    """Return the decompressed body; b"" if that of an error status is unusable, as the status is enough."""
    try:
        check_body_size(parse_content_length(response.headers.get("Content-Length")))
        wire = bytearray()
        async for chunk in response.content.iter_any():
            wire += chunk
            tally.wire_bytes = len(wire)
            check_body_size(len(wire))
        body = decompress(bytes(wire), response.headers.get("Content-Encoding", ""))
    except SourceGarbled:
        if response.status == _OK:
            raise
        return b""
    tally.payload_bytes = len(body)
    return body


# The first class that an exception belongs to gives the message.
_MESSAGES: tuple[tuple[type[Exception], str], ...] = (
    (
        aiohttp.ClientConnectorDNSError,
        "the name {host} was not found: is there a network, and a name server?",
    ),
    (aiohttp.ClientConnectorCertificateError, "the certificate of {host} is not trusted: {reason}"),
    (aiohttp.ClientSSLError, "no encrypted connection to {host} ({reason})"),
    (ssl.SSLError, "no encrypted connection to {host} ({reason})"),
    (aiohttp.ConnectionTimeoutError, "no connection to {host} within the time limit"),
    (TimeoutError, "{host} gave no complete answer within {timeout_s:.1f} s"),
    (aiohttp.ClientPayloadError, "the reply of {host} ended before it was complete"),
    (aiohttp.ServerDisconnectedError, "{host} closed the connection without an answer"),
    (aiohttp.ClientResponseError, "the answer of {host} is not HTTP"),
    (Exception, "the connection to {host} failed ({reason})"),
)


def _not_reached(error: Exception, url: str, timeout_s: float) -> NotReached:
    """Return our error for one of aiohttp's. The message names the host and no more of the URL."""
    is_connected = not isinstance(
        error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, ssl.SSLError)
    )
    kind = NoReply if is_connected else NotReached
    message = next(message for one, message in _MESSAGES if isinstance(error, one))
    host = urlsplit(url).hostname or "the host"
    return kind(message.format(host=host, timeout_s=timeout_s, reason=_reason(error)))


def _reason(error: Exception) -> str:
    """Return the operating system's or OpenSSL's words; aiohttp's own describe objects."""
    cause: Exception = error
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    elif isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        is_about_time = "expired" in cause.verify_message or "not yet valid" in cause.verify_message
        hint = " (is this computer's clock right?)" if is_about_time else ""
        return f"{cause.verify_message or type(cause).__name__}{hint}"
    return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
