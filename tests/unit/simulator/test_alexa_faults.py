"""What goes wrong in the simulated Alexa service."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.monitors import sample_at
from domain.reading import Quantity
from tests.support.simulated_services import GRAPHQL, AlexaClient, content, is_html

STATE = "/api/phoenix/state"
EXCHANGE = "/ap/exchangetoken/cookies"


def error_of(reply: Any) -> Any:
    return reply["errors"][0]["message"], reply["errors"][0]["extensions"].get("errorCode"), reply.get("data")


def states(alexa: AlexaClient) -> Any:
    """Return the first monitor's states by the second reader."""
    reply = alexa.state((alexa.monitors[0].entity_id, "ENTITY"))
    return [json.loads(text) for text in reply["deviceStates"][0]["capabilityStates"]]


def test_stale_token_covers_every_credential(alexa: AlexaClient) -> None:
    client = alexa.with_faults("kind=stale-token")
    for headers in (alexa.bearer(), alexa.browser):
        error = ("Unauthenticated call", "FORBIDDEN", {"listEndpoints": None})
        assert error_of(client.readings(headers)) == error
    assert client.post(STATE, {"stateRequests": []}).status == 401


@pytest.mark.parametrize(
    ("form", "status", "html"), [("401", 401, False), ("page", 200, True), ("redirect", 302, True)]
)
def test_stale_token_takes_other_forms(alexa: AlexaClient, form: str, status: int, html: bool) -> None:
    client = alexa.with_faults(f"kind=stale-token as={form}")
    reply = client.post(GRAPHQL, {}, host="alexa.amazon.de")
    assert (reply.status, is_html(reply)) == (status, html)
    assert (b'name="signIn"' in reply.body) == (form == "page")
    if form == "redirect":
        assert reply.headers["Location"].startswith("https://www.amazon.de/ap/signin?")
        assert client.post(GRAPHQL, {}).headers["Location"].startswith("https://127.0.0.1:4443/ap/signin?")


@pytest.mark.parametrize("shape", ["error", "error.code", "response.error.code"])
def test_refusal_has_its_code_in_one_of_three_places(alexa: AlexaClient, shape: str) -> None:
    client = alexa.with_faults(f"kind=refused-token code=InvalidToken status=403 shape={shape}")
    for reply in (client.refresh(), client.post_form(EXCHANGE)):
        assert reply.status == 403
        code = content(reply)
        for step in shape.split("."):
            code = code[step]
        assert code == "InvalidToken"
    assert "errors" not in client.readings()


@pytest.mark.parametrize(
    ("fault", "message", "code"),
    [
        ("throttled-inside", "Too many requests", "THROTTLED"),
        ("error", "Internal server error", "INTERNAL_ERROR"),
    ],
)
def test_errors_at_status_200(alexa: AlexaClient, fault: str, message: str, code: str) -> None:
    client = alexa.with_faults(f"kind={fault}")
    assert error_of(client.readings()) == (message, code, {"listEndpoints": None})
    several = content(client.post(GRAPHQL, [{"query": "{ endpoints { items { id } } }"}]))
    assert error_of(several[0]) == (message, code, {"endpoints": None})
    assert content(client.post(STATE, {"stateRequests": []})) == {"message": message, "errorCode": code}
    assert "Invalid Syntax" in error_of(content(client.post(GRAPHQL, {"query": "{"})))[0]


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("throttled-inside form=rate", 400, b"Rate exceeded"),
        ("throttled-inside form=exception", 400, b"ThrottlingException"),
        ("throttled-inside form=client", 200, b"UNOFFICIAL_CLIENT_TOO_MANY_REQUESTS"),
        ("forbidden", 403, b'{"message":"Forbidden"}'),
        ("html", 200, b"<html"),
        ("unavailable", 503, b"<html"),
        ("redirect location=https://127.0.0.1:9/x", 302, b"Moved"),
        ("throttle", 429, b'{"message":"Rate exceeded"}'),
        ("revoked", 200, b"Unauthenticated call"),
    ],
)
def test_whole_replies_are_replaced(alexa: AlexaClient, fault: str, status: int, text: bytes) -> None:
    reply = alexa.with_faults(f"kind={fault}").post(GRAPHQL, {"query": "{ endpoints { items { id } } }"})
    assert reply.status == status
    assert text in reply.body


