"""A temperature sensor as any of the bridge's APIs tells of it, and the readings made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from adapters.http.lenient_json import Json, compact_json
from domain.cycle import Cause, SourceReply, Unread
from domain.reading import DeviceKind, Quantity, Reading

_MAC_LENGTH = 23  # of a uniqueid, 00:17:88:01:xx:xx:xx:xx-02-0402: what all sensors of a device share


@attrs.frozen(kw_only=True)
class Sensor:
    """What the bridge says of one temperature sensor. `temperature` is in degC; None where it has none.

    `where` is the bridge's own number for it, which tells it from the others while it has no `uniqueid`.
    """

    where: str
    uniqueid: str | None
    name: str
    temperature: float | None
    observed_at: datetime | None = None
    battery_percent: int | None = None
    is_reachable: bool | None = None
    is_on: bool = True
    raw: Json = None


@attrs.frozen(kw_only=True)
class Keeping:
    """What a home keeps of a sensor, and how it calls its place: its own names first, then the bridge's.

    `locations` goes by uniqueid, in any case of letters, whole or only the device's part of it.
    """

    locations: Mapping[str, str] = attrs.field(factory=dict)
    fall_back_to_name: bool = True
    unnamed: str = "unknown"
    battery: bool = True
    reachability: bool = True
    raw_response: bool = False

    def location(self, sensor: Sensor) -> str:
        uniqueid = (sensor.uniqueid or "").lower()
        for known, location in self.locations.items():
            plain = known.lower().removeprefix("hue:")
            if plain in (uniqueid, mac_of(uniqueid)):
                return location
        return sensor.name if self.fall_back_to_name and sensor.name else self.unnamed


def mac_of(uniqueid: str) -> str:
    """The part of a uniqueid that all sensors of one device share."""
    return uniqueid[:_MAC_LENGTH].lower()


def device_id_of(uniqueid: str) -> str:
    """The identity under which a Hue sensor's readings have always been stored."""
    return f"hue:{uniqueid}"


def reply_of(sensors: Iterable[Sensor], slot: datetime, keeping: Keeping) -> SourceReply:
    """The readings of the sensors that have one, and the cause for each that has none.

    A sensor that is listed twice, as happens after a bridge was moved to a new one, counts once.
    """
    readings: dict[str, Reading] = {}
    unread: dict[str, Unread] = {}
    notes: list[str] = []
    for sensor in sensors:
        if sensor.uniqueid is None:
            notes.append(f"a sensor without a unique id is not stored: {sensor.name} ({sensor.where})")
            continue
        device_id = device_id_of(sensor.uniqueid)
        match _cause_of_silence(sensor), sensor.temperature:
            case None, float(temperature):
                readings.setdefault(device_id, _reading(sensor, device_id, temperature, slot, keeping))
            case cause, _:
                unread.setdefault(
                    device_id, Unread(device_id=device_id, cause=cause or Cause.NO_VALUE, detail=sensor.name)
                )
    silent = tuple(each for device_id, each in unread.items() if device_id not in readings)
    return SourceReply(readings=tuple(readings.values()), unread=silent, notes=tuple(notes))


def _cause_of_silence(sensor: Sensor) -> Cause | None:
    if not sensor.is_on:
        return Cause.SWITCHED_OFF
    if sensor.is_reachable is False:
        return Cause.UNREACHABLE
    return None


def _reading(sensor: Sensor, device_id: str, temperature: float, slot: datetime, keeping: Keeping) -> Reading:
    return Reading(
        device_id=device_id,
        kind=DeviceKind.HUE_SENSOR,
        location=keeping.location(sensor),
        collected_at=slot,
        observed_at=sensor.observed_at,
        values={Quantity.TEMPERATURE: temperature},
        battery_percent=sensor.battery_percent if keeping.battery else None,
        is_reachable=sensor.is_reachable if keeping.reachability else None,
        raw_response=compact_json(sensor.raw) if keeping.raw_response else None,
    )
