"""What a bridge's answer means: JSON to go on with, or one of our errors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from adapters.hue.session import Reply
from adapters.json_reply import Json, decoded, identity, integer, members, objects, shown, text
from adapters.retry_after import retry_after_s
from domain.errors import (
    CredentialsRefused,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)

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
        yield shown(text(error, "description") or "without a description", hide=hide)


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
    description = shown(text(error, "description") or "without a description", hide=hide)
    if kind == _V1_UNAUTHORISED:
        raise CredentialsRefused(PAIR_AGAIN)
    if kind == _V1_INTERNAL:
        raise ReadFailed(f"the bridge has an internal error: {description}")
    raise SourceGarbled(f"the bridge answers with error {str(kind)[:10]}: {description}")


def _json(reply: Reply) -> Json:
    if "html" in reply.content_type.lower():
        raise SourceGarbled(f"a web page instead of data: {reply.sample}")
    try:
        return decoded(reply.body)
    except ValueError as error:
        raise SourceGarbled(f"not JSON: {reply.sample}") from error
