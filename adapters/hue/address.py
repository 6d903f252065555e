"""The address of a bridge, as a person writes it."""

from __future__ import annotations

from ipaddress import IPv6Address
from urllib.parse import urlsplit

import attrs

from domain.errors import SourceRefused


@attrs.frozen(kw_only=True)
class Address:
    """`port` is None for the usual one; `is_plain` if it was written with `http://`."""

    host: str
    port: int | None
    is_plain: bool

    @property
    def place(self) -> str:
        """The same text for the same place, however it was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def url(self, scheme: str) -> str:
        """Return the base URL, without a path."""
        return f"{scheme}://{self.place}"


def parse_address(written: str) -> Address:
    """Return the address in `host`, `host:port` or a URL. Raise SourceRefused for anything else."""
    written = written.strip()
    if not written:
        raise SourceRefused(
            "the bridge's address is not known. Set collectors.hue.bridge_ip in config/config.yaml"
        )
    refused = SourceRefused(
        f"not an address of a bridge: {written!r}. Write host or host:port (collectors.hue in "
        "config/config.yaml)"
    )
    url = written
    if "://" not in written:
        url = f"https://[{written}]" if _is_ipv6(written) else f"https://{written}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused from error
    # a user, a path or anything else would be lost
    rest = (parts.path.removesuffix("/"), parts.query, parts.fragment, parts.username, parts.password)
    has_space = any(letter.isspace() for letter in parts.netloc)
    if not parts.hostname or port == 0 or parts.scheme not in ("http", "https") or has_space or any(rest):
        raise refused
    return Address(host=parts.hostname, port=port, is_plain=parts.scheme == "http")


def _is_ipv6(written: str) -> bool:
    try:
        IPv6Address(written)
    except ValueError:
        return False
    return True
