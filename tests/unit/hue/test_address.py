"""How a bridge's address may be written."""

from __future__ import annotations

import pytest

from adapters.hue.address import Address, address_of
from domain.errors import SourceRefused


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("192.168.1.2", "https://192.168.1.2"),
        (" 192.168.1.2\n", "https://192.168.1.2"),
        ("192.168.1.2:8443", "https://192.168.1.2:8443"),
        ("https://192.168.1.2", "https://192.168.1.2"),
        ("HTTPS://192.168.1.2/", "https://192.168.1.2"),
        ("https://192.168.1.2:443/", "https://192.168.1.2:443"),
        ("192.168.1.2/", "https://192.168.1.2"),
        ("bridge.lan", "https://bridge.lan"),
        ("Bridge.LAN:443", "https://bridge.lan:443"),
        ("fe80::217:88ff:fe5a:1e57", "https://[fe80::217:88ff:fe5a:1e57]"),
        ("::1", "https://[::1]"),
        ("[::1]", "https://[::1]"),
        ("[::1]:8443", "https://[::1]:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("fe80::1%eth0", "https://[fe80::1%eth0]"),
    ],
)
def test_an_address_is_encrypted_unless_it_says_otherwise(written: str, url: str) -> None:
    address = address_of(written)
    assert (address.url("https"), address.is_plain) == (url, False)


@pytest.mark.parametrize("written", ["http://192.168.1.2:80", "HTTP://192.168.1.2:80/"])
def test_http_has_to_be_written(written: str) -> None:
    assert address_of(written) == Address(host="192.168.1.2", port=80, is_plain=True)


def test_a_place_is_the_same_however_it_is_written() -> None:
    assert {address_of(each).place for each in ("::1", "[::1]", "https://[::1]/", "http://[::1]")} == {
        "[::1]"
    }


@pytest.mark.parametrize("written", ["", " "])
def test_no_address_says_where_to_write_one(written: str) -> None:
    with pytest.raises(SourceRefused, match=r"collectors\.hue\.bridge_ip"):
        address_of(written)


@pytest.mark.parametrize(
    "written",
    [
        "ftp://192.168.1.2",
        "https://",
        "https:///x",
        "192.168.1.2/clip",
        "192.168.1.2?x=1",
        "192.168.1.2#x",
        "me@192.168.1.2",
        "me:pass@192.168.1.2",
        "192.168.1.2:bridge",
        "192.168.1.2:99999",
        "192.168.1.2:0",
        "[::1",
        "two words",
        "192.168.1.2 192.168.1.3",
        ":8443",
    ],
)
def test_anything_else_is_refused_with_what_was_written(written: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        address_of(written)
    assert repr(written) in str(refused.value)
    assert "write host or host:port" in str(refused.value)
