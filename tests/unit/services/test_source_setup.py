"""Signing in, pairing with a bridge, and trying a source."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.source import MemoryAccountLinking, MemoryBridgePairing, MemorySource
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.errors import CredentialsRefused, SourceError, SourceGarbled, SourceThrottled, SourceUnavailable
from domain.services.source_setup import BUTTON_S, Linking, Pairing, Trial
from ports.setup import Linked, Pending, Refused, VerifiedBridge
from tests.support.builders import NOON, a_reading, a_reply

LINKED = Linked(refresh_token="made-up-refresh-token", access_token="made-up-access-token")


class SignIn:
    def __init__(self, *answers: Pending | Linked | Refused | SourceError) -> None:
        self.account = MemoryAccountLinking(answers)
        self.clock = MemoryClock(NOON)
        self.seconds_left: list[int] = []

    async def outcome(self) -> Linked | Refused:
        service = Linking(account=self.account, clock=self.clock)
        return await service.outcome(await self.account.begin(), self.seconds_left.append)


async def test_polls_at_the_interval_until_the_code_is_typed() -> None:
    bench = SignIn(Pending(), LINKED)
    assert await bench.outcome() == LINKED
    assert bench.clock.elapsed_s() == 6.0  # two polls, 3 s apart
    assert bench.seconds_left == [600, 599, 598, 597, 596, 595]


async def test_untyped_code_expires() -> None:
    bench = SignIn()
    assert await bench.outcome() == Refused("the code was not typed in time")
    assert bench.clock.elapsed_s() == 600.0
    assert bench.account.polls == 200


async def test_refusal_ends_the_sign_in() -> None:
    assert await SignIn(Pending(), Refused("declined"), LINKED).outcome() == Refused("declined")


async def test_unavailable_service_is_polled_again() -> None:
    assert await SignIn(SourceUnavailable("no route"), LINKED).outcome() == LINKED


@pytest.mark.parametrize(("named_s", "waits_s"), [(None, 6.0), (30.0, 30.0), (7200.0, 60.0)])
async def test_throttling_lengthens_the_interval(named_s: float | None, waits_s: float) -> None:
    bench = SignIn(SourceThrottled("too many", retry_after_s=named_s), LINKED)
    assert await bench.outcome() == LINKED
    assert bench.clock.elapsed_s() == 3.0 + waits_s


async def test_other_errors_end_the_sign_in() -> None:
    with pytest.raises(CredentialsRefused):
        await SignIn(CredentialsRefused("no")).outcome()


BRIDGE = VerifiedBridge(address="192.0.2.1", bridge_id="001788fffe123456", name="Hue Bridge", model="BSB002")


class ButtonPress:
    def __init__(self, *answers: str | SourceError | None) -> None:
        self.bridges = MemoryBridgePairing(answers=answers)
        self.clock = MemoryClock(NOON)
        self.seconds_left: list[int] = []

    async def key(self) -> str | None:
        return await Pairing(bridges=self.bridges, clock=self.clock).key(BRIDGE, self.seconds_left.append)


async def test_pressed_button_gives_a_key() -> None:
    bench = ButtonPress(None, None, "key")
    assert await bench.key() == "key"
    assert bench.seconds_left == [30, 29, 28]
    assert bench.clock.elapsed_s() == 2.0


async def test_unpressed_button_gives_no_key_after_30_s() -> None:
    bench = ButtonPress()
    assert await bench.key() is None
    assert bench.bridges.key_requests == BUTTON_S
    assert bench.clock.elapsed_s() == BUTTON_S
    assert bench.seconds_left == list(range(BUTTON_S, 0, -1))


@pytest.mark.parametrize("trouble", [SourceUnavailable("no route"), SourceThrottled("too many")])
async def test_unavailable_bridge_is_asked_again(trouble: SourceError) -> None:
    assert await ButtonPress(trouble, None, trouble, "key").key() == "key"


async def test_last_error_is_raised_at_the_end() -> None:
    with pytest.raises(SourceUnavailable, match="no route"):
        await ButtonPress(None, *[SourceUnavailable("no route")] * 40).key()


async def test_recovered_error_is_not_raised() -> None:
    assert await ButtonPress(*[SourceUnavailable("no route")] * 10).key() is None


async def test_garbled_reply_ends_the_pairing() -> None:
    bench = ButtonPress(SourceGarbled("a web page"), "key")
    with pytest.raises(SourceGarbled):
        await bench.key()
    assert bench.bridges.key_requests == 1


def a_trial() -> Trial:
    clock = MemoryClock(NOON)
    return Trial(retrier=StaminaRetrier(clock=clock, journal=MemoryJournal()), clock=clock)


async def test_trial_returns_the_reply() -> None:
    source = MemorySource("hue", [a_reply(a_reading())])
    reply = await a_trial().of(source)
    assert [reading.collected_at for reading in reply.readings] == [NOON]
    assert source.is_closed


async def test_trial_retries_as_a_cycle_does() -> None:
    source = MemorySource("hue", [SourceUnavailable("no route"), a_reply(a_reading())])
    assert len((await a_trial().of(source)).readings) == 1


async def test_trial_raises_a_refusal_and_closes_the_source() -> None:
    source = MemorySource("hue", [CredentialsRefused("unknown key")])
    with pytest.raises(CredentialsRefused):
        await a_trial().of(source)
    assert source.is_closed
