"""Access tokens of one refresh token: fetched, renewed in time, and the memory of refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

import attrs

from adapters.amazon.account_memory import ACCESS_TOKEN, REFUSAL
from adapters.amazon.cookies import is_header_text, sendable
from adapters.amazon.errors import (
    asks_for_person,
    errors_in,
    is_throttling_text,
    json_of,
    normal_code,
    shown_code,
)
from adapters.amazon.hosts import Hosts, app_form
from adapters.amazon.http import AmazonSession, NoTokenYet, Reply, Request
from adapters.http.lenient_json import Json, at, instant, members, number, objects, text
from adapters.http.replies import add_endpoint, endpoint_of, retry_after_s
from domain.errors import CredentialsDoubted, CredentialsRefused, SourceError, SourceThrottled
from ports.clock import Clock
from ports.state import State

SIGN_IN_AGAIN = (
    "sign in again with `homeclimate setup amazon`, or put a new token into config/secrets.yaml under "
    "amazon_aqm: refresh_token (docs/how-to/connect-an-air-quality-monitor.md)"
)
_RENEW_BEFORE_END = timedelta(minutes=5)
_FRESH_FOR = timedelta(minutes=1)
_BETWEEN_REFUSALS = timedelta(seconds=60)
# A little less than the hour for which the source is deferred after a refusal: else the request after that
# hour would come moments too early and be forbidden here.
_PROBE_AFTER = timedelta(minutes=55)
_OK = 200
_USUAL_LIFE_S, _SHORTEST_LIFE_S, _LONGEST_LIFE_S = 3600.0, 60.0, 86_400.0
# Codes that refuse this refresh token. Any other code is unclear.
_REFUSALS = {"invalidgrant", "invalidtoken", "invalidvalue", "unauthorizedclient"}


class RefreshTokenRefused(SourceError):
    """The token endpoint refused the refresh token with an explicit code. A single one is not final."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Amazon refuses the refresh token ({shown_code(code)})")
        self.code = code


@attrs.frozen(kw_only=True)
class AccessToken:
    """A token that the data service accepts between two instants."""

    value: str = attrs.field(repr=False)
    since: datetime
    until: datetime

    def is_valid(self, now: datetime, spare: timedelta = timedelta()) -> bool:
        return self.since <= now < self.until - spare

    def is_fresh(self, now: datetime) -> bool:
        """Whether it is so new that a refusal cannot be due to its age."""
        return timedelta() <= now - self.since < _FRESH_FOR


