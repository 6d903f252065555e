"""A Hue bridge that numbers its replies: the n-th reply gives every sensor n hundredths of a degree.

It answers as the API v2 of a BSB002 does, from nothing but the standard library and a certificate.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from adapters.runtime.clock import SystemClock
from adapters.simulator.certificates import shipped

BRIDGE_ID = "001788fffe5a1e57"
KEY = "numbered-0123456789abcdefghijklmnopqrstu"
SENSORS = 3
_LONGEST_WAIT_S = 30


class NumberingBridge:
    """Counts what it handed over: the numbers of the replies that were sent as a whole."""

    def __init__(self, certificate: str = "bsb002.pem") -> None:
        self.handed_over: list[int] = []
        self._lock = threading.Lock()
        self._asked = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        context = shipped(certificate).server_context()
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @contextmanager
    def running(self) -> Iterator[NumberingBridge]:
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join(_LONGEST_WAIT_S)
            self._server.server_close()

    def next_number(self) -> int:
        with self._lock:
            self._asked += 1
            return self._asked

    def note_handed_over(self, number: int) -> None:
        with self._lock:
            self.handed_over.append(number)


def number_of(temperature: float) -> int:
    """Return the number of the reply that a stored temperature is from."""
    return round(temperature * 100)


def resource(name: str, number: int) -> list[dict[str, Any]]:
    """Return the items of a resource of the bridge."""
    now = f"{SystemClock().now():%Y-%m-%dT%H:%M:%SZ}"
    items = []
    for sensor in range(1, SENSORS + 1):
        owner = {"rid": f"00000000-0000-0000-0000-00000000000{sensor}", "rtype": "device"}
        item: dict[str, Any] = {"id": f"10000000-0000-0000-0000-00000000000{sensor}", "owner": owner}
        match name:
            case "temperature":
                report = {"temperature": number / 100, "changed": now}
                item |= {
                    "id_v1": f"/sensors/{sensor}",
                    "enabled": True,
                    "temperature": {"temperature": number / 100, "temperature_valid": True}
                    | {"temperature_report": report},
                }
            case "device":
                item |= {"id": owner["rid"], "metadata": {"name": f"Room {sensor}", "archetype": "x"}}
                item |= {"product_data": {"model_id": "SML001"}, "services": []}
            case "device_power":
                item |= {"power_state": {"battery_state": "normal", "battery_level": 90}}
            case "zigbee_connectivity":
                mac = f"00:17:88:01:0e:00:00:0{sensor}"
                item |= {"status": "connected", "mac_address": mac}
            case _:
                continue
        items.append(item)
    return items


def _handler_of(bridge: NumberingBridge) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.rstrip("/")
            if path == "/api/config":
                self._reply(
                    {
                        "name": "Numbering bridge",
                        "bridgeid": BRIDGE_ID.upper(),
                        "modelid": "BSB002",
                        "swversion": "1975170000",
                        "apiversion": "1.75.0",
                        "mac": "00:17:88:5a:1e:57",
                    }
                )
            elif path.startswith("/clip/v2/resource/"):
                name = path.rpartition("/")[2]
                if self.headers.get("hue-application-key") != KEY:
                    self._reply({}, status=403)
                    return
                number = bridge.next_number() if name == "temperature" else 0
                self._reply({"errors": [], "data": resource(name, number)})
                if number:
                    bridge.note_handed_over(number)
            elif path == f"/api/{KEY}/sensors":
                self._reply(
                    {
                        str(sensor): {
                            "type": "ZLLTemperature",
                            "name": f"Hue temperature sensor {sensor}",
                            "uniqueid": f"00:17:88:01:0e:00:00:0{sensor}-02-0402",
                            "state": {"temperature": None, "lastupdated": "none"},
                            "config": {"on": True, "reachable": True, "battery": 90},
                        }
                        for sensor in range(1, SENSORS + 1)
                    }
                )
            else:
                self._reply({}, status=404)

        def _reply(self, content: Any, *, status: int = 200) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            self.wfile.flush()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Log nothing."""

    return Handler


def write_home(folder: Path, address: str, *, interval_s: int) -> None:
    """Write the configuration of a home with this bridge."""
    config = folder / "config"
    config.mkdir(parents=True)
    (config / "config.yaml").write_text(
        f"collection:\n  interval_seconds: {interval_s}\n"
        "storage:\n  database_path: data/readings.db\n"
        f'collectors:\n  hue:\n    enabled: true\n    bridge_ip: "{address}"\n    auto_discover: false\n'
    )
    secrets = config / "secrets.yaml"
    secrets.touch(mode=0o600)
    secrets.write_text(f'hue:\n  api_key: "{KEY}"\n  bridge_id: "{BRIDGE_ID}"\n')
