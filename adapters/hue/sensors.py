"""A temperature sensor as either API of the bridge lists it, and the reading made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import attrs

from adapters.http.lenient_json import Json, compact_json
from domain.cycle import Cause, SourceReply, Unread
from domain.reading import DeviceKind, Quantity, Reading, is_newer

STALE_AFTER = timedelta(hours=24)  # a sensor reports every five minutes
_MAC_LENGTH = 23  # in a uniqueid, 00:17:88:01:xx:xx:xx:xx-02-0402; all sensors of a device share it


@attrs.frozen(kw_only=True)
class Sensor:
    """One listed sensor. `temperature` is in degC, None if the sensor has none.

    `where` is the bridge's own number for it, such as `/sensors/4`. `resource_id` and `owner` (the device)
    are v2's. `observed_at` is the time of the value, `reported_at` that of the sensor's last report, which
    only v1 has.
    """

    where: str
    resource_id: str = ""
    owner: str = ""
    uniqueid: str | None = None
    name: str = ""
    temperature: float | None
    observed_at: datetime | None = None
    reported_at: datetime | None = None
    battery_percent: int | None = None
    is_reachable: bool | None = None
    is_on: bool = True
    raw: Json = None


@attrs.frozen(kw_only=True)
class ReadingSettings:
    """The values that a home stores of a sensor, and its names for locations, which precede the bridge's.

    `locations` is by uniqueid or MAC, in any case of letters. `earlier` are the locations that devices have
    in rows from before this program, by device id in lower case: they stay, so that no room's rows split.
    """

    locations: Mapping[str, str] = attrs.field(factory=dict)
    earlier: Mapping[str, str] = attrs.field(factory=dict)
    fall_back_to_name: bool = True
    unnamed: str = "unknown"
    battery: bool = True
    reachability: bool = True
    raw_response: bool = False

    def location(self, sensor: Sensor) -> str:
        """Return the location of a sensor, its uniqueid if names are not to be used."""
        uniqueid = (sensor.uniqueid or "").lower()
        for known, location in self.locations.items():
            if known.lower().removeprefix("hue:") in (uniqueid, mac_of(uniqueid)):
                return location
        if not self.fall_back_to_name:
            return sensor.uniqueid or self.unnamed
        return self.earlier.get(f"hue:{uniqueid}") or sensor.name or self.unnamed


def mac_of(uniqueid: str) -> str:
    """Return the part of a uniqueid that all sensors of one device share."""
    return uniqueid[:_MAC_LENGTH].lower()


def make_reply(sensors: Iterable[Sensor], slot: datetime, settings: ReadingSettings) -> SourceReply:
    """Return the readings of the sensors that have one, and the cause for each that has none.

    Of a sensor that is listed twice, as after a move to another bridge, the newest observation counts.
    """
    readings: dict[str, Reading] = {}  # by device id without case, as `unread`
    unread: dict[str, Unread] = {}
    notes = []
    for sensor in sensors:
        if sensor.uniqueid is None:
            notes.append(f"a sensor without a unique id is not stored: {sensor.name} ({sensor.where})")
            continue
        device_id = f"hue:{sensor.uniqueid}"  # the identity under which Hue readings have always been stored
        key = device_id.lower()
        cause = _cause_of_silence(sensor, slot)
        if cause is not None or sensor.temperature is None:
            unread.setdefault(
                key, Unread(device_id=device_id, cause=cause or Cause.NO_VALUE, detail=sensor.name)
            )
            continue
        reading = Reading(
            device_id=device_id,
            kind=DeviceKind.HUE_SENSOR,
            location=settings.location(sensor),
            collected_at=slot,
            observed_at=sensor.observed_at,
            values={Quantity.TEMPERATURE: sensor.temperature},
            battery_percent=sensor.battery_percent if settings.battery else None,
            is_reachable=sensor.is_reachable if settings.reachability else None,
            raw_response=compact_json(_raw(sensor)) if settings.raw_response else None,
        )
        if key not in readings or is_newer(reading, readings[key]):
            readings[key] = reading
    return SourceReply(
        readings=tuple(readings.values()),
        unread=tuple(silent for key, silent in unread.items() if key not in readings),
        notes=tuple(notes),
    )


def _raw(sensor: Sensor) -> Json:
    """Return what the bridge sent; to an object of v2 are added the parts of v1 that people query."""
    if not isinstance(sensor.raw, dict) or "state" in sensor.raw or sensor.temperature is None:
        return sensor.raw
    state: dict[str, Json] = {"temperature": round(sensor.temperature * 100)}
    if sensor.observed_at is not None:
        state["lastupdated"] = f"{sensor.observed_at:%Y-%m-%dT%H:%M:%S}"
    config: dict[str, Json] = {
        "on": sensor.is_on,
        "battery": sensor.battery_percent,
        "reachable": sensor.is_reachable,
    }
    return {**sensor.raw, "name": sensor.name, "uniqueid": sensor.uniqueid, "state": state, "config": config}


def _cause_of_silence(sensor: Sensor, slot: datetime) -> Cause | None:
    if not sensor.is_on:
        return Cause.SWITCHED_OFF
    if sensor.is_reachable is False:
        return Cause.UNREACHABLE
    if sensor.temperature is not None and sensor.reported_at and slot - sensor.reported_at > STALE_AFTER:
        return Cause.STALE
    return None
