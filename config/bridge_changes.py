"""Which keys of a home's files change when it is paired with a bridge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from config.bridges import Bridge
from config.collector_settings import BridgeSettings, HueSettings
from config.editing import Change
from config.secrets import HueSecrets
from domain.values import frozen

_HUE = ("collectors", "hue")


@frozen(kw_only=True)
class Changes:
    """What is to change in each of the two files."""

    config: tuple[Change, ...] = ()
    secrets: tuple[Change, ...] = ()


def is_stranger(hue: HueSettings, secrets: HueSecrets, bridge_id: str) -> bool:
    """Whether the home has another bridge, and not this one."""
    if hue.bridges:
        return all(bridge.id != bridge_id for bridge in hue.bridges)
    return secrets.bridge_id not in (None, bridge_id)


def changes_for(hue: HueSettings, secrets: HueSecrets, bridge: Bridge, *, replaces: bool = False) -> Changes:
    """What lets the home collect from the bridge, whose id, address and key are known.

    A home with one bridge keeps the old form of both files, a pin excepted. A stranger stands beside the
    home's bridges, or in the place of its only one where it `replaces` that.
    """
    if hue.bridges:
        config = _listed(hue, bridge)
    elif is_stranger(hue, secrets, bridge.id or "") and not replaces:
        both = (*_without_bridge_ip(hue), *_from_one_to_two(hue, secrets, bridge))
        return Changes(config=(*_enabled(hue), *both), secrets=tuple(_key_of_several(hue, secrets, bridge)))
    else:
        config = _as_only(hue, bridge)
    return attrs.evolve(key_changes_for(hue, secrets, bridge), config=(*_enabled(hue), *config))


def key_changes_for(hue: HueSettings, secrets: HueSecrets, bridge: Bridge) -> Changes:
    """What lets the home collect from a bridge that it has already, with a new key and nothing else."""
    key = _key_of_several(hue, secrets, bridge) if hue.bridges else _only_key(secrets, bridge)
    return Changes(secrets=tuple(key))


def _enabled(hue: HueSettings) -> Iterator[Change]:
    if not hue.enabled:
        yield Change((*_HUE, "enabled"), True)


def _as_only(hue: HueSettings, bridge: Bridge) -> Iterator[Change]:
    if bridge.certificate_sha256 is None:
        if hue.bridge_ip != bridge.address:
            yield Change((*_HUE, "bridge_ip"), bridge.address)
        return
    yield from _without_bridge_ip(hue)
    yield Change((*_HUE, "bridges", 0), _entry(bridge))


def _from_one_to_two(hue: HueSettings, secrets: HueSecrets, bridge: Bridge) -> Iterator[Change]:
    first = Bridge(id=secrets.bridge_id, address=hue.bridge_ip, certificate_sha256=None, api_key=None)
    yield Change((*_HUE, "bridges", 0), _entry(first))
    yield Change((*_HUE, "bridges", 1), _entry(bridge))


def _without_bridge_ip(hue: HueSettings) -> Iterator[Change]:
    if hue.bridge_ip is not None:
        yield Change((*_HUE, "bridge_ip"), None)


def _listed(hue: HueSettings, bridge: Bridge) -> Iterator[Change]:
    place = next((at for at, listed in enumerate(hue.bridges) if listed.id == bridge.id), None)
    if place is None:
        yield Change((*_HUE, "bridges", len(hue.bridges)), _entry(bridge))
        return
    listed: BridgeSettings = hue.bridges[place]
    for name in ("address", "certificate_sha256"):
        if getattr(listed, name) != getattr(bridge, name):
            yield Change((*_HUE, "bridges", place, name), getattr(bridge, name))


def _entry(bridge: Bridge) -> Mapping[str, str]:
    fields = {"id": bridge.id, "address": bridge.address, "certificate_sha256": bridge.certificate_sha256}
    return {name: value for name, value in fields.items() if value is not None}


def _only_key(secrets: HueSecrets, bridge: Bridge) -> Iterator[Change]:
    if secrets.api_key != bridge.api_key:
        yield Change(("hue", "api_key"), _key(bridge))
    if secrets.bridge_id != bridge.id:
        yield Change(("hue", "bridge_id"), bridge.id)


def _key_of_several(hue: HueSettings, secrets: HueSecrets, bridge: Bridge) -> Iterator[Change]:
    """The key where the one before it stands, else as one more entry."""
    own = next((place for place, each in enumerate(secrets.bridges) if each.id == bridge.id), None)
    is_single = secrets.bridge_id is None and [each.id for each in hue.bridges] == [bridge.id]
    if own is not None:
        if secrets.bridges[own].api_key != bridge.api_key:
            yield Change(("hue", "bridges", own, "api_key"), _key(bridge))
    elif secrets.api_key is not None and (secrets.bridge_id == bridge.id or is_single):
        if secrets.api_key != bridge.api_key:
            yield Change(("hue", "api_key"), _key(bridge))
    else:
        entry = {"id": bridge.id, "api_key": _key(bridge)}
        yield Change(("hue", "bridges", len(secrets.bridges)), entry)


def _key(bridge: Bridge) -> str | None:
    return bridge.api_key.value if bridge.api_key else None
