"""Replies and exceptions as content or as one of our errors."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from datetime import timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
import requests
import urllib3.exceptions as u3

from adapters.http.replies import retry_after_s
from adapters.hue.errors import (
    NO_KEY,
    PAIR_AGAIN,
    Busy,
    CertificateRefused,
    NotOffered,
    PathRefused,
    ReadFailed,
    transport_error,
    unpinned_certificate,
)
from adapters.hue.tls import Leaf
from domain.errors import CredentialsRefused, SourceError, SourceGarbled, SourceThrottled, SourceUnavailable
from tests.support.builders import NOON
from tests.support.canned_bridge import KEY, CannedClient, a_canned_bridge, a_reply_of
from tests.support.hue_replies import a_v1_error, an_envelope

PAGE = b"<html><body>Oops, there appears to be no such page here.</body></html>"
Read = Callable[[Any], Any]


def v1(reply: Any, api_key: str = KEY) -> Any:
    return a_canned_bridge({"hue.v1/sensors": reply}, api_key=api_key).v1("/sensors", 9.0)


def v2(reply: Any, api_key: str = KEY) -> Any:
    return a_canned_bridge({"hue.v2/temperature": reply}, api_key=api_key).v2("temperature", 9.0)


BOTH = pytest.mark.parametrize("read", [v1, v2])


def a_page(status: int, **changes: Any) -> Any:
    return a_reply_of(PAGE, status=status, content_type="text/html", **changes)


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (1, CredentialsRefused),
        (3, SourceGarbled),
        (901, ReadFailed),
        ("1", SourceGarbled),
        (None, SourceGarbled),
        (10**400, SourceGarbled),
    ],
)
def test_type_of_a_v1_error_decides(kind: Any, raised: type[SourceError]) -> None:
    with pytest.raises(SourceError) as refused:
        v1(a_v1_error(kind, "resource, /sensors, not available"))
    assert type(refused.value) is raised
    assert (str(refused.value) == PAIR_AGAIN) is (raised is CredentialsRefused)
    assert len(str(refused.value)) < 300
    assert refused.value.endpoint == "GET bridge/api/***/sensors"


@pytest.mark.parametrize("content", [[], [7], ["error"]], ids=str)
def test_v1_list_without_an_object_is_returned(content: Any) -> None:
    assert v1(content) == content


@pytest.mark.parametrize("content", [[{}], [{"error": None}], [{"success": {}}]], ids=str)
def test_v1_list_of_something_else_is_garbled(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="error None: without a description"):
        v1(content)


@BOTH
@pytest.mark.parametrize(
    ("status", "raised"),
    [
        (204, SourceGarbled),
        (301, PathRefused),
        (400, SourceGarbled),
        (401, CredentialsRefused),
        (404, NotOffered),
        (429, SourceThrottled),
        (500, ReadFailed),
        (503, Busy),
        (999, ReadFailed),
    ],
)
def test_status_counts_before_the_body(read: Read, status: int, raised: type[SourceError]) -> None:
    with pytest.raises(SourceError) as refused:
        read(a_reply_of({"data": []}, status=status))
    assert type(refused.value) is raised


def test_403_is_a_wrong_key_only_in_v2() -> None:
    with pytest.raises(CredentialsRefused, match="press its round button"):
        v2(a_page(403))
    with pytest.raises(PathRefused, match="HTTP 403"):
        v1(a_page(403))


def test_redirect_to_https_is_named_without_its_target() -> None:
    with pytest.raises(PathRefused, match=r"to HTTPS.* without http://") as refused:
        v1(a_page(301, location=f"https://192.168.1.2/api/{KEY}/sensors"))
    assert KEY not in str(refused.value)


@BOTH
def test_web_page_instead_of_data_is_garbled(read: Read) -> None:
    with pytest.raises(SourceGarbled, match="a web page instead of data: 70 bytes, '<html><body>Oops"):
        read(a_page(200))


@BOTH
@pytest.mark.parametrize("body", [b"", b'{"data": [', b"\xff\xfe\x00", b"[" * 100_000], ids=len)
def test_broken_json_is_garbled(read: Read, body: bytes) -> None:
    with pytest.raises(SourceGarbled, match=f"not JSON: {len(body):,} bytes"):
        read(body)


@pytest.mark.parametrize("content", [[], {"data": {}}, {"errors": []}, 7], ids=str)
def test_v2_envelope_without_a_list_is_garbled(content: Any) -> None:
    with pytest.raises(SourceGarbled, match="no list of resources"):
        v2(content)


def test_v2_errors_count_only_without_data() -> None:
    both = an_envelope({"id": "x"}, errors=["one sensor is missing"])
    assert v2(both) == both
    with pytest.raises(SourceGarbled, match="errors only: out of order; without a description"):
        v2({"errors": [{"description": "out of order"}, {}], "data": []})
    assert v2({"data": [], "errors": [None]})["data"] == []


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("999999999", 86_400.0),
        *((invalid, None) for invalid in (None, "soon", "-5", "NaN", "1e3", "9" * 400, "\u0663")),
        (format_datetime(NOON + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime((NOON + timedelta(seconds=90)).astimezone(timezone(timedelta(hours=-5)))), 90.0),
        (format_datetime(NOON - timedelta(seconds=90), usegmt=True), 0.0),
        ("Sun, 01 Mar 2026 12:01:30 -0000", 90.0),
        ("Sun, 01 Mar 9999 12:01:30 GMT", 86_400.0),
        ("Sun, 41 Mar 2026 12:01:30 GMT", None),
        ("Sun, 01 Mar 2026 12:01:30 +9999999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, wait_s: float | None) -> None:
    assert retry_after_s(header, NOON) == wait_s


@pytest.mark.parametrize(
    ("status", "header", "wait_s"), [(429, "7", 7.0), (503, "7", 7.0), (429, None, None), (503, "soon", None)]
)
def test_throttling_carries_the_requested_wait(status: int, header: Any, wait_s: float | None) -> None:
    with pytest.raises(SourceThrottled) as throttled:
        v2(a_page(status, retry_after=header))
    assert throttled.value.retry_after_s == wait_s


@BOTH
@pytest.mark.parametrize("key", [KEY, "newdeveloper"])
@pytest.mark.parametrize(
    ("content", "changes"),
    [
        ("/api/KEY/sensors", {}),
        ("KEY", {"content_type": "text/html"}),
        ("KEY", {"status": 418}),
        (a_v1_error(3, "/api/KEY, not available"), {}),
        (a_v1_error(901, "KEY"), {}),
        ({"data": "KEY"}, {}),
        ({"data": [], "errors": [{"description": "key KEY"}]}, {}),
    ],
    ids=str,
)
def test_no_error_shows_the_key(read: Any, key: str, content: Any, changes: Any) -> None:
    reply = a_reply_of(json.dumps(content).replace("KEY", key).encode(), **changes)
    shown = repr(reply)
    try:
        read(reply, key)
    except SourceError as refused:
        shown += f"{refused} {refused.endpoint}"
    assert key not in shown


def test_private_reply_is_not_shown() -> None:
    bridge = a_canned_bridge({"hue.v1/whole_bridge": b'{"whitelist": {"short key": {'})
    with pytest.raises(SourceGarbled) as refused:
        bridge.v1("", 9.0)
    assert str(refused.value) == "not JSON: 29 bytes"


@pytest.mark.parametrize("key", ["", "two words", "l\u00f6we", "new\nline", "\u00a0"])
def test_invalid_key_is_not_sent(key: str) -> None:
    client = CannedClient({})
    bridge = a_canned_bridge(client, api_key=key)
    for read, path in ((bridge.v1, "/sensors"), (bridge.v2, "temperature")):
        with pytest.raises(CredentialsRefused) as refused:
            read(path, 9.0)
        assert str(refused.value) == NO_KEY != PAIR_AGAIN
    assert client.asked == []


def pool_error(reason: Exception) -> Exception:
    error = u3.MaxRetryError(None, f"/api/{KEY}/sensors", reason)  # type: ignore[arg-type]
    return requests.ConnectionError(error)


NO_CONNECTION = u3.NewConnectionError(None, "Failed to establish a new connection")  # type: ignore[arg-type]
NO_CONNECTION.__cause__ = ConnectionRefusedError(111, "Connection refused")
NO_ANSWER = u3.ReadTimeoutError(None, "", "")  # type: ignore[arg-type]
SELF_SIGNED = ssl.SSLCertVerificationError(1, "self-signed certificate")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ConnectionResetError(104, "Connection reset by peer"),
            r"failed \(Connection reset by peer\). Is the",
        ),
        (pool_error(NO_CONNECTION), r"https://bridge failed \(Connection refused\)"),
        (pool_error(u3.ConnectTimeoutError()), "within the time-out. Is the bridge on"),
        (requests.ReadTimeout(NO_ANSWER), "did not answer in time"),
        (TimeoutError(), "did not answer in time"),
        (u3.ProtocolError("x", http.client.IncompleteRead(b"")), "before it was complete"),
        (u3.ProtocolError("x", http.client.RemoteDisconnected("y")), "closed without an answer"),
        (requests.exceptions.InvalidURL(f"/api/{KEY}"), r"failed \(InvalidURL\)"),
        (pool_error(u3.SSLError(ssl.SSLError(1, "[SSL: WRONG_VERSION]"))), "failed"),
        (pool_error(u3.SSLError(SELF_SIGNED)), "the certificate is not the bridge's: .*self-signed"),
        (
            pool_error(u3.SSLError("Fingerprints did not match.")),
            "certificate at .* is not the pinned",
        ),
    ],
    ids=repr,
)
def test_exception_becomes_our_error(error: Exception, message: str) -> None:
    with pytest.raises(SourceError, match=message) as refused:
        v1(error)
    assert isinstance(refused.value, CertificateRefused if "certificate" in message else SourceUnavailable)
    assert KEY not in repr(refused.value) + repr(refused.value.__cause__)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("reason", "is_about_time"), [("certificate has expired", True), ("self-signed certificate", False)]
)
def test_certificate_of_another_time_questions_the_clock(reason: str, is_about_time: bool) -> None:
    error = ssl.SSLCertVerificationError(1, reason)
    error.verify_message = reason
    message = str(transport_error(error, "https://bridge"))
    assert reason in message
    assert ("is this computer's clock right?" in message) is is_about_time


def test_unproved_certificate_can_be_pinned_if_none_is() -> None:
    refused, leaf = CertificateRefused("no"), Leaf(None, "ab" * 32)
    assert "id: 'ITS ID'" in str(unpinned_certificate(refused, "192.168.1.2", None, leaf, is_pinned=False))
    changed = str(unpinned_certificate(refused, "192.168.1.2", None, leaf, is_pinned=True))
    assert "another device may be answering" in changed
    assert "bridges:" not in changed
