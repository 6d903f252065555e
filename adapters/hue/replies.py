"""What a bridge's answer means: JSON to go on with, or one of our errors."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from adapters.hue.session import Reply
from adapters.json_reply import Json, decoded, integer, members, objects, sample, text
from domain.errors import (
    CredentialsRefused,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)

PAIR_AGAIN = (
    "the bridge does not know this key: press its round button, make a new key "
    "(docs/how-to/connect-a-hue-bridge.md) and put it into config/secrets.yaml under hue: api_key"
)
_V1_UNAUTHORISED = 1  # error types of the v1 API
_V1_INTERNAL = 901


class NotOffered(SourceGarbled):
    """The bridge does not have this resource: its firmware is too old for the API, say."""


def v1_content(reply: Reply, now: datetime) -> Json:
    """The JSON of a v1 answer; a v1 error comes as a list at HTTP 200. Raises SourceError."""
    _refuse_status(reply, now)
    content = _json(reply)
    for error in objects(content):
        _refuse_v1_error(error.get("error"))
    return content


def v2_content(reply: Reply, now: datetime) -> Json:
    """The JSON envelope of a v2 answer, `errors` and all. Raises SourceError.

    A wrong key is a 403 with an HTML body. Errors beside data are left to the caller's eye; errors
    without data are a refusal.
    """
    if reply.status in (401, 403):
        raise CredentialsRefused(PAIR_AGAIN)
    if reply.status == 404:
        raise NotOffered("the bridge has no such resource (HTTP 404)")
    _refuse_status(reply, now)
    content = _json(reply)
    if not isinstance(members(content).get("data"), list):
        raise SourceGarbled(f"no list of resources in the reply: {sample(reply.body)}")
    if not members(content)["data"] and (errors := list(error_descriptions(content))):
        raise SourceGarbled(f"the bridge answers with errors only: {'; '.join(errors)[:200]}")
    return content


def error_descriptions(content: Json) -> Iterator[str]:
    """What a v2 envelope's errors say."""
    for error in objects(content, "errors"):
        yield text(error, "description") or "without a description"


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """The wait that a Retry-After header names, in seconds or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def trouble_on_the_way(error: Exception) -> SourceError:
    """Our error for what requests or urllib3 raised: the network's trouble, or a certificate not believed."""
    for cause in _chain(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return SourceRefused(f"the certificate is not the bridge's: {cause.verify_message}")
        if "Fingerprints did not match" in str(cause):
            return SourceRefused("the certificate is not the pinned one")
    match error:
        case requests.ConnectTimeout():
            return SourceUnavailable("no connection before the time-out")
        case requests.Timeout() | urllib3.exceptions.TimeoutError() | TimeoutError():
            return SourceUnavailable("connected, but no answer before the time-out")
        case urllib3.exceptions.IncompleteRead():
            return SourceUnavailable("the reply ended before it was complete")
        case _:
            return SourceUnavailable(f"the connection failed: {_innermost(error)}")


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
        case status if status >= 500:
            raise SourceUnavailable(f"the bridge is in trouble (HTTP {status})")
        case 401:
            raise CredentialsRefused(PAIR_AGAIN)
        case 403:
            raise SourceRefused("the bridge refuses the request (HTTP 403)")
        case 404:
            raise NotOffered("the bridge has no such resource (HTTP 404)")
        case status if 300 <= status < 400:
            raise SourceRefused(
                f"redirected (HTTP {status}), which no bridge does over HTTPS: is the address right, "
                "and the bridge one that has no HTTPS?"
            )
        case status:
            raise SourceGarbled(f"unexpected HTTP {status}: {sample(reply.body)}")


def _refuse_v1_error(error: Json) -> None:
    kind = integer(error, "type")
    description = (text(error, "description") or "without a description")[:120]
    if kind == _V1_UNAUTHORISED:
        raise CredentialsRefused(PAIR_AGAIN)
    if kind == _V1_INTERNAL:
        raise SourceUnavailable(f"the bridge has an internal error: {description}")
    raise SourceGarbled(f"the bridge answers with error {kind}: {description}")


def _json(reply: Reply) -> Json:
    if "html" in reply.content_type.lower():
        raise SourceGarbled(f"a web page instead of data: {sample(reply.body)}")
    try:
        return decoded(reply.body)
    except ValueError as error:
        raise SourceGarbled(f"not JSON: {sample(reply.body)}") from error


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or current in seen:
            continue
        seen.append(current)
        yield current
        waiting += [*current.args, current.__cause__, current.__context__, getattr(current, "reason", None)]


def _innermost(error: Exception) -> str:
    """The operating system's words where it had any: library texts hold addresses of objects and URLs."""
    for cause in _chain(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
    last = list(_chain(error))[-1]
    return type(last).__name__
