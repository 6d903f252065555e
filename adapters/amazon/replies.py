"""What an answer of the data service means: JSON to go on with, or one of our errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from adapters.amazon.said import Said, asks_for_less, said_by
from adapters.amazon.session import Reply
from adapters.json_reply import Json, at, decoded, shown
from adapters.retry_after import retry_after_s
from domain.errors import (
    CredentialsStale,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from domain.values import frozen

# Where the lists of the answers that we ask for stand.
LISTS = (
    ("data", "listEndpoints", "endpoints"),
    ("data", "endpoints", "items"),
    ("deviceStates",),
)
_OK = 200
_UNAUTHENTICATED = re.compile(r"unauthenticated|unauthorized", re.IGNORECASE)
_SIGN_IN = "/ap/signin"
_STALE_CODES = {"forbidden", "unauthenticated", "unauthorized", "notauthenticated"}
_DEVICE_CODES = {"endpointunreachable", "bridgeunreachable", "deviceunreachable"}
_TRANSIENT_STATUSES = {299, 408, 425}


def content_of(reply: Reply, now: datetime) -> Json:
    """The JSON object of an answer, out of the one-item list where there is one. Raises SourceError.

    Errors beside data, or about single devices, are left to whoever reads the data.
    """
    answer = _answer(reply, now)
    if reply.status == _OK and (answer.listed or answer.is_about_devices_only):
        return answer.content
    for applies, translation in _RULES:
        if applies(answer):
            raise translation(answer)
    return answer.content


@frozen(kw_only=True)
class _Answer:
    """A reply and what could be read of it. `listed` is its list, None where it has none."""

    reply: Reply
    now: datetime
    is_json: bool
    content: Json
    listed: list[Json] | None
    said: Said

    @property
    def begins_with_a_page(self) -> bool:
        return "html" in self.reply.content_type.lower() or self.reply.body.lstrip()[:1] == b"<"

    @property
    def graphql_error_codes(self) -> frozenset[str]:
        return said_by({"errors": at(self.content, "errors")}).plain_codes

    @property
    def is_about_devices_only(self) -> bool:
        codes = self.graphql_error_codes
        return bool(codes) and codes <= _DEVICE_CODES


def _answer(reply: Reply, now: datetime) -> _Answer:
    try:
        content, is_json = decoded(reply.body), True
    except ValueError:
        content, is_json = None, False
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    lists = (at(content, *path) for path in LISTS)
    listed = next((each for each in lists if isinstance(each, list)), None)
    return _Answer(
        reply=reply, now=now, is_json=is_json, content=content, listed=listed, said=said_by(content)
    )


def _asks_for_less(answer: _Answer) -> bool:
    status = answer.reply.status
    is_named = status == 503 and answer.reply.retry_after is not None
    says_so = answer.said.is_throttling or (
        not answer.is_json and status in (400, 429, 503) and asks_for_less(answer.reply.body)
    )
    return status == 429 or is_named or says_so


def _asks_to_sign_in(answer: _Answer) -> bool:
    reply = answer.reply
    if reply.status == 401 or _SIGN_IN in (reply.location or ""):
        return True
    if not answer.is_json:
        return answer.begins_with_a_page and reply.status < 500 and _SIGN_IN.encode() in reply.body
    if any(_UNAUTHENTICATED.search(message) for message in answer.said.messages):
        return True
    # a bare FORBIDDEN at 403 has nothing to do with the token: only at 200 does it say that
    return reply.status != 403 and bool(answer.graphql_error_codes & _STALE_CODES)


def _throttled(answer: _Answer) -> SourceError:
    return SourceThrottled(
        f"Amazon asks for fewer requests (HTTP {answer.reply.status}{_words(answer)})",
        retry_after_s=retry_after_s(answer.reply.retry_after, answer.now),
    )


def _stale(answer: _Answer) -> SourceError:
    return CredentialsStale(f"Amazon asks to sign in (HTTP {answer.reply.status}{_words(answer)})")


def _refused(answer: _Answer) -> SourceError:
    return SourceRefused(
        f"Amazon refuses the request (HTTP 403{_words(answer)}); signing in again would not help: is "
        "collectors.amazon_aqm.domain in config/config.yaml the site of your account?"
    )


def _redirected(answer: _Answer) -> SourceError:
    host = urlsplit(answer.reply.location or "").hostname or "another place"
    return SourceRefused(
        f"Amazon redirects to {shown(host)}, which is not followed: is collectors.amazon_aqm.domain in "
        "config/config.yaml the site of your account?"
    )


def _in_trouble(answer: _Answer) -> SourceError:
    return SourceUnavailable(f"Amazon's service is in trouble (HTTP {answer.reply.status}{_words(answer)})")


def _no_json(answer: _Answer) -> SourceError:
    what = "a web page" if answer.begins_with_a_page else "something else"
    return SourceUnavailable(
        f"Amazon answers with {what} instead of data (HTTP {answer.reply.status}): {answer.reply.sample}"
    )


def _unexpected(answer: _Answer) -> SourceError:
    return SourceGarbled(f"unexpected HTTP {answer.reply.status}{_words(answer)}: {answer.reply.sample}")


def _only_errors(answer: _Answer) -> SourceError:
    return SourceGarbled(f"Amazon answers with errors only{_words(answer)}")


def _no_list(answer: _Answer) -> SourceError:
    return SourceGarbled(f"the answer has another shape than expected: {answer.reply.sample}")


def _words(answer: _Answer) -> str:
    return f", {answer.said.words}" if answer.said.words else ""


# The first that applies is what the answer means.
_RULES: tuple[tuple[Callable[[_Answer], bool], Callable[[_Answer], SourceError]], ...] = (
    (_asks_for_less, _throttled),
    (_asks_to_sign_in, _stale),
    (lambda answer: answer.reply.status == 403, _refused),
    (lambda answer: answer.reply.status in _TRANSIENT_STATUSES or answer.reply.status >= 500, _in_trouble),
    (lambda answer: 300 <= answer.reply.status < 400, _redirected),
    (lambda answer: not answer.is_json, _no_json),
    (lambda answer: answer.reply.status != _OK, _unexpected),
    (lambda answer: bool(at(answer.content, "errors")), _only_errors),
    (lambda answer: answer.listed is None, _no_list),
)
