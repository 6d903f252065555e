"""Signs in by a code that a person types on any device, and out again. No password is ever seen."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import attrs

from adapters.amazon.cookies import LONGEST_VALUE, is_header_text
from adapters.amazon.errors import ReplyErrors, asks_for_person, errors_in, json_of
from adapters.amazon.hosts import APP_NAME, APP_VERSION, DEVICE_MODEL, DEVICE_TYPE, OS_VERSION, Hosts
from adapters.amazon.http import AmazonSession, AsksForPerson, Reply, Request
from adapters.amazon.tokens import RefreshTokenRefused, TokenEndpoint
from adapters.http.lenient_json import at, identity, number, text
from adapters.http.replies import retry_after_s
from domain.errors import CredentialsRefused, SourceThrottled, SourceUnavailable
from ports.clock import Clock
from ports.setup import CodePair, Linked, Pending, Refused
from ports.state import State

_STATE_KEY = "amazon.device"
_TIME_LIMIT_S = 10.0
_USUAL_LIFE_S, _USUAL_INTERVAL_S = 600.0, 5.0
_PENDING = {"authorizationpending", "slowdown"}
_ENDS: Mapping[str, str] = {
    "expiredtoken": "the code was not typed in time",
    "invalidcodepair": "Amazon does not know the code any more",
    "accessdenied": "the sign-in was declined",
}


class AmazonLinking:
    """Registers this program with an account, always as the same device."""

    def __init__(self, *, session: AmazonSession, hosts: Hosts, state: State, clock: Clock) -> None:
        self._session = session
        self._hosts = hosts
        self._state = state
        self._clock = clock

    async def begin(self) -> CodePair:
        """Return a new code. Raise SourceError."""
        reply = await self._post("/auth/create/codepair", {"code_data": self._device()})
        content = json_of(reply)
        public, private = identity(content, "public_code"), text(content, "private_code")
        if public is None or private is None or len(private) > LONGEST_VALUE:
            raise self._unclear(reply, errors_in(content))
        return CodePair(
            public_code=public,
            private_code=private,
            page=f"{self._hosts.www}/code",
            expires_in_s=_bounded(number(content, "expires_in"), _USUAL_LIFE_S, least=60.0, most=3600.0),
            interval_s=_bounded(
                number(content, "polling_interval_in_seconds"), _USUAL_INTERVAL_S, least=1.0, most=60.0
            ),
        )

    async def poll(self, pair: CodePair) -> Pending | Linked | Refused:
        """Return whether the code was typed by now. Raise SourceError, after which polling may go on."""
        codes = {"public_code": pair.public_code, "private_code": pair.private_code}
        question = {
            "auth_data": {"code_pair": codes},
            "registration_data": self._device(),
            "requested_token_type": ["bearer"],
        }
        reply = await self._post("/auth/register", question)
        content = json_of(reply)
        bearer = at(content, "response", "success", "tokens", "bearer")
        refresh_token, access_token = text(bearer, "refresh_token"), text(bearer, "access_token")
        if (
            refresh_token
            and len(refresh_token) <= LONGEST_VALUE
            and access_token
            and is_header_text(access_token)
        ):
            return Linked(refresh_token=refresh_token, access_token=access_token)
        errors = errors_in(content)
        for code in errors.normal_codes:
            if code in _PENDING:
                return Pending()
            if code in _ENDS:
                return Refused(_ENDS[code])
        raise self._unclear(reply, errors)

    async def deregister(self, access_token: str) -> None:
        """Remove this program from the account's devices. Raise SourceError."""
        question = {"deregister_all_existing_accounts": False}
        reply = await self._post("/auth/deregister", question, {"Authorization": f"Bearer {access_token}"})
        if reply.status != 200:
            raise self._unclear(reply, errors_in(json_of(reply)))

    def _device(self) -> dict[str, str]:
        """Describe the program. Each serial stays a device of the account, so a home uses only one."""
        serial = text(self._state.get(_STATE_KEY).get("serial"))
        if serial is None:
            serial = secrets.token_hex(16).upper()
            self._state.put(_STATE_KEY, {"serial": serial})
        return {
            "app_name": APP_NAME,
            "app_version": APP_VERSION,
            "device_model": DEVICE_MODEL,
            "device_name": "homeclimate",
            "device_serial": serial,
            "device_type": DEVICE_TYPE,
            "domain": "Device",
            "os_version": OS_VERSION,
            "software_version": "1",
        }

    async def _post(self, path: str, question: Any, headers: Mapping[str, str] | None = None) -> Reply:
        request = Request(
            operation="amazon.linking",
            url=self._hosts.api + path,
            headers={"Content-Type": "application/json", "Accept": "application/json", **(headers or {})},
            body=json.dumps(question).encode(),
            is_private=True,
        )
        return await self._session.send(request, self._clock.elapsed_s() + _TIME_LIMIT_S)

    def _unclear(
        self, reply: Reply, errors: ReplyErrors
    ) -> SourceUnavailable | SourceThrottled | AsksForPerson:
        if (asking := asks_for_person(reply)) is not None:
            return asking
        if reply.status == 429 or errors.is_throttling:
            wait_s = retry_after_s(reply.retry_after, self._clock.now())
            return SourceThrottled("Amazon asks for fewer requests", retry_after_s=wait_s)
        words = f": {errors.words}" if errors.words else ""
        return SourceUnavailable(f"Amazon gives no clear answer (HTTP {reply.status}{words})")


def _bounded(seconds: float | None, usual_s: float, *, least: float, most: float) -> float:
    """Return the seconds that the server names, bounded to what makes sense for a person typing a code."""
    return min(max(usual_s if seconds is None else seconds, least), most)


@attrs.frozen(kw_only=True)
class SignOut:
    """Signs out of the account that a refresh token belongs to. The token is worthless afterwards."""

    session: AmazonSession
    endpoint: TokenEndpoint
    linking: AmazonLinking
    clock: Clock

    async def run(self) -> None:
        """Remove the program from the account. Raise CredentialsRefused for a refused token."""
        try:
            token = await self.endpoint.access_token(self.clock.elapsed_s() + _TIME_LIMIT_S)
            await self.linking.deregister(token.value)
        except RefreshTokenRefused as refused:
            raise CredentialsRefused(str(refused)) from refused
        finally:
            await self.session.close()
