"""Tokens, sessions, linking and the app's other pages of the simulated Alexa service."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from adapters.memory.runtime import MemoryClock
from tests.support.simulated_services import AlexaClient, browser, content, is_html

EXCHANGE, REGISTER, CODE_PAIR = "/ap/exchangetoken/cookies", "/auth/register", "/auth/create/codepair"
DEVICE = {
    "device_type": "A2IVLV5VM2W81",
    "device_serial": "0123456789abcdef",
    "device_name": "%FIRST_NAME%'s%DUPE_STRATEGY_1ST%collector",
}


def cookies_of(reply: Any, domain: str) -> dict[str, str]:
    listed = content(reply)["response"]["tokens"]["cookies"][domain]
    return {cookie["Name"]: cookie["Value"] for cookie in listed}


def exchange(alexa: AlexaClient, domain: str = "", host: str = "127.0.0.1") -> Any:
    token = alexa.api.account.ready.refresh_token
    fields = {"app_name": "tests", "source_token": token, "source_token_type": "refresh_token"}
    more = {"domain": domain} if domain else {}
    return alexa.post_form(EXCHANGE, host, requested_token_type="auth_cookies", **fields, **more)


# Tokens


def test_refresh_token_gives_access_for_one_hour(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    reply = content(alexa.refresh())
    assert reply == {"access_token": reply["access_token"], "token_type": "bearer", "expires_in": 3600}
    assert reply["access_token"].startswith("Atna|")
    headers = alexa.bearer()
    home_clock.advance(3599)
    assert alexa.is_accepted(headers)
    home_clock.advance(1)
    assert not alexa.is_accepted(headers)
    assert alexa.is_accepted(alexa.bearer())


def test_unknown_bearer_is_refused_even_with_good_cookies(alexa: AlexaClient) -> None:
    bad = {"Authorization": "Bearer Atna|made-up"}
    assert not alexa.is_accepted(bad)
    assert not alexa.is_accepted({**alexa.browser, **bad})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"source_token": "Atnr|made-up"}, "invalid_grant"),
        ({"app_name": ""}, "MissingValue"),
        ({"source_token": ""}, "MissingValue"),
        ({"source_token_type": "access_token"}, "invalid_request"),
        ({"requested_token_type": "gold"}, "invalid_request"),
    ],
)
def test_invalid_token_request_is_refused_with_a_code(
    alexa: AlexaClient, fields: dict[str, str], code: str
) -> None:
    reply = alexa.refresh(**fields)
    assert reply.status == 400
    error = content(reply)
    assert code in (error.get("error"), error.get("response", {}).get("error", {}).get("code"))


def test_token_request_may_be_json(alexa: AlexaClient) -> None:
    token = alexa.api.account.ready.refresh_token
    body = {"app_name": "tests", "source_token": token, "source_token_type": "refresh_token"}
    body["requested_token_type"] = "access_token"
    json_type = {"Content-Type": "application/json"}
    assert content(alexa.ask("/auth/token", "POST", body, json_type))["expires_in"] == 3600
    for nonsense in (b"\xff{", b"[]", b'"x"', b"{"):
        assert alexa.ask("/auth/token", "POST", nonsense, json_type).status == 400


def test_deregistered_app_loses_everything(alexa: AlexaClient) -> None:
    headers = alexa.bearer()
    reply = alexa.post("/auth/deregister", {}, headers)
    assert (reply.status, content(reply)["response"]) == (200, {"success": {}})
    assert alexa.api.account.registrations == []
    again = alexa.post("/auth/deregister", {}, headers)
    assert (again.status, content(again)["response"]["error"]["code"]) == (401, "Unauthorized")
    assert content(alexa.refresh())["error"] == "invalid_grant"
    assert not alexa.is_accepted(headers)
    assert not alexa.is_accepted(alexa.browser)


# Cookies


def test_cookies_for_a_refresh_token_may_be_quoted(alexa: AlexaClient) -> None:
    cookies = cookies_of(exchange(alexa, ".amazon.com"), ".amazon.com")
    assert {"session-id", "session-token", "ubid-main", "at-main", "x-main"} <= set(cookies)
    assert "csrf" not in cookies
    assert cookies["session-token"].startswith('"')
    assert not cookies["session-id"].startswith('"')
    for quoted in (True, False):
        sent = {name: value if quoted else value.strip('"') for name, value in cookies.items()}
        assert alexa.is_accepted(browser(sent))


def test_market_names_the_cookies(alexa: AlexaClient) -> None:
    assert {"at-acbde", "ubid-acbde"} <= set(cookies_of(exchange(alexa, ".amazon.de"), ".amazon.de"))
    assert "at-acbfr" in cookies_of(exchange(alexa, host="www.amazon.fr"), ".amazon.fr")
    reply = alexa.refresh(requested_token_type="auth_cookies", domain="www.amazon.co.uk")
    assert "at-acbuk" in cookies_of(reply, ".amazon.co.uk")


def test_session_ends_after_two_weeks_or_by_hand(alexa: AlexaClient, home_clock: MemoryClock) -> None:
    home_clock.advance(14 * 86_400 - 1)
    assert alexa.is_accepted(alexa.browser)
    home_clock.advance(1)
    assert not alexa.is_accepted(alexa.browser)
    fresh = browser(cookies_of(exchange(alexa, ".amazon.com"), ".amazon.com"))
    assert alexa.is_accepted(fresh)
    alexa.api.account.end_sessions()
    assert not alexa.is_accepted(fresh)
    assert alexa.is_accepted(alexa.bearer())


def test_csrf_header_must_equal_the_cookie_except_for_reads(alexa: AlexaClient) -> None:
    headers = alexa.browser
    assert alexa.is_accepted(headers)
    assert not alexa.is_accepted({**headers, "csrf": "-1"})
    assert not alexa.is_accepted({"Cookie": headers["Cookie"]})
    assert alexa.ask("/api/users/me", headers={"Cookie": headers["Cookie"]}).status == 200


def test_session_id_and_token_are_both_needed(alexa: AlexaClient) -> None:
    essential = {name: alexa.cookies[name] for name in ("session-id", "session-token", "csrf")}
    assert alexa.is_accepted(browser(essential))
    for name in ("session-id", "session-token"):
        assert not alexa.is_accepted(browser({key: essential[key] for key in essential if key != name}))


@pytest.mark.parametrize("path", ["/api/language", "/spa/index.html", "/api/devices-v2/device?cached=false"])
def test_pages_set_a_missing_csrf_cookie(alexa: AlexaClient, path: str) -> None:
    cookies = {name: value for name, value in alexa.cookies.items() if name != "csrf"}
    set_cookie = alexa.ask(path, headers=browser(cookies), host="alexa.amazon.de").headers["Set-Cookie"]
    found = re.fullmatch(r"csrf=(-\d{9}); Domain=\.amazon\.de; Path=/; Secure", set_cookie)
    assert found
    assert alexa.is_accepted(browser({**cookies, "csrf": found[1]}))
    assert "Set-Cookie" not in alexa.get(path).headers
    assert "Domain" not in alexa.ask(path, headers=browser(cookies)).headers["Set-Cookie"]


# Linking


@pytest.fixture
def pair(alexa: AlexaClient) -> dict[str, Any]:
    created: dict[str, Any] = content(alexa.post(CODE_PAIR, {"code_data": DEVICE}, {}))
    return created


def register(alexa: AlexaClient, pair: dict[str, Any], *kinds: str, **more: Any) -> Any:
    codes = {"public_code": pair["public_code"], "private_code": pair["private_code"]}
    body = {
        "auth_data": {"code_pair": codes},
        "registration_data": DEVICE,
        "requested_token_type": kinds or ("bearer",),
        **more,
    }
    return alexa.post(REGISTER, body, {})


def refusal(reply: Any) -> tuple[int, str]:
    return reply.status, content(reply)["error"]


def approve(alexa: AlexaClient, pair: dict[str, Any]) -> bool:
    return alexa.api.account.enter_code(pair["public_code"].lower(), approve=True)


def test_code_pairs_differ_and_name_their_lifetime(alexa: AlexaClient, pair: dict[str, Any]) -> None:
    assert (pair["expires_in"], pair["polling_interval_in_seconds"]) == (600, 3)
    assert re.fullmatch("[A-Z2-9]{6}", pair["public_code"])
    other = content(alexa.post(CODE_PAIR, {"code_data": DEVICE}, {}))
    assert {other["public_code"], other["private_code"]}.isdisjoint(pair.values())
    bodies: list[object] = [{}, {"code_data": {"device_type": "x"}}, []]
    for body in bodies:
        assert refusal(alexa.post(CODE_PAIR, body, {})) == (400, "invalid_request")


def test_approved_device_gets_working_tokens_once(alexa: AlexaClient, pair: dict[str, Any]) -> None:
    for _ in range(2):
        assert refusal(register(alexa, pair)) == (400, "authorization_pending")
    assert approve(alexa, pair)
    success = content(register(alexa, pair))["response"]["success"]
    assert set(success["tokens"]) == {"bearer"}
    bearer = success["tokens"]["bearer"]
    assert bearer["expires_in"] == "3600"
    assert alexa.is_accepted({"Authorization": f"Bearer {bearer['access_token']}"})
    assert alexa.refresh(bearer["refresh_token"]).status == 200
    assert refusal(register(alexa, pair)) == (400, "invalid_code_pair")
    assert not approve(alexa, pair)


def test_registration_describes_device_and_customer(alexa: AlexaClient, pair: dict[str, Any]) -> None:
    approve(alexa, pair)
    kinds = ("bearer", "mac_dms", "website_cookies", "store_authentication_cookie")
    more = {"requested_extensions": ["device_info", "customer_info"], "cookies": {"domain": ".amazon.de"}}
    success = content(register(alexa, pair, *kinds, **more))["response"]["success"]
    assert success["extensions"]["device_info"] == {
        "device_name": "Jo's collector",
        "device_serial_number": DEVICE["device_serial"],
        "device_type": DEVICE["device_type"],
    }
    assert success["extensions"]["customer_info"]["home_region"] == "EU"
    assert set(success["tokens"]["mac_dms"]) == {"adp_token", "device_private_key"}
    names = {cookie["Name"] for cookie in success["tokens"]["website_cookies"]}
    assert {"session-id", "session-token", "at-acbde"} <= names
    assert success["tokens"]["store_authentication_cookie"]["cookie"]
    devices = content(alexa.get("/api/devices-v2/device"))["devices"]
    assert DEVICE["device_serial"] in json.dumps(devices[1]["appDeviceList"])
    serials = {device["serialNumber"] for device in devices}
    assert serials.isdisjoint(monitor.serial for monitor in alexa.monitors)


def test_code_expires_or_is_denied(alexa: AlexaClient, pair: dict[str, Any], home_clock: MemoryClock) -> None:
    denied = content(alexa.post(CODE_PAIR, {"code_data": DEVICE}, {}))
    assert alexa.api.account.enter_code(denied["public_code"], approve=False)
    assert refusal(register(alexa, denied)) == (403, "access_denied")
    home_clock.advance(600)
    assert refusal(register(alexa, pair)) == (400, "expired_token")
    assert not approve(alexa, pair)


def test_both_codes_are_needed(alexa: AlexaClient, pair: dict[str, Any]) -> None:
    approve(alexa, pair)
    for wrong in ({"private_code": "x"}, {"public_code": "AAAAAA"}):
        assert refusal(register(alexa, {**pair, **wrong})) == (400, "invalid_code_pair")


def test_registering_again_replaces_the_device(alexa: AlexaClient) -> None:
    tokens = []
    for _ in range(2):
        pair = content(alexa.post(CODE_PAIR, {"code_data": DEVICE}, {}))
        approve(alexa, pair)
        success = content(register(alexa, pair))["response"]["success"]
        tokens.append(success["tokens"]["bearer"]["refresh_token"])
    assert [each.refresh_token for each in alexa.api.account.registrations][1:] == tokens[1:]
    assert content(alexa.refresh(tokens[0]))["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("auth", "device", "code"),
    [
        ({"access_token": "Atna|x"}, DEVICE, "InvalidToken"),
        ({"authorization_code": "x"}, DEVICE, "InvalidToken"),
        ({"refresh_token": "x"}, DEVICE, "InvalidToken"),
        ({}, {}, "MissingValue"),
        (None, None, "MissingValue"),
    ],
)
def test_registering_needs_a_code_pair(alexa: AlexaClient, auth: object, device: object, code: str) -> None:
    reply = alexa.post(REGISTER, {"auth_data": auth, "registration_data": device}, {})
    assert (reply.status, content(reply)["response"]["error"]["code"]) == (400, code)


@pytest.mark.parametrize("path", ["/code", "/a/code", "/us/code"])
def test_person_enters_the_code_on_a_page(alexa: AlexaClient, pair: dict[str, Any], path: str) -> None:
    page = alexa.ask(f"{path}?cbl-code={pair['public_code']}")
    assert is_html(page)
    assert b'name="cbl-code"' in page.body
    assert pair["public_code"].encode() in page.body
    form = {"cbl-code": pair["public_code"], "action": "register"}
    assert alexa.post_form(path, **form).status == 200
    assert register(alexa, pair).status == 200


def test_code_page_rejects_a_wrong_code_and_takes_a_denial(alexa: AlexaClient, pair: dict[str, Any]) -> None:
    wrong = alexa.post_form("/code", code="<b>")
    assert wrong.status == 400
    assert b"not valid" in wrong.body
    assert b"<b>" not in wrong.body
    assert alexa.post_form("/code", code=pair["public_code"], action="deny").status == 200
    assert refusal(register(alexa, pair)) == (403, "access_denied")


# Other pages


@pytest.mark.parametrize(
    ("path", "host", "expected"),
    [
        ("/api/users/me?platform=ios", "", {"marketPlaceDomainName": "https://www.amazon.com"}),
        ("/api/users/me", "alexa.amazon.de", {"countryOfResidence": "DE"}),
        ("/api/endpoints", "alexa.amazon.co.uk", {"retailUrl": "https://www.amazon.co.uk"}),
        ("/api/endpoints", "", {"websiteApiUrl": "https://127.0.0.1:4443"}),
        ("/api/welcome", "alexa.amazon.co.uk", {"alexaHostName": "alexa.amazon.co.uk"}),
        ("/api/notifications", "", {}),
        ("/homegroups/x/devices", "", {}),
    ],
)
def test_pages_of_the_app_follow_the_host_name(
    alexa: AlexaClient, path: str, host: str, expected: dict[str, str]
) -> None:
    shown = content(alexa.get(path, host=host or "127.0.0.1:4443"))
    assert shown
    assert expected.items() <= shown.items()
    assert alexa.ask(path).status == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/api/behaviors/entities?skillId=x", 200, "application/octet-stream"),
        ("GET", "/api/behaviors/v2/automations", 200, "application/octet-stream"),
        ("PUT", "/v1/devices/@self/capabilities", 204, None),
        ("GET", "/api/phoenix", 299, "text/plain"),
        ("GET", "/ap/signin", 200, "text/html;charset=UTF-8"),
        ("GET", "/api/nonsense", 404, "text/html;charset=UTF-8"),
        ("POST", "/api/users/me", 404, "text/html;charset=UTF-8"),
    ],
)
def test_status_and_type_of_other_paths(
    alexa: AlexaClient, method: str, path: str, status: int, kind: str | None
) -> None:
    reply = alexa.ask(path, method, headers=alexa.browser)
    assert (reply.status, reply.headers.get("Content-Type")) == (status, kind)
