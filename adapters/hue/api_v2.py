"""Reads the v2 API's resources: temperatures, and what else is known of the devices that own them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from adapters.http.lenient_json import (
    Json,
    at,
    flag,
    identity,
    instant,
    integer,
    limited_devices,
    name,
    number,
    objects,
    text,
)
from adapters.hue.api_v1 import percent

_LINK_UP: Mapping[str, bool] = {
    "connected": True,
    "unidirectional_incoming": True,  # a sensor is only listened to
    "disconnected": False,
    "connectivity_issue": False,
}


@attrs.frozen(kw_only=True)
class Temperature:
    """One `temperature` resource. `changed` is when the value last changed, not when it was last heard."""

    id: str
    id_v1: str | None
    owner: str
    temperature: float | None
    changed: datetime | None
    is_enabled: bool
    raw: Json = None


@attrs.frozen(kw_only=True)
class Link:
    """One device's radio link. `is_up` is None for a word that we do not know."""

    mac: str | None
    is_up: bool | None


def temperatures_of(content: Json) -> tuple[Temperature, ...]:
    """The resources of `/resource/temperature` that have an id.

    Raises SourceGarbled, as all of these do, for a list that is too long for a home.
    """
    return tuple(
        Temperature(
            id=resource_id,
            id_v1=identity(item, "id_v1"),
            owner=identity(item, "owner", "rid") or "",
            temperature=_value(item),
            changed=instant(item, "temperature", "temperature_report", "changed"),
            is_enabled=flag(item, "enabled") is not False,
            raw=item,
        )
        for item in _resources(content)
        if (resource_id := identity(item, "id"))
    )


def names_of(content: Json) -> dict[str, str]:
    """The names that people gave, by device: `/resource/device`."""
    return {
        device: given
        for item in _resources(content)
        if (device := identity(item, "id")) and (given := name(item, "metadata", "name"))
    }


def batteries_of(content: Json) -> dict[str, int]:
    """Charge in per cent, by device: `/resource/device_power`."""
    return {
        owner: charge
        for item in _resources(content)
        if (owner := identity(item, "owner", "rid"))
        and (charge := percent(integer(item, "power_state", "battery_level"))) is not None
    }


def links_of(content: Json) -> dict[str, Link]:
    """Radio links, by device: `/resource/zigbee_connectivity`."""
    return {
        owner: Link(mac=identity(item, "mac_address"), is_up=_LINK_UP.get(text(item, "status") or ""))
        for item in _resources(content)
        if (owner := identity(item, "owner", "rid"))
    }


def _resources(content: Json) -> tuple[dict[str, Json], ...]:
    return limited_devices(objects(content, "data"), "devices")


def _value(item: Json) -> float | None:
    """The newer field first; older firmware has only the one that is now deprecated."""
    if flag(item, "temperature", "temperature_valid") is False:
        return None
    reported = number(item, "temperature", "temperature_report", "temperature")
    return reported if reported is not None else number(at(item, "temperature"), "temperature")
