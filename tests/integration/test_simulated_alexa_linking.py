"""Code-based linking with the simulated Alexa service: from the code on a screen to the first reading."""

from __future__ import annotations

import re
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from tests.support.alexa_client import Answer, ask, post, post_form, readings, refresh

CODE_PAIR, REGISTER = "/auth/create/codepair", "/auth/register"
DEVICE = {
    "domain": "Device",
    "app_name": "tests",
    "app_version": "1",
    "device_model": "x",
    "os_version": "1",
    "device_type": "A2IVLV5VM2W81",
    "device_serial": "0123456789abcdef",
    "device_name": "%FIRST_NAME%'s%DUPE_STRATEGY_1ST%collector",
}


@pytest.fixture
def alexa(simulated_home: SimulatedHome) -> SimulatedAlexa:
    return simulated_home.alexa


@pytest.fixture
def pair(alexa: SimulatedAlexa) -> dict[str, Any]:
    reply = post(alexa, CODE_PAIR, {"code_data": DEVICE})
    assert reply.status == 200
    created: dict[str, Any] = reply.json
    return created


def register(alexa: SimulatedAlexa, pair: dict[str, Any], *kinds: str, **more: Any) -> Answer:
    codes = {"public_code": pair["public_code"], "private_code": pair["private_code"]}
    return post(
        alexa,
        REGISTER,
        {
            "auth_data": {"code_pair": codes},
            "registration_data": DEVICE,
            "requested_token_type": kinds or ("bearer",),
            **more,
        },
    )


def refused(reply: Answer) -> tuple[int, str]:
    return reply.status, reply.json["error"]


