"""The account that the monitors belong to: what it has given out to whom, and until when that is good."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from adapters.simulator.chance import hexadecimal
from domain.values import frozen
from ports.clock import Clock

ACCESS_S = 3600
SESSION_DAYS = 14
APP_DEVICE_TYPE = "A2IVLV5VM2W81"  # the phone app


@frozen(kw_only=True)
class Registration:
    """An app or device that was linked to the account, and the refresh token that it got."""

    serial: str
    device_type: str
    name: str
    refresh_token: str
    registered_at: datetime


@frozen(kw_only=True)
class Grant:
    """An access token or a browser's session: good until an instant, and as long as its origin is."""

    expires: datetime
    refresh_token: str


class Account:
    """Used from the server's thread; read from any."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.customer_id = f"A{hexadecimal(13, seed, 'customer').upper()}"
        self.name = "Jo Doe"
        self.email = "jo.doe@example.com"
        ready = "Atnr|Ew" + "".join(hexadecimal(64, seed, "refresh", part) for part in range(5))
        self.ready = Registration(
            serial=hexadecimal(32, seed, "app"),
            device_type=APP_DEVICE_TYPE,
            name="Jo's simulator",
            refresh_token=ready,
            registered_at=clock.now(),
        )
        self._registrations = {ready: self.ready}
        self._access: dict[str, Grant] = {}
        self._sessions: dict[tuple[str, str], Grant] = {}

    @property
    def first_name(self) -> str:
        return self.name.partition(" ")[0]

    @property
    def registrations(self) -> Sequence[Registration]:
        """Everything that is linked now."""
        return list(self._registrations.values())

    def registration(self, refresh_token: str) -> Registration | None:
        """Who the refresh token was given to; None if it is good for nothing."""
        return self._registrations.get(refresh_token)

    def register(self, *, serial: str, device_type: str, name: str) -> Registration:
        """Link a device. One that was linked before is linked anew, and its old tokens end."""
        for registration in self.registrations:
            if (registration.serial, registration.device_type) == (serial, device_type):
                self.deregister(registration)
        registration = Registration(
            serial=serial,
            device_type=device_type,
            name=name,
            refresh_token=f"Atnr|Ew{secrets.token_urlsafe(240)}",
            registered_at=self.clock.now(),
        )
        self._registrations[registration.refresh_token] = registration
        return registration

    def deregister(self, registration: Registration) -> None:
        """Unlink a device: everything that it was given ends."""
        self._registrations.pop(registration.refresh_token, None)

    def new_access_token(self, registration: Registration) -> str:
        """A token for the bearer, good for an hour."""
        token = f"Atna|Ew{secrets.token_urlsafe(240)}"
        self._access[token] = self._grant(registration, timedelta(seconds=ACCESS_S))
        return token

    def bearer(self, access_token: str) -> Registration | None:
        """Who the token was given to; None if it is good no more, or never was."""
        grant = self._access.get(access_token)
        return self.registration(grant.refresh_token) if self._is_good(grant) and grant else None

    def new_session(self, registration: Registration) -> tuple[str, str]:
        """The `session-id` and `session-token` of a browser that is signed in."""
        digits = f"{secrets.randbelow(10**14):014d}"
        session = (f"1{digits[:2]}-{digits[:7]}-{digits[7:]}", secrets.token_urlsafe(160))
        self._sessions[session] = self._grant(registration, timedelta(days=SESSION_DAYS))
        return session

    def is_signed_in(self, cookies: Mapping[str, str]) -> bool:
        """Whether the cookies are those of a session that has not ended."""
        session = (cookies.get("session-id", ""), cookies.get("session-token", ""))
        return self._is_good(self._sessions.get(session))

    def end_access(self) -> None:
        """Every access token that was given out until now is good no more."""
        self._access.clear()

    def end_sessions(self) -> None:
        """Every browser is signed out."""
        self._sessions.clear()

    def _grant(self, registration: Registration, lasts: timedelta) -> Grant:
        return Grant(expires=self.clock.now() + lasts, refresh_token=registration.refresh_token)

    def _is_good(self, grant: Grant | None) -> bool:
        return (
            grant is not None
            and self.clock.now() < grant.expires
            and self.registration(grant.refresh_token) is not None
        )
