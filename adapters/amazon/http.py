"""Looks host names up without ever holding the process open."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
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
    CredentialsRefused,
    CredentialsStale,
    SourceGarbled,
    SourceThrottled,
    SourceUnavailable,
)
from ports.clock import Clock
from ports.meter import Meter, Tally


class DaemonResolver(AbstractResolver):
    """The system's look-up in a daemon thread.

    aiohttp's own runs in the event loop's executor, whose threads are waited for at the end: half a minute
    with name servers that do not answer.
    """

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await in_daemon_thread(
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
            for each, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is kept."""


# One HTTP session with Amazon: every call bounded in time and size, and nothing followed.

_LONGEST_CONNECT_S = 5.0
_SHORTEST_S = 0.05
_NEVER_ROUNDED_S = 3600.0  # aiohttp rounds longer time-outs up to whole seconds, past the deadline
_OK = 200


@attrs.frozen(kw_only=True)
class Request:
    """One request. `is_private` when the reply itself holds what nobody may see, such as tokens."""

    operation: str
    url: str
    method: Literal["GET", "POST"] = "POST"
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    is_private: bool = False

    @property
    def endpoint(self) -> str:
        """What is asked, for the log: nothing of the query."""
        return endpoint_of(self.method, self.url)


@attrs.frozen(kw_only=True)
class Reply:
    """A complete answer, whatever its status. `cookies` are those that it sets."""

    request: Request
    status: int
    content_type: str = ""
    body: bytes = attrs.field(default=b"", repr=False)
    retry_after: str | None = None
    location: str | None = attrs.field(default=None, repr=False)
    cookies: Mapping[str, str] = attrs.field(factory=dict, repr=False)

    @property
    def sample(self) -> str:
        """The beginning of the body, as far as a message may show it."""
        begins = "" if self.request.is_private else body_excerpt(self.body)
        return f"{len(self.body):,} bytes" + (f", {begins!r}" if begins else "")


class AmazonSession:
    """Keeps its connections from cycle to cycle, on the event loop that is running.

    `roots` None means the system's roots. Cookies are the business of whoever asks: none is kept or added.
    """

    def __init__(
        self, *, source: str, timeout_s: float, roots: Path | None, clock: Clock, meter: Meter
    ) -> None:
        self._source = source
        self._timeout_s = timeout_s
        self._roots = roots
        self._clock = clock
        self._meter = meter
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, request: Request, deadline_s: float) -> Reply:
        """The complete answer, whatever its status.

        Raises SourceUnavailable when there is none before `deadline_s` (an instant of the clock's
        `elapsed_s`) or the time-out, SourceGarbled for a body that is too large or wrongly packed.
        """
        with (
            add_endpoint(request.endpoint),
            self._meter.measuring(request.operation, self._source) as tally,
        ):
            timeout_s = min(self._timeout_s, self._left_s(deadline_s))
            try:
                return await self._asked(request, timeout_s, tally)
            except (aiohttp.ClientError, OSError) as error:  # time-outs are OSErrors
                raise trouble_on_the_way(error, request.url, timeout_s) from error

    async def close(self) -> None:
        """Let go of the connections."""
        session, self._session = self._session, None
        if session is not None:
            with contextlib.suppress(RuntimeError):  # its event loop may be gone
                await session.close()

    async def _asked(self, request: Request, timeout_s: float, tally: Tally) -> Reply:
        session = await self._open()
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
                body=await _body_of(response, tally),
                retry_after=response.headers.get("Retry-After"),
                location=response.headers.get("Location"),
                cookies={name: morsel.value for name, morsel in response.cookies.items()},
            )

    async def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            await self.close()
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=ssl.create_default_context(cafile=self._roots), resolver=DaemonResolver()
                ),
                headers={"Accept-Encoding": "gzip", "User-Agent": USER_AGENT},
                # each request brings the one Cookie header that it needs: aiohttp's jars quote values anew
                # and drop those of addresses
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # else what came on the wire could not be counted, nor bounded
                trust_env=False,
            )
        return self._session

    def _left_s(self, deadline_s: float) -> float:
        left_s = deadline_s - self._clock.elapsed_s()
        if left_s <= _SHORTEST_S:
            raise SourceUnavailable("no complete answer within the time for this source")
        return left_s


async def _body_of(response: aiohttp.ClientResponse, tally: Tally) -> bytes:
    """The unpacked body; of an error that is too large or wrongly packed, nothing: the status says enough."""
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


# What aiohttp raised, in our words: no name, no connection, no trust, no answer in time.


class NotReached(SourceUnavailable):
    """Nobody answered."""


class NoTokenYet(SourceUnavailable):
    """The token endpoint gives no token, and does not say that it never will."""


# What any other question to the data service would meet too, or make worse.
MET_BY_ALL = (NotReached, NoTokenYet, CredentialsRefused, CredentialsStale, SourceThrottled)


def trouble_on_the_way(error: Exception, url: str, timeout_s: float) -> NotReached:
    """Our error for what was raised while `url` was asked; it says which host, and never more of the URL."""
    host = urlsplit(url).hostname or "the host"
    match error:
        case aiohttp.ClientConnectorDNSError():
            return NotReached(f"the name {host} was not found: is there a network, and a name server?")
        case aiohttp.ClientConnectorCertificateError():
            return NotReached(_untrusted(host, error.certificate_error))
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return NotReached(f"no encrypted connection to {host} came about ({_words(error)})")
        case aiohttp.ConnectionTimeoutError():
            return NotReached(f"no connection to {host} before the time-out")
        case TimeoutError():
            return NotReached(f"{host} gave no complete answer within {timeout_s:.1f} s")
        case aiohttp.ClientPayloadError():
            return NotReached(f"the reply of {host} ended before it was complete")
        case aiohttp.ServerDisconnectedError():
            return NotReached(f"{host} closed the connection without an answer")
        case aiohttp.ClientResponseError():
            return NotReached(f"what {host} answered is no HTTP")
        case _:
            return NotReached(f"the connection to {host} failed ({_words(error)})")


def _untrusted(host: str, error: Exception) -> str:
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else ""
    is_about_time = "expired" in reason or "not yet valid" in reason
    hint = " (is this computer's clock right?)" if is_about_time else ""
    return f"the certificate of {host} is not trusted: {reason or type(error).__name__}{hint}"


def _words(error: Exception) -> str:
    """The operating system's words where it had any: the library's tell of objects."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return (isinstance(cause, OSError) and cause.strerror) or type(cause).__name__
