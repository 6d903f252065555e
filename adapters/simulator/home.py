"""The simulated home: the one entry for the demo, the tests and the `simulator` command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.simulator.certificates import AMAZON_CA_FILE, Certificate
from adapters.simulator.chance import hexadecimal
from adapters.simulator.house import House
from adapters.simulator.hue.bridge import Bridge
from adapters.simulator.hue.inventory import inventory
from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.model import BSB002, BridgeModel
from adapters.simulator.hue.service import BridgeService
from adapters.simulator.hue.simulated_bridge import SimulatedBridge
from adapters.simulator.rooms import ROOMS, Room
from adapters.simulator.sensors import MotionSensor, is_reachable, motion_sensors, temperature_at
from adapters.simulator.server import ServerThread
from ports.clock import Clock

if TYPE_CHECKING:
    from adapters.simulator.amazon.simulated_alexa import SimulatedAlexa


class SimulatedHome:
    """Rooms with sensors, and the services that know of them; it follows the clock that it is given.

    Several bridges share the rooms among themselves; a room has as many of the `sensors` as any other, or one
    more. `port` is where the first bridge's `address` is, and
    `alexa_port` that of the Alexa service; 0 lets the system pick one, as it does for all others. Whoever
    shows the Alexa service under names of their own brings its certificate.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        seed: int = 1,
        sensors: int = len(ROOMS),
        bridges: Sequence[BridgeModel] = (BSB002,),
        port: int = 0,
        alexa_port: int = 0,
        alexa_certificate: Certificate | None = None,
    ) -> None:
        self.house = House(seed)
        self.bridges: Sequence[SimulatedBridge] = ()
        self._server: ServerThread | None = None
        self._alexa: SimulatedAlexa | None = None
        self._alexa_port = alexa_port
        self._alexa_certificate = alexa_certificate
        self._seed = seed
        self._sensors = sensors
        self._clock = clock
        self._models = bridges
        self._port = port

    @contextmanager
    def running(self) -> Iterator[SimulatedHome]:
        """Serve until the block ends."""
        server = self._server = ServerThread()
        self.bridges = [self._bridge(number, server) for number in range(len(self._models))]
        try:
            for bridge in self.bridges:
                bridge.plug_in()
            yield self
        finally:
            for bridge in self.bridges:
                bridge.unplug()
            if self._alexa is not None:
                self._alexa.unplug()
            self._server = self._alexa = None
            server.stop()

    @property
    def bridge(self) -> SimulatedBridge:
        """The first bridge."""
        return self.bridges[0]

    @property
    def alexa(self) -> SimulatedAlexa:
        """The Alexa service with its monitors; it starts when it is first asked for, while the home runs."""
        if self._alexa is None:
            self._alexa = self._started_alexa()
        return self._alexa

    @property
    def sensors(self) -> Sequence[MotionSensor]:
        """Every sensor of the home: `device_id`, `uniqueid`, `name` (the owner's), `room`."""
        return motion_sensors(self._seed, self._sensors)

    def temperature(self, device_id: str, instant: datetime) -> float:
        """The value in degC that the bridge shows for the device then, reachable or not."""
        return temperature_at(self._seed, self._sensor(device_id), instant.timestamp()).value / 100

    def observed_at(self, device_id: str, instant: datetime) -> datetime:
        """Since when the bridge has been showing that value."""
        report = temperature_at(self._seed, self._sensor(device_id), instant.timestamp())
        return datetime.fromtimestamp(report.changed_s, instant.tzinfo)

    def is_reachable(self, device_id: str, instant: datetime) -> bool:
        """Whether the bridge reaches the device then."""
        return is_reachable(self._seed, self._sensor(device_id), instant.timestamp())

    def _sensor(self, device_id: str) -> MotionSensor:
        return next(sensor for sensor in self.sensors if sensor.device_id == device_id)

    def _bridge(self, number: int, server: ServerThread) -> SimulatedBridge:
        model = self._models[number]
        rooms: tuple[Room, ...] = ROOMS[number :: len(self._models)]
        key = hexadecimal(40, self._seed, model.bridge_id, "ready key")
        bridge = Bridge(
            seed=self._seed,
            model=model,
            inventory=inventory(self._seed, model.bridge_id, rooms, self._sensors),
            keys=ApplicationKeys(self._clock, key, model.bridge_id),
            clock=self._clock,
        )
        service = BridgeService(bridge, port=self._port if number == 0 else 0)
        return SimulatedBridge(service, key, server)

    def _started_alexa(self) -> SimulatedAlexa:
        """Imported here: who has only bridges does without."""
        from adapters.simulator.amazon.alexa import Alexa
        from adapters.simulator.amazon.service import AlexaService
        from adapters.simulator.amazon.simulated_alexa import SimulatedAlexa

        if self._server is None:
            raise RuntimeError("the Alexa service answers while the home is running")
        certificate = self._alexa_certificate
        service = AlexaService(Alexa(self._clock, self._seed), port=self._alexa_port, certificate=certificate)
        ca_file = AMAZON_CA_FILE if certificate is None else certificate.file
        alexa = SimulatedAlexa(service, ca_file, self._server)
        alexa.plug_in()
        return alexa
