"""What v1 of the bridge's interface says of its sensors."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.simulator.chance import hexadecimal
from adapters.simulator.hue.inventory import Inventory
from adapters.simulator.hue.v1_motion import MAKER, motion_sensor, stamp
from adapters.simulator.local_time import local_time
from adapters.simulator.reply import Json
from adapters.simulator.weather import sunshine


def sensors(seed: int, inventory: Inventory, epoch_s: float) -> dict[str, Json]:
    """All sensors by number: three parts of each motion sensor, switches, and what no radio is behind."""
    content: dict[str, Json] = {"1": _daylight(seed, epoch_s)}
    content.update(_switches(inventory, epoch_s))
    for number, placed in enumerate(inventory.sensors, start=1):
        content.update(motion_sensor(seed, placed, number, epoch_s))
    content.update(_applications(seed, epoch_s))
    return dict(sorted(content.items(), key=lambda item: int(item[0])))


def _daylight(seed: int, epoch_s: float) -> dict[str, Json]:
    return {
        "state": {
            "daylight": sunshine(seed, epoch_s, local_time(epoch_s)) > 0,
            "lastupdated": stamp(epoch_s - epoch_s % 43_200),
        },
        "config": {"on": True, "configured": True, "sunriseoffset": 30, "sunsetoffset": -30},
        "name": "Daylight",
        "type": "Daylight",
        "modelid": "PHDL00",
        "manufacturername": MAKER,
        "swversion": "1.0",
    }


def _switches(inventory: Inventory, epoch_s: float) -> Iterator[tuple[str, Json]]:
    """A dimmer whose battery nobody has read yet, and a tap, which has none and cannot be reached."""
    pressed = stamp(epoch_s - epoch_s % 3600)
    yield (
        "2",
        {
            "state": {"buttonevent": 1002, "lastupdated": pressed},
            "swupdate": {"state": "noupdates", "lastinstall": None},
            "config": {"on": True, "battery": None, "reachable": True, "pending": []},
            "name": "Living room remote",
            "type": "ZLLSwitch",
            "modelid": "RWL021",
            "manufacturername": MAKER,
            "swversion": "6.1.1.28573",
            "uniqueid": f"{inventory.dimmer_mac}-02-fc00",
        },
    )
    yield (
        "3",
        {
            "state": {"buttonevent": 34, "lastupdated": pressed},
            "config": {"on": True},
            "name": "Hall tap",
            "type": "ZGPSwitch",
            "modelid": "ZGPSWITCH",
            "manufacturername": MAKER,
            "uniqueid": f"00:00:00:00:{inventory.dimmer_mac[-11:]}-f2",
        },
    )


def _applications(seed: int, epoch_s: float) -> Iterator[tuple[str, Json]]:
    """What apps leave on a bridge: made-up sensors, some without an identity, one that never reported."""
    changed = stamp(epoch_s - epoch_s % 86_400)
    yield (
        "90",
        {
            "state": {"presence": True, "lastupdated": changed},
            "config": {"on": True, "reachable": True},
            "name": "Phone",
            "type": "Geofence",
            "modelid": "HA_GEOFENCE",
            "manufacturername": hexadecimal(32, seed, "phone"),
            "swversion": "A_1",
            "uniqueid": "L_02_" + hexadecimal(5, seed, "geofence"),
            "recycle": False,
        },
    )
    yield "91", _made_up("HomeAway", "CLIPPresence", {"presence": None, "lastupdated": "none"})
    yield "92", _made_up("Weather", "CLIPTemperature", {"temperature": None, "lastupdated": "none"})
    for number, name in ((93, "MotionSensor 6.Companion"), (94, "Dimmer Switch 2 SceneCycle")):
        status: dict[str, Json] = {"status": 0, "lastupdated": changed}
        yield str(number), {**_made_up(name, "CLIPGenericStatus", status), "uniqueid": name, "recycle": True}


def _made_up(name: str, kind: str, state: dict[str, Json]) -> dict[str, Json]:
    return {
        "state": state,
        "config": {"on": True},
        "name": name,
        "type": kind,
        "modelid": "PHA_STATE",
        "manufacturername": "Philips",
        "swversion": "1.0",
    }
