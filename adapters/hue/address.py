"""Where a bridge is, as a person writes it."""

from __future__ import annotations

from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

import attrs

from domain.errors import SourceRefused


@attrs.frozen(kw_only=True)
class Address:
    """Where a bridge is. `port` is None for the usual one; `is_plain` when `http://` was written."""

    host: str
    port: int | None
    is_plain: bool

    @property
    def place(self) -> str:
        """The same for the same place, however it was written."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def url(self, scheme: str) -> str:
        """The base URL there, without a path."""
        return f"{scheme}://{self.place}"


def address_of(written: str) -> Address:
    """The address out of `host`, `host:port` or a URL. Raises SourceRefused for anything else, or nothing."""
    written = written.strip()
    if not written:
        raise SourceRefused(
            "the bridge's address is not known: set collectors.hue.bridge_ip in config/config.yaml"
        )
    try:
        parts = urlsplit(_as_url(written))
        if parts.hostname and parts.port != 0 and _is_only_an_address(parts):
            return Address(host=parts.hostname, port=parts.port, is_plain=parts.scheme == "http")
    except ValueError as error:
        raise _refusal(written) from error
    raise _refusal(written)


def _as_url(written: str) -> str:
    if "://" in written:
        return written
    return f"https://[{written}]" if _is_ipv6(written) else f"https://{written}"


def _is_ipv6(written: str) -> bool:
    try:
        IPv6Address(written)
    except ValueError:
        return False
    return True


def _is_only_an_address(parts: SplitResult) -> bool:
    """Without a user, a path or anything else that would be lost."""
    rest = (parts.path.removesuffix("/"), parts.query, parts.fragment, parts.username, parts.password)
    is_one_word = not any(letter.isspace() for letter in parts.netloc)
    return parts.scheme in ("http", "https") and is_one_word and not any(rest)


def _refusal(written: str) -> SourceRefused:
    return SourceRefused(
        f"not an address of a bridge: {written!r}; write host or host:port (collectors.hue in "
        "config/config.yaml)"
    )
