"""A source is tried as a cycle would ask it, and let go of."""

from __future__ import annotations

import pytest

from adapters.memory.runtime import MemoryClock, MemoryJournal
from adapters.memory.source import MemorySource
from adapters.runtime.stamina_retrier import StaminaRetrier
from domain.errors import CredentialsRefused, SourceUnavailable
from domain.services.source_setup import Trial
from tests.support.builders import NOON, a_reading, a_reply


def a_trial() -> Trial:
    clock = MemoryClock(NOON)
    return Trial(retrier=StaminaRetrier(clock=clock, journal=MemoryJournal()), clock=clock)


async def test_what_the_source_says_is_what_comes() -> None:
    source = MemorySource("hue", [a_reply(a_reading())])
    reply = await a_trial().of(source)
    assert [reading.collected_at for reading in reply.readings] == [NOON]
    assert source.is_closed


async def test_a_passing_trouble_is_met_as_in_a_cycle() -> None:
    source = MemorySource("hue", [SourceUnavailable("no route"), a_reply(a_reading())])
    assert len((await a_trial().of(source)).readings) == 1


async def test_a_refusal_is_raised_and_the_source_let_go_of() -> None:
    source = MemorySource("hue", [CredentialsRefused("unknown key")])
    with pytest.raises(CredentialsRefused):
        await a_trial().of(source)
    assert source.is_closed
