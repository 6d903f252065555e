"""Where a bridge is, as a person writes it."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

from domain.errors import SourceRefused


@attrs.frozen(kw_only=True)
class Address:
    """Where a bridge is. `port` is None for the usual one; `is_plain` when `http://` was written."""

    host: str
    port: int | None
    is_plain: bool

    def url(self, scheme: str) -> str:
        """The base URL there, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}" if self.port is None else f"{scheme}://{host}:{self.port}"


def address_of(written: str) -> Address:
    """The address out of `host`, `host:port` or a URL. Raises SourceRefused for anything else, or nothing."""
    if not written:
        raise SourceRefused(
            "the bridge's address is not known: set collectors.hue.bridge_ip in config/config.yaml"
        )
    try:
        parts = urlsplit(written if "://" in written else f"https://{written}")
        if parts.hostname and parts.scheme in ("http", "https") and parts.path in ("", "/"):
            return Address(host=parts.hostname, port=parts.port, is_plain=parts.scheme == "http")
    except ValueError as error:
        raise _refusal(written) from error
    raise _refusal(written)


def _refusal(written: str) -> SourceRefused:
    return SourceRefused(f"not an address of a bridge: {written!r}; write host or host:port")
