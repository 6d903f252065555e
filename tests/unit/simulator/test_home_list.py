"""What the answers of a simulated home call for."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from adapters.simulator.messages import SeenRequest
from adapters.simulator.simulation.account.home_list import INTERVAL, AskedCycle, HomeList
from tests.support.builders import NOON

V2, V1 = "/clip/v2/resource/temperature", "/api/***/sensors"
COOKIES = "/ap/exchangetoken/cookies"
GRAPHQL, PHOENIX, TOKEN = "/nexus/v1/graphql", "/api/phoenix/state", "/auth/token"


class Service:
    """A service that was asked so, and has neither sensors nor monitors."""

    def __init__(self, *requests: SeenRequest, is_unplugged: bool = False) -> None:
        self.requests = list(requests)
        self.monitors: tuple[()] = ()
        self.sensors: tuple[()] = ()
        self.address = "127.0.0.1:1"
        self.refresh_token = "Atnr|1"
        self._is_unplugged = is_unplugged

    def was_unplugged_since(self, _since_s: float) -> bool:
        return self._is_unplugged

    def elapsed_s(self) -> float:
        return 0.0


def home_of(bridge: Service, alexa: Service) -> Any:
    return SimpleNamespace(bridge=bridge, bridges=[bridge], bridge_of=lambda _: bridge, alexa=alexa)


def request(path: str, *faults: str, status: int | None = 200, at_s: float = 0.0, **more: Any) -> SeenRequest:
    """Return a request that was answered at once, unless it has no status."""
    at = NOON + timedelta(seconds=at_s)
    seen = SeenRequest(
        method="GET",
        path=path,
        scheme="https",
        at=at,
        elapsed_s=at_s,
        status=status,
        reply_bytes=0,
        at_once=1,
        faults=faults,
        completed_at=None if status is None else at,
    )
    for name, value in more.items():
        setattr(seen, name, value)
    return seen


def refused(at_s: float = 0.0) -> SeenRequest:
    return request(TOKEN, "RefusedToken", status=400, is_refusal=True, at_s=at_s)


def taken(
    source: str, *requests: SeenRequest, home_list: HomeList | None = None, is_unplugged: bool = False
) -> tuple[HomeList, AskedCycle]:
    """Return the list after the cycle, and what it says of it."""
    home_list = home_list or HomeList(shown_at=lambda at: at)
    services = {"bridge": Service(), "alexa": Service()}
    services["bridge" if source == "hue" else "alexa"] = Service(*requests, is_unplugged=is_unplugged)
    home = home_of(services["bridge"], services["alexa"])
    slot = datetime.fromtimestamp(requests[0].at.timestamp(), NOON.tzinfo) if requests else NOON
    home_list.take(home, NOON, lambda *_: slot)
    return home_list, home_list.cycles[source, slot]


@pytest.mark.parametrize(
    ("source", "requests", "causes"),
    [
        ("hue", [request("", status=None)], {"network"}),  # refused
        ("hue", [request("", "WrongCertificate", status=None)], {"refused"}),
        (
            "hue",  # at the address where it was found, and at the one that is configured
            [request("", "WrongCertificate", status=None), request("", status=None)],
            {"refused", "network"},
        ),
        ("hue", [request(V2, "Reset", status=None)], {"network"}),
        ("hue", [request(V2, "Silence", status=None)], {"network", "out_of_time"}),
        ("hue", [request(V2, completed_at=None)], {"network", "out_of_time"}),
        ("hue", [request(V2, "Throttle", status=429)], {"throttled"}),
        ("hue", [request(V2, status=429)], {"throttled"}),  # too many at once
        ("hue", [request(V2, "Unavailable", status=503)], {"network"}),
        ("hue", [request(V2, "Garbled"), request(V1, "Garbled")], {"garbled"}),
        ("hue", [request(V2, "Garbled"), request(V1, "Reset", status=None)], {"garbled", "network"}),
        ("hue", [request(V2, "Reset", status=None), request(V2, "Throttle", status=429)], {"throttled"}),
        ("hue", [request(V2, "RevokedKey", status=403, is_refusal=True)], {"credentials"}),
        ("amazon", [request(GRAPHQL, "Garbled"), request(PHOENIX, "Garbled")], {"network"}),
        ("amazon", [request(GRAPHQL, "ThrottledInside")], {"throttled"}),
        ("amazon", [request(GRAPHQL, is_refusal=True)], {"credentials"}),
        # found by a storm of seed 20: a person signed in anew just after an access token was made
        ("amazon", [request(GRAPHQL, is_refusal=True), request(COOKIES, is_refusal=True)], {"credentials"}),
        ("amazon", [request(GRAPHQL, is_refusal=True), refused()], {"network"}),  # once is not believed
        ("amazon", [request(GRAPHQL, is_refusal=True), request(TOKEN, "Reset", status=None)], {"network"}),
    ],
)
def test_the_last_answer_that_was_wrong_gives_the_causes(
    source: str, requests: list[SeenRequest], causes: set[str]
) -> None:
    assert taken(source, *requests)[1].causes == causes


@pytest.mark.parametrize("path", [V2, V1])
def test_a_whole_reply_hands_over_readings(path: str) -> None:
    cycle = taken("hue", request(path, "Reset", status=None), request(path, "Delay"))[1]
    assert (cycle.was_handed_over, cycle.causes) == (True, frozenset())


def test_a_list_of_monitors_hands_over_no_readings() -> None:
    """Found by a storm of seed 11: a list that came after readings of the second way hid that way."""
    failed, discovery = request(GRAPHQL, "Garbled"), request(GRAPHQL, is_discovery=True, at_s=1)
    assert not taken("amazon", failed, discovery)[1].was_handed_over
    assert taken("amazon", failed, request(PHOENIX), discovery)[1].was_handed_over


def test_a_refresh_token_is_refused_for_good_at_the_second_time_a_minute_later() -> None:
    home_list, first = taken("amazon", refused())
    second = taken("amazon", refused(300), home_list=home_list)[1]
    remembered = taken("amazon", request(GRAPHQL, status=503, at_s=600), home_list=home_list)[1]
    accepted = taken("amazon", request(TOKEN, at_s=900), request(GRAPHQL, status=503), home_list=home_list)[1]
    causes = [set(one.causes) for one in (first, second, remembered, accepted)]
    assert causes == [{"network"}, {"credentials"}, {"network", "credentials"}, {"network"}]


def test_a_source_that_is_unplugged_after_an_answer_may_fail_for_either() -> None:
    cycle = taken("hue", request(V2, "Throttle", status=429), is_unplugged=True)[1]
    assert cycle.causes == {"throttled", "network"}


@pytest.mark.parametrize(
    ("source", "requests", "operation", "mended"),
    [
        ("hue", [request(V2, "Reset", status=None, is_limited=True), request(V1)], "hue.read", 1),
        ("hue", [request(V2, "Reset", status=None, is_limited=True)], "hue.read", 0),
        ("amazon", [request(GRAPHQL, is_refusal=True), request(TOKEN), request(GRAPHQL)], "amazon.read", 1),
        (
            "amazon",
            [
                request(TOKEN, "Reset", status=None, is_limited=True),
                request(TOKEN, at_s=1),
                request(GRAPHQL, at_s=1),
            ],
            "amazon.token",
            1,
        ),
    ],
)
def test_short_troubles_count_by_operation(
    source: str, requests: list[SeenRequest], operation: str, mended: int
) -> None:
    home_list, _ = taken(source, *requests)
    assert (dict(home_list.short), home_list.mended[operation]) == ({operation: 1}, mended)


@pytest.mark.parametrize(
    "requests",
    [
        [request(V2, "Reset", status=None)],  # as every request then
        [request(V2, "Reset", "Throttle", status=None, is_limited=True)],
        [request(V2, "Reset", "Delay", status=None, is_limited=True, late_s=9.0)],  # no time for another
        [request(V2, "Reset", status=None, is_limited=True), request(V1, "Garbled")],
        [request(V2, "Throttle", "Throttle", status=429, is_limited=True), request(V2)],
    ],
)
def test_what_another_trouble_costs_is_no_short_trouble(requests: list[SeenRequest]) -> None:
    home_list, _ = taken("hue", *requests)
    assert not home_list.short


@pytest.mark.parametrize(("after_s", "is_expected"), [(26, True), (300, False)])
def test_an_account_that_has_just_refused_the_token_need_not_be_asked(
    after_s: float, is_expected: bool
) -> None:
    home_list, _ = taken("amazon", refused())
    home = home_of(Service(), Service())
    home_list.take(home, NOON + timedelta(seconds=after_s), lambda *_: NOON + INTERVAL)
    assert (("amazon", NOON + INTERVAL) in home_list.unreachable) is is_expected


def test_a_list_of_monitors_hands_over_no_reading() -> None:
    cycle = taken("amazon", request(GRAPHQL, is_discovery=True), request(GRAPHQL, status=None, at_s=9))[1]
    assert not cycle.was_handed_over
    assert cycle.causes == {"network", "out_of_time"}


def test_a_refused_token_is_no_short_trouble_when_its_request_is_cut_once_as_well() -> None:
    reset = request(TOKEN, "Reset", status=None, is_limited=True, is_refusal=True)
    home_list, _ = taken("amazon", reset)
    assert not home_list.short


def test_the_longest_wait_counts() -> None:
    replies = [request(V2, "Throttle", status=429, retry_after=wait) for wait in ("2", "60", None)]
    assert taken("hue", *map(attrs.evolve, replies))[1].wait_s == 60


def test_no_trouble_is_short_when_the_network_is_cut_as_well() -> None:
    reset = request(V2, "Reset", status=None, is_limited=True)
    home_list, _ = taken("hue", reset, is_unplugged=True)
    assert not home_list.short


def test_a_single_attempt_after_a_long_cut_is_no_short_trouble() -> None:
    home_list = HomeList(shown_at=lambda at: at)
    cut = home_of(Service(is_unplugged=True), Service())
    for _ in range(10):
        home_list.take(cut, NOON, lambda *_: NOON)
    taken("hue", request(V2, "Reset", status=None, is_limited=True), home_list=home_list)
    assert not home_list.short


def test_a_source_that_moved_cannot_be_reached_until_it_answers_again() -> None:
    home_list, _ = taken("hue", request(V2))
    moved = Service()
    moved.address = "127.0.0.1:2"
    home = home_of(moved, Service())
    home_list.take(home, NOON, lambda *_: NOON)
    assert home_list.unreachable == {("hue", NOON)}
    moved.requests.append(request(V2, "Throttle", status=429))
    home_list.take(home, NOON, lambda *_: NOON + INTERVAL)
    assert home_list.cycles["hue", NOON + INTERVAL].causes == {"throttled", "network"}
