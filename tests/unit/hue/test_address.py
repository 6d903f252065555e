"""How a bridge's address may be written."""

from __future__ import annotations

import pytest

from adapters.hue.connecting import Address, parse_address
from domain.errors import SourceRefused


@pytest.mark.parametrize(
    ("written", "url"),
    [
        (" 192.168.1.2\n", "https://192.168.1.2"),
        ("192.168.1.2:8443", "https://192.168.1.2:8443"),
        ("HTTPS://192.168.1.2/", "https://192.168.1.2"),
        ("https://192.168.1.2:443/", "https://192.168.1.2:443"),
        ("Bridge.LAN:443", "https://bridge.lan:443"),
        ("fe80::217:88ff:fe5a:1e57", "https://[fe80::217:88ff:fe5a:1e57]"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("fe80::1%eth0", "https://[fe80::1%eth0]"),
    ],
)
def test_address_is_https_unless_http_is_written(written: str, url: str) -> None:
    address = parse_address(written)
    assert (address.url("https"), address.is_plain) == (url, False)


def test_http_has_to_be_written() -> None:
    assert parse_address("HTTP://192.168.1.2:80/") == Address(host="192.168.1.2", port=80, is_plain=True)


def test_place_is_the_same_for_every_spelling() -> None:
    assert {parse_address(each).place for each in ("::1", "[::1]", "https://[::1]/", "http://[::1]")} == {
        "[::1]"
    }


def test_empty_address_names_the_setting() -> None:
    with pytest.raises(SourceRefused, match=r"collectors\.hue\.bridge_ip"):
        parse_address(" ")


@pytest.mark.parametrize(
    "written",
    [
        "ftp://192.168.1.2",
        "https://",
        "192.168.1.2/clip",
        "192.168.1.2?x=1",
        "192.168.1.2#x",
        "me@192.168.1.2",
        "me:pass@192.168.1.2",
        "192.168.1.2:bridge",
        "192.168.1.2:99999",
        "192.168.1.2:0",
        "[::1",
        "192.168.1.2 192.168.1.3",
        ":8443",
    ],
)
def test_anything_else_is_refused_and_shown(written: str) -> None:
    with pytest.raises(SourceRefused, match="Write host or host:port") as refused:
        parse_address(written)
    assert repr(written) in str(refused.value)
