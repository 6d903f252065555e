"""What goes wrong in the simulated Alexa service, as a client meets it on the wire."""

from __future__ import annotations

import http.client
import json
import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.faults import Silence
from adapters.simulator.home import SimulatedHome
from adapters.simulator.network import Pace
from domain.reading import Quantity
from tests.support.alexa_client import (
    GRAPHQL,
    READINGS,
    Answer,
    ask,
    bearer,
    browser,
    connection,
    endpoints,
    post,
    post_form,
    properties,
    readings,
    refresh,
    state,
)


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


def states(alexa: SimulatedAlexa) -> Answer:
    asked = {"stateRequests": [{"entityId": alexa.monitors[0].entity_id, "entityType": "ENTITY"}]}
    return post(alexa, "/api/phoenix/state", asked, browser(alexa.cookies))


def message(reply: Answer) -> Any:
    return reply.json["errors"][0]["message"]


# Tokens


def test_one_stale_token_is_followed_by_a_good_one(alexa: SimulatedAlexa) -> None:
    headers = bearer(alexa)
    alexa.faults.add("kind=stale-token count=1")
    reply = readings(alexa, headers)
    assert (reply.status, reply.json["data"]) == (200, {"listEndpoints": None})
    assert reply.json["errors"][0]["extensions"]["errorCode"] == "FORBIDDEN"
    assert "errors" not in readings(alexa, bearer(alexa)).json


