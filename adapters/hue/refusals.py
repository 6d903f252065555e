"""Why a bridge is not talked to, and what a person can do about it."""

from __future__ import annotations

from adapters.hue.tls import Leaf
from domain.errors import SourceRefused


def another_bridge(address: str, found: str, wanted: str) -> SourceRefused:
    """Somebody else answers there."""
    return SourceRefused(
        f"another bridge answers at {address}: {found} instead of {wanted}; correct the address "
        "(collectors.hue in config/config.yaml) or the id (hue: bridge_id in config/secrets.yaml)"
    )


def has_https(address: str) -> SourceRefused:
    """It could be talked to without being overheard."""
    return SourceRefused(
        f"the bridge at {address} has HTTPS, so its key is not sent over HTTP: write the address without "
        "http:// (if it is a new one that has none, put its id into config/secrets.yaml under hue: bridge_id)"
    )


def how_to_pin(
    refused: SourceRefused, address: str, bridge_id: str | None, leaf: Leaf, *, is_pinned: bool
) -> SourceRefused:
    """Its certificate proves nothing by itself; a person may say that it is the right one."""
    if is_pinned:
        return SourceRefused(
            f"{refused}: it shows {leaf.sha256} now. Somebody else may be answering at {address}. Only when "
            "you have compared the fingerprint on a way that you trust, put it in place of the old one "
            "(certificate_sha256 in config/config.yaml)"
        )
    return SourceRefused(
        f"{refused}. If you are sure that this is your bridge (older ones sign their certificate "
        "themselves), run `homeclimate setup`, or put in place of bridge_ip under collectors.hue in "
        "config/config.yaml: "
        f"bridges: [{{id: '{bridge_id or 'ITS ID'}', address: '{address}', "
        f"certificate_sha256: '{leaf.sha256}'}}]"
    )
