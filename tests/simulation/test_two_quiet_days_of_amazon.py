"""Two simulated days of monitors that publish only what changes: every slot has its reading."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.monitors import is_reachable, monitors, sample_at
from adapters.simulator.amazon.service import AlexaApi
from adapters.simulator.faults import Unavailable
from domain.reading import Reading
from tests.support.amazon_bench import an_amazon_bench
from tests.support.builders import NOON
from tests.support.canned_alexa import HOSTS, SimulatedAlexaSession

SEED, SLOT_S = 3, 300


@pytest.mark.parametrize(
    ("is_graphql_well", "slots"),
    [
        (True, 60),
        (False, 60),
        pytest.param(True, 576, marks=pytest.mark.proof),
        pytest.param(False, 576, marks=pytest.mark.proof),
    ],
)
async def test_no_slot_is_lost_while_nothing_changes(is_graphql_well: bool, slots: int) -> None:
    wall = MemoryClock(NOON)
    api = AlexaApi(wall, SEED)
    effects = {} if is_graphql_well else {"amazon.graphql": [Unavailable()]}
    bench = an_amazon_bench(
        HOSTS,
        session=SimulatedAlexaSession(api, effects),
        refresh_token=api.account.ready.refresh_token,
        wall=wall,
    )
    oldest = timedelta()
    for _ in range(slots):
        now = wall.now()
        readings = {reading.device_id: reading for reading in (await bench.read(now)).readings}
        for monitor in monitors(SEED):
            if not is_reachable(SEED, monitor, now.timestamp()):
                assert monitor.device_id not in readings
                continue
            reading = readings[monitor.device_id]
            shown = {each: sample_at(SEED, monitor, each, now.timestamp()) for each in monitor.quantities}
            assert reading.values == {each: sample.value for each, sample in shown.items()}
            assert observed_before(reading, max(sample.at for sample in shown.values()))
            oldest = max(oldest, *(now - sample.at for sample in shown.values()))
        wall.advance(SLOT_S)
    assert oldest > timedelta(hours=6), "otherwise nothing was quiet"


def observed_before(reading: Reading, newest: object) -> bool:
    """Whether the reading has the time of its newest value, or none from the second interface."""
    return reading.observed_at is None or reading.observed_at == newest