def test_redirect_stays_near_by_default(alexa: AlexaClient) -> None:
    reply = alexa.with_faults("kind=redirect").post(GRAPHQL, {})
    assert reply.headers["Location"] == "https://127.0.0.1:4443/"


@pytest.mark.parametrize(
    ("fault", "status", "text"),
    [
        ("refused-token shape=html", 400, b"<html"),
        ("refused-token shape=empty", 400, b""),
        ("revoked", 400, b"invalid_grant"),
    ],
)
def test_token_can_be_refused_in_other_forms(
    alexa: AlexaClient, fault: str, status: int, text: bytes
) -> None:
    reply = alexa.with_faults(f"kind={fault}").refresh()
    assert reply.status == status
    assert text in reply.body if text else not reply.body


def test_features_can_be_missing_in_one_monitor(alexa: AlexaClient) -> None:
    names = {"range:6", "temperatureSensor", "connectivity", "toggle:11"}
    where = alexa.monitors[0].serial
    client = alexa.with_faults(f"kind=missing-features names={','.join(names)} where={where}")
    first, *others = client.properties()
    assert names.isdisjoint(first)
    assert "range:4" in first
    assert all(names <= set(other) for other in others)
    assert "6" not in [item.get("instance") for item in states(client)]


def test_features_can_fail(alexa: AlexaClient) -> None:
    client = alexa.with_faults(
        "kind=failed-features names=range:6,temperatureSensor,connectivity type=NOT_FOUND"
    )
    for shown in client.properties():
        for name, value in (
            ("range:6", "rangeValue"),
            ("temperatureSensor", "value"),
            ("connectivity", "reachabilityStatusValue"),
        ):
            assert shown[name]["error"]["type"] == "NOT_FOUND"
            assert shown[name][value] is None
        assert shown["range:4"]["error"] is None
        assert shown["range:6"]["type"] == "ERROR"
    assert "temperature" in [item["name"] for item in states(client)]
    client = alexa.with_faults("kind=failed-features names=temperatureSensor")
    assert "temperature" not in [item["name"] for item in states(client)]


@pytest.mark.parametrize("page", ["captcha", "code", "mfa", "signin"])
def test_pages_can_need_a_person(alexa: AlexaClient, page: str) -> None:
    path = {"captcha": "/errors/validateCaptcha", "code": "/ap/cvf/request"}.get(page, f"/ap/{page}")
    reply = alexa.with_faults(f"kind=person page={page}").post(GRAPHQL, {})
    assert (reply.status, path.encode() in reply.body, is_html(reply)) == (200, True, True)
    reply = alexa.with_faults(f"kind=person page={page} as=redirect").refresh()
    assert (reply.status, reply.headers["Location"].partition("?")[0].endswith(path)) == (302, True)


def test_numbers_of_the_second_interface_can_be_text(alexa: AlexaClient) -> None:
    for item in states(alexa.with_faults("kind=text-numbers")):
        if item["name"] == "rangeValue":
            assert isinstance(item["value"], str)
        if item["name"] == "temperature":
            assert isinstance(item["value"]["value"], str)


def test_a_monitor_can_be_listed_twice_and_beside_another_makers(alexa: AlexaClient) -> None:
    client = alexa.with_faults(f"kind=listed-twice where={alexa.monitors[0].serial}", "kind=another-maker")
    kind = "legacyIdentifiers { dmsIdentifier { deviceType { value { text } } } }"
    query = f"{{ listEndpoints {{ endpoints {{ id features {{ name }} {kind} }} }} }}"
    shown = content(client.post(GRAPHQL, {"query": query}))["data"]["listEndpoints"]["endpoints"]
    twice = [each["features"] for each in shown if each["id"] == alexa.monitors[0].endpoint_id]
    assert (len(twice), twice[1]) == (2, [])
    assert shown[-1]["legacyIdentifiers"] == {"dmsIdentifier": None}


