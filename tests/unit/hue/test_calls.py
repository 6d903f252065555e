"""Connections of a call: kept for the next one, or closed."""

from __future__ import annotations

import pytest

from adapters.hue.bridge import Bridge
from adapters.hue.calls import Call
from adapters.runtime.clock import SystemClock
from tests.support.canned_bridge import CannedOpener, a_canned_opener

URL = "https://bridge"


def a_call(opener: CannedOpener, kept: Bridge | None = None, seconds: float = 10.0) -> Call:
    clock = SystemClock()
    return Call(opener=opener, kept=kept, deadline_s=clock.elapsed_s() + seconds, clock=clock)


def closed(opener: CannedOpener) -> list[bool]:
    return [client.is_closed for client in opener.clients]


def test_everything_but_the_kept_bridge_is_closed_at_the_end() -> None:
    opener = a_canned_opener({})
    call = a_call(opener, kept=opener.open(URL, None))
    call.open(URL, None)
    bridge = call.open(URL, None)
    call.kept = bridge
    call.end()
    assert call.kept is bridge
    assert closed(opener) == [True, True, False]


@pytest.mark.parametrize("ends_first", [True, False])
def test_abandoned_call_keeps_nothing_in_either_order(ends_first: bool) -> None:
    opener = a_canned_opener({})
    bridge = opener.open(URL, None)
    call = a_call(opener, kept=bridge)
    call.open(URL, None)
    for step in [call.end, call.abandon] if ends_first else [call.abandon, call.end]:
        step()
    call.kept = bridge
    assert call.is_abandoned
    assert closed(opener) == [True, True]
    assert [client.is_shut for client in opener.clients] == [True, True]


def test_bridge_opened_after_the_deadline_is_shut_at_once() -> None:
    opener = a_canned_opener({})
    call = a_call(opener)
    call.abandon()
    call.open(URL, None)
    assert [client.is_shut for client in opener.clients] == [True]


def test_certificate_is_not_fetched_after_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        a_call(a_canned_opener({}), seconds=-1.0).fetch_leaf("127.0.0.1", 9, None)
