"""What a request to the data service brings with it so that it is answered."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from adapters.amazon.cookies import sendable
from adapters.amazon.csrf import CsrfCookie
from adapters.amazon.refusals import SIGN_IN_AGAIN
from domain.errors import CredentialsRefused

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
