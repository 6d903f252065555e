"""The endpoint of an error, and the size limit of replies."""

from __future__ import annotations

import pytest

from adapters.http.replies import (
    MAX_BODY_BYTES,
    add_endpoint,
    check_body_size,
    endpoint_of,
    parse_content_length,
)
from domain.errors import SourceGarbled


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://192.0.2.1/clip/v2/resource/temperature", "GET 192.0.2.1/clip/v2/resource/temperature"),
        ("https://192.0.2.1:8443/api/a%2Fkey/sensors", "GET 192.0.2.1:8443/api/***/sensors"),
        ("https://user:word@host.test/path?token=secret#part", "GET host.test/path"),
        ("https://[::1]:443/api/config", "GET [::1]:443/api/config"),
    ],
)
def test_endpoint_has_no_secret_user_or_query(url: str, shown: str) -> None:
    assert endpoint_of("GET", url, "a/key") == shown


def test_error_keeps_its_first_endpoint() -> None:
    with pytest.raises(SourceGarbled) as raised, add_endpoint("outer"), add_endpoint("inner"):
        raise SourceGarbled("<html>")
    assert raised.value.endpoint == "inner"


@pytest.mark.parametrize(
    ("written", "announced"),
    [
        (None, 0),
        ("", 0),
        ("17", 17),
        (" 17 ", 17),
        ("-1", 0),
        ("1e9", 0),
        ("٣", 0),
        ("9" * 19, 10**19 - 1),
        ("9" * 5000, 0),
    ],
)
def test_content_length_is_a_number_or_ignored(written: str | None, announced: int) -> None:
    assert parse_content_length(written) == announced


def test_body_above_the_limit_is_rejected() -> None:
    check_body_size(MAX_BODY_BYTES)
    with pytest.raises(SourceGarbled, match="larger than 4,000,000 bytes"):
        check_body_size(MAX_BODY_BYTES + 1)
