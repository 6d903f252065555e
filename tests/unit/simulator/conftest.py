"""Clients of the simulated services, without a network."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from tests.support.simulated_services import AlexaClient, BridgeClient, alexa_client, bridge_client


@pytest.fixture
def bridge(home_clock: MemoryClock) -> BridgeClient:
    return bridge_client(home_clock)


@pytest.fixture
def alexa(home_clock: MemoryClock) -> AlexaClient:
    return alexa_client(home_clock)
