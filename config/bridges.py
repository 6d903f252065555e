"""Which Hue bridges a home has, whether its files are of the old form or the new."""

from __future__ import annotations

from config.secrets import HueSecrets, Secret
from config.settings import Settings
from domain.values import frozen


@frozen(kw_only=True)
class Bridge:
    """A bridge to ask. An unknown `id` has to be learned from it, an unknown `address` found by the id.

    Without an `api_key` it cannot be read until a person pairs it.
    """

    id: str | None
    address: str | None
    certificate_sha256: str | None
    api_key: Secret | None


def bridges_of(settings: Settings, secrets: HueSecrets) -> tuple[Bridge, ...]:
    """All bridges, whether or not collecting from them is enabled; the old form has exactly one."""
    hue = settings.collectors.hue
    if not hue.bridges:
        api_key = secrets.api_key or _own_key(secrets, secrets.bridge_id)
        return (
            Bridge(id=secrets.bridge_id, address=hue.bridge_ip, certificate_sha256=None, api_key=api_key),
        )
    return tuple(
        Bridge(
            id=bridge.id,
            address=bridge.address,
            certificate_sha256=bridge.certificate_sha256,
            api_key=_own_key(secrets, bridge.id) or _single_key(secrets, bridge.id, len(hue.bridges)),
        )
        for bridge in hue.bridges
    )


def _own_key(secrets: HueSecrets, bridge_id: str | None) -> Secret | None:
    return next((bridge.api_key for bridge in secrets.bridges if bridge.id == bridge_id), None)


def _single_key(secrets: HueSecrets, bridge_id: str, bridge_count: int) -> Secret | None:
    """The old form's one key: for the bridge that it names, or for the only one where it names none."""
    names_it = secrets.bridge_id == bridge_id
    is_only = secrets.bridge_id is None and bridge_count == 1
    return secrets.api_key if names_it or is_only else None
