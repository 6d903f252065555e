"""The endpoints that give out tokens and cookies, link devices, and unlink them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from adapters.simulator.alexa_effects import RefusedToken
from adapters.simulator.amazon.account import ACCESS_S, APP_DEVICE_TYPE, Account, Registration
from adapters.simulator.amazon.cookies import described, session_cookies
from adapters.simulator.amazon.hosts import market
from adapters.simulator.amazon.linked import linked
from adapters.simulator.amazon.linking import EXPIRES_S, POLLING_S, CodePairs
from adapters.simulator.amazon.pages import json_reply, refusal
from adapters.simulator.faults import Effect, RevokedKey
from adapters.simulator.reply import Json, Reply, Request

_LONG_LIVED = "refresh_token"
_BAD_GRANT = "The request has an invalid grant parameter : refresh_token."
_LINKING_STATUS = {"access_denied": 403}
_LINKING_TEXTS = {
    "authorization_pending": "Authorization is pending",
    "expired_token": "The code pair has expired",
    "invalid_code_pair": "The code pair is not valid",
    "access_denied": "The customer denied the request",
}


def token(account: Account, asked: Request, effects: Sequence[Effect]) -> Reply:
    """`/auth/token`, and `/ap/exchangetoken/cookies` of the shop: something for a refresh token."""
    fields = _fields(asked)
    for effect in effects:
        match effect:
            case RefusedToken(code, shape, status):
                return refusal(code, _BAD_GRANT, status, shape)
            case RevokedKey():
                return refusal("invalid_grant", _BAD_GRANT)
    missing = [
        name
        for name in ("app_name", "source_token", "source_token_type", "requested_token_type")
        if not fields.get(name)
    ]
    if missing:
        return refusal("MissingValue", f"Missing: {', '.join(missing)}", shape="response.error.code")
    if fields["source_token_type"] != _LONG_LIVED:
        return refusal("invalid_request", "The request has an invalid parameter : source_token_type")
    registration = account.registration(fields["source_token"])
    if registration is None:
        return refusal("invalid_grant", _BAD_GRANT)
    match fields["requested_token_type"]:
        case "access_token":
            access_token = account.new_access_token(registration)
            return json_reply({"access_token": access_token, "token_type": "bearer", "expires_in": ACCESS_S})
        case "auth_cookies":
            return _cookies(account, registration, market(fields.get("domain") or asked.host))
    return refusal("invalid_request", "The request has an invalid parameter : requested_token_type")


def create_code_pair(pairs: CodePairs, asked: Request) -> Reply:
    """`/auth/create/codepair`: a code to be shown to the person."""
    device = _content(asked).get("code_data")
    if not isinstance(device, dict) or not (device.get("device_type") and device.get("device_serial")):
        return refusal("invalid_request", "Missing: device_type or device_serial in code_data")
    pair = pairs.create()
    return json_reply(
        {
            "public_code": pair.public_code,
            "private_code": pair.private_code,
            "expires_in": EXPIRES_S,
            "polling_interval_in_seconds": POLLING_S,
        }
    )


def register(account: Account, pairs: CodePairs, asked: Request) -> Reply:
    """`/auth/register`: the tokens for a code that somebody has typed, or why there are none yet."""
    content = _content(asked)
    auth, device = content.get("auth_data"), content.get("registration_data")
    if not isinstance(auth, dict) or not isinstance(device, dict) or not device.get("device_serial"):
        return refusal("MissingValue", "One or more required values are missing", 400, "response.error.code")
    pair = auth.get("code_pair")
    if not isinstance(pair, dict):
        # Whoever comes with a token instead of a code comes too late: that only works right after signing in.
        return refusal("InvalidToken", "Auth time of the token is expired", 400, "response.error.code")
    outcome = pairs.outcome(str(pair.get("public_code")), str(pair.get("private_code")))
    if outcome != "approved":
        return refusal(outcome, _LINKING_TEXTS[outcome], _LINKING_STATUS.get(outcome, 400))
    name = str(device.get("device_name") or device.get("app_name") or "Device")
    registration = account.register(
        serial=str(device["device_serial"]),
        device_type=str(device.get("device_type") or APP_DEVICE_TYPE),
        name=name.replace("%FIRST_NAME%", account.first_name).replace("%DUPE_STRATEGY_1ST%", " "),
    )
    return linked(account, registration, content, asked)


def deregister(account: Account, asked: Request) -> Reply:
    """`/auth/deregister`: the bearer leaves the account."""
    registration = account.bearer(bearer_token(asked.headers))
    if registration is None:
        return refusal("Unauthorized", "The access token is not valid", 401, "response.error.code")
    account.deregister(registration)
    return json_reply({"response": {"success": {}}, "request_id": str(uuid.uuid4())})


def bearer_token(headers: Mapping[str, str]) -> str:
    """The access token that a request shows; empty if it shows none."""
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    return credentials if scheme.lower() == "bearer" else ""


def _cookies(account: Account, registration: Registration, place: str) -> Reply:
    cookies = described(account, session_cookies(account, registration, place), place)
    return json_reply(
        {
            "response": {"tokens": {"cookies": {f".{place}": list(cookies)}}},
            "request_id": str(uuid.uuid4()),
        }
    )


def _fields(asked: Request) -> dict[str, str]:
    """What was sent, as a form or as JSON: clients do both."""
    if "json" in asked.headers.get("Content-Type", ""):
        return {name: str(value) for name, value in _content(asked).items()}
    return dict(parse_qsl(asked.body.decode(errors="replace")))


def _content(asked: Request) -> dict[str, Json]:
    try:
        content = json.loads(asked.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
