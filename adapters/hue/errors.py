"""Why a bridge is not talked to, and what a person can do about it."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from datetime import datetime

import urllib3

from adapters.http.lenient_json import Json, excerpt, identity, integer, members, objects, parse_json, text
from adapters.http.replies import retry_after_s
from adapters.hue.http import Reply
from adapters.hue.tls import Leaf
from domain.errors import (
    CredentialsRefused,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)


def another_bridge(address: str, found: str, wanted: str) -> SourceRefused:
    """Somebody else answers there."""
    return SourceRefused(
        f"another bridge answers at {address}: {found} instead of {wanted}; correct the address "
        "(collectors.hue in config/config.yaml) or the id (hue: bridge_id in config/secrets.yaml)"
    )


def has_https(address: str) -> SourceRefused:
    """It could be talked to without being overheard."""
    return SourceRefused(
        f"the bridge at {address} has HTTPS, so its key is not sent over HTTP: write the address without "
        "http:// (if it is a new one that has none, put its id into config/secrets.yaml under hue: bridge_id)"
    )


def how_to_pin(
    refused: SourceRefused, address: str, bridge_id: str | None, leaf: Leaf, *, is_pinned: bool
) -> SourceRefused:
    """Its certificate proves nothing by itself; a person may say that it is the right one."""
    if is_pinned:
        return SourceRefused(
            f"{refused}: it shows {leaf.sha256} now. Somebody else may be answering at {address}. Only when "
            "you have compared the fingerprint on a way that you trust, put it in place of the old one "
            "(certificate_sha256 in config/config.yaml)"
        )
    return SourceRefused(
        f"{refused}. If you are sure that this is your bridge (older ones sign their certificate "
        "themselves), run `homeclimate setup`, or put in place of bridge_ip under collectors.hue in "
        "config/config.yaml: "
        f"bridges: [{{id: '{bridge_id or 'ITS ID'}', address: '{address}', "
        f"certificate_sha256: '{leaf.sha256}'}}]"
    )


# What a bridge's answer means: JSON to go on with, or one of our errors.

PAIR_AGAIN = (
    "the bridge does not know this key: pair with it again by `homeclimate setup --reauth hue`, which asks "
    "you to press its round button"
)
_V1_UNAUTHORISED = 1  # error types of the v1 API
_V1_BUTTON = 101
_V1_INTERNAL = 901


class ReadFailed(SourceUnavailable):
    """The bridge answers, and fails at this read: another one may do, and so may the same one later."""


class NotOffered(SourceGarbled):
    """The bridge does not have this resource: its firmware is too old for the API, say."""


class PathRefused(SourceRefused):
    """The bridge will not answer this request; that says nothing about others."""


def v1_content(reply: Reply, now: datetime) -> Json:
    """The JSON of a v1 answer; a v1 error comes as a list at HTTP 200. Raises SourceError."""
    _refuse_status(reply, now)
    content = _json(reply)
    for error in objects(content):
        _refuse_v1_error(error.get("error"), reply.request.secret)
    return content


def key_given(reply: Reply, now: datetime) -> str | None:
    """The key in the answer to `POST /api`; None where the button is to be pressed. Raises SourceError."""
    _refuse_status(reply, now)
    for answer in objects(_json(reply)):
        if key := identity(answer, "success", "username"):
            return key
        if integer(answer, "error", "type") == _V1_BUTTON:
            return None
        _refuse_v1_error(answer.get("error"), reply.request.secret)
    raise SourceGarbled(f"neither a key nor an error: {reply.sample}")


def v2_content(reply: Reply, now: datetime) -> Json:
    """The JSON envelope of a v2 answer, `errors` and all. Raises SourceError.

    A wrong key is a 403 with an HTML body. Errors beside data are left to the caller's eye; errors
    without data are a refusal.
    """
    if reply.status in (401, 403):
        raise CredentialsRefused(PAIR_AGAIN)
    _refuse_status(reply, now)
    content = _json(reply)
    data = members(content).get("data")
    if not isinstance(data, list):
        raise SourceGarbled(f"no list of resources in the reply: {reply.sample}")
    if not data and (errors := list(error_descriptions(content, reply.request.secret))):
        raise SourceGarbled(f"the bridge answers with errors only: {'; '.join(errors)[:200]}")
    return content


def error_descriptions(content: Json, hide: str = "") -> Iterator[str]:
    """What a v2 envelope's errors say."""
    for error in objects(content, "errors"):
        yield excerpt(text(error, "description") or "without a description", hide=hide)


