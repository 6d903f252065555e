"""Reads the temperature sensors out of the v1 API's `/sensors` object."""

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


def sensors_of(content: Json) -> tuple[Sensor, ...]:
    """The ZLLTemperature entries of an id -> sensor object; every other type is passed over.

    A temperature that is null, missing or no number is None. Raises SourceGarbled when it is no such object.
    """
    if not isinstance(content, dict):
        raise SourceGarbled("the sensors do not come as an object")
    names = names_given(content)
    return limited_devices(
        (
            _sensor(number_, entry, names)
            for number_, entry in content.items()
            if text(entry, "type") == "ZLLTemperature"
        ),
        "temperature sensors",
    )


def sensors_of_whole_bridge(content: Json) -> tuple[Sensor, ...]:
    """The same out of the reply that holds the whole bridge; nothing else of it is kept."""
    sensors = members(content).get("sensors")
    if not isinstance(sensors, dict):
        raise SourceGarbled("the whole bridge comes without its sensors")
    return sensors_of(sensors)


def names_given(content: Json) -> dict[str, str]:
    """The names that people gave, by the device's part of the uniqueid: they stand on the motion entry."""
    return {
        mac_of(uniqueid): given
        for entry in members(content).values()
        if text(entry, "type") == "ZLLPresence"
        and (uniqueid := text(entry, "uniqueid"))
        and (given := name(entry, "name"))
    }


def _sensor(where: str, entry: Json, names: dict[str, str]) -> Sensor:
    uniqueid = identity(entry, "uniqueid")
    hundredths = number(entry, "state", "temperature")
    return Sensor(
        where=f"/sensors/{where}",
        uniqueid=uniqueid,
        name=names.get(mac_of(uniqueid or ""), name(entry, "name") or ""),
        temperature=None if hundredths is None else hundredths / _HUNDREDTHS,
        observed_at=instant(entry, "state", "lastupdated"),
        battery_percent=percent(integer(entry, "config", "battery")),
        is_reachable=flag(entry, "config", "reachable"),
        is_on=flag(entry, "config", "on") is not False,
        raw=entry,
    )


def percent(value: int | None) -> int | None:
    """The value where it is a percentage; the table takes no other."""
    return value if value is not None and 0 <= value <= 100 else None
