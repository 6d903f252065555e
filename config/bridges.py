"""The Hue bridges of a home, from the old form of its files (one bridge) or the new (a list)."""

from __future__ import annotations

import attrs

from config.secrets import HueSecrets, Secret
from config.settings import Settings


@attrs.frozen(kw_only=True)
class Bridge:
    """A bridge to read: an unknown `id` is learned from it, an unknown `address` found by the id.

    Without an `api_key` it cannot be read until a person pairs it.
    """

    id: str | None
    address: str | None
    certificate_sha256: str | None
    api_key: Secret | None


def bridges_of(settings: Settings, secrets: HueSecrets) -> tuple[Bridge, ...]:
    """Return all bridges, enabled or not; the old form has exactly one."""
    hue = settings.collectors.hue
    keys = {bridge.id: bridge.api_key for bridge in reversed(secrets.bridges)}
    if not hue.bridges:
        return (
            Bridge(
                id=secrets.bridge_id,
                address=hue.bridge_ip or secrets.bridge_ip,
                certificate_sha256=None,
                api_key=secrets.api_key or keys.get(secrets.bridge_id or ""),
            ),
        )
    # The old form's key is for the bridge that it names; if it names none, for the only one.
    old_id = secrets.bridge_id or (hue.bridges[0].id if len(hue.bridges) == 1 else None)
    return tuple(
        Bridge(
            id=bridge.id,
            address=bridge.address,
            certificate_sha256=bridge.certificate_sha256,
            api_key=keys.get(bridge.id) or (secrets.api_key if bridge.id == old_id else None),
        )
        for bridge in hue.bridges
    )
