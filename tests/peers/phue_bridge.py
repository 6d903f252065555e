"""phue before the simulated bridge, and the numbers of its temperature sensors."""

from __future__ import annotations

from typing import Any

import phue  # type: ignore[import-not-found, unused-ignore]

from tests.peers.protocol import task

told = task()
bridge: Any = phue.Bridge(told["http_address"], username=told["key"])
sensors = [int(number) for number, one in bridge.get_sensor().items() if one["type"] == "ZLLTemperature"]