def test_a_code_pair_lives_for_ten_minutes(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    assert (pair["expires_in"], pair["polling_interval_in_seconds"]) == (600, 3)
    assert re.fullmatch("[A-Z2-9]{6}", pair["public_code"])
    other = post(alexa, CODE_PAIR, {"code_data": DEVICE}).json
    assert other["public_code"] != pair["public_code"]
    assert other["private_code"] != pair["private_code"]


@pytest.mark.parametrize("content", [{}, {"code_data": {"device_type": "x"}}, []])
def test_a_code_pair_is_for_a_device(alexa: SimulatedAlexa, content: object) -> None:
    assert refused(post(alexa, CODE_PAIR, content)) == (400, "invalid_request")


def test_until_the_code_is_typed_the_answer_is_pending(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    for _ in range(2):
        assert refused(register(alexa, pair)) == (400, "authorization_pending")


def test_once_the_code_is_typed_the_device_gets_tokens_that_work(
    alexa: SimulatedAlexa, pair: dict[str, Any]
) -> None:
    assert alexa.approve(pair["public_code"].lower())
    success = register(alexa, pair).json["response"]["success"]
    tokens = success["tokens"]["bearer"]
    assert tokens["expires_in"] == "3600"
    assert tokens["refresh_token"].startswith("Atnr|")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert len(readings(alexa, headers).json["data"]["listEndpoints"]["endpoints"]) == 3
    assert refresh(alexa, tokens["refresh_token"]).status == 200
    assert set(success["tokens"]) == {"bearer"}


def test_the_device_is_told_who_it_is_if_it_asks(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    alexa.approve(pair["public_code"])
    success = register(
        alexa,
        pair,
        "bearer",
        "mac_dms",
        "website_cookies",
        "store_authentication_cookie",
        requested_extensions=["device_info", "customer_info"],
        cookies={"domain": ".amazon.de", "website_cookies": []},
    ).json["response"]["success"]
    assert success["extensions"]["device_info"] == {
        "device_name": "Jo's collector",
        "device_serial_number": DEVICE["device_serial"],
        "device_type": DEVICE["device_type"],
    }
    assert success["extensions"]["customer_info"]["home_region"] == "EU"
    assert {"adp_token", "device_private_key"} == set(success["tokens"]["mac_dms"])
    names = {cookie["Name"] for cookie in success["tokens"]["website_cookies"]}
    assert {"session-id", "session-token", "at-acbde"} <= names
    assert success["tokens"]["store_authentication_cookie"]["cookie"]


def test_codes_are_good_once(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    alexa.approve(pair["public_code"])
    assert register(alexa, pair).status == 200
    assert refused(register(alexa, pair)) == (400, "invalid_code_pair")
    assert not alexa.approve(pair["public_code"])


def test_a_code_runs_out(alexa: SimulatedAlexa, pair: dict[str, Any], home_clock: MemoryClock) -> None:
    home_clock.advance(600)
    assert refused(register(alexa, pair)) == (400, "expired_token")
    assert not alexa.approve(pair["public_code"])


def test_a_denied_device_is_told_so(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    assert alexa.deny(pair["public_code"])
    assert refused(register(alexa, pair)) == (403, "access_denied")


def test_only_both_codes_together_are_good(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    alexa.approve(pair["public_code"])
    for wrong in ({"private_code": "x"}, {"public_code": "AAAAAA"}):
        assert refused(register(alexa, {**pair, **wrong})) == (400, "invalid_code_pair")


def test_the_same_serial_is_the_same_device_and_its_old_tokens_end(alexa: SimulatedAlexa) -> None:
    tokens = []
    for _ in range(2):
        pair = post(alexa, CODE_PAIR, {"code_data": DEVICE}).json
        alexa.approve(pair["public_code"])
        success = register(alexa, pair).json["response"]["success"]
        tokens.append(success["tokens"]["bearer"]["refresh_token"])
    linked = [each for each in alexa.registrations if each.serial == DEVICE["device_serial"]]
    assert [each.refresh_token for each in linked] == tokens[1:]
    assert len(alexa.registrations) == 2  # with the ready one
    assert refresh(alexa, tokens[0]).json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "auth", [{"access_token": "Atna|x"}, {"authorization_code": "x"}, {"refresh_token": "x"}]
)
def test_registering_is_no_way_to_refresh(alexa: SimulatedAlexa, auth: dict[str, str]) -> None:
    reply = post(alexa, REGISTER, {"auth_data": auth, "registration_data": DEVICE})
    assert reply.status == 400
    error = reply.json["response"]["error"]
    assert (error["code"], error["message"]) == ("InvalidToken", "Auth time of the token is expired")


@pytest.mark.parametrize("content", [{}, {"auth_data": {}, "registration_data": {}}])
def test_a_registration_without_its_parts_is_refused(alexa: SimulatedAlexa, content: object) -> None:
    reply = post(alexa, REGISTER, content)
    assert (reply.status, reply.json["response"]["error"]["code"]) == (400, "MissingValue")


@pytest.mark.parametrize("path", ["/code", "/a/code", "/us/code"])
def test_a_person_types_the_code_on_a_page(alexa: SimulatedAlexa, pair: dict[str, Any], path: str) -> None:
    page = ask(alexa, path, name="www.amazon.com")
    assert page.is_html
    assert b'name="cbl-code"' in page.body
    assert post_form(alexa, "/code", **{"cbl-code": pair["public_code"], "action": "register"}).status == 200
    assert register(alexa, pair).status == 200


def test_the_page_says_no_to_a_wrong_code_and_takes_a_no(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    wrong = post_form(alexa, "/code", code="<b>")
    assert wrong.status == 400
    assert b"not valid" in wrong.body
    assert b"<b>" not in wrong.body
    assert post_form(alexa, "/code", code=pair["public_code"], action="deny").status == 200
    assert refused(register(alexa, pair)) == (403, "access_denied")


def test_a_link_to_the_page_can_hold_the_code(alexa: SimulatedAlexa, pair: dict[str, Any]) -> None:
    page = ask(alexa, f"/code?cbl-code={pair['public_code']}")
    assert pair["public_code"].encode() in page.body


def test_the_linked_apps_are_in_the_list_of_devices_and_the_monitors_are_not(
    alexa: SimulatedAlexa, pair: dict[str, Any]
) -> None:
    alexa.approve(pair["public_code"])
    token = register(alexa, pair).json["response"]["success"]["tokens"]["bearer"]["access_token"]
    reply = ask(alexa, "/api/devices-v2/device", headers={"Authorization": f"Bearer {token}"})
    devices = reply.json["devices"]
    apps = [app["serialNumber"] for device in devices for app in device["appDeviceList"]]
    assert DEVICE["device_serial"] in apps
    serials = {device["serialNumber"] for device in devices}
    assert serials.isdisjoint(monitor.serial for monitor in alexa.monitors)
    assert "MICROPHONE" in devices[0]["capabilities"]
