"""What a reply of the data service means: JSON to read, or one of our errors."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from urllib.parse import urlsplit

import attrs

from adapters.amazon.http import AsksForPerson, Reply
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

# The lists that a reply must hold at least one of.
_LISTS = (
    ("data", "listEndpoints", "endpoints"),
    ("data", "endpoints", "items"),
    ("deviceStates",),
)
_OK = 200
_TRANSIENT_STATUSES = {299, 408, 425}
# Pages that need a person, and what for, in the order in which they are looked for: the page on which people
# solve a captcha has no link to sign in, that for the second step of a sign-in has one.
_SIGN_IN = "a sign-in"
_PAGES_FOR_A_PERSON = (
    (re.compile(r"/errors/validateCaptcha\b"), "a captcha"),
    (re.compile(r"/ap/signin\b"), _SIGN_IN),
    (re.compile(r"/ap/mfa\b"), "the second step of a sign-in"),
    (re.compile(r"/ap/cvf\b"), "a code that it sends"),
)
_PERSON_STEPS = (
    "this often passes by itself. Else open Amazon's site in a browser on this network and answer what it "
    "asks; if it lasts, sign in again with `homeclimate setup amazon`"
)
_UNAUTHENTICATED = re.compile(r"unauthenticated|unauthorized", re.IGNORECASE)
_STALE_CODES = {"forbidden", "unauthenticated", "unauthorized", "notauthenticated"}
_DEVICE_CODES = {"endpointunreachable", "bridgeunreachable", "deviceunreachable"}
_WRONG_DOMAIN = "is collectors.amazon_aqm.domain in config/config.yaml the site of your account?"

# An error code is a string, or in an object, at the top or one level down, under one of these names.
_CODE_NAMES = ("code", "errorCode", "errorType", "classification", "type", "__type")
_MESSAGE_NAMES = ("message", "Message", "error_description", "errorMessage")
_THROTTLING = re.compile(r"too[ _]many[ _]requests|rate exceeded|throttl", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z]{1,30}([_. ][A-Za-z]{1,30}){0,5}")
_LONGEST_WORDS = 200
# Bounds on what is read of each error, and of how many: the event loop waits meanwhile.
_LONGEST, _MOST_ERRORS = 1_000, 100


def parse_reply(reply: Reply, now: datetime) -> Json:
    """Return the JSON object of a reply, out of a one-item list if need be. Raise SourceError.

    Errors that come with data, or are about single devices, are left to the reader of the data.
    """
    try:
        content, is_json = parse_json(reply.body), True
    except ValueError:
        content, is_json = None, False
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    lists = [found for path in _LISTS if isinstance(found := at(content, *path), list)]
    if reply.status == _OK and (any(lists) or _is_about_devices_only(content)):
        return content
    error = _error_of(reply, content, is_json, now)
    if error is not None:
        raise error
    if not lists:
        raise SourceGarbled(f"the answer has another shape than expected: {reply.sample}")
    return content


def json_of(reply: Reply) -> Json:
    """Return the JSON of a body, None if it is not JSON."""
    try:
        return parse_json(reply.body)
    except ValueError:
        return None


@attrs.frozen(kw_only=True)
class ReplyErrors:
    """The codes and messages of the errors in a body, in their order."""

    codes: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def is_throttling(self) -> bool:
        """Whether any of them asks for fewer requests."""
        return any(_THROTTLING.search(words) for words in (*self.codes, *self.messages))

    @property
    def normal_codes(self) -> frozenset[str]:
        """The codes in normal form; see `normal_code`."""
        return frozenset(map(normal_code, self.codes))

    @property
    def words(self) -> str:
        """All codes and messages, redacted, for an error message."""
        messages = (excerpt(message) for message in self.messages)
        return "; ".join(dict.fromkeys((*map(shown_code, self.codes), *messages)))[:_LONGEST_WORDS]


def asks_for_person(reply: Reply) -> AsksForPerson | None:
    """Return the error of a reply that is a page for a person, or a redirect to one; else None."""
    purpose = _purpose(reply)
    if purpose is None:
        return None
    return AsksForPerson(
        f"Amazon asks for a person: it wants {purpose} (HTTP {reply.status}); {_PERSON_STEPS}"
    )


def errors_in(content: Json) -> ReplyErrors:
    """Return the errors that a body names."""
    codes: list[str] = []
    messages: list[str] = []
    if plain := text(content, "error"):  # OAuth's form: the code itself
        codes.append(plain[:_LONGEST])
    for error in _error_objects(content):
        codes += [code[:_LONGEST] for name in _CODE_NAMES if (code := text(error, name))]
        messages += [message[:_LONGEST] for name in _MESSAGE_NAMES if (message := text(error, name))]
    messages += [each[:_LONGEST] for each in _error_list(content) if isinstance(each, str)]
    return ReplyErrors(codes=tuple(codes), messages=tuple(messages))


def normal_code(code: str) -> str:
    """Return the lower-case letters of a code: `InvalidToken` and `invalid_token` are the same."""
    return re.sub("[^a-z]", "", code.lower())


def shown_code(code: str) -> str:
    """Return an error code for a message: whole if it consists of words, else redacted."""
    return code if _WORDS.fullmatch(code) else excerpt(code, 40)


def is_throttling_text(body: bytes) -> bool:
    """Whether a body that is not JSON asks for fewer requests."""
    return bool(_THROTTLING.search(body[:2000].decode("utf-8", "replace")))


def _error_of(reply: Reply, content: Json, is_json: bool, now: datetime) -> SourceError | None:
    """Return the error of a reply without data: the first rule that applies, the body before the status."""
    status, errors = reply.status, errors_in(content)
    words = f", {errors.words}" if errors.words else ""
    if _is_throttled(reply, errors, is_json):
        return SourceThrottled(
            f"Amazon asks for fewer requests (HTTP {status}{words})",
            retry_after_s=retry_after_s(reply.retry_after, now),
        )
    if (asking := asks_for_person(reply)) is not None and _purpose(reply) != _SIGN_IN:
        return asking
    if _is_stale(reply, content, errors, is_json):
        return CredentialsStale(f"Amazon asks to sign in (HTTP {status}{words})")
    if status == 403:
        return SourceRefused(
            f"Amazon refuses the request (HTTP 403{words}); signing in again would not help: {_WRONG_DOMAIN}"
        )
    if status in _TRANSIENT_STATUSES or status >= 500:
        return SourceUnavailable(f"Amazon's service is in trouble (HTTP {status}{words})")
    if 300 <= status < 400:
        host = urlsplit(reply.location or "").hostname or "another place"
        return SourceRefused(f"Amazon redirects to {excerpt(host)}, which is not followed: {_WRONG_DOMAIN}")
    if not is_json:
        what = "a web page" if _is_page(reply) else "something else"
        return SourceUnavailable(
            f"Amazon answers with {what} instead of data (HTTP {status}): {reply.sample}"
        )
    if status != _OK:
        return SourceGarbled(f"unexpected HTTP {status}{words}: {reply.sample}")
    if at(content, "errors"):
        return SourceGarbled(f"Amazon answers with errors only{words}")
    return None


def _is_throttled(reply: Reply, errors: ReplyErrors, is_json: bool) -> bool:
    if reply.status == 429 or errors.is_throttling:
        return True
    if reply.status == 503 and reply.retry_after is not None:
        return True
    return not is_json and reply.status in (400, 503) and is_throttling_text(reply.body)


def _is_stale(reply: Reply, content: Json, errors: ReplyErrors, is_json: bool) -> bool:
    if reply.status == 401 or _purpose(reply) == _SIGN_IN:
        return True
    if not is_json:
        return False
    if any(_UNAUTHENTICATED.search(message) for message in errors.messages):
        return True
    # a bare FORBIDDEN is about the token at 200, and about something else at 403
    return reply.status != 403 and bool(_graphql_codes(content) & _STALE_CODES)


def _purpose(reply: Reply) -> str | None:
    """Return what a page wants of a person, None if it is no such page."""
    path = urlsplit(reply.location or "").path
    page = reply.body.decode("utf-8", "replace") if _is_page(reply) else ""
    for pattern, purpose in _PAGES_FOR_A_PERSON:
        # pages of a server in trouble have a link to sign in as all pages have
        if pattern.search(path) or (pattern.search(page) and (reply.status < 500 or purpose != _SIGN_IN)):
            return purpose
    return None


def _is_page(reply: Reply) -> bool:
    return "html" in reply.content_type.lower() or reply.body.lstrip()[:1] == b"<"


def _is_about_devices_only(content: Json) -> bool:
    codes = _graphql_codes(content)
    return bool(codes) and codes <= _DEVICE_CODES


def _graphql_codes(content: Json) -> frozenset[str]:
    return errors_in({"errors": at(content, "errors")}).normal_codes


def _error_objects(content: Json) -> Iterator[Json]:
    yield content
    yield at(content, "error")
    yield at(content, "response", "error")
    for error in objects(_error_list(content)):
        yield error
        yield error.get("extensions")


def _error_list(content: Json) -> list[Json]:
    errors = at(content, "errors")
    return errors[:_MOST_ERRORS] if isinstance(errors, list) else []
