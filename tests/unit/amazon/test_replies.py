"""What a reply of the data service means, by its body before its status."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.amazon.errors import parse_reply
from adapters.amazon.http import AsksForPerson
from adapters.http.lenient_json import at
from domain.errors import (
    CredentialsStale,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from tests.support.alexa_stand_in import Device
from tests.support.builders import NOON
from tests.support.canned_alexa import a_reply_of, phoenix_states, states

UNAUTHENTICATED = {
    "errors": [{"message": "Unauthenticated call", "extensions": {"errorCode": "FORBIDDEN"}}],
    "data": {"endpoints": None},
}
SIGN_IN_PAGE = b'<!doctype html><form action="https://www.amazon.com/ap/signin">'
CAPTCHA_PAGE = b'<html><form method="get" action="/errors/validateCaptcha" name="">'
SOME_PAGE = b"<html><body>We are sorry</body></html>"
TOO_MANY = {"errors": [{"message": "Too many requests"}], "data": {"listEndpoints": None}}

TABLE: list[tuple[str, Any, dict[str, Any], type[SourceError]]] = [
    ("mfa", b"", {"status": 302, "location": "https://www.amazon.com/ap/mfa?x=1"}, AsksForPerson),
    ("captcha", b"", {"status": 302, "location": "/errors/validateCaptcha"}, AsksForPerson),
    ("captcha page", CAPTCHA_PAGE, {"content_type": "text/html"}, AsksForPerson),
    ("captcha page as 503", CAPTCHA_PAGE, {"status": 503}, AsksForPerson),
    ("page for a code", b"<a href=/ap/cvf/verify>", {"content_type": "text/html"}, AsksForPerson),
    ("code", b"", {"status": 302, "location": "/ap/cvf/request?arb=1"}, AsksForPerson),
    ("mfa page", b'<form action="/ap/signin"><a href="/ap/mfa">', {}, CredentialsStale),
    ("redirect that returns", b"", {"status": 302, "location": "/ap/signin?to=/ap/cvf/"}, CredentialsStale),
    (
        "throttled as an unofficial client",
        {
            "data": None,
            "errors": [{"message": "no", "extensions": {"code": "UNOFFICIAL_CLIENT_TOO_MANY_REQUESTS"}}],
        },
        {},
        SourceThrottled,
    ),
    ("unauthorised", b"", {"status": 401}, CredentialsStale),
    ("error inside 200", UNAUTHENTICATED, {}, CredentialsStale),
    ("error inside 200, in a list", [UNAUTHENTICATED], {}, CredentialsStale),
    (
        "error inside 200, by its code alone",
        {"errors": [{"extensions": {"code": "UNAUTHENTICATED"}}], "data": None},
        {},
        CredentialsStale,
    ),
    ("error inside 403", UNAUTHENTICATED, {"status": 403}, CredentialsStale),
    ("redirect to sign in", b"", {"status": 302, "location": "/ap/signin?x=1"}, CredentialsStale),
    ("sign-in page", SIGN_IN_PAGE, {"content_type": "text/html"}, CredentialsStale),
    ("sign-in page as 403", SIGN_IN_PAGE, {"status": 403, "content_type": "text/html"}, CredentialsStale),
    (
        "unauthorised inside 200",
        {"data": None, "errors": [{"message": "Unauthorized"}]},
        {},
        CredentialsStale,
    ),
    ("unauthorised without a list of errors", {"message": "Unauthorized"}, {}, CredentialsStale),
    (
        "403 with a code that at 200 would mean the token",
        {"errors": [{"message": "No", "extensions": {"errorCode": "FORBIDDEN"}}], "data": None},
        {"status": 403},
        SourceRefused,
    ),
    ("throttled by a plain string", {"errors": ["Too many requests"], "data": None}, {}, SourceThrottled),
    (
        "throttled by its classification",
        {"errors": [{"message": "no", "extensions": {"classification": "THROTTLED"}}], "data": None},
        {},
        SourceThrottled,
    ),
    ("bare 403", b"", {"status": 403}, SourceRefused),
    ("403 of a gateway", {"message": "Forbidden"}, {"status": 403}, SourceRefused),
    ("redirect elsewhere", b"", {"status": 301, "location": "https://alexa.amazon.de/x"}, SourceRefused),
    ("redirect to nowhere", b"", {"status": 307}, SourceRefused),
    ("429", b"", {"status": 429}, SourceThrottled),
    ("throttled inside 200", TOO_MANY, {}, SourceThrottled),
    ("throttled inside 400", {"message": "Rate exceeded"}, {"status": 400}, SourceThrottled),
    ("throttled by an exception's name", {"__type": "ThrottlingException"}, {"status": 400}, SourceThrottled),
    ("throttled inside 403", {"message": "Rate exceeded"}, {"status": 403}, SourceThrottled),
    ("throttled without JSON", b"Rate exceeded", {"status": 400}, SourceThrottled),
    ("503 that names a wait", b"", {"status": 503, "retry_after": "7"}, SourceThrottled),
    ("503", SOME_PAGE, {"status": 503, "content_type": "text/html"}, SourceUnavailable),
    ("503 with a link to sign in", SIGN_IN_PAGE, {"status": 503}, SourceUnavailable),
    ("500", {"message": "boom"}, {"status": 500}, SourceUnavailable),
    ("299, of a dead interface", b"", {"status": 299}, SourceUnavailable),
    ("a page", SOME_PAGE, {"content_type": "text/html"}, SourceUnavailable),
    ("no JSON", b"\x00\x01", {}, SourceUnavailable),
    ("nothing", b"", {}, SourceUnavailable),
    ("400", {"message": "what?"}, {"status": 400}, SourceGarbled),
    ("404", {"message": "no such thing"}, {"status": 404}, SourceGarbled),
    ("another shape", {"data": {"listEndpoints": {}}}, {}, SourceGarbled),
    ("null", b"null", {}, SourceGarbled),
    ("a number", b"7", {}, SourceGarbled),
    ("two answers", [UNAUTHENTICATED, UNAUTHENTICATED], {}, SourceGarbled),
    ("an unknown error", {"errors": [{"message": "Validation error"}]}, {}, SourceGarbled),
    (
        "an unknown error with an empty list",
        {"errors": [{"message": "no"}], "data": {"listEndpoints": {"endpoints": []}}},
        {},
        SourceGarbled,
    ),
]


@pytest.mark.parametrize(
    ("content", "changes", "error"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
def test_a_reply_without_data_is_the_error_of_the_table(
    content: Any, changes: dict[str, Any], error: type[SourceError]
) -> None:
    with pytest.raises(SourceError) as raised:
        parse_reply(a_reply_of(content, **changes), NOON)
    assert type(raised.value) is error


@pytest.mark.parametrize("retry_after", ["7", "Sun, 01 Mar 2026 12:00:07 GMT"])
def test_a_named_wait_is_in_the_error(retry_after: str) -> None:
    with pytest.raises(SourceThrottled) as raised:
        parse_reply(a_reply_of(TOO_MANY, retry_after=retry_after), NOON)
    assert raised.value.retry_after_s == 7


def test_data_beside_errors_are_data() -> None:
    for errors in (TOO_MANY["errors"], UNAUTHENTICATED["errors"]):
        content = parse_reply(a_reply_of({**states(Device()), "errors": errors}), NOON)
        assert at(content, "data", "listEndpoints", "endpoints")


def test_a_reply_in_a_one_item_list_is_the_item() -> None:
    assert parse_reply(a_reply_of([states(Device())]), NOON) == states(Device())


def test_errors_about_single_devices_are_left_to_the_reader() -> None:
    away = {"errors": [{"code": "ENDPOINT_UNREACHABLE", "entity": {"entityId": "1"}}], "deviceStates": []}
    assert parse_reply(a_reply_of(away), NOON) == away
    assert parse_reply(a_reply_of(phoenix_states()), NOON) == phoenix_states()


def test_an_error_shows_a_redacted_sample() -> None:
    secret = "Atna|an-access-token-that-is-echoed"
    with pytest.raises(SourceGarbled) as raised:
        parse_reply(a_reply_of({"weird": secret, "short": "shape"}), NOON)
    assert "shape" in str(raised.value)
    assert secret not in str(raised.value)


def test_an_unknown_error_is_shown_redacted() -> None:
    secret = "Atna|an-access-token-that-is-echoed"
    errors = [{"message": f"the token {secret} is odd", "errorType": "NewKindOfError"}]
    with pytest.raises(SourceGarbled, match="NewKindOfError; the token") as raised:
        parse_reply(a_reply_of({"errors": errors}), NOON)
    assert secret not in str(raised.value)
