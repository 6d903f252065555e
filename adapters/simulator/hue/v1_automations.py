"""What v1 of the bridge's interface says of what happens by itself."""

from __future__ import annotations

from adapters.simulator.hue.v1_lights import OWNER
from adapters.simulator.hue.view import View
from adapters.simulator.reply import Json


def schedules(view: View) -> dict[str, Json]:
    """The lamps go off at night, room by room."""
    return {
        str(number): {
            "name": f"Night {room.name}"[:32],
            "description": "",
            "command": {
                "address": f"/api/{OWNER}/groups/{view.inventory.group_number(room)}/action",
                "body": {"on": False},
                "method": "PUT",
            },
            "localtime": f"W127/T23:{5 * number:02d}:00",
            "time": f"W127/T22:{5 * number:02d}:00",
            "created": "2024-10-02T19:25:00",
            "status": "enabled",
            "recycle": False,
        }
        for number, room in enumerate(view.inventory.rooms[:3], start=1)
    }


def rules(view: View) -> dict[str, Json]:
    """Each motion sensor switches its room's lamps on and off."""
    rules: dict[str, Json] = {}
    for placed in view.inventory.sensors:
        presence = f"/sensors/{placed.ids.presence}/state/presence"
        room = next(room for room in view.inventory.rooms if room.key == placed.sensor.room)
        for is_on in (True, False):
            rules[str(len(rules) + 1)] = {
                "name": f"MotionSensor {placed.ids.presence}.{'on' if is_on else 'off'}",
                "owner": OWNER,
                "created": "2024-10-02T19:30:12",
                "lasttriggered": "none",
                "timestriggered": 0,
                "status": "enabled",
                "recycle": True,
                "conditions": [
                    {"address": presence, "operator": "eq", "value": str(is_on).lower()},
                    {"address": presence, "operator": "ddx", "value": "PT00:00:01"},
                ],
                "actions": [
                    {
                        "address": f"/groups/{view.inventory.group_number(room)}/action",
                        "method": "PUT",
                        "body": {"on": is_on},
                    }
                ],
            }
    return rules


def resourcelinks(view: View) -> dict[str, Json]:
    """What belongs together: each motion sensor and its rules."""
    return {
        str(1000 + number): {
            "name": f"MotionSensor {placed.ids.presence}",
            "description": f"MotionSensor {placed.ids.presence} behavior",
            "type": "Link",
            "classid": 10020,
            "owner": OWNER,
            "recycle": False,
            "links": [
                f"/sensors/{placed.ids.presence}",
                f"/rules/{2 * number + 1}",
                f"/rules/{2 * number + 2}",
            ],
        }
        for number, placed in enumerate(view.inventory.sensors)
    }
