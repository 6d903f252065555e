"""What an answer of the data service means: JSON to go on with, or one of our errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from urllib.parse import urlsplit

import attrs

from adapters.amazon.http import Reply
from adapters.http.lenient_json import Json, at, excerpt, objects, parse_json, text
from adapters.http.replies import retry_after_s
from domain.errors import (
    CredentialsStale,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)

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


@attrs.frozen(kw_only=True)
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
        content, is_json = parse_json(reply.body), True
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
        f"Amazon redirects to {excerpt(host)}, which is not followed: is collectors.amazon_aqm.domain in "
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


# What a reply of Amazon's says went wrong, wherever in the body it says so.

# Codes stand as a string, or in an object, at the top or one level down, under these names.
_CODES = ("code", "errorCode", "errorType", "classification", "type", "__type")
_MESSAGES = ("message", "Message", "error_description", "errorMessage")
_THROTTLING = re.compile(r"too many requests|rate exceeded|throttl", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{1,30}([_. ][A-Za-z]{1,30}){0,5}")
_LONGEST_WORDS = 200
# What is read of each, and how many: the event loop waits meanwhile.
_LONGEST, _MOST_ERRORS = 1_000, 100
_NOT_A_LETTER = re.compile(r"[^a-z]")


@attrs.frozen(kw_only=True)
class Said:
    """The codes and messages of a body's errors, in the order in which they stand there."""

    codes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def is_throttling(self) -> bool:
        """Whether any of them asks for fewer requests."""
        return any(_THROTTLING.search(words) for words in (*self.codes, *self.messages))

    @property
    def plain_codes(self) -> frozenset[str]:
        """The codes as lower-case letters alone: `InvalidToken` and `invalid_token` are the same."""
        return frozenset(_NOT_A_LETTER.sub("", code.lower()) for code in self.codes)

    @property
    def words(self) -> str:
        """All of it, redacted, for an error message."""
        messages = (excerpt(message) for message in self.messages)
        return "; ".join(dict.fromkeys((*map(shown_code, self.codes), *messages)))[:_LONGEST_WORDS]


def said_by(content: Json) -> Said:
    """What a body's errors say; nothing when it has none."""
    codes: list[str] = []
    messages: list[str] = []
    for error in _errors_of(content):
        codes += [code[:_LONGEST] for name in _CODES if (code := text(error, name))]
        messages += [message[:_LONGEST] for name in _MESSAGES if (message := text(error, name))]
    messages += [each[:_LONGEST] for each in _listed(content) if isinstance(each, str)]
    plain = text(content, "error")  # OAuth's form: the code itself
    return Said(codes=(*([plain[:_LONGEST]] if plain else []), *codes), messages=tuple(messages))


def shown_code(code: str) -> str:
    """An error code as a message may show it: whole where it is words, however long, and no key."""
    return code if _WORDS.fullmatch(code) else excerpt(code, 40)


def asks_for_less(body: bytes) -> bool:
    """Whether a body that is no JSON asks for fewer requests."""
    return bool(_THROTTLING.search(body[:2000].decode("utf-8", "replace")))


def _errors_of(content: Json) -> Iterator[Json]:
    yield content
    yield at(content, "error")
    yield at(content, "response", "error")
    for error in objects(_listed(content)):
        yield error
        yield error.get("extensions")


def _listed(content: Json) -> list[Json]:
    listed = at(content, "errors")
    return listed[:_MOST_ERRORS] if isinstance(listed, list) else []
