"""What the simulated Alexa service answers beside GraphQL: the second way to the values, and who one is."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest

from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from tests.support.alexa_client import STATE, Answer, ask, bearer, browser, post, state

LIGHT = """{ endpoints { items { legacyAppliance { applianceId applianceTypes entityId } } } }"""


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


def get(alexa: SimulatedAlexa, path: str, name: str = "") -> Answer:
    return ask(alexa, path, headers=browser(alexa.cookies), name=name)


def test_states_are_json_in_strings_by_entity(alexa: SimulatedAlexa) -> None:
    told = state(alexa, alexa.monitors)
    assert told["errors"] == []
    for monitor, shown in zip(alexa.monitors, told["deviceStates"], strict=True):
        assert shown["entity"]["entityId"] == monitor.entity_id
        items = [json.loads(text) for text in shown["capabilityStates"]]
        assert [item["instance"] for item in items if item["name"] == "rangeValue"] == (
            ["4", "5", "6", "8", "9"] if monitor.room == "bedroom" else ["4", "5", "6", "7", "8", "9"]
        )
        health = next(item for item in items if item["namespace"] == "Alexa.EndpointHealth")
        assert health["value"] == {"value": "OK"}
        timed = ["timeOfSample" in item for item in items if item["name"] == "rangeValue"]
        assert set(timed) == {monitor.room != "bedroom"}


def test_an_entity_is_no_appliance(alexa: SimulatedAlexa) -> None:
    told = state(alexa, alexa.monitors[:1], "APPLIANCE")
    assert told["deviceStates"] == []
    (error,) = told["errors"]
    assert error["code"] == "TargetApplianceNotFoundException"
    assert error["entity"]["entityId"] == alexa.monitors[0].entity_id


def test_a_lamp_has_a_state_by_either_name(alexa: SimulatedAlexa) -> None:
    items = post(alexa, "/nexus/v1/graphql", {"query": LIGHT}, browser(alexa.cookies)).json
    appliances = [item["legacyAppliance"] for item in items["data"]["endpoints"]["items"]]
    lamp = next(each for each in appliances if each and each["applianceTypes"] == ["LIGHT"])
    names = [(lamp["entityId"], "ENTITY"), (lamp["applianceId"], "APPLIANCE")]
    asked = {"stateRequests": [{"entityId": name, "entityType": kind} for name, kind in names]}
    told = post(alexa, STATE, asked, browser(alexa.cookies)).json
    assert len(told["deviceStates"]) == 2
    assert told["errors"] == []


@pytest.mark.parametrize("content", [{}, [], {"stateRequests": [{}]}, {"stateRequests": 3}])
def test_a_wrong_request_for_states_is_a_bad_one(alexa: SimulatedAlexa, content: object) -> None:
    assert post(alexa, STATE, content, browser(alexa.cookies)).status == 400


def test_the_list_of_everything_is_dead(alexa: SimulatedAlexa) -> None:
    reply = get(alexa, "/api/phoenix")
    assert (reply.status, reply.body) == (299, b"")


def test_it_says_who_one_is_and_in_which_market(alexa: SimulatedAlexa) -> None:
    me = get(alexa, "/api/users/me?platform=ios&version=2.2.1").json
    assert me["marketPlaceDomainName"] == "https://www.amazon.com"
    assert (me["email"], me["countryOfResidence"]) == ("jo.doe@example.com", "US")
    german = get(alexa, "/api/users/me", "alexa.amazon.de").json
    assert (german["marketPlaceDomainName"], german["id"]) == ("https://www.amazon.de", me["id"])
    assert get(alexa, "/api/bootstrap").json["authentication"]["customerId"] == me["id"]


def test_it_names_its_neighbours_as_it_was_called_itself(alexa: SimulatedAlexa) -> None:
    named = get(alexa, "/api/endpoints", "alexa.amazon.co.uk").json
    assert named["websiteApiUrl"] == "https://alexa.amazon.co.uk"
    assert named["retailUrl"] == "https://www.amazon.co.uk"
    bare = get(alexa, "/api/endpoints").json
    assert urlsplit(bare["websiteApiUrl"]).netloc == alexa.address
    assert get(alexa, "/api/welcome", "alexa.amazon.co.uk").json["alexaHostName"] == "alexa.amazon.co.uk"


@pytest.mark.parametrize(
    "path",
    [
        "/api/notifications",
        "/api/language",
        "/api/customer-status",
        "/users/amzn1.comms.id.person.amzn1~x/identities",
        "/homegroups/x/devices",
    ],
)
def test_what_else_clients_ask_has_an_answer(alexa: SimulatedAlexa, path: str) -> None:
    assert get(alexa, path).json


def test_music_and_routines_are_octets(alexa: SimulatedAlexa) -> None:
    for path in ("/api/behaviors/entities?skillId=amzn1.ask.1p.music", "/api/behaviors/v2/automations"):
        reply = get(alexa, path)
        assert reply.headers["content-type"] == "application/octet-stream"
        assert isinstance(json.loads(reply.body), list)


def test_what_an_app_tells_of_itself_is_taken(alexa: SimulatedAlexa) -> None:
    path = "/v1/devices/@self/capabilities"
    assert ask(alexa, path, method="PUT", body="{}", headers=bearer(alexa)).status == 204


def test_nothing_else_is_there(alexa: SimulatedAlexa) -> None:
    for reply in (get(alexa, "/api/nonsense"), post(alexa, "/api/users/me", {}, browser(alexa.cookies))):
        assert reply.status == 404
        assert reply.is_html


def test_there_is_a_page_to_sign_in_on(alexa: SimulatedAlexa) -> None:
    reply = ask(alexa, "/ap/signin")
    assert reply.is_html
    assert b'name="signIn"' in reply.body


def test_whoever_takes_gzip_gets_it(alexa: SimulatedAlexa) -> None:
    headers = {**browser(alexa.cookies), "Accept-Encoding": "gzip, deflate"}
    packed = ask(alexa, "/api/devices-v2/device", headers=headers)
    assert packed.headers["content-encoding"] == "gzip"
    plain = get(alexa, "/api/devices-v2/device")
    assert "content-encoding" not in plain.headers
    assert packed.json == plain.json
    assert alexa.requests[0].reply_bytes < alexa.requests[1].reply_bytes


def test_asking_a_home_that_does_not_run_for_its_alexa_is_an_error(simulated_home: SimulatedHome) -> None:
    clock = simulated_home._clock
    with pytest.raises(RuntimeError, match="needs a running home"):
        _ = SimulatedHome(clock=clock).alexa


def test_it_can_be_unplugged_and_comes_back_at_the_same_address(alexa: SimulatedAlexa) -> None:
    address = alexa.address
    alexa.unplug()
    with pytest.raises(ConnectionRefusedError):
        get(alexa, "/api/users/me")
    alexa.plug_in()
    assert alexa.address == address
    assert get(alexa, "/api/users/me").status == 200
