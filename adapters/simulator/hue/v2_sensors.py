"""What v2 of the bridge's interface says of its motion sensors, by resource type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from adapters.simulator.hue.inventory import PlacedSensor
from adapters.simulator.reply import Json
from adapters.simulator.sensors import battery_percent, is_reachable, light_at, presence_at, temperature_at

Describe = Callable[[int, PlacedSensor, float], dict[str, Json]]
_LOW_PERCENT = 20
_CRITICAL_PERCENT = 5


def stamp(epoch_s: float) -> str:
    """An instant as v2 writes it: UTC, with milliseconds and a Z."""
    instant = datetime.fromtimestamp(epoch_s, UTC)
    return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03d}Z"


def _temperature(seed: int, placed: PlacedSensor, epoch_s: float) -> dict[str, Json]:
    report = temperature_at(seed, placed.sensor, epoch_s)
    celsius = report.value / 100
    return _service(
        placed,
        "temperature",
        placed.ids.temperature,
        enabled=True,
        temperature={
            "temperature": celsius,
            "temperature_valid": True,
            "temperature_report": {"changed": stamp(report.changed_s), "temperature": celsius},
        },
    )


def _light_level(seed: int, placed: PlacedSensor, epoch_s: float) -> dict[str, Json]:
    report = light_at(seed, placed.sensor, epoch_s)
    return _service(
        placed,
        "light_level",
        placed.ids.light_level,
        enabled=True,
        light={
            "light_level": report.value,
            "light_level_valid": True,
            "light_level_report": {"changed": stamp(report.changed_s), "light_level": report.value},
        },
    )


def _motion(seed: int, placed: PlacedSensor, epoch_s: float) -> dict[str, Json]:
    report = presence_at(seed, placed.sensor, epoch_s)
    return _service(
        placed,
        "motion",
        placed.ids.presence,
        enabled=True,
        motion={
            "motion": bool(report.value),
            "motion_valid": True,
            "motion_report": {"changed": stamp(report.changed_s), "motion": bool(report.value)},
        },
        sensitivity={"status": "set", "sensitivity": 2, "sensitivity_max": 2},
    )


def _device_power(seed: int, placed: PlacedSensor, epoch_s: float) -> dict[str, Json]:
    percent = battery_percent(seed, placed.sensor, epoch_s)
    state = "normal" if percent > _LOW_PERCENT else "low" if percent > _CRITICAL_PERCENT else "critical"
    return _service(
        placed,
        "device_power",
        placed.ids.presence,
        power_state={"battery_state": state, "battery_level": percent},
    )


def _zigbee_connectivity(seed: int, placed: PlacedSensor, epoch_s: float) -> dict[str, Json]:
    reachable = is_reachable(seed, placed.sensor, epoch_s)
    return _service(
        placed,
        "zigbee_connectivity",
        placed.ids.presence,
        status="connected" if reachable else "connectivity_issue",
        mac_address=placed.sensor.mac,
    )


DESCRIPTIONS: Mapping[str, Describe] = {
    "zigbee_connectivity": _zigbee_connectivity,
    "temperature": _temperature,
    "device_power": _device_power,
    "motion": _motion,
    "light_level": _light_level,
}
SERVICES = (*DESCRIPTIONS, "device_software_update")


def device(placed: PlacedSensor) -> dict[str, Json]:
    """The device that owns the services."""
    return {
        "id": placed.rid("device"),
        "id_v1": f"/sensors/{placed.ids.presence}",
        "product_data": {
            "model_id": "SML001",
            "manufacturer_name": "Signify Netherlands B.V.",
            "product_name": "Hue motion sensor",
            "product_archetype": "unknown_archetype",
            "certified": True,
            "software_version": "1.1.27575",
            "hardware_platform_type": "100b-10d",
        },
        "metadata": {"name": placed.sensor.name, "archetype": "unknown_archetype"},
        "identify": {},
        "usertest": {"status": "set", "usertest": False},
        "services": [{"rid": placed.rid(service), "rtype": service} for service in SERVICES],
        "type": "device",
    }


def _service(placed: PlacedSensor, kind: str, number: int, **content: Json) -> dict[str, Json]:
    return {
        "id": placed.rid(kind),
        "id_v1": f"/sensors/{number}",
        "owner": {"rid": placed.rid("device"), "rtype": "device"},
        **content,
        "type": kind,
    }
