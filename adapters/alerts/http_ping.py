"""Ping a dead man's switch over HTTP."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from adapters.runtime.threads import SingleThread
from domain.errors import NotifyError, NotifyUnavailable
from ports.clock import Clock

_LEAST_S = 0.1
_BAD_URL = "the ping URL is invalid. Correct alerts.ping_url in secrets.yaml"


class HttpPing:
    """GET the URL if all is well, or the URL with `/fail` added to its path if not.

    That is the convention of healthchecks.io. The URL is a secret: no error contains it. Redirects are not
    followed, and only the status of a reply is read.
    """

    def __init__(self, url: str, *, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._thread = SingleThread("ping", clock)

    async def beat(self, *, is_well: bool, deadline_s: float) -> None:
        limit_s = max(deadline_s - self._clock.elapsed_s(), _LEAST_S)
        try:
            status = await self._thread.run(lambda: self._get(is_well, limit_s), limit_s)
        except TimeoutError as error:
            raise NotifyUnavailable(f"the ping URL did not answer: {error}") from error
        if not 200 <= status < 300:
            raise NotifyError(
                f"the ping URL replied with HTTP {status}. Check alerts.ping_url in secrets.yaml"
            )

    def _get(self, is_well: bool, timeout_s: float) -> int:
        """Return the status of the reply. Blocks: each socket operation gets `timeout_s`."""
        import requests

        try:
            parts = urlsplit(self._url)
            path = parts.path.rstrip("/") + ("" if is_well else "/fail")
            with requests.Session() as session:
                session.trust_env = False
                session.mount("https://", _with_system_roots())
                reply = session.get(
                    urlunsplit(parts._replace(path=path or "/")),
                    headers={"User-Agent": "homeclimate"},
                    timeout=timeout_s,
                    allow_redirects=False,
                    stream=True,  # never read the body
                )
                reply.close()
                return reply.status_code
        except ValueError as error:  # what requests raises for bad URLs, and urlsplit
            raise NotifyError(_BAD_URL) from error
        except (requests.RequestException, OSError) as error:
            raise NotifyUnavailable(f"the ping URL did not answer ({type(error).__name__})") from error


def _with_system_roots() -> Any:
    """Return a requests adapter that trusts the system's certificate authorities too, not certifi's alone."""
    from requests.adapters import HTTPAdapter

    class SystemRoots(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, ssl_context=ssl.create_default_context(), **options)

    return SystemRoots()
