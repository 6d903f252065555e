"""What a bridge's answers mean, by status, content type and content."""

from __future__ import annotations

from datetime import timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest

from adapters.http.replies import retry_after_s
from adapters.hue.errors import (
    PAIR_AGAIN,
    NotOffered,
    PathRefused,
    ReadFailed,
    error_descriptions,
    v1_content,
    v2_content,
)
from adapters.hue.http import Request
from domain.errors import (
    CredentialsRefused,
    SourceError,
    SourceGarbled,
    SourceRefused,
    SourceThrottled,
    SourceUnavailable,
)
from tests.support.builders import NOON
from tests.support.canned_bridge import KEY, a_reply_of
from tests.support.hue_replies import a_v1_error, an_envelope

PAGE = b"<html><body>Oops, there appears to be no such page here.</body></html>"
BOTH = pytest.mark.parametrize("content_of", [v1_content, v2_content])


def a_page(status: int, **changes: Any) -> Any:
    return a_reply_of(PAGE, status=status, content_type="text/html", **changes)


def said(content_of: Any, reply: Any) -> str:
    """What is said of a reply that is refused."""
    try:
        content_of(reply, NOON)
    except SourceError as refused:
        return str(refused)
    return ""


def test_an_object_is_the_content() -> None:
    assert v1_content(a_reply_of({"4": {}}), NOON) == {"4": {}}
    assert v2_content(a_reply_of(an_envelope({})), NOON) == an_envelope({})


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (1, CredentialsRefused),
        (2, SourceGarbled),
        (3, SourceGarbled),
        (4, SourceGarbled),
        (7, SourceGarbled),
        (101, SourceGarbled),
        (901, ReadFailed),
        (4711, SourceGarbled),
        ("1", SourceGarbled),
        (True, SourceGarbled),
        (None, SourceGarbled),
        (10**400, SourceGarbled),
    ],
)
def test_an_error_list_is_the_error_that_its_type_says(kind: Any, raised: type[SourceError]) -> None:
    with pytest.raises(SourceError) as refused:
        v1_content(a_reply_of(a_v1_error(kind, "resource, /sensors, not available")), NOON)
    assert type(refused.value) is raised
    assert (str(refused.value) == PAIR_AGAIN) is (raised is CredentialsRefused)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("content", [[], [7], ["error"], [None], [[]]], ids=str)
def test_a_list_without_an_object_is_left_to_the_parser(content: Any) -> None:
    assert v1_content(a_reply_of(content), NOON) == content


@pytest.mark.parametrize("content", [[{}], [{"error": None}], [{"success": {}}], [{"error": []}]], ids=str)
def test_a_list_of_something_else_makes_no_sense(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="error None: without a description"):
        v1_content(a_reply_of(content), NOON)


@BOTH
@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (204, SourceGarbled),
        (301, PathRefused),
        (307, PathRefused),
        (400, SourceGarbled),
        (401, CredentialsRefused),
        (404, NotOffered),
        (405, SourceGarbled),
        (429, SourceThrottled),
        (500, ReadFailed),
        (502, ReadFailed),
        (503, SourceUnavailable),
        (507, ReadFailed),
        (999, ReadFailed),
    ],
)
def test_a_status_is_looked_at_before_the_body(
    content_of: Any, status: int, raised: type[SourceError]
) -> None:
    for reply in (a_page(status), a_reply_of({"data": []}, status=status)):
        with pytest.raises(SourceError) as refused:
            content_of(reply, NOON)
        assert type(refused.value) is raised


def test_a_403_is_a_wrong_key_in_v2_and_something_else_in_v1() -> None:
    with pytest.raises(CredentialsRefused, match="press its round button"):
        v2_content(a_page(403), NOON)
    with pytest.raises(PathRefused, match="HTTP 403"):
        v1_content(a_page(403), NOON)


def test_a_redirect_to_https_says_so_and_not_where_to() -> None:
    reply = a_page(301, location=f"https://192.168.1.2/api/{KEY}/sensors")
    with pytest.raises(SourceRefused, match=r"to HTTPS.* without http://") as refused:
        v1_content(reply, NOON)
    assert KEY not in str(refused.value)


@BOTH
def test_a_web_page_instead_of_data_makes_no_sense(content_of: Any) -> None:
    with pytest.raises(SourceGarbled, match="a web page instead of data: 70 bytes, '<html><body>Oops"):
        content_of(a_page(200), NOON)