def test_samples_can_be_hours_old(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    monitor = alexa.monitors[0]
    client = alexa.with_faults(f"kind=stale-samples by=6h where={monitor.room}")
    old, recent, _ = (shown["range:4"] for shown in client.properties())
    then_s = (home_clock.now() - timedelta(hours=6)).timestamp()
    sample = sample_at(1, monitor, Quantity.RELATIVE_HUMIDITY, then_s)
    assert (datetime.fromisoformat(old["timeOfSample"]), old["rangeValue"]["value"]) == (
        sample.at,
        sample.value,
    )
    now_s = home_clock.now().timestamp()
    newest = sample_at(1, alexa.monitors[1], Quantity.RELATIVE_HUMIDITY, now_s)
    assert datetime.fromisoformat(recent["timeOfSample"]) == newest.at


@pytest.mark.parametrize(("by", "skew"), [("1h", timedelta(hours=1)), ("-30m", timedelta(minutes=-30))])
def test_clock_of_a_monitor_can_be_wrong(
    alexa: AlexaClient, home_clock: MemoryClock, by: str, skew: timedelta
) -> None:
    monitor = alexa.monitors[1]
    client = alexa.with_faults(f"kind=skewed-clock by={by} where={monitor.serial}")
    shown = client.properties()[1]["range:9"]
    sample = sample_at(1, monitor, Quantity.IAQ_SCORE, home_clock.now().timestamp())
    assert datetime.fromisoformat(shown["timeOfSample"]) == sample.at + skew
    assert shown["rangeValue"]["value"] == sample.value


def test_monitor_can_be_gone(alexa: AlexaClient) -> None:
    gone = alexa.monitors[1]
    client = alexa.with_faults(f"kind=gone 'where={gone.name}'")
    assert gone.entity_id not in json.dumps(client.readings())
    assert client.state((gone.entity_id, "ENTITY"))["errors"][0]["code"] == "TargetApplianceNotFoundException"


def test_monitor_can_be_unreachable(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    client = alexa.with_faults(f"kind=unreachable since=2h where={alexa.monitors[0].endpoint_id}")
    shown = client.properties()[0]
    assert shown["connectivity"]["reachabilityStatusValue"] == "UNREACHABLE"
    age = home_clock.now() - datetime.fromisoformat(shown["range:5"]["timeOfSample"])
    assert timedelta(hours=2) <= age
    reply = client.state(*((monitor.entity_id, "ENTITY") for monitor in alexa.monitors))
    assert [error["code"] for error in reply["errors"]] == ["ENDPOINT_UNREACHABLE"]
    assert len(reply["deviceStates"]) == 2


def test_temperatures_can_be_null(alexa: AlexaClient) -> None:
    client = alexa.with_faults(f"kind=null where={alexa.monitors[0].serial}")
    first, second, _ = (shown["temperatureSensor"]["value"] for shown in client.properties())
    assert first is None
    assert second["scale"] == "CELSIUS"
    assert [item["value"] for item in states(client) if item["name"] == "temperature"] == [None]


def test_samples_can_be_without_times(alexa: AlexaClient) -> None:
    client = alexa.with_faults("kind=no-dates")
    for shown in client.properties():
        assert all(each["timeOfSample"] is None for name, each in shown.items() if name != "toggle:11")
    assert not any("timeOfSample" in item for item in states(client))


def test_fields_can_be_missing_or_have_other_values(alexa: AlexaClient) -> None:
    client = alexa.with_faults(
        f"kind=missing fields=instance where={alexa.monitors[0].endpoint_id}",
        'kind=overwrite field=scale value="\\"RANKINE\\""',
    )
    first, second, _ = client.readings()["data"]["listEndpoints"]["endpoints"]
    assert all("instance" not in feature for feature in first["features"])
    assert all("instance" in feature for feature in second["features"])
    assert '"scale": "RANKINE"' in json.dumps(second)
