"""Entries that a bridge kept of sensors which were moved or added again."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import attrs

from adapters.simulator.faults import LeftBehind
from adapters.simulator.hue.inventory import stamp_v1, stamp_v2
from adapters.simulator.messages import Reply
from adapters.simulator.templates import encode

_LEFT_BEHIND = 1000  # added to the number of a sensor in v1
_NAMES = ("id", "id_v1", "uniqueid", "name")


def list_left_behind(reply: Reply, effect: LeftBehind, now: datetime) -> Reply:
    """Return a list of v1's sensors or of v2's temperatures with an old entry before each."""
    if "json" not in reply.headers.get("Content-Type", ""):
        return reply
    content = json.loads(reply.body)
    then_s = now.timestamp() - effect.since_s
    if isinstance(content, dict) and isinstance(content.get("data"), list):
        content["data"] = [
            each
            for item in content["data"]
            for each in ([_old_v2(item, effect, then_s), item] if _is_meant(item, effect) else [item])
        ]
    elif isinstance(content, dict):
        sensors = content.get("sensors", content)
        old = {
            f"{_LEFT_BEHIND + int(number)}": {
                **item,
                "state": {"temperature": round(effect.celsius * 100), "lastupdated": stamp_v1(then_s)},
                "config": {**item["config"], "reachable": True},
            }
            for number, item in sensors.items()
            if number.isdecimal() and _is_meant({**item, "id_v1": f"/sensors/{number}"}, effect)
        }
        fresh = dict(sensors)
        sensors.clear()
        sensors |= old | fresh
    return attrs.evolve(reply, body=encode(content).encode())


def _is_meant(item: Any, effect: LeftBehind) -> bool:
    is_temperature = item.get("type") in ("temperature", "ZLLTemperature")
    return is_temperature and effect.where in ("", *(item.get(name) for name in _NAMES))


def _old_v2(item: Any, effect: LeftBehind, then_s: float) -> Any:
    number = int(item["id_v1"].rpartition("/")[2])
    return {
        **item,
        "id": f"{_LEFT_BEHIND:08}{item['id'][8:]}",
        "id_v1": f"/sensors/{_LEFT_BEHIND + number}",
        "owner": {**item["owner"], "rid": f"{_LEFT_BEHIND:08}{item['owner']['rid'][8:]}"},
        "temperature": {
            "temperature": effect.celsius,
            "temperature_valid": True,
            "temperature_report": {"temperature": effect.celsius, "changed": stamp_v2(then_s)},
        },
    }
