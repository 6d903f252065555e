"""The cookies of a session, as the exchange of a token for them shows them, and as a browser sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from adapters.simulator.amazon.account import SESSION_DAYS, Account, Registration
from adapters.simulator.chance import hexadecimal
from adapters.simulator.reply import Json

CSRF_DIGITS = 9
_QUOTED = ("session-token", "x-", "at-", "sess-at-")


def session_cookies(account: Account, registration: Registration, market: str) -> dict[str, str]:
    """The cookies of a new session in a market, by name. There is no csrf among them: pages set that."""
    session_id, session_token = account.new_session(registration)
    suffix = "main" if market == "amazon.com" else f"acb{market.rpartition('.')[2]}"
    ends = account.clock.now() + timedelta(days=SESSION_DAYS)
    digits = hexadecimal(40, session_id, "cookies")
    number = f"{int(digits[:12], 16):014d}"
    return {
        "session-id": session_id,
        "session-id-time": f"{int(ends.timestamp())}l",
        "session-token": session_token,
        f"ubid-{suffix}": f"130-{number[:7]}-{number[7:14]}",
        f"x-{suffix}": f"{digits}@{digits[:12]}",
        f"at-{suffix}": f"Atza|Iw{digits * 3}",
        f"sess-at-{suffix}": f"{digits[:32]}=",
    }


def described(account: Account, cookies: Mapping[str, str], market: str) -> Sequence[dict[str, Json]]:
    """The cookies with all that belongs to them; the values of some are wrapped in double quotes."""
    ends = account.clock.now() + timedelta(days=SESSION_DAYS)
    return [
        {
            "Path": "/",
            "Secure": True,
            "Value": f'"{value}"' if name.startswith(_QUOTED) else value,
            "Expires": f"{ends:%d %b %Y %H:%M:%S} GMT",
            "Domain": f".{market}",
            "Name": name,
            "HttpOnly": name.startswith(("at-", "sess-at-")),
        }
        for name, value in cookies.items()
    ]


def csrf(session_id: str) -> str:
    """The number that pages set as a cookie, and want back as a header."""
    return f"-{int(hexadecimal(8, session_id, 'csrf'), 16) % 10**CSRF_DIGITS:0{CSRF_DIGITS}d}"


def sent_cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request; quotes around a value are no part of it."""
    pairs = (pair.strip().partition("=") for pair in headers.get("Cookie", "").split(";"))
    return {name: value.strip('"') for name, _, value in pairs if name}
