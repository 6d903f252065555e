"""Builders for replies of a Hue bridge, in the shape of recorded ones."""

from __future__ import annotations

from typing import Any

MAC = "00:17:88:01:0a:1b:2c:3d"
UNIQUEID = f"{MAC}-02-0402"
DEVICE = "4e9d1f5a-7c2b-4a86-9b1e-d05c3f8a2b71"
RESOURCE = "9b3c6d2e-1f4a-4d57-8e60-2a7b9c8d1e0f"


def a_v1_temperature(*, state: Any = None, config: Any = None, **changes: Any) -> dict[str, Any]:
    """A `ZLLTemperature` entry; `state` and `config` change single fields, or replace them."""
    return {
        "state": _changed({"temperature": 2143, "lastupdated": "2026-03-01T11:57:21"}, state),
        "swupdate": {"state": "noupdates", "lastinstall": None},
        "config": _changed(
            {"on": True, "battery": 83, "reachable": True, "alert": "none", "pending": []}, config
        ),
        "name": "Hue temperature sensor 1",
        "type": "ZLLTemperature",
        "modelid": "SML001",
        "manufacturername": "Signify Netherlands B.V.",
        "swversion": "6.1.1.27575",
        "uniqueid": UNIQUEID,
    } | changes


def a_v1_presence(name: str = "Landing sensor", **changes: Any) -> dict[str, Any]:
    """The `ZLLPresence` entry of the same device, which has the name that a person gave."""
    return {
        "state": {"presence": False, "lastupdated": "2026-03-01T11:02:40"},
        "config": {"on": True, "battery": 83, "reachable": True},
        "name": name,
        "type": "ZLLPresence",
        "uniqueid": f"{MAC}-02-0406",
    } | changes


def a_v2_temperature(*, temperature: Any = None, **changes: Any) -> dict[str, Any]:
    """A `temperature` resource; `temperature` changes single fields of it, or replaces it."""
    report = {"changed": "2026-03-01T11:57:21.698Z", "temperature": 21.43}
    return {
        "id": RESOURCE,
        "id_v1": "/sensors/4",
        "owner": {"rid": DEVICE, "rtype": "device"},
        "enabled": True,
        "temperature": _changed(
            {"temperature": 21.43, "temperature_valid": True, "temperature_report": report}, temperature
        ),
        "type": "temperature",
    } | changes


def a_v2_device(name: str = "Landing sensor", **changes: Any) -> dict[str, Any]:
    return {
        "id": DEVICE,
        "id_v1": "/sensors/5",
        "metadata": {"archetype": "unknown_archetype", "name": name},
        "product_data": {"model_id": "SML001"},
        "services": [{"rid": RESOURCE, "rtype": "temperature"}],
        "type": "device",
    } | changes


def a_v2_power(level: Any = 83, **changes: Any) -> dict[str, Any]:
    return {
        "id": "5d2e7f10-3b4c-4f6a-8d9e-0c1b2a3f4e5d",
        "owner": {"rid": DEVICE, "rtype": "device"},
        "power_state": {"battery_level": level, "battery_state": "normal"},
        "type": "device_power",
    } | changes


def a_v2_link(status: Any = "connected", **changes: Any) -> dict[str, Any]:
    return {
        "id": "c7a1b2d3-e4f5-4061-8273-94a5b6c7d8e9",
        "owner": {"rid": DEVICE, "rtype": "device"},
        "status": status,
        "mac_address": MAC,
        "type": "zigbee_connectivity",
    } | changes


def an_envelope(*items: Any, errors: Any = ()) -> dict[str, Any]:
    return {"errors": [{"description": each} for each in errors], "data": list(items)}


def a_v1_error(kind: Any, description: Any = "something", address: str = "/sensors") -> list[Any]:
    return [{"error": {"type": kind, "address": address, "description": description}}]


def _changed(fields: dict[str, Any], changes: Any) -> Any:
    if changes is None:
        return fields
    return fields | changes if isinstance(changes, dict) else changes
