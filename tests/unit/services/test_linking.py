"""A code that is typed in time signs in; it is waited for as long as it is good, whatever happens."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.memory.source import MemoryAccountLinking
from domain.errors import CredentialsRefused, SourceError, SourceThrottled, SourceUnavailable
from domain.services.source_setup import Linking
from ports.setup import Linked, Pending, Refused
from tests.support.builders import NOON

LINKED = Linked(refresh_token="made-up-refresh-token", access_token="made-up-access-token")


class Bench:
    def __init__(self, *answers: Pending | Linked | Refused | SourceError) -> None:
        self.account = MemoryAccountLinking(answers)
        self.clock = MemoryClock(NOON)
        self.told: list[int] = []

    async def outcome(self) -> Linked | Refused:
        service = Linking(account=self.account, clock=self.clock)
        return await service.outcome(await self.account.begin(), self.told.append)


async def test_it_is_asked_as_often_as_the_service_wants_until_the_code_is_typed() -> None:
    bench = Bench(Pending(), LINKED)
    assert await bench.outcome() == LINKED
    assert bench.clock.elapsed_s() == 6.0  # two polls, 3 s apart
    assert bench.told == [600, 599, 598, 597, 596, 595]


async def test_a_code_that_nobody_types_runs_out() -> None:
    bench = Bench()
    assert await bench.outcome() == Refused("the code was not typed in time")
    assert bench.clock.elapsed_s() == 600.0
    assert bench.account.polls == 200


async def test_a_refusal_ends_it() -> None:
    assert await Bench(Pending(), Refused("declined"), LINKED).outcome() == Refused("declined")


async def test_a_passing_trouble_does_not_end_it() -> None:
    assert await Bench(SourceUnavailable("no route"), LINKED).outcome() == LINKED


@pytest.mark.parametrize(("named_s", "waits_s"), [(None, 6.0), (30.0, 30.0), (7200.0, 60.0)])
async def test_who_asks_too_often_asks_more_seldom(named_s: float | None, waits_s: float) -> None:
    bench = Bench(SourceThrottled("too many", retry_after_s=named_s), LINKED)
    assert await bench.outcome() == LINKED
    assert bench.clock.elapsed_s() == 3.0 + waits_s


async def test_what_will_not_pass_is_raised() -> None:
    with pytest.raises(CredentialsRefused):
        await Bench(CredentialsRefused("no")).outcome()
