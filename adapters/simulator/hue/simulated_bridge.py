"""A bridge of the simulated home, as its owner sees it: addresses, keys, button, faults."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from adapters.simulator import certificates
from adapters.simulator.faults import Faults
from adapters.simulator.hue.model import BridgeModel
from adapters.simulator.hue.service import BridgeService
from adapters.simulator.seen import SeenRequest
from adapters.simulator.server import LOOPBACK, ServerThread
from adapters.simulator.wire import Pace


class SimulatedBridge:
    """Usable from any thread."""

    def __init__(self, service: BridgeService, key: str, server: ServerThread) -> None:
        self.key = key
        self._service = service
        self._server = server

    @property
    def model(self) -> BridgeModel:
        return self._service.bridge.model

    @property
    def id(self) -> str:
        """The bridge id, in lower case."""
        return self.model.bridge_id

    @property
    def address(self) -> str:
        """Where it answers: over HTTPS if it can, else over HTTP."""
        return self.http_address if self._service.https is None else f"{LOOPBACK}:{self._service.https.port}"

    @property
    def http_address(self) -> str:
        return f"{LOOPBACK}:{self._service.http.port}"

    @property
    def ca_file(self) -> Path:
        return certificates.CA_FILE

    @property
    def certificate_sha256(self) -> str:
        """Of the certificate that it shows when nothing is wrong; empty for a bridge without HTTPS."""
        return "" if self.model.certificate is None else certificates.sha256(self.model.certificate)

    @property
    def faults(self) -> Faults:
        return self._service.front.faults

    @property
    def requests(self) -> Sequence[SeenRequest]:
        """What it has been asked, oldest first."""
        return self._service.front.requests

    def v2_id(self, device_id: str, service: str = "temperature") -> str:
        """The id by which v2 knows a service of one of its sensors."""
        placed = self._service.bridge.inventory.sensors
        return next(each.rid(service) for each in placed if each.sensor.device_id == device_id)

    def set_pace(self, pace: Pace) -> None:
        """From now on it is that slow."""
        self._service.front.pace = pace

    def press_button(self) -> None:
        """For 30 s from now on, applications can pair."""
        self._service.bridge.keys.press_button()

    def revoke(self, key: str) -> None:
        """Forget an application."""
        self._service.bridge.keys.revoke(key)

    def unplug(self) -> None:
        """Stop answering: connections are refused until it is plugged in again, at the same address."""
        self._server.run(self._close())

    def plug_in(self) -> None:
        """Answer again."""
        self._server.run(self._open())

    async def _open(self) -> None:
        for listener in self._service.listeners:
            await listener.open()

    async def _close(self) -> None:
        for listener in self._service.listeners:
            await listener.close()
