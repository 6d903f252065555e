"""Any values in replies of Amazon end in readings or an error of ours."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from typing import Any

import attrs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.amazon.linking import AmazonLinking
from adapters.memory.runtime import MemoryClock
from adapters.memory.state import MemoryState
from domain.cycle import SourceReply
from domain.errors import SourceError
from ports.setup import CodePair, Linked, Pending, Refused
from tests.support.alexa_stand_in import REFRESH_TOKEN, Device
from tests.support.amazon_bench import an_amazon_bench
from tests.support.builders import NOON
from tests.support.canned_alexa import (
    HOSTS,
    TOKEN,
    CannedAlexa,
    a_reply_of,
    discovered,
    phoenix_states,
    states,
)
from tests.support.odd_json import ANY_JSON, as_json, spoiled

KITCHEN = Device()
BEDROOM = Device(entity="5c7d3f2e-0000-4000-8000-00000000000b", serial="GAJ23005314600J4", name="Bedroom")
REAL: Mapping[str, Any] = {
    "amazon.discovery": discovered(KITCHEN, BEDROOM),
    "amazon.graphql": states(KITCHEN, BEDROOM),
    "amazon.phoenix": phoenix_states(KITCHEN, BEDROOM),
    "amazon.token": TOKEN,
}
GRAPHQL_IS_BROKEN = {"amazon.graphql": {"data": None}}
OPERATIONS = st.sampled_from(list(REAL))
CREDENTIALS: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {"refresh_token": None, "cookies": {"session-token": "a", "csrf": "b"}}]
)


def read_twice(replies: Mapping[str, Any], **credentials: Any) -> None:
    """Read twice; any exception that is not ours fails the test."""

    async def reads() -> None:
        bench = an_amazon_bench(
            HOSTS, session=CannedAlexa({**REAL, **replies}), raw_response=True, **credentials
        )
        for _ in range(2):
            try:
                check(await bench.read())
            except SourceError as error:
                assert REFRESH_TOKEN not in str(error)  # noqa: PT017 - either end is right

    asyncio.run(reads())


def check(reply: SourceReply) -> None:
    """Check that the reply can be stored: each device once, finite values, and text that any file takes."""
    devices = [*(each.device_id for each in reply.readings), *(each.device_id for each in reply.unread)]
    assert len(devices) == len({device.lower() for device in devices})
    texts = [each.location + (each.raw_response or "") for each in reply.readings]
    "".join([*devices, *texts, *reply.notes, *(each.detail for each in reply.unread)]).encode()
    for reading in reply.readings:
        assert all(map(math.isfinite, [*reading.values.values(), *reading.other_values.values()]))
        assert reading.observed_at is None or reading.observed_at <= NOON
        "".join(reading.other_values).encode()


@settings(max_examples=60)
@example({"amazon.discovery": discovered(KITCHEN, attrs.evolve(KITCHEN, entity="another"))}, {})
@given(
    OPERATIONS.flatmap(lambda one: spoiled(REAL[one]).map(lambda content: {one: as_json(content).encode()})),
    CREDENTIALS,
)
def test_a_real_reply_that_was_changed_anywhere(change: dict[str, Any], credentials: dict[str, Any]) -> None:
    read_twice(change, **credentials)
    read_twice(GRAPHQL_IS_BROKEN | change, **credentials)


@settings(max_examples=60)
@given(st.integers(100, 599), ANY_JSON)
def test_any_reply_to_a_sign_in(status: int, content: Any) -> None:
    session = CannedAlexa({"amazon.linking": a_reply_of(content, status=status)})
    linking = AmazonLinking(session=session, hosts=HOSTS, state=MemoryState(), clock=MemoryClock(NOON))
    pair = CodePair(public_code="A", private_code="B", page="C", expires_in_s=1, interval_s=1)

    async def sign_in() -> None:
        try:
            assert isinstance(await linking.poll(pair), Pending | Linked | Refused)
            begun = await linking.begin()
            assert 60.0 <= begun.expires_in_s <= 3600.0
            assert 1.0 <= begun.interval_s <= 60.0
        except SourceError:
            pass

    asyncio.run(sign_in())
