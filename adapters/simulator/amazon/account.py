"""The Amazon account of the simulated home: linked apps, tokens, sessions with their cookies, code pairs."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from adapters.simulator.chance import hexadecimal
from adapters.simulator.messages import Json
from ports.clock import Clock

ACCESS_S = 3600
CODE_S = 600
POLLING_S = 3
APP_DEVICE_TYPE = "A2IVLV5VM2W81"  # the phone app
_SESSION = timedelta(days=14)
_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that look like another
_CODE_LENGTH = 6
_CSRF_DIGITS = 9
_QUOTED_COOKIES = ("session-token", "x-", "at-", "sess-at-")


@attrs.frozen(kw_only=True)
class Registration:
    """An app or device that is linked to the account, and its refresh token."""

    serial: str
    device_type: str
    name: str
    refresh_token: str


@attrs.frozen(kw_only=True)
class _Grant:
    """An access token or a session: valid until an instant, and as long as its registration."""

    expires: datetime
    refresh_token: str


@attrs.define(kw_only=True)
class CodePair:
    """The code that a person enters, the one that only the device has, and the person's answer."""

    public_code: str
    private_code: str
    expires: datetime
    status: str = "authorization_pending"  # then "approved", "access_denied" or "invalid_code_pair"


class Account:
    """Used by the server's thread; any thread may read."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.customer_id = f"A{hexadecimal(13, seed, 'customer').upper()}"
        self.name = "Jo Doe"
        self.email = "jo.doe@example.com"
        self._clock = clock
        refresh_token = "Atnr|Ew" + "".join(hexadecimal(64, seed, "refresh", part) for part in range(5))
        self.ready = Registration(
            serial=hexadecimal(32, seed, "app"),
            device_type=APP_DEVICE_TYPE,
            name="Jo's simulator",
            refresh_token=refresh_token,
        )
        self._registrations = {refresh_token: self.ready}
        self._access: dict[str, _Grant] = {}
        self._sessions: dict[tuple[str, str], _Grant] = {}
        self._code_pairs: dict[str, CodePair] = {}

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def registrations(self) -> Sequence[Registration]:
        """Return everything that is linked."""
        return list(self._registrations.values())

    def registration(self, refresh_token: str) -> Registration | None:
        """Return the registration of a valid refresh token."""
        return self._registrations.get(refresh_token)

    def register(self, *, serial: str, device_type: str, name: str) -> Registration:
        """Link a device; the tokens of an earlier registration of the same device become invalid."""
        for registration in self.registrations:
            if (registration.serial, registration.device_type) == (serial, device_type):
                self.revoke(registration.refresh_token)
        registration = Registration(
            serial=serial,
            device_type=device_type,
            name=name,
            refresh_token=f"Atnr|Ew{secrets.token_urlsafe(240)}",
        )
        self._registrations[registration.refresh_token] = registration
        return registration

    def revoke(self, refresh_token: str) -> None:
        """Unlink an app or device, and invalidate its tokens and sessions."""
        self._registrations.pop(refresh_token, None)

    def new_access_token(self, registration: Registration) -> str:
        """Return an access token for one hour."""
        token = f"Atna|Ew{secrets.token_urlsafe(240)}"
        self._access[token] = self._grant(registration, timedelta(seconds=ACCESS_S))
        return token

    def bearer(self, access_token: str) -> Registration | None:
        """Return the registration of a valid access token."""
        return self._valid(self._access.get(access_token))

    def end_access(self) -> None:
        """Invalidate all access tokens."""
        self._access.clear()

    def new_session(self, registration: Registration, market: str) -> dict[str, str]:
        """Return the cookies of a new session in a market, without csrf, which pages set."""
        digits = f"{secrets.randbelow(10**14):014d}"
        session_id, token = f"1{digits[:2]}-{digits[:7]}-{digits[7:]}", secrets.token_urlsafe(160)
        self._sessions[session_id, token] = self._grant(registration, _SESSION)
        suffix = "main" if market == "amazon.com" else f"acb{market.rpartition('.')[2]}"
        digits = hexadecimal(40, session_id, "cookies")
        number = f"{int(digits[:12], 16):014d}"
        return {
            "session-id": session_id,
            "session-id-time": f"{int((self._clock.now() + _SESSION).timestamp())}l",
            "session-token": token,
            f"ubid-{suffix}": f"130-{number[:7]}-{number[7:14]}",
            f"x-{suffix}": f"{digits}@{digits[:12]}",
            f"at-{suffix}": f"Atza|Iw{digits * 3}",
            f"sess-at-{suffix}": f"{digits[:32]}=",
        }

    def is_signed_in(self, cookies: Mapping[str, str]) -> bool:
        """Return whether the cookies are those of a valid session."""
        session = (cookies.get("session-id", ""), cookies.get("session-token", ""))
        return self._valid(self._sessions.get(session)) is not None

    def end_sessions(self) -> None:
        """Invalidate all sessions."""
        self._sessions.clear()

    def describe_cookies(self, cookies: Mapping[str, str], market: str) -> list[Json]:
        """Return cookies as the token endpoints list them; some values are wrapped in double quotes."""
        expires = self._clock.now() + _SESSION
        return [
            {
                "Path": "/",
                "Secure": True,
                "Value": f'"{value}"' if name.startswith(_QUOTED_COOKIES) else value,
                "Expires": f"{expires:%d %b %Y %H:%M:%S} GMT",
                "Domain": f".{market}",
                "Name": name,
                "HttpOnly": name.startswith(("at-", "sess-at-")),
            }
            for name, value in cookies.items()
        ]

    def new_code_pair(self) -> CodePair:
        """Return a new pair, valid for ten minutes."""
        pair = CodePair(
            public_code="".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH)),
            private_code=secrets.token_urlsafe(32),
            expires=self._clock.now() + timedelta(seconds=CODE_S),
        )
        self._code_pairs[pair.public_code] = pair
        return pair

    def enter_code(self, public_code: str, *, approve: bool) -> bool:
        """Answer a code as its person does. Return False if there is no such code to be answered."""
        pair = self._code_pairs.get(public_code.strip().upper())
        if pair is None or pair.status != "authorization_pending" or self._clock.now() >= pair.expires:
            return False
        pair.status = "approved" if approve else "access_denied"
        return True

    def redeem_code_pair(self, public_code: str, private_code: str) -> str:
        """Return "approved", once, or the code of the error that the device gets."""
        pair = self._code_pairs.get(public_code)
        if pair is None or pair.private_code != private_code:
            return "invalid_code_pair"
        status = pair.status
        if status in ("approved", "authorization_pending") and self._clock.now() >= pair.expires:
            return "expired_token"
        if status == "approved":
            pair.status = "invalid_code_pair"
        return status

    def _grant(self, registration: Registration, lasts: timedelta) -> _Grant:
        return _Grant(expires=self._clock.now() + lasts, refresh_token=registration.refresh_token)

    def _valid(self, grant: _Grant | None) -> Registration | None:
        if grant is None or self._clock.now() >= grant.expires:
            return None
        return self.registration(grant.refresh_token)


def csrf_number(session_id: str) -> str:
    """Return the number that pages set as a cookie, and that requests repeat in a header."""
    return f"-{int(hexadecimal(8, session_id, 'csrf'), 16) % 10**_CSRF_DIGITS:0{_CSRF_DIGITS}d}"


def parse_cookies(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies of a request, without quotes around their values."""
    pairs = (pair.strip().partition("=") for pair in headers.get("Cookie", "").split(";"))
    return {name: value.strip('"') for name, _, value in pairs if name}
