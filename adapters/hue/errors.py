"""Tables of errors: by the status or the content of a reply, or by an exception."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Sequence
from datetime import datetime

import urllib3.exceptions as u3

from adapters.http.replies import retry_after_s
from adapters.hue.tls import Leaf
from domain.errors import (
    CredentialsRefused,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)


class ReadFailed(SourceUnavailable):
    """The bridge answers but fails at this read; another read may succeed."""


class Busy(SourceUnavailable):
    """The bridge is too busy for any read."""


class NotConnected(SourceUnavailable):
    """Nothing takes a connection at the bridge's address; it may have another one by now."""


class NotOffered(SourceGarbled):
    """The bridge does not have this resource, for example because its firmware is too old."""


class PathRefused(SourceRefused):
    """The bridge refuses this request; others may succeed."""


class RedirectedToHttps(PathRefused):
    """The bridge answers over HTTPS only."""


class Unidentified(ReadFailed):
    """The temperatures came, but not which sensors they belong to."""


class WithoutHttps(SourceRefused):
    """A bridge without HTTPS answers, and its address does not allow plain HTTP."""


class CertificateRefused(SourceRefused):
    """The server does not prove to be the bridge."""


PAIR_AGAIN = (
    "the bridge does not know this key. Pair with it again: run `homeclimate setup --reauth hue` and press "
    "its round button"
)
NO_KEY = (
    "no valid API key for this bridge. Pair with it: run `homeclimate setup --reauth hue` and press its "
    "round button"
)
_NEXT_STEP = "Is the bridge on, and is its address still right (collectors.hue in config/config.yaml)?"

# HTTP status -> error; see `bridge.py` for what is in a reply with status 200.
_BY_STATUS: dict[int, tuple[type[SourceError], str]] = {
    401: (CredentialsRefused, PAIR_AGAIN),
    403: (PathRefused, "the bridge refuses the request (HTTP 403)"),
    404: (NotOffered, "the bridge has no such resource (HTTP 404)"),
    429: (SourceThrottled, "the bridge asks for fewer requests (HTTP 429)"),
    503: (Busy, "the bridge is too busy (HTTP 503)"),
}

# `type` of a v1 error -> error; any other is SourceGarbled.
_BY_V1_TYPE: dict[int, tuple[type[SourceError], str]] = {
    1: (CredentialsRefused, PAIR_AGAIN),
    901: (ReadFailed, "the bridge has an internal error: {description}"),
}

# Exception -> error. The first row that fits any exception of the chain counts.
_BY_EXCEPTION: tuple[tuple[type[BaseException], type[SourceError], str], ...] = (
    (ssl.SSLCertVerificationError, CertificateRefused, "the certificate is not the bridge's: {certificate}"),
    (http.client.IncompleteRead, SourceUnavailable, "the reply of {url} ended before it was complete"),
    (u3.IncompleteRead, SourceUnavailable, "the reply of {url} ended before it was complete"),
    # a ConnectTimeoutError for urllib3, though it knows what failed
    (u3.NewConnectionError, NotConnected, "the connection to {url} failed ({reason}). {next_step}"),
    (u3.ConnectTimeoutError, NotConnected, "no connection to {url} within the time-out. {next_step}"),
    (u3.TimeoutError, SourceUnavailable, "{url} accepted the connection but did not answer in time"),
    (TimeoutError, SourceUnavailable, "{url} accepted the connection but did not answer in time"),
    (BaseException, SourceUnavailable, "the connection to {url} failed ({reason}). {next_step}"),
)


def status_error(
    status: int, *, retry_after: str | None, location: str | None, excerpt: str, now: datetime
) -> SourceError:
    """Return the error for a reply with any status but 200."""
    if status in _BY_STATUS:
        kind, message = _BY_STATUS[status]
        if kind is SourceThrottled or (status == 503 and retry_after is not None):
            return SourceThrottled(message, retry_after_s=retry_after_s(retry_after, now))
        return kind(message)
    if status >= 500:
        return ReadFailed(f"the bridge is in trouble (HTTP {status})")
    if 300 <= status < 400:
        is_to_https = (location or "").lower().startswith("https:")
        target, kind = (", to HTTPS", RedirectedToHttps) if is_to_https else ("", PathRefused)
        return kind(
            f"the bridge redirects the request (HTTP {status}{target}), and redirects are not followed. "
            "Configure the bridge's own address, without http://"
        )
    return SourceGarbled(f"unexpected HTTP {status}: {excerpt}")


def v1_error(kind: int | None, description: str) -> SourceError:
    """Return the error for an error in a v1 reply."""
    if kind in _BY_V1_TYPE:
        error, message = _BY_V1_TYPE[kind]
        return error(message.format(description=description))
    return SourceGarbled(f"the bridge answers with error {str(kind)[:10]}: {description}")


def transport_error(error: Exception, url: str) -> SourceError:
    """Return the error for an exception of `requests`, urllib3 or the sockets below them."""
    chain = list(_chain(error))
    if any(isinstance(cause, u3.SSLError) and "Fingerprint" in str(cause) for cause in chain):
        return CertificateRefused(f"the certificate at {url} is not the pinned one")
    for exception, kind, message in _BY_EXCEPTION:
        for cause in chain:
            if isinstance(cause, exception):
                certificate = certificate_fault(cause)
                words = {"certificate": certificate, "reason": _reason(error), "next_step": _NEXT_STEP}
                return kind(message.format(url=url, **words))
    raise AssertionError("the last row fits every exception")


