"""Cookies as one header, without a jar (jars quote values), and the csrf cookie that goes with them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from adapters.amazon.http import AmazonSession, NotReached, Request
from domain.errors import SourceError

LONGEST_VALUE = 8_192  # characters: what servers take in one header
_FORBIDDEN = set(' ;,"')
_MOST_COOKIES = 200  # more than browsers keep of one site
_CSRF = "csrf"


def is_header_text(value: str) -> bool:
    """Whether the value can be sent as a header or a cookie as it is."""
    return (
        0 < len(value) <= LONGEST_VALUE
        and value.isascii()
        and value.isprintable()
        and not set(value) & _FORBIDDEN
    )


def sendable(cookies: Mapping[str, str]) -> dict[str, str]:
    """Return the cookies that can be sent, without the quotes that some values come in."""
    bare = {name.strip(): value.strip().strip('"') for name, value in cookies.items()}
    good = ((name, value) for name, value in bare.items() if is_header_text(name) and is_header_text(value))
    return dict(islice(good, _MOST_COOKIES))


def cookie_header(cookies: Mapping[str, str]) -> str:
    """Return the value of the Cookie header."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def cookies_in(header: str) -> dict[str, str]:
    """Return the cookies of a header that `cookie_header` made."""
    return dict(part.split("=", 1) for part in header.split("; ") if "=" in part)


class CsrfCookie:
    """The csrf cookie, which requests with cookies repeat in a header.

    The service is asked for it once if the other cookies came without it.
    """

    def __init__(self, *, session: AmazonSession, alexa_url: str) -> None:
        self._session = session
        self._alexa_url = alexa_url
        self._given: tuple[str, str] | None = None  # the Cookie header that it belongs to, and its value

    async def headers(
        self, cookies: Mapping[str, str], deadline_s: float, *, renew: bool = False
    ) -> Mapping[str, str]:
        """Return the headers that send these cookies; with `renew`, a new csrf cookie is fetched."""
        if renew:
            self._given = None
            cookies = {name: value for name, value in cookies.items() if name != _CSRF}
        if _CSRF not in cookies and (csrf := await self._fetch(cookie_header(cookies), deadline_s)):
            cookies = {**cookies, _CSRF: csrf}
        headers = {"Cookie": cookie_header(cookies)}
        return {**headers, _CSRF: cookies[_CSRF]} if _CSRF in cookies else headers

    async def _fetch(self, header: str, deadline_s: float) -> str | None:
        if self._given is not None and self._given[0] == header:
            return self._given[1]
        request = Request(
            operation="amazon.csrf",
            url=f"{self._alexa_url}/api/language",
            method="GET",
            headers={"Cookie": header, "Accept": "application/json"},
            is_private=True,
        )
        try:
            reply = await self._session.send(request, deadline_s)
        except NotReached:
            raise
        except SourceError:
            return None  # the data request will show whether it was needed
        csrf = reply.cookies.get(_CSRF, "").strip('"')
        if not is_header_text(csrf):
            return None
        self._given = (header, csrf)
        return csrf
