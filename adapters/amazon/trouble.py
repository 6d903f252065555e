"""What aiohttp raised, in our words: no name, no connection, no trust, no answer in time."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

import aiohttp

from domain.errors import CredentialsRefused, CredentialsStale, SourceThrottled, SourceUnavailable


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
