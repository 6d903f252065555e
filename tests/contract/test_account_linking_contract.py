"""The contract of signing in by a code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import attrs
import pytest

from adapters.amazon.http import AmazonSession
from adapters.amazon.linking import AmazonLinking
from adapters.memory.runtime import MemoryMeter
from adapters.memory.source import MemoryAccountLinking
from adapters.memory.state import MemoryState
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from ports.setup import AccountLinking, Linked, Pending, Refused
from tests.support.amazon_bench import hosts_of_simulation


@attrs.frozen(kw_only=True)
class Bench:
    """An account, and a person who types the code or declines."""

    linking: AccountLinking
    approve: Callable[[str], object]
    deny: Callable[[str], object]


@pytest.fixture(params=["memory", "amazon"])
async def bench(request: pytest.FixtureRequest, simulated_home: SimulatedHome) -> AsyncIterator[Bench]:
    if request.param == "memory":
        account = MemoryAccountLinking()
        yield Bench(
            linking=account,
            approve=lambda _: account.will_answer(Linked(refresh_token="Atnr|x", access_token="Atna|x")),
            deny=lambda _: account.will_answer(Refused("the sign-in was declined")),
        )
        return
    alexa, clock = simulated_home.alexa, SystemClock()
    session = AmazonSession(
        source="setup", timeout_s=5.0, roots=alexa.ca_file, clock=clock, meter=MemoryMeter(clock)
    )
    yield Bench(
        linking=AmazonLinking(
            session=session, hosts=hosts_of_simulation(alexa), state=MemoryState(), clock=clock
        ),
        approve=alexa.approve,
        deny=alexa.deny,
    )
    await session.close()


async def test_a_code_names_its_page_and_its_lifetime(bench: Bench) -> None:
    pair = await bench.linking.begin()
    assert pair.public_code
    assert pair.page.endswith("/code")
    assert pair.expires_in_s > pair.interval_s >= 1.0
    assert pair.private_code not in repr(pair)


async def test_a_sign_in_is_pending_until_the_code_is_typed(bench: Bench) -> None:
    pair = await bench.linking.begin()
    assert [await bench.linking.poll(pair) for _ in range(2)] == [Pending(), Pending()]


async def test_a_typed_code_gives_tokens_that_no_repr_shows(bench: Bench) -> None:
    pair = await bench.linking.begin()
    bench.approve(pair.public_code)
    linked = await bench.linking.poll(pair)
    assert isinstance(linked, Linked)
    assert linked.refresh_token.startswith("Atnr|")
    assert "Atn" not in repr(linked)


async def test_a_declined_sign_in_has_a_reason(bench: Bench) -> None:
    pair = await bench.linking.begin()
    bench.deny(pair.public_code)
    refused = await bench.linking.poll(pair)
    assert isinstance(refused, Refused)
    assert "declined" in refused.reason
