"""What becomes of the connections of a read: kept for the next one, or closed."""

from __future__ import annotations

import pytest

from adapters.hue.address import address_of
from adapters.hue.bridge import Bridge, Call, Reached
from adapters.hue.tls import Proof
from adapters.runtime.clock import SystemClock
from tests.support.canned_bridge import CannedSession, a_canned_bridge


class Opened:
    """Opens bridges for a call, and knows their sessions."""

    def __init__(self) -> None:
        self.sessions: list[CannedSession] = []

    def __call__(self, base_url: str, proof: Proof | None) -> Bridge:
        self.sessions.append(CannedSession({}, base_url))
        return a_canned_bridge(self.sessions[-1])

    def reached(self) -> Reached:
        return Reached(bridge=self("https://b", None), offers_v2=True)

    def call(self, kept: Reached | None = None, seconds: float = 10.0) -> Call:
        clock = SystemClock()
        return Call(open_bridge=self, kept=kept, deadline_s=clock.elapsed_s() + seconds, clock=clock)

    @property
    def closed(self) -> list[bool]:
        return [session.is_closed for session in self.sessions]

    @property
    def aborted(self) -> list[bool]:
        return [session.is_aborted for session in self.sessions]


def test_what_is_not_kept_is_closed_at_the_end() -> None:
    opened = Opened()
    call = opened.call(kept=opened.reached())
    call.bridge("https://b", None)
    reached = Reached(bridge=call.bridge("https://b", None), offers_v2=True)
    call.keep(reached)
    call.end()
    assert call.kept is reached
    assert opened.closed == [True, True, False]


def test_a_call_that_never_began_keeps_what_it_was_given() -> None:
    opened = Opened()
    reached = opened.reached()
    call = opened.call(kept=reached)
    call.end()
    assert call.kept is reached
    assert opened.closed == [False]


@pytest.mark.parametrize("ends_first", [True, False])
def test_an_abandoned_call_keeps_nothing_whichever_way_round_it_ends(ends_first: bool) -> None:
    opened = Opened()
    call = opened.call(kept=opened.reached())
    call.bridge("https://b", None)
    steps = [call.end, call.abandon] if ends_first else [call.abandon, call.end]
    for step in steps:
        step()
    assert call.kept is None
    assert opened.closed == [True, True]
    assert opened.aborted == [True, True]


def test_what_is_kept_too_late_is_closed_all_the_same() -> None:
    opened = Opened()
    reached = opened.reached()
    call = opened.call(kept=reached)
    call.abandon()
    call.keep(reached)
    assert call.kept is None
    call.end()
    assert opened.closed == [True]


def test_what_is_opened_too_late_is_shut_at_once() -> None:
    opened = Opened()
    call = opened.call()
    call.abandon()
    call.bridge("https://b", None)
    assert opened.aborted == [True]


def test_no_certificate_is_looked_at_when_the_time_is_over() -> None:
    with pytest.raises(TimeoutError):
        Opened().call(seconds=-1.0).leaf(address_of("127.0.0.1:9"), None)
