"""The headers that let a request to the data service in: an access token, or cookies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import timedelta
from typing import Protocol

from adapters.amazon.account_memory import AUTHORISATION, credential_mark
from adapters.amazon.cookies import CsrfCookie, cookies_in, sendable
from adapters.amazon.hosts import Hosts
from adapters.amazon.http import AmazonSession, AsksForPerson, NotReached
from adapters.amazon.tokens import SIGN_IN_AGAIN, AccessTokens, TokenEndpoint
from adapters.http.lenient_json import instant, members, text
from domain.errors import CredentialsRefused, SourceError
from ports.clock import Clock
from ports.state import Json, State

Headers = Mapping[str, str]

_PAUSE = timedelta(minutes=15)  # without new sign-ins, after all header sets were refused
_NO_CREDENTIALS = (
    "there is neither a refresh token nor a set of cookies for Amazon: sign in with `homeclimate setup "
    "amazon`, or put them into config/secrets.yaml under amazon_aqm "
    "(docs/how-to/connect-an-air-quality-monitor.md)"
)
_NOT_SENT = "the refresh token in config/secrets.yaml (amazon_aqm) is not sent"
_DEAD_COOKIES = (
    "Amazon does not accept the cookies any more; they live for two weeks at most. For a sign-in that lasts: "
    + SIGN_IN_AGAIN
)


class Authoriser(Protocol):
    """Makes the headers of requests. `credential` identifies what it works with, without revealing it."""

    @property
    def credential(self) -> str: ...

    def header_sets(self, deadline_s: float) -> AsyncGenerator[Headers, None]:
        """Yield headers to send, best first; each next set is for when those before were called stale.

        Raise SourceError if there is nothing to send, or nothing more and a person must act.
        """
        ...

    def accepted(self, headers: Headers) -> None:
        """Note that a request with these headers was let in."""
        ...


def authoriser_of(
    *,
    refresh_token: str | None,
    problem: str = "",
    is_trial: bool = False,
    cookies: Mapping[str, str],
    session: AmazonSession,
    hosts: Hosts,
    state: State,
    clock: Clock,
) -> Authoriser:
    """Return the authoriser for a home's credentials: the refresh token if there is one, else cookies.

    A `problem` of the token is shown to a person instead of a request. With `is_trial` a person waits
    who has just given the token, and its first refusal counts.
    """
    if problem:
        return NoAuthoriser(f"{_NOT_SENT}: {problem}")
    csrf = CsrfCookie(session=session, alexa_url=hosts.alexa)
    if not refresh_token:
        return CookieAuthoriser(cookies=cookies, csrf=csrf)
    credential = mark_of_credentials(refresh_token, cookies)
    endpoint = TokenEndpoint(session=session, hosts=hosts, refresh_token=refresh_token, clock=clock)
    tokens = AccessTokens(
        endpoint=endpoint, state=state, credential=credential, clock=clock, is_trial=is_trial
    )
    return TokenAuthoriser(tokens=tokens, csrf=csrf, state=state, credential=credential, clock=clock)


def mark_of_credentials(refresh_token: str | None, cookies: Mapping[str, str]) -> str:
    """Return the mark of what a home signs in with."""
    return credential_mark(refresh_token or repr(sorted(sendable(cookies).items())))


class NoAuthoriser:
    """Sends nothing, because what the home has cannot be a credential."""

    def __init__(self, problem: str) -> None:
        self._problem = problem
        self.credential = credential_mark(problem)

    async def header_sets(self, deadline_s: float) -> AsyncGenerator[Headers, None]:  # noqa: ARG002 - the port's
        """Raise CredentialsRefused."""
        if self._problem:
            raise CredentialsRefused(self._problem)
        yield {}

    def accepted(self, headers: Headers) -> None:
        """Do nothing: nothing is sent."""


class CookieAuthoriser:
    """A browser's cookies. They cannot be renewed."""

    def __init__(self, *, cookies: Mapping[str, str], csrf: CsrfCookie) -> None:
        self._cookies = sendable(cookies)
        self._csrf = csrf
        self.credential = mark_of_credentials(None, cookies)

    async def header_sets(self, deadline_s: float) -> AsyncGenerator[Headers, None]:
        """Yield the cookies as they are, then with a new csrf cookie."""
        if not self._cookies:
            raise CredentialsRefused(_NO_CREDENTIALS)
        yield await self._csrf.headers(self._cookies, deadline_s)
        yield await self._csrf.headers(self._cookies, deadline_s, renew=True)
        raise CredentialsRefused(_DEAD_COOKIES)

    def accepted(self, headers: Headers) -> None:
        """Do nothing: there is nothing to remember."""


class TokenAuthoriser:
    """An access token as bearer, renewed once; then cookies made from the refresh token.

    If cookies were accepted, they come first from then on. After all sets were refused, only the current
    token is tried for a while, so that a refusal does not become a storm of sign-ins.
    """

    def __init__(
        self, *, tokens: AccessTokens, csrf: CsrfCookie, state: State, credential: str, clock: Clock
    ) -> None:
        self._tokens = tokens
        self._csrf = csrf
        self._state = state
        self.credential = credential
        self._clock = clock
        self._memory: dict[str, Json] | None = None

    async def header_sets(self, deadline_s: float) -> AsyncGenerator[Headers, None]:
        """Yield bearer, new bearer, cookies; or cookies, new cookies, bearer, new bearer."""
        memory = self._remembered()
        saved = members(memory.get("cookies"))
        cookies = sendable({name: text(value) or "" for name, value in saved.items()})
        if cookies:
            yield await self._csrf.headers(cookies, deadline_s)
            if headers := await self._new_cookies(deadline_s):
                yield headers
        token = await self._tokens.token(deadline_s)
        yield _bearer(token.value)
        refused_at = instant(memory, "in_vain_at")
        if refused_at is not None and timedelta() <= self._clock.now() - refused_at < _PAUSE:
            return
        if not token.is_fresh(self._clock.now()):
            yield _bearer((await self._tokens.token(deadline_s, instead_of=token)).value)
        if not cookies and (headers := await self._new_cookies(deadline_s)):
            yield headers
        self._remember({"in_vain_at": self._clock.now().isoformat()})

    def accepted(self, headers: Headers) -> None:
        """Remember the accepted cookies; forget them and refusals once a token was accepted."""
        header, memory = headers.get("Cookie"), self._remembered()
        if header is None and memory:
            self._remember({})
        elif header is not None and (cookies := cookies_in(header)) != memory.get("cookies"):
            self._remember({"cookies": dict(cookies)})

    async def _new_cookies(self, deadline_s: float) -> Headers | None:
        """Return headers with new cookies; None without cookies, which does not condemn the token."""
        try:
            cookies = await self._tokens.cookies(deadline_s)
        except (NotReached, AsksForPerson):
            raise
        except SourceError:
            return None
        return await self._csrf.headers(cookies, deadline_s)

    def _remembered(self) -> dict[str, Json]:
        if self._memory is None or "in_vain_at" in self._memory:  # which another process may have ended
            saved = dict(self._state.get(AUTHORISATION))
            self._memory = saved if saved.get("of") == self.credential else {}
        return self._memory

    def _remember(self, memory: dict[str, Json]) -> None:
        self._memory = memory
        self._state.put(AUTHORISATION, {"of": self.credential, **memory} if memory else {})


def _bearer(access_token: str) -> Headers:
    return {"Authorization": f"Bearer {access_token}"}
