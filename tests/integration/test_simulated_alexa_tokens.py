"""Tokens and cookies of the simulated Alexa service, as a plain client gets and loses them."""

from __future__ import annotations

import json

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from tests.support.alexa_client import ask, bearer, browser, post, post_form, readings, refresh

EXCHANGE = "/ap/exchangetoken/cookies"


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


def is_let_in(alexa: SimulatedAlexa, headers: dict[str, str]) -> bool:
    return "errors" not in readings(alexa, headers).json


def exchanged(alexa: SimulatedAlexa, domain: str = ".amazon.com") -> dict[str, str]:
    reply = post_form(
        alexa,
        EXCHANGE,
        app_name="tests",
        source_token=alexa.refresh_token,
        source_token_type="refresh_token",
        requested_token_type="auth_cookies",
        domain=domain,
    )
    cookies = reply.json["response"]["tokens"]["cookies"][domain]
    return {cookie["Name"]: cookie["Value"] for cookie in cookies}


def test_a_refresh_token_is_exchanged_for_an_access_token_of_an_hour(alexa: SimulatedAlexa) -> None:
    reply = refresh(alexa)
    assert reply.status == 200
    assert set(reply.json) == {"access_token", "token_type", "expires_in"}
    assert reply.json["access_token"].startswith("Atna|")
    assert (reply.json["token_type"], reply.json["expires_in"]) == ("bearer", 3600)
    assert alexa.refresh_token.startswith("Atnr|")


def test_it_may_be_asked_for_in_json_too(alexa: SimulatedAlexa) -> None:
    asked = {
        "app_name": "tests",
        "source_token": alexa.refresh_token,
        "source_token_type": "refresh_token",
        "requested_token_type": "access_token",
    }
    assert post(alexa, "/auth/token", asked).json["expires_in"] == 3600


def test_an_access_token_is_good_for_its_hour_alone(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    headers = bearer(alexa)
    home_clock.advance(3599)
    assert is_let_in(alexa, headers)
    home_clock.advance(1)
    assert not is_let_in(alexa, headers)
    assert is_let_in(alexa, bearer(alexa))


def test_access_can_be_ended_by_hand_and_had_again(alexa: SimulatedAlexa) -> None:
    headers = bearer(alexa)
    alexa.end_access()
    assert not is_let_in(alexa, headers)
    assert is_let_in(alexa, bearer(alexa))


def test_an_access_token_that_nobody_gave_out_is_no_good(alexa: SimulatedAlexa) -> None:
    assert not is_let_in(alexa, {"Authorization": "Bearer Atna|made-up"})


def test_a_stale_bearer_is_not_let_in_by_the_cookies_that_it_brings(alexa: SimulatedAlexa) -> None:
    headers = {**browser(alexa.cookies), "Authorization": "Bearer Atna|made-up"}
    assert not is_let_in(alexa, headers)


@pytest.mark.parametrize("refresh_token", ["Atnr|made-up", "x"])
def test_a_refresh_token_that_nobody_gave_out_is_an_invalid_grant(
    alexa: SimulatedAlexa, refresh_token: str
) -> None:
    reply = refresh(alexa, refresh_token)
    assert (reply.status, reply.json["error"]) == (400, "invalid_grant")


def test_an_app_that_its_owner_removed_loses_everything(alexa: SimulatedAlexa) -> None:
    headers = bearer(alexa)
    alexa.revoke(alexa.refresh_token)
    alexa.revoke("Atnr|made-up")
    assert refresh(alexa).json["error"] == "invalid_grant"
    assert not is_let_in(alexa, headers)
    assert not is_let_in(alexa, browser(alexa.cookies))


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"app_name": ""}, "MissingValue"),
        ({"source_token": ""}, "MissingValue"),
        ({"source_token_type": "access_token"}, "invalid_request"),
        ({"requested_token_type": "gold"}, "invalid_request"),
    ],
)
def test_a_wrong_request_is_refused_with_a_code(
    alexa: SimulatedAlexa, wrong: dict[str, str], code: str
) -> None:
    reply = refresh(alexa, **wrong)
    assert reply.status == 400
    told = reply.json
    assert code in (told.get("error"), told.get("response", {}).get("error", {}).get("code"))


def test_nonsense_is_refused_too(alexa: SimulatedAlexa) -> None:
    assert ask(alexa, "/auth/token", method="POST", body=b"\xff{").status == 400
    assert post(alexa, "/auth/token", []).status == 400
    assert post(alexa, "/auth/token", "x").status == 400
    json_type = {"Content-Type": "application/json"}
    assert ask(alexa, "/auth/token", method="POST", body="{", headers=json_type).status == 400


def test_cookies_come_for_a_refresh_token_and_some_are_wrapped_in_quotes(alexa: SimulatedAlexa) -> None:
    cookies = exchanged(alexa)
    assert {"session-id", "session-token", "ubid-main", "at-main", "x-main"} <= set(cookies)
    assert "csrf" not in cookies
    assert cookies["session-token"].startswith('"')
    assert not cookies["session-id"].startswith('"')
    stripped = {name: value.strip('"') for name, value in cookies.items()}
    assert is_let_in(alexa, browser(stripped))
    assert is_let_in(alexa, browser(cookies))


