"""What a device is told that was just linked to the account: its tokens, and who it is now."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping

from adapters.simulator.amazon.account import ACCESS_S, Account, Registration
from adapters.simulator.amazon.cookies import described, session_cookies
from adapters.simulator.amazon.hosts import DEFAULT_MARKET, market
from adapters.simulator.amazon.pages import json_reply
from adapters.simulator.reply import Json, Reply, Request


def linked(
    account: Account, registration: Registration, content: Mapping[str, Json], asked: Request
) -> Reply:
    """The reply to the registration that `content` asked for: the kinds of token that it wanted."""
    cookies = content.get("cookies")
    domain = cookies.get("domain") if isinstance(cookies, dict) else None
    place = market(str(domain or asked.host))
    success: dict[str, Json] = {
        "extensions": _only(_extensions(account, registration, place), content.get("requested_extensions")),
        "tokens": _only(_tokens(account, registration, place), content.get("requested_token_type")),
        "customer_id": f"amzn1.account.{account.customer_id}",
    }
    return json_reply({"response": {"success": success}, "request_id": str(uuid.uuid4())})


def _tokens(account: Account, registration: Registration, place: str) -> dict[str, Json]:
    session = session_cookies(account, registration, place)
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
        "website_cookies": list(described(account, session, place)),
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


def _only(values: Mapping[str, Json], wanted: Json) -> dict[str, Json]:
    names = wanted if isinstance(wanted, list) else []
    return {name: value for name, value in values.items() if name in names}
