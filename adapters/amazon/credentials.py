"""The authoriser that a home's credentials make: the refresh token where there is one, else the cookies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from adapters.amazon.authoriser import Authoriser, CookieAuthoriser
from adapters.amazon.csrf import CsrfCookie
from adapters.amazon.hosts import Hosts
from adapters.amazon.refusals import Refusals
from adapters.amazon.session import AmazonSession
from adapters.amazon.token_authoriser import TokenAuthoriser
from adapters.amazon.token_endpoint import TokenEndpoint
from adapters.amazon.tokens import Tokens
from ports.clock import Clock
from ports.state import State


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
