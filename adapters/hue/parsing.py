"""Parse replies: v1's sensors; v2's temperatures, and the names, batteries and links of their devices."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from adapters.http.lenient_json import (
    Json,
    flag,
    identity,
    instant,
    integer,
    limited_devices,
    members,
    name,
    number,
    objects,
    text,
)
from adapters.hue.sensors import Sensor, mac_of
from domain.errors import SourceGarbled

_HUNDREDTHS = 100  # v1 counts in 0.01 degC
_NEVER = "none"  # v1's `lastupdated` of a sensor that has never reported: its value means nothing
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


def parse_sensors(content: Json) -> tuple[Sensor, ...]:
    """Return the ZLLTemperature entries of an object id -> sensor; skip every other type.

    Raise SourceGarbled if it is not such an object.
    """
    if not isinstance(content, dict):
        raise SourceGarbled("the sensors do not come as an object")
    names = names_by_mac(content)
    entries = ((key, entry) for key, entry in content.items() if text(entry, "type") == "ZLLTemperature")
    return limited_devices((_sensor(key, entry, names) for key, entry in entries), "temperature sensors")


def parse_whole_bridge(content: Json) -> tuple[Sensor, ...]:
    """Return the sensors in the reply that holds the whole bridge; keep nothing else of it."""
    sensors = members(content).get("sensors")
    if not isinstance(sensors, dict):
        raise SourceGarbled("the whole bridge comes without its sensors")
    return parse_sensors(sensors)


def names_by_mac(content: Json) -> dict[str, str]:
    """Return the names that people gave, by MAC: they are on the motion sensor of the same device."""
    return {
        mac_of(uniqueid): given
        for entry in members(content).values()
        if text(entry, "type") == "ZLLPresence"
        and (uniqueid := text(entry, "uniqueid"))
        and (given := name(entry, "name"))
    }


def parse_temperatures(content: Json) -> tuple[Sensor, ...]:
    """Return the sensors of `/resource/temperature`, which have neither uniqueid nor name here.

    `observed_at` is when the value last changed. Raise SourceGarbled, as every function for v2 does, for
    more resources than a home has.
    """
    sensors = []
    for item in limited_devices(objects(content, "data"), "devices"):
        resource_id = identity(item, "id")
        if resource_id is None:
            continue
        temperature = None
        if flag(item, "temperature", "temperature_valid") is not False:
            temperature = number(item, "temperature", "temperature_report", "temperature")
            if temperature is None:  # older firmware has only the deprecated field
                temperature = number(item, "temperature", "temperature")
        sensors.append(
            Sensor(
                where=identity(item, "id_v1") or resource_id,
                resource_id=resource_id,
                owner=identity(item, "owner", "rid") or resource_id,
                temperature=temperature,
                observed_at=instant(item, "temperature", "temperature_report", "changed"),
                is_on=flag(item, "enabled") is not False,
                raw=item,
            )
        )
    return tuple(sensors)


def parse_names(content: Json) -> dict[str, str]:
    """Return the names that people gave, by device: `/resource/device`."""
    return {
        device: given
        for item in limited_devices(objects(content, "data"), "devices")
        if (device := identity(item, "id")) and (given := name(item, "metadata", "name"))
    }


def parse_batteries(content: Json) -> dict[str, int]:
    """Return the charge in per cent, by device: `/resource/device_power`."""
    return {
        owner: charge
        for item in limited_devices(objects(content, "data"), "devices")
        if (owner := identity(item, "owner", "rid"))
        and (charge := _percent(integer(item, "power_state", "battery_level"))) is not None
    }


def parse_links(content: Json) -> dict[str, Link]:
    """Return the radio links, by device: `/resource/zigbee_connectivity`."""
    return {
        owner: Link(identity(item, "mac_address"), _LINK_UP.get(text(item, "status") or ""))
        for item in limited_devices(objects(content, "data"), "devices")
        if (owner := identity(item, "owner", "rid"))
    }


def _sensor(key: str, entry: Json, names: dict[str, str]) -> Sensor:
    uniqueid = identity(entry, "uniqueid")
    hundredths = number(entry, "state", "temperature")
    if (text(entry, "state", "lastupdated") or "").strip().lower() == _NEVER:
        hundredths = None
    reported_at = instant(entry, "state", "lastupdated")
    return Sensor(
        where=f"/sensors/{key}",
        uniqueid=uniqueid,
        name=names.get(mac_of(uniqueid or ""), name(entry, "name") or ""),
        temperature=None if hundredths is None else hundredths / _HUNDREDTHS,
        observed_at=reported_at,
        reported_at=reported_at,
        battery_percent=_percent(integer(entry, "config", "battery")),
        is_reachable=flag(entry, "config", "reachable"),
        is_on=flag(entry, "config", "on") is not False,
        raw=entry,
    )


def _percent(value: int | None) -> int | None:
    """Return the value if it is a percentage; the table accepts no other."""
    return value if value is not None and 0 <= value <= 100 else None
