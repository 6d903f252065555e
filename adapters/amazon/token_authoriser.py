"""Lets requests in by a refresh token: with an access token of it, or with cookies made from it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta

from adapters.amazon.authoriser import Headers
from adapters.amazon.cookies import cookies_in, sendable
from adapters.amazon.csrf import CsrfCookie
from adapters.amazon.tokens import Tokens
from adapters.amazon.trouble import NotReached
from adapters.json_reply import instant, members, text
from domain.errors import SourceError
from ports.clock import Clock
from ports.state import Json, State

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
