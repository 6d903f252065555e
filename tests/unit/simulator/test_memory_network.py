"""What a service in the network in memory sees of the connections that it refuses."""

from __future__ import annotations

import asyncio

import pytest

from adapters.runtime.virtual_time import LockStepThreads, TrueClock, VirtualClock, VirtualTimeLoop
from adapters.simulator.home import SimulatedHome
from adapters.simulator.simulation.network.memory_network import MemoryNetwork
from tests.support.builders import NOON


@pytest.mark.parametrize(("has_moved", "seen"), [(False, 1), (True, 0)])
def test_only_what_is_refused_at_its_present_address_is_noted(has_moved: bool, seen: int) -> None:
    clock = VirtualClock(NOON)
    loop = VirtualTimeLoop(clock)

    async def connect() -> int:
        network = MemoryNetwork(LockStepThreads(loop))
        with SimulatedHome(clock=TrueClock(clock)).running(network) as home:
            port = int(home.bridge.address.rpartition(":")[2])
            home.bridge.unplug()
            if has_moved:
                home.bridge.move()
            with pytest.raises(ConnectionRefusedError):
                network.connect(port, asyncio.Protocol())
            return len(home.bridge.requests)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(connect()) == seen
