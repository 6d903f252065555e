"""Exchanges a refresh token for what the data service takes: an access token, or cookies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

import attrs

from adapters.amazon.cookies import is_header_text, sendable
from adapters.amazon.hosts import Hosts, app_form
from adapters.amazon.said import asks_for_less, said_by, shown_code
from adapters.amazon.session import AmazonSession, Reply, Request
from adapters.amazon.trouble import NoTokenYet
from adapters.endpoint import at_endpoint, endpoint_of
from adapters.json_reply import Json, at, decoded, members, number, objects, text
from adapters.retry_after import retry_after_s
from domain.errors import SourceError, SourceThrottled
from domain.values import frozen
from ports.clock import Clock

_OK = 200
_HOUR_S = 3600.0
_SHORTEST_LIFE_S = 60.0
_LONGEST_LIFE_S = 86_400.0
# The codes that mean: this refresh token will not do. Any other is unclear.
_REFUSALS = {"invalidgrant", "invalidtoken", "invalidvalue", "unauthorizedclient"}


class RefreshTokenRefused(SourceError):
    """The token endpoint refused the refresh token, with an explicit code. Once is not for good."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Amazon refuses the refresh token ({shown_code(code)})")
        self.code = code


@frozen(kw_only=True)
class AccessToken:
    """A token that the data service takes for a while."""

    value: str = attrs.field(repr=False)
    life: timedelta


class TokenEndpoint:
    """Asks for tokens with one refresh token. Raises RefreshTokenRefused, or another SourceError."""

    def __init__(self, *, session: AmazonSession, hosts: Hosts, refresh_token: str, clock: Clock) -> None:
        self._session = session
        self._hosts = hosts
        self._refresh_token = refresh_token
        self._clock = clock

    async def access_token(self, deadline_s: float) -> AccessToken:
        """A fresh access token. No new refresh token comes with it, and the old one lives on."""
        form = {"requested_token_type": "access_token"}
        url = f"{self._hosts.api}/auth/token"
        content = await self._asked(url, form, deadline_s)
        token = text(content, "access_token") or text(content, "response", "access_token")
        if token is None or not is_header_text(token):
            raise NoTokenYet("the token endpoint answers without an access token", endpoint=_endpoint(url))
        life_s = _seconds(at(content, "expires_in"))
        return AccessToken(
            value=token, life=timedelta(seconds=min(max(life_s, _SHORTEST_LIFE_S), _LONGEST_LIFE_S))
        )

    async def cookies(self, deadline_s: float) -> Mapping[str, str]:
        """Cookies as a signed-in browser has them, by name."""
        form = {"requested_token_type": "auth_cookies", "domain": f".{self._hosts.domain}"}
        url = f"{self._hosts.www}/ap/exchangetoken/cookies"
        content = await self._asked(url, form, deadline_s)
        cookies = sendable(dict(_cookies_in(at(content, "response", "tokens", "cookies"))))
        if not cookies:
            raise NoTokenYet("the token endpoint answers without cookies", endpoint=_endpoint(url))
        return cookies

    async def _asked(self, url: str, form: Mapping[str, str], deadline_s: float) -> Json:
        request = Request(
            operation="amazon.token",
            url=url,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
                "x-amzn-identity-auth-domain": urlsplit(self._hosts.api).netloc,
            },
            body=urlencode(
                {
                    **app_form(),
                    **form,
                    "source_token_type": "refresh_token",
                    "source_token": self._refresh_token,
                }
            ).encode(),
            is_private=True,
        )
        reply = await self._session.ask(request, deadline_s)
        with at_endpoint(request.endpoint):
            return self._content(reply)

    def _content(self, reply: Reply) -> Json:
        """The JSON of a good answer; by body before status. Raises SourceError."""
        try:
            content = decoded(reply.body)
        except ValueError:
            content = None
        said = said_by(content)
        is_throttled = said.is_throttling or (content is None and asks_for_less(reply.body))
        if reply.status == 429 or is_throttled:
            raise SourceThrottled(
                f"Amazon's token endpoint asks for fewer requests (HTTP {reply.status})",
                retry_after_s=retry_after_s(reply.retry_after, self._clock.now()),
            )
        refusal = next(
            (code for code in said.codes if said_by({"error": code}).plain_codes & _REFUSALS), None
        )
        if refusal is not None and reply.status in (_OK, 400, 401, 403):
            raise RefreshTokenRefused(refusal)
        if reply.status != _OK or not members(content):
            words = f": {said.words}" if said.words else ""
            raise NoTokenYet(
                f"the token endpoint gives no clear answer (HTTP {reply.status}{words}, {reply.sample})"
            )
        return content


def _cookies_in(content: Json) -> Iterator[tuple[str, str]]:
    """Name and value of each cookie: in a list by domain, or by name."""
    for key, value in members(content).items():
        if isinstance(value, str):
            yield key, value
        for cookie in objects(value):
            yield text(cookie, "Name") or "", text(cookie, "Value") or ""


def _endpoint(url: str) -> str:
    return endpoint_of("POST", url)


def _seconds(value: Json) -> float:
    """A number of seconds, which some replies write as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return float(value)
    return number(value) or _HOUR_S
