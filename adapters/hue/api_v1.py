"""Parses the v1 API: the temperature sensors in the `/sensors` object."""

from __future__ import annotations

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
    text,
)
from adapters.hue.sensors import Sensor, mac_of
from domain.errors import SourceGarbled

_HUNDREDTHS = 100  # v1 counts in 0.01 degC
_NEVER = "none"  # `lastupdated` of a sensor that has never reported: its value means nothing


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


def percent(value: int | None) -> int | None:
    """Return the value if it is a percentage; the table accepts no other."""
    return value if value is not None and 0 <= value <= 100 else None


def _sensor(key: str, entry: Json, names: dict[str, str]) -> Sensor:
    uniqueid = identity(entry, "uniqueid")
    hundredths = number(entry, "state", "temperature")
    if text(entry, "state", "lastupdated") == _NEVER:
        hundredths = None
    reported_at = instant(entry, "state", "lastupdated")
    return Sensor(
        where=f"/sensors/{key}",
        uniqueid=uniqueid,
        name=names.get(mac_of(uniqueid or ""), name(entry, "name") or ""),
        temperature=None if hundredths is None else hundredths / _HUNDREDTHS,
        observed_at=reported_at,
        reported_at=reported_at,
        battery_percent=percent(integer(entry, "config", "battery")),
        is_reachable=flag(entry, "config", "reachable"),
        is_on=flag(entry, "config", "on") is not False,
        raw=entry,
    )