def test_the_token_endpoint_gives_cookies_too(alexa: SimulatedAlexa) -> None:
    reply = refresh(alexa, requested_token_type="auth_cookies", domain="www.amazon.co.uk")
    (domain,) = reply.json["response"]["tokens"]["cookies"]
    assert domain == ".amazon.co.uk"


def test_each_market_has_cookies_of_its_own_name(alexa: SimulatedAlexa) -> None:
    assert {"at-acbde", "ubid-acbde", "x-acbde"} <= set(exchanged(alexa, ".amazon.de"))


def test_without_a_domain_the_name_of_the_host_decides(alexa: SimulatedAlexa) -> None:
    reply = post_form(
        alexa,
        EXCHANGE,
        "www.amazon.fr",
        app_name="tests",
        source_token=alexa.refresh_token,
        source_token_type="refresh_token",
        requested_token_type="auth_cookies",
    )
    assert list(reply.json["response"]["tokens"]["cookies"]) == [".amazon.fr"]


def test_cookies_run_out_after_two_weeks(alexa: SimulatedAlexa, home_clock: MemoryClock) -> None:
    home_clock.advance(14 * 86_400 - 1)
    assert is_let_in(alexa, browser(alexa.cookies))
    home_clock.advance(1)
    assert not is_let_in(alexa, browser(alexa.cookies))


def test_everybody_can_be_signed_out(alexa: SimulatedAlexa) -> None:
    alexa.end_sessions()
    assert not is_let_in(alexa, browser(alexa.cookies))
    assert is_let_in(alexa, bearer(alexa))


def test_the_csrf_header_must_be_equal_to_the_csrf_cookie(alexa: SimulatedAlexa) -> None:
    headers = browser(alexa.cookies)
    assert is_let_in(alexa, headers)
    assert not is_let_in(alexa, {**headers, "csrf": "-1"})
    assert not is_let_in(alexa, {"Cookie": headers["Cookie"]})
    # Who reads does not have to show it.
    assert ask(alexa, "/api/users/me", headers={"Cookie": headers["Cookie"]}).status == 200


def test_session_id_and_session_token_are_what_it_takes(alexa: SimulatedAlexa) -> None:
    essential = {name: alexa.cookies[name] for name in ("session-id", "session-token", "csrf")}
    assert is_let_in(alexa, browser(essential))
    for name in ("session-id", "session-token"):
        assert not is_let_in(alexa, browser({key: essential[key] for key in essential if key != name}))


@pytest.mark.parametrize("path", ["/api/language", "/spa/index.html", "/api/devices-v2/device?cached=false"])
def test_some_pages_set_the_csrf_cookie_of_who_has_none(alexa: SimulatedAlexa, path: str) -> None:
    cookies = {name: value for name, value in alexa.cookies.items() if name != "csrf"}
    reply = ask(alexa, path, headers=browser(cookies), name="alexa.amazon.de")
    assert reply.headers["set-cookie"].startswith("csrf=")
    assert "Domain=.amazon.de" in reply.headers["set-cookie"]
    csrf = reply.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert is_let_in(alexa, browser({**cookies, "csrf": csrf}))
    assert "set-cookie" not in ask(alexa, path, headers=browser(alexa.cookies)).headers
    assert "Domain" not in ask(alexa, path, headers=browser(cookies)).headers["set-cookie"]


def test_deregistering_ends_what_the_app_had(alexa: SimulatedAlexa) -> None:
    headers = bearer(alexa)
    reply = post(alexa, "/auth/deregister", {"deregister_all_existing_accounts": False}, headers)
    assert (reply.status, reply.json["response"]) == (200, {"success": {}})
    assert alexa.registrations == []
    assert refresh(alexa).json["error"] == "invalid_grant"
    again = post(alexa, "/auth/deregister", {}, headers)
    assert (again.status, again.json["response"]["error"]["code"]) == (401, "Unauthorized")


def test_the_ready_token_of_a_seed_is_always_the_same(home_clock: MemoryClock) -> None:
    tokens = []
    for seed in (5, 5, 6):
        with SimulatedHome(clock=home_clock, seed=seed).running() as home:
            tokens.append(home.alexa.refresh_token)
    assert tokens[0] == tokens[1] != tokens[2]


def test_what_was_seen_holds_no_secret(alexa: SimulatedAlexa) -> None:
    readings(alexa, bearer(alexa))
    ask(alexa, "/code?cbl-code=ABCDEF")
    seen = repr(alexa.requests)
    assert [each.path for each in alexa.requests] == ["/auth/token", "/nexus/v1/graphql", "/code"]
    for secret in (alexa.refresh_token, "Atna", "ABCDEF", alexa.cookies["session-token"]):
        assert secret not in seen


def test_a_reply_of_the_token_endpoint_is_plain_json(alexa: SimulatedAlexa) -> None:
    assert json.loads(refresh(alexa).body)["token_type"] == "bearer"
