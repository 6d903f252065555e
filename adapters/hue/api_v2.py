"""Parses the v2 API: temperatures, and the names, batteries and links of the devices that own them."""

from __future__ import annotations

from collections.abc import Mapping

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
from adapters.hue.sensors import Sensor

_LINK_UP: Mapping[str, bool] = {
    "connected": True,
    "unidirectional_incoming": True,  # a sensor only sends
    "disconnected": False,
    "connectivity_issue": False,
}


@attrs.frozen
class Link:
    """The radio link of a device. `is_up` is None for an unknown status."""

    mac: str | None
    is_up: bool | None


def parse_temperatures(content: Json) -> tuple[Sensor, ...]:
    """Return the sensors of `/resource/temperature`, which have neither uniqueid nor name here.

    `observed_at` is when the value last changed. Raise SourceGarbled, as every function here does, for more
    resources than a home has.
    """
    return tuple(
        Sensor(
            where=identity(item, "id_v1") or resource_id,
            resource_id=resource_id,
            owner=identity(item, "owner", "rid") or "",
            temperature=_temperature(item),
            observed_at=instant(item, "temperature", "temperature_report", "changed"),
            is_on=flag(item, "enabled") is not False,
            raw=item,
        )
        for item in _resources(content)
        if (resource_id := identity(item, "id"))
    )


def parse_names(content: Json) -> dict[str, str]:
    """Return the names that people gave, by device: `/resource/device`."""
    return {
        device: given
        for item in _resources(content)
        if (device := identity(item, "id")) and (given := name(item, "metadata", "name"))
    }


def parse_batteries(content: Json) -> dict[str, int]:
    """Return the charge in per cent, by device: `/resource/device_power`."""
    return {
        owner: charge
        for item in _resources(content)
        if (owner := identity(item, "owner", "rid"))
        and (charge := percent(integer(item, "power_state", "battery_level"))) is not None
    }


def parse_links(content: Json) -> dict[str, Link]:
    """Return the radio links, by device: `/resource/zigbee_connectivity`."""
    return {
        owner: Link(identity(item, "mac_address"), _LINK_UP.get(text(item, "status") or ""))
        for item in _resources(content)
        if (owner := identity(item, "owner", "rid"))
    }


def _resources(content: Json) -> tuple[dict[str, Json], ...]:
    return limited_devices(objects(content, "data"), "devices")


def _temperature(item: Json) -> float | None:
    """Return the newer field; older firmware has only the deprecated one."""
    if flag(item, "temperature", "temperature_valid") is False:
        return None
    reported = number(item, "temperature", "temperature_report", "temperature")
    return reported if reported is not None else number(at(item, "temperature"), "temperature")
