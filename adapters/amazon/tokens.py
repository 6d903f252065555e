"""The access token at hand: kept from process to process, renewed in time, one renewal at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import attrs

from adapters.amazon.cookies import is_header_text
from adapters.amazon.refusals import Refusals
from adapters.amazon.token_endpoint import RefreshTokenRefused, TokenEndpoint
from adapters.endpoint import at_endpoint
from adapters.json_reply import instant, text
from domain.errors import SourceError
from domain.values import frozen
from ports.clock import Clock
from ports.state import State

RENEW_BEFORE_END = timedelta(minutes=5)
FRESH_FOR = timedelta(minutes=1)  # what is refused within it is not refused for its age
_KEY = "amazon.access_token"


@frozen(kw_only=True)
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
            with at_endpoint(refused.endpoint):
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
