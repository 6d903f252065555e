"""What a request to the data service brings with it so that it is answered."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Protocol

from adapters.amazon.cookies import CsrfCookie, cookies_in, sendable
from adapters.amazon.hosts import Hosts
from adapters.amazon.http import AmazonSession, NotReached
from adapters.amazon.tokens import SIGN_IN_AGAIN, Refusals, TokenEndpoint, Tokens
from adapters.http.lenient_json import instant, members, text
from domain.errors import CredentialsRefused, SourceError
from ports.clock import Clock
from ports.state import Json, State

Headers = Mapping[str, str]

NO_CREDENTIALS = (
    "there is neither a refresh token nor a set of cookies for Amazon: sign in with `homeclimate setup "
    "amazon`, or put them into config/secrets.yaml under amazon_aqm "
    "(docs/how-to/connect-an-air-quality-monitor.md)"
)
COOKIES_ARE_DEAD = (
    "Amazon does not accept the cookies any more; they live for two weeks at most. For a sign-in that lasts: "
    + SIGN_IN_AGAIN
)


class Authoriser(Protocol):
    """Knows the ways to be let in."""

    def ways(self, deadline_s: float) -> AsyncGenerator[Headers, None]:
        """Headers to ask with, best first; the next ones are for when those before were called stale.

        Raises SourceError when there is nothing to ask with, or nothing more and a person must act.
        """
        ...

    def accepted(self, headers: Headers) -> None:
        """Whoever asked with these headers was let in."""
        ...


class CookieAuthoriser:
    """A browser's cookies. They cannot be renewed."""

    def __init__(self, *, cookies: Mapping[str, str], csrf: CsrfCookie) -> None:
        self._cookies = sendable(cookies)
        self._csrf = csrf

    async def ways(self, deadline_s: float) -> AsyncGenerator[Headers, None]:
        """The cookies as they are, then with a csrf cookie that is new."""
        if not self._cookies:
            raise CredentialsRefused(NO_CREDENTIALS)
        yield await self._csrf.headers(self._cookies, deadline_s)
        yield await self._csrf.renewed_headers(self._cookies, deadline_s)
        raise CredentialsRefused(COOKIES_ARE_DEAD)

    def accepted(self, headers: Headers) -> None:
        """Nothing to remember."""


# The authoriser that a home's credentials make: the refresh token where there is one, else the cookies.


def authoriser_of(
    *,
    refresh_token: str | None,
    cookies: Mapping[str, str],
    session: AmazonSession,
    hosts: Hosts,
    state: State,
    clock: Clock,
) -> Authoriser:
    """An authoriser that asks through the session and remembers in the state. It asks nothing yet."""
    csrf = CsrfCookie(session=session, alexa_url=hosts.alexa)
    if not refresh_token:
        return CookieAuthoriser(cookies=cookies, csrf=csrf)
    token_mark = token_mark_of(refresh_token)
    endpoint = TokenEndpoint(session=session, hosts=hosts, refresh_token=refresh_token, clock=clock)
    tokens = Tokens(
        endpoint=endpoint,
        refusals=Refusals(state=state, token_mark=token_mark),
        state=state,
        token_mark=token_mark,
        clock=clock,
    )
    return TokenAuthoriser(tokens=tokens, csrf=csrf, state=state, token_mark=token_mark, clock=clock)


def token_mark_of(refresh_token: str) -> str:
    """Tells one refresh token from another, and nothing of it."""
    return hashlib.sha256(refresh_token.encode("utf-8", "replace")).hexdigest()[:16]


# Lets requests in by a refresh token: with an access token of it, or with cookies made from it.

_LEAVE_IN_PEACE = timedelta(minutes=15)  # after everything was tried in vain
_KEY = "amazon.authorisation"


class TokenAuthoriser:
    """An access token as bearer, renewed once; then cookies, as most clients send.

    Where cookies were the way in, they come first from then on. After everything was tried in vain, only what
    is at hand is tried for a while, so that no refusal becomes a storm of sign-ins.
    """

    def __init__(
        self, *, tokens: Tokens, csrf: CsrfCookie, state: State, token_mark: str, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._csrf = csrf
        self._state = state
        self._token_mark = token_mark
        self._clock = clock

    async def ways(self, deadline_s: float) -> AsyncGenerator[Headers, None]:
        """Bearer, bearer renewed, cookies; or cookies, cookies renewed, bearer, bearer renewed."""
        kept = self._kept()
        cookies = sendable({name: text(value) or "" for name, value in members(kept.get("cookies")).items()})
        if cookies:
            yield await self._csrf.headers(cookies, deadline_s)
            if headers := await self._by_new_cookies(deadline_s):
                yield headers
        token = await self._tokens.token(deadline_s)
        yield bearer(token.value)
        if self._is_left_in_peace(kept):
            return
        if not token.is_fresh(self._clock.now()):
            yield bearer((await self._tokens.token(deadline_s, instead_of=token)).value)
        if not cookies and (headers := await self._by_new_cookies(deadline_s)):
            yield headers
        self._keep({"in_vain_at": self._clock.now().isoformat()})

    def accepted(self, headers: Headers) -> None:
        """Remember the way in, where it is another one than last time."""
        by_cookies = headers.get("Cookie")
        kept = self._kept()
        if by_cookies is None and kept:
            self._state.put(_KEY, {})
        elif by_cookies is not None and (cookies := cookies_in(by_cookies)) != kept.get("cookies"):
            self._keep({"cookies": dict(cookies)})

    async def _by_new_cookies(self, deadline_s: float) -> Headers | None:
        """None where no cookies are to be had, which says nothing of the refresh token."""
        try:
            cookies = await self._tokens.cookies(deadline_s)
        except NotReached:
            raise
        except SourceError:
            return None
        return await self._csrf.headers(cookies, deadline_s)

    def _is_left_in_peace(self, kept: Mapping[str, Json]) -> bool:
        in_vain_at = instant(kept.get("in_vain_at"))
        return in_vain_at is not None and timedelta() <= self._clock.now() - in_vain_at < _LEAVE_IN_PEACE

    def _kept(self) -> Mapping[str, Json]:
        kept = self._state.get(_KEY)
        return kept if kept.get("of") == self._token_mark else {}

    def _keep(self, value: Mapping[str, Json]) -> None:
        self._state.put(_KEY, {"of": self._token_mark, **value})


def bearer(access_token: str) -> Headers:
    """The headers of an access token."""
    return {"Authorization": f"Bearer {access_token}"}