class AccessTokens:
    """Gives out access tokens, kept from process to process, and renews them one at a time.

    `credential` identifies the refresh token without revealing it.
    """

    def __init__(
        self,
        *,
        endpoint: TokenEndpoint,
        state: State,
        credential: str,
        clock: Clock,
        is_trial: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._refusals = Refusals(state=state, credential=credential, is_trial=is_trial)
        self._state = state
        self._credential = credential
        self._clock = clock
        self._renewing = asyncio.Lock()
        self._is_loaded = False
        self._current: AccessToken | None = None

    async def token(self, deadline_s: float, *, instead_of: AccessToken | None = None) -> AccessToken:
        """Return a token that is valid by the clock, and not `instead_of`. Raise SourceError."""
        async with self._renewing:
            if not self._is_loaded:
                self._current, self._is_loaded = self._load(), True
            now, current = self._clock.now(), self._current
            if current is not None and instead_of is not None and current.value == instead_of.value:
                current = None
            if current is not None and current.is_valid(now, _RENEW_BEFORE_END):
                return current
            try:
                return await self._renew(deadline_s)
            except SourceError:
                if current is not None and current.is_valid(now):  # good for its last minutes
                    return current
                raise

    async def cookies(self, deadline_s: float) -> Mapping[str, str]:
        """Return cookies made from the refresh token. Raise SourceError."""
        async with self._renewing:
            return await self._endpoint.cookies(deadline_s)

    async def _renew(self, deadline_s: float) -> AccessToken:
        self._refusals.check(self._clock.now())
        try:
            token = await self._endpoint.access_token(deadline_s)
        except RefreshTokenRefused as refused:
            with add_endpoint(refused.endpoint):
                raise self._refusals.record(refused, self._clock.now()) from refused
        self._refusals.forget()
        self._current = token
        self._state.put(
            ACCESS_TOKEN,
            {
                "of": self._credential,
                "value": token.value,
                "since": token.since.isoformat(),
                "until": token.until.isoformat(),
            },
        )
        return token

    def _load(self) -> AccessToken | None:
        saved = dict(self._state.get(ACCESS_TOKEN))
        value, since, until = text(saved, "value"), instant(saved, "since"), instant(saved, "until")
        if saved.get("of") != self._credential or value is None or since is None or until is None:
            return None
        return AccessToken(value=value, since=since, until=until) if is_header_text(value) else None


class Refusals:
    """Remembers refusals of a refresh token: two a minute apart are final, with one probe an hour then.

    In a trial the first one is final: a person has just given the token.
    """

    def __init__(self, *, state: State, credential: str, is_trial: bool = False) -> None:
        self._state = state
        self._credential = credential
        self._is_trial = is_trial

    def check(self, now: datetime) -> None:
        """Raise the known refusal if it is too early to ask again."""
        saved = self._saved()
        last, is_final = instant(saved, "last_at"), saved.get("for_good") is True
        wait = _PROBE_AFTER if is_final else _BETWEEN_REFUSALS
        if instant(saved, "first_at") and last and timedelta() <= now - last < wait:
            raise self._error(text(saved, "code") or "", is_final)

    def record(self, refused: RefreshTokenRefused, now: datetime) -> CredentialsDoubted | CredentialsRefused:
        """Remember a refusal and return the error that it amounts to."""
        first = instant(self._saved(), "first_at")
        if first is None or first > now:  # a clock that was set back starts again
            first = now
        is_final = now - first >= _BETWEEN_REFUSALS
        self._state.put(
            REFUSAL,
            {
                "of": self._credential,
                "code": refused.code[:40],
                "first_at": first.isoformat(),
                "last_at": now.isoformat(),
                "for_good": is_final,
            },
        )
        return self._error(refused.code, is_final)

    def forget(self) -> None:
        """Forget all refusals: the token was accepted."""
        if self._state.get(REFUSAL):
            self._state.put(REFUSAL, {})

    def _saved(self) -> dict[str, Json]:
        saved = self._state.get(REFUSAL)
        return dict(saved) if saved.get("of") == self._credential else {}

    def _error(self, code: str, is_final: bool) -> CredentialsDoubted | CredentialsRefused:
        refused = RefreshTokenRefused(code)
        if self._is_trial:
            return CredentialsRefused(f"{refused}: it was revoked, or it is not complete")
        if is_final:
            return CredentialsRefused(f"{refused}, and not for the first time: {SIGN_IN_AGAIN}")
        # the wait is longer than any cycle's budget: no attempt is counted that sends nothing
        return CredentialsDoubted(
            f"{refused}; it is tried once more before that counts",
            retry_after_s=_BETWEEN_REFUSALS.total_seconds(),
        )


class TokenEndpoint:
    """Exchanges one refresh token for access tokens or cookies. Raises RefreshTokenRefused or SourceError."""

    def __init__(self, *, session: AmazonSession, hosts: Hosts, refresh_token: str, clock: Clock) -> None:
        self._session = session
        self._hosts = hosts
        self._refresh_token = refresh_token
        self._clock = clock

    async def access_token(self, deadline_s: float) -> AccessToken:
        """Return a new access token. No new refresh token comes with it, and the old one stays valid."""
        url = f"{self._hosts.api}/auth/token"
        content = await self._exchange(url, {"requested_token_type": "access_token"}, deadline_s)
        value = text(content, "access_token") or text(content, "response", "access_token")
        if value is None or not is_header_text(value):
            raise NoTokenYet(
                "the token endpoint answers without an access token", endpoint=endpoint_of("POST", url)
            )
        life_s = min(max(_seconds(at(content, "expires_in")), _SHORTEST_LIFE_S), _LONGEST_LIFE_S)
        now = self._clock.now()
        return AccessToken(value=value, since=now, until=now + timedelta(seconds=life_s))

    async def cookies(self, deadline_s: float) -> Mapping[str, str]:
        """Return the cookies that a signed-in browser has, by name."""
        url = f"{self._hosts.www}/ap/exchangetoken/cookies"
        form = {"requested_token_type": "auth_cookies", "domain": f".{self._hosts.domain}"}
        content = await self._exchange(url, form, deadline_s)
        cookies = sendable(dict(_named_cookies(at(content, "response", "tokens", "cookies"))))
        if not cookies:
            raise NoTokenYet("the token endpoint answers without cookies", endpoint=endpoint_of("POST", url))
        return cookies

    async def _exchange(self, url: str, form: Mapping[str, str], deadline_s: float) -> Json:
        source = {"source_token_type": "refresh_token", "source_token": self._refresh_token}
        request = Request(
            operation="amazon.token",
            url=url,
            headers={
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
                "x-amzn-identity-auth-domain": urlsplit(self._hosts.api).netloc,
            },
            body=urlencode({**app_form(), **form, **source}).encode(),
            is_private=True,
        )
        reply = await self._session.send(request, deadline_s)
        with add_endpoint(request.endpoint):
            return self._parse(reply)

    def _parse(self, reply: Reply) -> Json:
        """Return the JSON of a good reply, judging by the body before the status. Raise SourceError."""
        content = json_of(reply)
        if (asking := asks_for_person(reply)) is not None:
            raise asking
        errors = errors_in(content)
        is_throttled = errors.is_throttling or (content is None and is_throttling_text(reply.body))
        if reply.status == 429 or is_throttled:
            raise SourceThrottled(
                f"Amazon's token endpoint asks for fewer requests (HTTP {reply.status})",
                retry_after_s=retry_after_s(reply.retry_after, self._clock.now()),
            )
        refusal = next((code for code in errors.codes if normal_code(code) in _REFUSALS), None)
        if refusal is not None and reply.status in (_OK, 400, 401, 403):
            raise RefreshTokenRefused(refusal)
        if reply.status != _OK or not members(content):
            words = f": {errors.words}" if errors.words else ""
            raise NoTokenYet(
                f"the token endpoint gives no clear answer (HTTP {reply.status}{words}, {reply.sample})"
            )
        return content


def _named_cookies(content: Json) -> Iterator[tuple[str, str]]:
    """Yield name and value of each cookie, which are listed by domain or given by name."""
    for key, value in members(content).items():
        if isinstance(value, str):
            yield key, value
        for cookie in objects(value):
            yield text(cookie, "Name") or "", text(cookie, "Value") or ""


def _seconds(value: Json) -> float:
    """Return a number of seconds, which some replies write as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 10:
        return float(value)
    return number(value) or _USUAL_LIFE_S
