"""The access token at hand: kept from process to process, renewed in time, one renewal at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

import attrs

from adapters.amazon.cookies import is_header_text, sendable
from adapters.amazon.errors import asks_for_less, said_by, shown_code
from adapters.amazon.hosts import Hosts, app_form
from adapters.amazon.http import AmazonSession, NoTokenYet, Reply, Request
from adapters.http.lenient_json import Json, at, instant, members, number, objects, parse_json, text
from adapters.http.replies import add_endpoint, endpoint_of, retry_after_s
from domain.errors import CredentialsRefused, SourceError, SourceThrottled
from ports.clock import Clock
from ports.state import State

SIGN_IN_AGAIN = (
    "sign in again with `homeclimate setup amazon`, or put a new token into config/secrets.yaml under "
    "amazon_aqm: refresh_token (docs/how-to/connect-an-air-quality-monitor.md)"
)
APART = timedelta(seconds=60)
# A token that was refused for good is tried this rarely: a little less than the hour for which its source is
# left in peace then, or else the question after that hour would come moments too early, and be for nothing.
PROBE_AFTER = timedelta(minutes=55)
_REFUSED_KEY = "amazon.refusal"


class Refusals:
    """The memory of one refresh token's refusals; `token_mark` tells it from others, and nothing of it."""

    def __init__(self, *, state: State, token_mark: str) -> None:
        self._state = state
        self._token_mark = token_mark

    def forbid(self, now: datetime) -> None:
        """Raise what is already known, where asking again is too early to tell more."""
        kept = self._state.get(_REFUSED_KEY)
        first, last = instant(kept.get("first_at")), instant(kept.get("last_at"))
        if kept.get("of") != self._token_mark or first is None or last is None:
            return
        code = text(kept.get("code")) or ""
        if kept.get("for_good") is True:
            if timedelta() <= now - last < PROBE_AFTER:
                raise _for_good(code)
        elif timedelta() <= now - last < APART:
            raise _not_yet(code)

    def note(self, refused: RefreshTokenRefused, now: datetime) -> NoTokenYet | CredentialsRefused:
        """Remember a refusal; the error that it amounts to."""
        kept = self._state.get(_REFUSED_KEY)
        first = instant(kept.get("first_at")) if kept.get("of") == self._token_mark else None
        if first is None or first > now:  # of another token, or by a clock that was stepped back
            first = now
        is_for_good = now - first >= APART
        self._state.put(
            _REFUSED_KEY,
            {
                "of": self._token_mark,
                "code": refused.code[:40],
                "first_at": first.isoformat(),
                "last_at": now.isoformat(),
                "for_good": is_for_good,
            },
        )
        return _for_good(refused.code) if is_for_good else _not_yet(refused.code)

    def forget(self) -> None:
        """The token is good after all."""
        if self._state.get(_REFUSED_KEY):
            self._state.put(_REFUSED_KEY, {})


def _for_good(code: str) -> CredentialsRefused:
    return CredentialsRefused(f"{RefreshTokenRefused(code)}, and not for the first time: {SIGN_IN_AGAIN}")


def _not_yet(code: str) -> NoTokenYet:
    # the wait is longer than any cycle's budget, so that nobody counts an attempt that asks nothing
    return NoTokenYet(
        f"{RefreshTokenRefused(code)}; it is tried once more before that is believed",
        retry_after_s=APART.total_seconds(),
    )


RENEW_BEFORE_END = timedelta(minutes=5)
FRESH_FOR = timedelta(minutes=1)  # what is refused within it is not refused for its age
_KEY = "amazon.access_token"


@attrs.frozen(kw_only=True)
class Kept:
    """An access token, since when there is one and until when it is good."""

    value: str = attrs.field(repr=False)
    since: datetime
    until: datetime

    def is_good(self, now: datetime, spare: timedelta = timedelta()) -> bool:
        return self.since <= now < self.until - spare

    def is_fresh(self, now: datetime) -> bool:
        return timedelta() <= now - self.since < FRESH_FOR


class Tokens:
    """Gives out access tokens of one refresh token, which is told from others by `token_mark`."""

    def __init__(
        self, *, endpoint: TokenEndpoint, refusals: Refusals, state: State, token_mark: str, clock: Clock
    ) -> None:
        self._endpoint = endpoint
        self._refusals = refusals
        self._state = state
        self._token_mark = token_mark
        self._clock = clock
        self._renewing = asyncio.Lock()

    async def token(self, deadline_s: float, *, instead_of: Kept | None = None) -> Kept:
        """A token that is good by the clock, and another one than `instead_of`. Raises SourceError."""
        async with self._renewing:
            now = self._clock.now()
            kept = self._kept()
            if kept is not None and instead_of is not None and kept.value == instead_of.value:
                kept = None
            if kept is not None and kept.is_good(now, RENEW_BEFORE_END):
                return kept
            try:
                return await self._renewed(deadline_s)
            except SourceError:
                if kept is not None and kept.is_good(now):  # it serves for the minutes that it has left
                    return kept
                raise

    async def cookies(self, deadline_s: float) -> Mapping[str, str]:
        """Cookies made from the refresh token. Raises SourceError."""
        async with self._renewing:
            return await self._endpoint.cookies(deadline_s)

    async def _renewed(self, deadline_s: float) -> Kept:
        self._refusals.forbid(self._clock.now())
        try:
            fresh = await self._endpoint.access_token(deadline_s)
        except RefreshTokenRefused as refused:
            with add_endpoint(refused.endpoint):
                raise self._refusals.note(refused, self._clock.now()) from refused
        self._refusals.forget()
        now = self._clock.now()
        kept = Kept(value=fresh.value, since=now, until=now + fresh.life)
        self._state.put(
            _KEY,
            {
                "of": self._token_mark,
                "value": kept.value,
                "since": kept.since.isoformat(),
                "until": kept.until.isoformat(),
            },
        )
        return kept

    def _kept(self) -> Kept | None:
        kept = self._state.get(_KEY)
        value, since, until = (
            text(kept.get("value")),
            instant(kept.get("since")),
            instant(kept.get("until")),
        )
        if kept.get("of") != self._token_mark or value is None or since is None or until is None:
            return None
        return Kept(value=value, since=since, until=until) if is_header_text(value) else None


# Exchanges a refresh token for what the data service takes: an access token, or cookies.

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


@attrs.frozen(kw_only=True)
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
        with add_endpoint(request.endpoint):
            return self._content(reply)

    def _content(self, reply: Reply) -> Json:
        """The JSON of a good answer; by body before status. Raises SourceError."""
        try:
            content = parse_json(reply.body)
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
