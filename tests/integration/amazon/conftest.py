"""What the tests of the Amazon adapter start from."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.alexa_stand_in import StandIn
from tests.support.amazon_bench import AmazonBench, an_amazon_bench


@pytest.fixture
async def stand_in() -> AsyncIterator[StandIn]:
    """An Alexa service of the tests' own, with one monitor."""
    async with StandIn().running() as service:
        yield service


@pytest.fixture
async def bench(stand_in: StandIn) -> AsyncIterator[AmazonBench]:
    """A source that has a refresh token for it."""
    bench = an_amazon_bench(stand_in.hosts)
    yield bench
    await bench.source.close()
