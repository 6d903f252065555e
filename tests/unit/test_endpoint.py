"""How an endpoint is called in the log."""

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
def test_an_endpoint_is_shown_without_what_nobody_may_see(url: str, shown: str) -> None:
    assert endpoint_of("GET", url, "a/key") == shown


def test_an_error_keeps_the_first_endpoint_that_it_was_given() -> None:
    with pytest.raises(SourceGarbled) as raised, add_endpoint("outer"), add_endpoint("inner"):
        raise SourceGarbled("<html>")
    assert raised.value.endpoint == "inner"