def certificate_fault(error: BaseException) -> str:
    """Return what is wrong with a certificate, for a person."""
    reason = getattr(error, "verify_message", "") or str(error)
    is_about_time = "expired" in reason or "not yet valid" in reason
    return f"{reason} (is this computer's clock right?)" if is_about_time else reason


def root_cause(error: BaseException) -> BaseException:
    """Return the first of the errors that led to this one."""
    errors = list(_chain(error))
    system_errors = [cause for cause in errors if isinstance(cause, OSError) and cause.errno is not None]
    return (system_errors or errors)[-1]


def showable_cause(error: BaseException) -> BaseException | None:
    """Return the root cause unless a library raised it: those show the URL, which has the key in it."""
    root = root_cause(error)
    return None if type(root).__module__.partition(".")[0] in ("requests", "urllib3") else root


def out_of_time() -> SourceUnavailable:
    """Return the error for a source whose time is up."""
    return SourceUnavailable("no complete answer within the time for this source")


def unidentified(errors: Sequence[SourceError]) -> SourceError:
    """Return the error for temperatures without a sensor, and why the identities could not be read."""
    causes = "; ".join(dict.fromkeys(str(error) for error in errors))
    message = f"the temperatures came, but not which sensors they belong to: {causes}"
    waits = [error.retry_after_s for error in errors if isinstance(error, SourceThrottled)]
    if waits:
        return SourceThrottled(message, retry_after_s=max((wait for wait in waits if wait), default=None))
    return Unidentified(message, endpoint=errors[0].endpoint)


def after_fallback(first: SourceError, last: SourceError) -> SourceError:
    """Return the error of a read whose fallback failed too: the first cause, and the last.

    It is of the first one's class, unless that is only "not offered", or another bridge answers by now: what
    a fallback refuses, such as the key, the other way may accept.
    """
    is_elsewhere = isinstance(last, SourceRefused) and not isinstance(last, PathRefused)
    is_last = isinstance(first, NotOffered) or isinstance(last, SourceThrottled) or is_elsewhere
    kind = type(last) if is_last else type(first)
    return kind(
        f"{first}; and then: {last}",
        retry_after_s=last.retry_after_s or first.retry_after_s,
        endpoint=first.endpoint or last.endpoint,
    )


def another_bridge(address: str, found: str, wanted: str) -> SourceRefused:
    """Return the error for an address where another bridge answers."""
    return SourceRefused(
        f"another bridge answers at {address}: {found} instead of {wanted}. Correct the address "
        "(collectors.hue in config/config.yaml) or the id (hue: bridge_id in config/secrets.yaml)"
    )


def no_bridge(address: str, detail: object) -> SourceRefused:
    """Return the error for an address where something else answers."""
    return SourceRefused(
        f"no Hue bridge answers at {address}: {detail}. Look up the bridge's address in the Hue app "
        "(Settings, My Hue system, the bridge, the i)"
    )


def without_https(address: str) -> WithoutHttps:
    """Return the error for a round bridge whose address does not allow plain HTTP."""
    return WithoutHttps(
        f"a bridge without HTTPS answers at {address}, and a key is sent over plain HTTP only to an address "
        f"with http://. If yours is the first, round bridge, run `homeclimate setup --address {address}`, or "
        f"write http://{address} (collectors.hue in config/config.yaml); if not, something else answers"
    )


def has_https(address: str) -> SourceRefused:
    """Return the error for a bridge that has HTTPS but is addressed over HTTP."""
    return SourceRefused(
        f"the bridge at {address} has HTTPS, so its key is not sent over HTTP. Write the address without "
        "http:// (for a new bridge that has no HTTPS, set its id in config/secrets.yaml: hue: bridge_id)"
    )


def unpinned_certificate(
    refused: SourceRefused, address: str, bridge_id: str | None, leaf: Leaf, *, is_pinned: bool
) -> SourceRefused:
    """Return the error for a certificate that proves nothing, with what a person can do about it."""
    if is_pinned:
        return SourceRefused(
            f"{refused}: its fingerprint is {leaf.sha256} now, so another device may be answering at "
            f"{address}. Compare the fingerprint in a way that you trust, and only then replace the old one "
            "(certificate_sha256 in config/config.yaml)"
        )
    return SourceRefused(
        f"{refused}. If you are sure that this is your bridge (older ones have self-signed certificates), "
        "run `homeclimate setup`, or replace bridge_ip under collectors.hue in config/config.yaml by: "
        f"bridges: [{{id: '{bridge_id or 'ITS ID'}', address: '{address}', "
        f"certificate_sha256: '{leaf.sha256}'}}]"
    )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield the error, its causes, and the errors that the libraries wrapped in it."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            yield current
            waiting += [*current.args, getattr(current, "reason", None)]
            waiting += [current.__cause__, current.__context__]


def _reason(error: Exception) -> str:
    """Return the operating system's words if it had any: the libraries' words hold URLs."""
    root = root_cause(error)
    if isinstance(root, OSError) and root.strerror:
        return root.strerror
    if any(isinstance(cause, http.client.RemoteDisconnected) for cause in _chain(error)):
        return "it was closed without an answer"
    return type(root).__name__
