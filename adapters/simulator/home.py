"""The simulated home: what the demo, the tests and the `simulator` command start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from adapters.simulator.amazon.service import AlexaApi, SimulatedAlexa
from adapters.simulator.certificates import Certificate
from adapters.simulator.chance import hexadecimal
from adapters.simulator.house import ROOMS, House
from adapters.simulator.hue.inventory import Inventory, inventory
from adapters.simulator.hue.keys import ApplicationKeys
from adapters.simulator.hue.model import BSB002, BridgeModel
from adapters.simulator.hue.service import BridgeApi, SimulatedBridge
from adapters.simulator.network import Server, ServerThread
from adapters.simulator.sensors import (
    MotionSensor,
    battery_percent,
    is_reachable,
    motion_sensors,
    sensors_by_id,
    temperature_at,
)
from ports.clock import Clock


class SimulatedHome:
    """Rooms with sensors, and the services that know them, in the time of the given clock.

    Several bridges share the rooms, and the rooms share the `sensors`. `port` and `alexa_port` are those of
    the first bridge's `address` and of the Alexa service; 0 lets the system choose. `alexa_certificate`
    serves the Alexa service under names that the simulated certificate lacks.
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
        self._server: Server | None = None
        self._alexa: SimulatedAlexa | None = None
        self._alexa_port = alexa_port
        self._alexa_certificate = alexa_certificate
        self._seed = seed
        self._sensors = sensors
        self._clock = clock
        self._models = bridges
        self._port = port

    @contextmanager
    def running(self, server: Server | None = None) -> Iterator[SimulatedHome]:
        """Serve until the block ends; without a server on loopback."""
        server = self._server = server or ServerThread()
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
        """Return the first bridge."""
        return self.bridges[0]

    @property
    def alexa(self) -> SimulatedAlexa:
        """Return the Alexa service, which starts at the first call."""
        if self._alexa is None:
            if self._server is None:
                raise RuntimeError("the Alexa service needs a running home; use it inside running()")
            api = AlexaApi(self._clock, self._seed)
            self._alexa = SimulatedAlexa(api, self._server, self._alexa_certificate, port=self._alexa_port)
            self._alexa.plug_in()
        return self._alexa

    @property
    def sensors(self) -> Sequence[MotionSensor]:
        """Return every motion sensor of the home."""
        return motion_sensors(self._seed, self._sensors)

    def temperature(self, device_id: str, instant: datetime) -> float:
        """Return the value in degC that the bridge shows for the device then, reachable or not."""
        return temperature_at(self._seed, self._sensor(device_id), instant.timestamp()).value / 100

    def observed_at(self, device_id: str, instant: datetime) -> datetime:
        """Return since when the bridge has shown that value."""
        report = temperature_at(self._seed, self._sensor(device_id), instant.timestamp())
        return datetime.fromtimestamp(report.changed_s, instant.tzinfo)

    def is_reachable(self, device_id: str, instant: datetime) -> bool:
        """Return whether the bridge reaches the device then."""
        return is_reachable(self._seed, self._sensor(device_id), instant.timestamp())

    def battery_percent(self, device_id: str, instant: datetime) -> int:
        """Return the level of the device's battery then."""
        return battery_percent(self._seed, self._sensor(device_id), instant.timestamp())

    def _sensor(self, device_id: str) -> MotionSensor:
        return sensors_by_id(self._seed, self._sensors)[device_id]

    def bridge_of(self, bridge_id: str) -> SimulatedBridge:
        """Return the bridge with that id, the first one without an id."""
        return next(one for one in self.bridges if bridge_id in ("", one.id))

    @contextmanager
    def on_two_bridges(self, *, is_moved: bool) -> Iterator[None]:
        """Let the second bridge list the last sensor of the first one too.

        The other bridge shows the last values that it had: the first one if it `is_moved`.
        """
        first, second = self.bridges
        moved = first.sensors[-1]
        things = self._things(1, (moved,))
        with second.listing(things), (first if is_moved else second).without(moved):
            yield

    def _things(self, number: int, more: tuple[MotionSensor, ...] = ()) -> Inventory:
        rooms = ROOMS[number :: len(self._models)]
        return inventory(self._seed, self._models[number], rooms, self._sensors, more)

    def _bridge(self, number: int, server: Server) -> SimulatedBridge:
        model = self._models[number]
        key = hexadecimal(40, self._seed, model.bridge_id, "ready key")
        api = BridgeApi(
            seed=self._seed,
            model=model,
            things=self._things(number),
            keys=ApplicationKeys(self._clock, key, model.bridge_id),
            clock=self._clock,
        )
        return SimulatedBridge(api, key, server, port=self._port if number == 0 else 0)
