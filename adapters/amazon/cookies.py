"""Cookies as the header that sends them, without a jar: jars quote values anew, and Amazon minds."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from adapters.amazon.http import AmazonSession, NotReached, Request
from domain.errors import SourceError

_NEVER = set(' ;,"')
LONGEST_VALUE = 8_192  # characters: what servers take in one header
_MOST_COOKIES = 200  # more than browsers keep of one site


def is_header_text(value: str) -> bool:
    """Whether the value can stand in a header, or as a cookie, as it is."""
    return (
        0 < len(value) <= LONGEST_VALUE
        and value.isascii()
        and value.isprintable()
        and not set(value) & _NEVER
    )


def sendable(cookies: Mapping[str, str]) -> dict[str, str]:
    """Those that can be sent, without the quotes that some come in."""
    bare = {name.strip(): value.strip().strip('"') for name, value in cookies.items()}
    good = ((name, value) for name, value in bare.items() if is_header_text(name) and is_header_text(value))
    return dict(islice(good, _MOST_COOKIES))


def written(cookies: Mapping[str, str]) -> str:
    """The value of the Cookie header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def cookies_in(header: str) -> dict[str, str]:
    """The cookies of a header that was written here."""
    return dict(part.split("=", 1) for part in header.split("; ") if "=" in part)


# The csrf cookie, which requests with cookies must repeat in a header, and where it comes from.

_NAME = "csrf"


class CsrfCookie:
    """Asks the service for the cookie once, where the others came without it."""

    def __init__(self, *, session: AmazonSession, alexa_url: str) -> None:
        self._session = session
        self._alexa_url = alexa_url
        self._given: tuple[str, str] | None = None  # for which cookies, and what it is

    async def headers(self, cookies: Mapping[str, str], deadline_s: float) -> Mapping[str, str]:
        """The headers that send these cookies."""
        if _NAME not in cookies and (csrf := await self._csrf(written(cookies), deadline_s)):
            cookies = {**cookies, _NAME: csrf}
        headers = {"Cookie": written(cookies)}
        return {**headers, _NAME: cookies[_NAME]} if _NAME in cookies else headers

    async def renewed_headers(self, cookies: Mapping[str, str], deadline_s: float) -> Mapping[str, str]:
        """The same with a csrf cookie that the service gives now."""
        self._given = None
        return await self.headers({name: cookies[name] for name in cookies if name != _NAME}, deadline_s)

    async def _csrf(self, cookie_header: str, deadline_s: float) -> str | None:
        if self._given is not None and self._given[0] == cookie_header:
            return self._given[1]
        request = Request(
            operation="amazon.csrf",
            url=f"{self._alexa_url}/api/language",
            method="GET",
            headers={"Cookie": cookie_header, "Accept": "application/json"},
            is_private=True,
        )
        try:
            reply = await self._session.ask(request, deadline_s)
        except NotReached:
            raise
        except SourceError:
            return None  # the request itself will show whether it was needed
        csrf = reply.cookies.get(_NAME, "").strip('"')
        if not is_header_text(csrf):
            return None
        self._given = (cookie_header, csrf)
        return csrf
