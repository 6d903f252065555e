"""Endpoints for tokens, cookies, and linking devices: what they answer to which request."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from adapters.simulator.amazon.account import (
    ACCESS_S,
    APP_DEVICE_TYPE,
    CODE_S,
    POLLING_S,
    Account,
    Registration,
)
from adapters.simulator.amazon.replies import DEFAULT_MARKET, json_reply, market, refusal
from adapters.simulator.faults import Effect, RefusedToken, RevokedKey
from adapters.simulator.messages import Json, Reply, Request

_LONG_LIVED = "refresh_token"
_INVALID_GRANT = "The request has an invalid grant parameter : refresh_token."
_LINKING_REFUSALS = {
    "authorization_pending": (400, "Authorization is pending"),
    "expired_token": (400, "The code pair has expired"),
    "invalid_code_pair": (400, "The code pair is not valid"),
    "access_denied": (403, "The customer denied the request"),
}


def exchange_token(account: Account, request: Request, effects: Sequence[Effect]) -> Reply:
    """Answer `/auth/token` and `/ap/exchangetoken/cookies`, which exchange a refresh token."""
    for effect in effects:
        match effect:
            case RefusedToken(code, shape, status):
                return refusal(code, _INVALID_GRANT, status, shape)
            case RevokedKey():
                return refusal("invalid_grant", _INVALID_GRANT)
    fields = _parse_fields(request)
    required = ("app_name", "source_token", "source_token_type", "requested_token_type")
    missing = [name for name in required if not fields.get(name)]
    if missing:
        return refusal("MissingValue", f"Missing: {', '.join(missing)}", shape="response.error.code")
    if fields["source_token_type"] != _LONG_LIVED:
        return refusal("invalid_request", "The request has an invalid parameter : source_token_type")
    registration = account.registration(fields["source_token"])
    if registration is None:
        return refusal("invalid_grant", _INVALID_GRANT)
    match fields["requested_token_type"]:
        case "access_token":
            access_token = account.new_access_token(registration)
            return json_reply({"access_token": access_token, "token_type": "bearer", "expires_in": ACCESS_S})
        case "auth_cookies":
            place = market(fields.get("domain") or request.host)
            cookies = account.describe_cookies(account.new_session(registration, place), place)
            return _response({"tokens": {"cookies": {f".{place}": cookies}}})
    return refusal("invalid_request", "The request has an invalid parameter : requested_token_type")


def create_code_pair(account: Account, request: Request) -> Reply:
    """Answer `/auth/create/codepair`: a code for the person to enter."""
    device = _parse_json(request).get("code_data")
    if not isinstance(device, dict) or not (device.get("device_type") and device.get("device_serial")):
        return refusal("invalid_request", "Missing: device_type or device_serial in code_data")
    pair = account.new_code_pair()
    return json_reply(
        {
            "public_code": pair.public_code,
            "private_code": pair.private_code,
            "expires_in": CODE_S,
            "polling_interval_in_seconds": POLLING_S,
        }
    )


def register(account: Account, request: Request) -> Reply:
    """Answer `/auth/register`: tokens for a code pair that its person approved."""
    content = _parse_json(request)
    auth, device = content.get("auth_data"), content.get("registration_data")
    if not isinstance(auth, dict) or not isinstance(device, dict) or not device.get("device_serial"):
        return refusal("MissingValue", "One or more required values are missing", 400, "response.error.code")
    pair = auth.get("code_pair")
    if not isinstance(pair, dict):
        # A token instead of a code pair is accepted only right after a sign-in.
        return refusal("InvalidToken", "Auth time of the token is expired", 400, "response.error.code")
    status = account.redeem_code_pair(str(pair.get("public_code")), str(pair.get("private_code")))
    if status != "approved":
        http_status, text = _LINKING_REFUSALS[status]
        return refusal(status, text, http_status)
    name = str(device.get("device_name") or device.get("app_name") or "Device")
    registration = account.register(
        serial=str(device["device_serial"]),
        device_type=str(device.get("device_type") or APP_DEVICE_TYPE),
        name=name.replace("%FIRST_NAME%", account.first_name).replace("%DUPE_STRATEGY_1ST%", " "),
    )
    cookies = content.get("cookies")
    domain = cookies.get("domain") if isinstance(cookies, dict) else None
    place = market(str(domain or request.host))
    extensions = _extensions(account, registration, place)
    tokens = _tokens(account, registration, place)
    success: dict[str, Json] = {
        "extensions": _choose(extensions, content.get("requested_extensions")),
        "tokens": _choose(tokens, content.get("requested_token_type")),
        "customer_id": f"amzn1.account.{account.customer_id}",
    }
    return _response({"success": success})


def deregister(account: Account, request: Request) -> Reply:
    """Answer `/auth/deregister`: unlink the bearer."""
    registration = account.bearer(bearer_token(request.headers))
    if registration is None:
        return refusal("Unauthorized", "The access token is not valid", 401, "response.error.code")
    account.revoke(registration.refresh_token)
    return _response({"success": {}})


def bearer_token(headers: Mapping[str, str]) -> str:
    """Return the access token of a request, or an empty text."""
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    return credentials if scheme.lower() == "bearer" else ""


def _tokens(account: Account, registration: Registration, place: str) -> dict[str, Json]:
    session = account.new_session(registration, place)
    return {
        "bearer": {
            "access_token": account.new_access_token(registration),
            "refresh_token": registration.refresh_token,
            "expires_in": str(ACCESS_S),
        },
        "mac_dms": {
            "device_private_key": secrets.token_urlsafe(900),
            "adp_token": f"{{enc:{secrets.token_urlsafe(300)}}}",
        },
        "website_cookies": account.describe_cookies(session, place),
        "store_authentication_cookie": {"cookie": session["session-token"]},
    }


def _extensions(account: Account, registration: Registration, place: str) -> dict[str, Json]:
    return {
        "device_info": {
            "device_name": registration.name,
            "device_serial_number": registration.serial,
            "device_type": registration.device_type,
        },
        "customer_info": {
            "account_pool": "Amazon",
            "user_id": f"amzn1.account.{account.customer_id}",
            "home_region": "NA" if place == DEFAULT_MARKET else "EU",
            "name": account.name,
            "given_name": account.first_name,
        },
    }


def _choose(values: Mapping[str, Json], requested: Json) -> dict[str, Json]:
    names = requested if isinstance(requested, list) else []
    return {name: value for name, value in values.items() if name in names}


def _response(content: Json) -> Reply:
    return json_reply({"response": content, "request_id": str(uuid.uuid4())})


def _parse_fields(request: Request) -> dict[str, str]:
    """Parse a form, or JSON: clients send both."""
    if "json" in request.headers.get("Content-Type", ""):
        return {name: str(value) for name, value in _parse_json(request).items()}
    return dict(parse_qsl(request.body.decode(errors="replace")))


def _parse_json(request: Request) -> dict[str, Json]:
    try:
        content = json.loads(request.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