@BOTH
@pytest.mark.parametrize("body", [b"", b"{", b'{"data": [', b"\xff\xfe\x00", b"[" * 100_000], ids=len)
def test_half_a_reply_makes_no_sense(content_of: Any, body: bytes) -> None:
    with pytest.raises(SourceGarbled, match=f"not JSON: {len(body):,} bytes"):
        content_of(a_reply_of(body), NOON)


@pytest.mark.parametrize(
    "content", [{}, [], None, {"data": None}, {"data": {}}, {"errors": []}, 7, "x"], ids=str
)
def test_an_envelope_without_a_list_of_resources_makes_no_sense(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="no list of resources"):
        v2_content(a_reply_of(content), NOON)


def test_errors_beside_data_are_left_to_the_caller() -> None:
    content = an_envelope({"id": "x"}, errors=["one sensor is missing"])
    assert v2_content(a_reply_of(content), NOON) == content
    assert list(error_descriptions(content)) == ["one sensor is missing"]


def test_errors_without_data_are_an_answer_that_makes_no_sense() -> None:
    with pytest.raises(SourceGarbled, match="errors only: out of order; without a description"):
        v2_content(a_reply_of({"errors": [{"description": "out of order"}, {}], "data": []}), NOON)


def test_a_bridge_without_resources_of_a_type_has_none() -> None:
    assert v2_content(a_reply_of(an_envelope()), NOON) == an_envelope()


@pytest.mark.parametrize("errors", [None, 7, "x", [None], [7]])
def test_errors_of_no_shape_are_none(errors: Any) -> None:
    assert v2_content(a_reply_of({"data": [], "errors": errors}), NOON)


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("999999999", 86_400.0),
        ("9" * 400, None),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
        ("NaN", None),
        ("1e3", None),
        ("\u0663", None),
        (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime((NOON + timedelta(seconds=90)).astimezone(timezone(timedelta(hours=-5)))), 90.0),
        (format_datetime(NOON - timedelta(seconds=90), usegmt=True), 0.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Sun, 01 Mar 9999 12:01:30 GMT", 86_400.0),
        ("Sun, 41 Mar 2026 12:01:30 GMT", None),
        ("Sun, 01 Mar 2026", None),
        ("Sun, 01 Mar 2026 12:01:30 +9999999", None),
    ],
)
def test_a_wait_is_read_in_seconds_or_as_a_date_and_nonsense_is_none(
    header: str | None, wait_s: float | None
) -> None:
    assert retry_after_s(header, NOON) == wait_s


def test_throttling_carries_the_wait_that_was_named() -> None:
    for status in (429, 503):
        with pytest.raises(SourceThrottled) as throttled:
            v2_content(a_page(status, retry_after="7"), NOON)
        assert throttled.value.retry_after_s == 7.0


def test_throttling_without_a_wait_names_none() -> None:
    with pytest.raises(SourceThrottled) as throttled:
        v1_content(a_page(429), NOON)
    assert throttled.value.retry_after_s is None


@BOTH
@pytest.mark.parametrize(
    "reply",
    [
        a_reply_of(f"Cannot GET /api/{KEY}/sensors".encode()),
        a_reply_of(KEY.encode(), content_type="text/html"),
        a_reply_of(a_v1_error(3, f"resource, /api/{KEY}, not available")),
        a_reply_of(a_v1_error(901, KEY)),
        a_reply_of({"data": KEY}),
        a_reply_of({"data": [], "errors": [{"description": f"key {KEY}"}]}),
        a_reply_of(KEY.encode(), status=418),
    ],
    ids=lambda reply: f"{reply.status} {reply.content_type} {reply.body[:30]!r}",
)
def test_no_answer_gives_the_key_away(content_of: Any, reply: Any) -> None:
    for key in (KEY, "newdeveloper"):
        request = Request(operation="hue.v1/sensors", path=f"/api/{key}/sensors", secret=key)
        body = reply.body.replace(KEY.encode(), key.encode())
        echo = a_reply_of(body, request=request, status=reply.status, content_type=reply.content_type)
        assert key not in said(content_of, echo)
        assert key not in repr(echo)


def test_a_private_reply_is_not_shown_at_all() -> None:
    request = Request(operation="hue.v1/whole_bridge", path=f"/api/{KEY}", secret=KEY, is_private=True)
    with pytest.raises(SourceGarbled) as refused:
        v1_content(a_reply_of(b'{"whitelist": {"short key": {', request=request), NOON)
    assert str(refused.value) == "not JSON: 29 bytes"