def test_every_token_can_be_stale_even_a_fresh_one(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=stale-token")
    for headers in (bearer(alexa), bearer(alexa), browser(alexa.cookies)):
        assert message(readings(alexa, headers)) == "Unauthenticated call"
    assert states(alexa).status == 401


def test_staleness_can_be_told_by_401(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=stale-token as=401")
    assert readings(alexa).status == 401


def test_staleness_can_be_told_by_the_page_to_sign_in_on(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=stale-token as=page")
    reply = readings(alexa)
    assert (reply.status, reply.is_html) == (200, True)
    assert b'name="signIn"' in reply.body


def test_staleness_can_be_told_by_a_redirect_to_that_page(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=stale-token as=redirect")
    reply = readings(alexa)
    assert reply.status == 302
    place = urlsplit(reply.headers["location"])
    assert (place.netloc, place.path) == (alexa.address, "/ap/signin")
    assert ask(alexa, place.path).is_html
    named = ask(alexa, GRAPHQL, method="POST", body="{}", name="alexa.amazon.de")
    assert named.headers["location"].startswith("https://www.amazon.de/ap/signin?")


@pytest.mark.parametrize("code", ["invalid_grant", "InvalidToken", "InvalidValue", "unauthorized_client"])
@pytest.mark.parametrize("shape", ["error", "error.code", "response.error.code"])
def test_a_refused_token_has_its_code_in_one_of_three_places(
    alexa: SimulatedAlexa, code: str, shape: str
) -> None:
    alexa.faults.add(f"kind=refused-token code={code} shape={shape}")
    for reply in (refresh(alexa), post_form(alexa, "/ap/exchangetoken/cookies")):
        assert reply.status == 400
        told = reply.json
        for step in shape.split("."):
            told = told[step]
        assert told == code
    assert "errors" not in readings(alexa).json


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_can_be_refused_with_another_status(alexa: SimulatedAlexa, status: int) -> None:
    alexa.faults.add(f"kind=refused-token status={status}")
    assert refresh(alexa).status == status


def test_a_refusal_can_be_a_page_or_nothing(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=refused-token shape=html count=1")
    alexa.faults.add("kind=refused-token shape=empty first=2 count=1")
    page, nothing = refresh(alexa), refresh(alexa)
    assert (page.status, page.is_html) == (400, True)
    assert (nothing.status, nothing.body) == (400, b"")
    assert refresh(alexa).status == 200


def test_a_revoked_app_is_refused_everywhere(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=revoked")
    assert refresh(alexa).json["error"] == "invalid_grant"
    assert message(readings(alexa)) == "Unauthenticated call"


# Throttled, failed, forbidden


def test_throttling_can_be_429_and_name_a_wait(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    alexa.faults.add("kind=throttle retry_after=120 count=1")
    alexa.faults.add("kind=throttle retry_after_date=90 first=2 count=1")
    alexa.faults.add("kind=throttle first=3")
    first, second, third = readings(alexa), readings(alexa), readings(alexa)
    assert (first.status, first.json) == (429, {"message": "Rate exceeded"})
    assert first.headers["retry-after"] == "120"
    named = parsedate_to_datetime(second.headers["retry-after"])
    assert named == home_clock.now() + timedelta(seconds=90)
    assert "retry-after" not in third.headers


def test_throttling_can_hide_inside_a_status_200(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=throttled-inside")
    reply = readings(alexa)
    assert (reply.status, message(reply)) == (200, "Too many requests")
    assert reply.json["data"] == {"listEndpoints": None}
    in_a_list = post(alexa, GRAPHQL, [{"query": "{ endpoints { items { id } } }"}], browser(alexa.cookies))
    assert in_a_list.json[0]["errors"][0]["message"] == "Too many requests"
    assert states(alexa).json["message"] == "Too many requests"
    assert refresh(alexa).status == 200


@pytest.mark.parametrize(
    ("form", "word"), [("rate", b"Rate exceeded"), ("exception", b"ThrottlingException")]
)
def test_throttling_can_be_a_400(alexa: SimulatedAlexa, form: str, word: bytes) -> None:
    alexa.faults.add(f"kind=throttled-inside form={form}")
    reply = readings(alexa)
    assert reply.status == 400
    assert word in reply.body


def test_an_error_can_come_with_status_200(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=error")
    reply = readings(alexa)
    assert (reply.status, message(reply)) == (200, "Internal server error")
    assert reply.json["errors"][0]["extensions"]["errorCode"] == "INTERNAL_ERROR"
    assert states(alexa).json["errorCode"] == "INTERNAL_ERROR"


def test_403_can_have_nothing_to_do_with_who_asks(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=forbidden path=/nexus")
    reply = readings(alexa, bearer(alexa))
    assert (reply.status, reply.json) == (403, {"message": "Forbidden"})
    assert states(alexa).status == 200


def test_an_error_in_a_query_that_cannot_be_read_is_about_the_query(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=error")
    assert "Invalid Syntax" in message(post(alexa, GRAPHQL, {"query": "{"}, browser(alexa.cookies)))


# The monitors


def test_features_can_be_missing_in_one_monitor(alexa: SimulatedAlexa) -> None:
    serial = alexa.monitors[0].serial
    names = ["range:6", "temperatureSensor", "connectivity", "toggle:11"]
    alexa.faults.add(f"kind=missing-features names={','.join(names)} where={serial}")
    first, *others = [properties(endpoint) for endpoint in endpoints(alexa)]
    assert not set(names) & set(first)
    assert "range:4" in first
    assert all(set(names) <= set(other) for other in others)
    (shown,) = state(alexa, alexa.monitors[:1])["deviceStates"]
    assert [json.loads(text).get("instance") for text in shown["capabilityStates"]].count("6") == 0


def test_features_can_come_with_an_error_in_place_of_a_value(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=failed-features names=range:6,temperatureSensor,connectivity type=NOT_FOUND")
    for endpoint in endpoints(alexa):
        shown = properties(endpoint)
        for name, value in (
            ("range:6", "rangeValue"),
            ("temperatureSensor", "value"),
            ("connectivity", "reachabilityStatusValue"),
        ):
            assert shown[name]["error"]["type"] == "NOT_FOUND"
            assert shown[name][value] is None
        assert shown["range:4"]["error"] is None
    (shown,) = state(alexa, alexa.monitors[:1])["deviceStates"]
    assert not any("TemperatureSensor" in text for text in shown["capabilityStates"])


def test_samples_can_be_hours_old(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    monitor = alexa.monitors[0]
    alexa.faults.add(f"kind=stale-samples by=6h where={monitor.room}")
    then = home_clock.now() - timedelta(hours=6)
    old, recent, _ = [properties(endpoint)["range:4"] for endpoint in endpoints(alexa)]
    assert datetime.fromisoformat(old["timeOfSample"]) == alexa.observed_at(
        monitor.serial, Quantity.RELATIVE_HUMIDITY, then
    )
    assert old["rangeValue"]["value"] == alexa.value(monitor.serial, Quantity.RELATIVE_HUMIDITY, then)
    assert home_clock.now() - datetime.fromisoformat(recent["timeOfSample"]) < timedelta(minutes=6)


def test_a_clock_can_be_ahead_or_behind(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    ahead, behind, _ = alexa.monitors
    alexa.faults.add(f"kind=skewed-clock by=1h where={ahead.serial}")
    alexa.faults.add(f"kind=skewed-clock by=-30m where={behind.serial}")
    now = home_clock.now()
    for monitor, endpoint, skew in (
        (ahead, endpoints(alexa)[0], timedelta(hours=1)),
        (behind, endpoints(alexa)[1], timedelta(minutes=-30)),
    ):
        shown = properties(endpoint)["range:9"]
        sampled = datetime.fromisoformat(shown["timeOfSample"])
        assert sampled == alexa.observed_at(monitor.serial, Quantity.IAQ_SCORE, now) + skew
        assert shown["rangeValue"]["value"] == alexa.value(monitor.serial, Quantity.IAQ_SCORE, now)


def test_a_monitor_can_be_gone(alexa: SimulatedAlexa) -> None:
    gone = alexa.monitors[1]
    alexa.faults.add(f"kind=gone 'where={gone.name}'")
    assert gone.endpoint_id not in [endpoint["id"] for endpoint in endpoints(alexa)]
    assert gone.entity_id.encode() not in readings(alexa).body
    assert state(alexa, [gone])["errors"][0]["code"] == "TargetApplianceNotFoundException"


def test_a_monitor_can_be_out_of_reach(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    monitor = alexa.monitors[0]
    alexa.faults.add(f"kind=unreachable since=2h where={monitor.endpoint_id}")
    shown = properties(endpoints(alexa)[0])
    assert shown["connectivity"]["reachabilityStatusValue"] == "UNREACHABLE"
    age = home_clock.now() - datetime.fromisoformat(shown["range:5"]["timeOfSample"])
    assert timedelta(hours=2) <= age < timedelta(hours=2, minutes=6)
    told = state(alexa, alexa.monitors)
    assert [error["code"] for error in told["errors"]] == ["ENDPOINT_UNREACHABLE"]
    assert len(told["deviceStates"]) == 2


def test_temperatures_can_be_null(alexa: SimulatedAlexa) -> None:
    alexa.faults.add(f"kind=null where={alexa.monitors[0].serial}")
    first, second, _ = [properties(endpoint)["temperatureSensor"]["value"] for endpoint in endpoints(alexa)]
    assert first is None
    assert second["scale"] == "CELSIUS"
    (shown,) = state(alexa, alexa.monitors[:1])["deviceStates"]
    assert any('"temperature","value":null' in text for text in shown["capabilityStates"])


def test_samples_can_be_without_times(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=no-dates")
    for endpoint in endpoints(alexa):
        for name, shown in properties(endpoint).items():
            assert name == "toggle:11" or shown["timeOfSample"] is None
    (shown,) = state(alexa, alexa.monitors[:1])["deviceStates"]
    assert "timeOfSample" not in "".join(shown["capabilityStates"])


def test_any_field_can_be_missing_or_have_another_value(alexa: SimulatedAlexa) -> None:
    alexa.faults.add(f"kind=missing fields=instance where={alexa.monitors[0].endpoint_id}")
    alexa.faults.add('kind=overwrite field=scale value="\\"RANKINE\\""')
    first, second, _ = endpoints(alexa)
    assert all("instance" not in feature for feature in first["features"])
    assert all("instance" in feature for feature in second["features"])
    assert properties(second)["temperatureSensor"]["value"]["scale"] == "RANKINE"


# The wire: the same faults as for every simulated service


def test_a_page_can_come_with_status_200_or_503(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=html count=1")
    alexa.faults.add("kind=unavailable first=2")
    first, second = readings(alexa), readings(alexa)
    assert (first.status, first.is_html) == (200, True)
    assert (second.status, second.is_html) == (503, True)


def test_a_redirect_goes_where_it_is_told_or_stays_near(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=redirect location=https://127.0.0.1:9/x count=1")
    alexa.faults.add("kind=redirect first=2")
    first, second = readings(alexa), readings(alexa)
    assert (first.status, first.headers["location"]) == (302, "https://127.0.0.1:9/x")
    assert second.headers["location"] == f"https://{alexa.address}/"


def test_half_a_body_promises_all_of_it(alexa: SimulatedAlexa) -> None:
    whole = readings(alexa).body
    alexa.faults.add("kind=half")
    with pytest.raises(http.client.IncompleteRead) as broken:
        readings(alexa, {**browser(alexa.cookies), "Accept-Encoding": "gzip"})
    assert broken.value.partial == whole[: len(whole) // 2]


def test_garbled_json_is_a_whole_reply(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=garbled")
    reply = readings(alexa, {**browser(alexa.cookies), "Accept-Encoding": "gzip"})
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


def test_a_huge_body_is_huge_on_the_wire(alexa: SimulatedAlexa) -> None:
    whole = readings(alexa).json
    alexa.faults.add("kind=huge bytes=2000000")
    reply = readings(alexa, {**browser(alexa.cookies), "Accept-Encoding": "gzip"})
    assert reply.json == whole
    assert alexa.requests[-1].reply_bytes > 2_000_000


def test_a_reset_is_no_reply(alexa: SimulatedAlexa) -> None:
    alexa.faults.add("kind=reset path=/auth")
    with pytest.raises((ConnectionError, http.client.HTTPException, OSError)):
        refresh(alexa)
    assert alexa.requests[-1].status is None
    assert "errors" not in readings(alexa).json


def test_silence_lasts_until_the_client_gives_up(alexa: SimulatedAlexa) -> None:
    alexa.faults.add(Silence())
    with connection(alexa) as asking:
        asking.request("GET", "/api/phoenix")
        assert asking.sock is not None
        asking.sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            asking.getresponse()


def test_replies_can_be_late_or_come_in_crumbs(alexa: SimulatedAlexa) -> None:
    whole = readings(alexa).body
    alexa.faults.add("kind=delay seconds=0.1 count=1")
    alexa.faults.add("kind=dribble bytes=4000 every=0.01 first=2")
    alexa.set_pace(Pace(latency_s=0.05))
    began_s = time.monotonic()
    assert readings(alexa).body == whole
    assert time.monotonic() - began_s >= 0.15
    assert readings(alexa).body == whole
    assert [seen.faults for seen in alexa.requests[1:]] == [("Delay",), ("Dribble",)]


def test_faults_of_the_bridge_are_not_those_of_alexa(simulated_home: SimulatedHome) -> None:
    simulated_home.bridge.faults.add("kind=unavailable")
    alexa = simulated_home.alexa
    assert readings(alexa).status == 200
    assert post(alexa, GRAPHQL, {"query": READINGS, "variables": {"ids": []}}).status == 200