def _refuse_status(reply: Reply, now: datetime) -> None:
    match reply.status:
        case 200:
            return
        case 429:
            raise SourceThrottled(
                "the bridge asks for fewer requests (HTTP 429)",
                retry_after_s=retry_after_s(reply.retry_after, now),
            )
        case 503 if reply.retry_after is not None:
            raise SourceThrottled(
                "the bridge is busy (HTTP 503)", retry_after_s=retry_after_s(reply.retry_after, now)
            )
        case 503:  # too busy for more; the whole bridge would be more
            raise SourceUnavailable("the bridge is in trouble (HTTP 503)")
        case status if status >= 500:
            raise ReadFailed(f"the bridge is in trouble (HTTP {status})")
        case 401:
            raise CredentialsRefused(PAIR_AGAIN)
        case 403:
            raise PathRefused("the bridge refuses the request (HTTP 403)")
        case 404:
            raise NotOffered("the bridge has no such resource (HTTP 404)")
        case status if 300 <= status < 400:
            raise PathRefused(_redirection(reply))
        case status:
            raise SourceGarbled(f"unexpected HTTP {status}: {reply.sample}")


def _redirection(reply: Reply) -> str:
    to_https = (reply.location or "").lower().startswith("https:")
    return (
        f"the bridge redirects the request (HTTP {reply.status}{', to HTTPS' if to_https else ''}), which "
        "is not followed: write the bridge's own address, without http://"
    )


def _refuse_v1_error(error: Json, hide: str) -> None:
    kind = integer(error, "type")
    description = excerpt(text(error, "description") or "without a description", hide=hide)
    if kind == _V1_UNAUTHORISED:
        raise CredentialsRefused(PAIR_AGAIN)
    if kind == _V1_INTERNAL:
        raise ReadFailed(f"the bridge has an internal error: {description}")
    raise SourceGarbled(f"the bridge answers with error {str(kind)[:10]}: {description}")


def _json(reply: Reply) -> Json:
    if "html" in reply.content_type.lower():
        raise SourceGarbled(f"a web page instead of data: {reply.sample}")
    try:
        return parse_json(reply.body)
    except ValueError as error:
        raise SourceGarbled(f"not JSON: {reply.sample}") from error


# What urllib3 raised, in our words: the network's trouble, or a certificate not believed.

_NEXT_STEP = "is the bridge on, and is its address still right (collectors.hue in config/config.yaml)?"


class CertificateRefused(SourceRefused):
    """Who answers does not prove to be the bridge."""


def trouble_on_the_way(error: Exception, base_url: str) -> SourceError:
    """Our error for what was raised while `base_url` was asked."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateRefused(certificate_refusal(cause))
        if isinstance(cause, urllib3.exceptions.SSLError) and "Fingerprint" in str(cause):
            return CertificateRefused(f"the certificate at {base_url} is not the pinned one")
        if isinstance(cause, (http.client.IncompleteRead, urllib3.exceptions.IncompleteRead)):
            return SourceUnavailable(f"the reply of {base_url} ended before it was complete")
    failed = SourceUnavailable(f"the connection to {base_url} failed ({_words(error)}): {_NEXT_STEP}")
    match error:
        case urllib3.exceptions.NewConnectionError():  # to urllib3 a time-out, though it says what failed
            return failed
        case urllib3.exceptions.ConnectTimeoutError():
            return SourceUnavailable(f"no connection to {base_url} before the time-out: {_NEXT_STEP}")
        case urllib3.exceptions.TimeoutError() | TimeoutError():
            return SourceUnavailable(f"{base_url} took the connection and gave no answer before the time-out")
        case _:
            return failed


def certificate_refusal(error: ssl.SSLCertVerificationError) -> str:
    """What is wrong with a certificate, for a person."""
    reason = getattr(error, "verify_message", "") or str(error)
    is_about_time = "expired" in reason or "not yet valid" in reason
    hint = " (is this computer's clock right?)" if is_about_time else ""
    return f"the certificate is not the bridge's: {reason}{hint}"


def root_of(error: BaseException) -> BaseException:
    """The first of the errors that led to this one. Those after it tell of URLs, which hold keys."""
    errors = list(_chain(error))
    system_errors = [cause for cause in errors if isinstance(cause, OSError) and cause.errno is not None]
    return (system_errors or errors)[-1]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error, what led to it, and what the libraries wrapped in it."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop(0)
        if isinstance(current, BaseException) and current not in seen:
            seen.append(current)
            yield current
            waiting += [*current.args, getattr(current, "reason", None)]
            waiting += [current.__cause__, current.__context__]


def _words(error: Exception) -> str:
    """The operating system's words where it had any: the libraries' hold addresses of objects, and URLs."""
    root = root_of(error)
    if isinstance(root, OSError) and root.strerror:
        return root.strerror
    if any(isinstance(cause, http.client.RemoteDisconnected) for cause in _chain(error)):
        return "it was closed without an answer"
    return type(root).__name__
