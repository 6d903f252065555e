"""What the tests of the Amazon adapter start from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from tests.support.alexa_stand_in import StandIn
from tests.support.amazon_bench import AmazonBench, in_front_of, in_front_of_simulation


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """A scripted Alexa service with one monitor."""
    async with StandIn().running() as service:
        yield service


@pytest.fixture
async def bench(stand_in: StandIn) -> AsyncIterator[AmazonBench]:
    """A source with a refresh token for the scripted service."""
    async with in_front_of(stand_in.hosts) as bench:
        yield bench


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    """The simulated home's Alexa service, over TLS."""
    return simulated_home.alexa


@pytest.fixture
async def signed_in(alexa: SimulatedAlexa, home_clock: MemoryClock) -> AsyncIterator[AmazonBench]:
    """A source that was let in by the simulated service two minutes ago and knows its monitors."""
    async with in_front_of_simulation(alexa, wall=home_clock) as bench:
        await bench.read()
        bench.wall.advance(120)
        bench.operations()
        bench.meter.operations.clear()
        yield bench
