"""The endpoint of an error."""

from __future__ import annotations

import pytest

from adapters.http.replies import add_endpoint, endpoint_of
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
