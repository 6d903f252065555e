"""What v1 of the bridge's interface says of motion sensors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from adapters.simulator.hue.inventory import PlacedSensor
from adapters.simulator.reply import Json
from adapters.simulator.sensors import battery_percent, is_reachable, light_at, presence_at, temperature_at

MAKER = "Signify Netherlands B.V."
_DARK = 16_000


def motion_sensor(seed: int, placed: PlacedSensor, number: int, epoch_s: float) -> Iterator[tuple[str, Json]]:
    """Its three parts, with their numbers."""
    sensor = placed.sensor
    temperature = temperature_at(seed, sensor, epoch_s)
    presence = presence_at(seed, sensor, epoch_s)
    light = light_at(seed, sensor, epoch_s)
    reached: dict[str, Json] = {
        "on": True,
        "battery": battery_percent(seed, sensor, epoch_s),
        "reachable": is_reachable(seed, sensor, epoch_s),
        "alert": "none",
    }
    lights: dict[str, Json] = {"ledindication": False, "usertest": False, "pending": []}
    yield (
        str(placed.ids.temperature),
        _part(
            placed,
            state={"temperature": temperature.value, "lastupdated": stamp(temperature.changed_s)},
            config={**reached, **lights},
            about=(f"Hue temperature sensor {number}", "ZLLTemperature", "0402"),
        ),
    )
    yield (
        str(placed.ids.presence),
        _part(
            placed,
            state={"presence": bool(presence.value), "lastupdated": stamp(presence.changed_s)},
            config={**reached, "sensitivity": 2, "sensitivitymax": 2, **lights},
            about=(sensor.name, "ZLLPresence", "0406"),
        ),
    )
    yield (
        str(placed.ids.light_level),
        _part(
            placed,
            state={
                "lightlevel": light.value,
                "dark": light.value < _DARK,
                "daylight": light.value > _DARK + 7000,
                "lastupdated": stamp(light.changed_s),
            },
            config={**reached, "tholddark": _DARK, "tholdoffset": 7000, **lights},
            about=(f"Hue ambient light sensor {number}", "ZLLLightLevel", "0400"),
        ),
    )


def _part(
    placed: PlacedSensor, *, state: dict[str, Json], config: dict[str, Json], about: tuple[str, str, str]
) -> dict[str, Json]:
    name, kind, cluster = about
    return {
        "state": state,
        "swupdate": {"state": "noupdates", "lastinstall": "2025-03-04T12:31:09"},
        "config": config,
        "name": name,
        "type": kind,
        "modelid": "SML001",
        "manufacturername": MAKER,
        "swversion": "6.1.1.27575",
        "uniqueid": f"{placed.sensor.mac}-02-{cluster}",
    }


def stamp(epoch_s: float) -> str:
    """An instant as v1 writes it: UTC, and nothing that says so."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
