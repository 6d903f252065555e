"""The data service behind the Alexa app, asked in the ways that the authoriser knows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from adapters.amazon.authoriser import Authoriser
from adapters.amazon.replies import content_of
from adapters.amazon.session import AmazonSession, Request
from adapters.endpoint import at_endpoint
from adapters.json_reply import Json, not_finite
from domain.errors import CredentialsStale
from ports.clock import Clock


class Alexa:
    """Asks one account's data service, one request at a time. Raises SourceError.

    `not_finite` is how many numbers of its answers were none.
    """

    def __init__(
        self, *, session: AmazonSession, authoriser: Authoriser, alexa_url: str, clock: Clock
    ) -> None:
        self._session = session
        self._authoriser = authoriser
        self._alexa_url = alexa_url
        self.not_finite = 0
        self._clock = clock

    async def graphql(self, operation: str, query: Mapping[str, Any], deadline_s: float) -> Json:
        """The answer to a GraphQL operation, `errors` and all; `operation` is its name for the meter."""
        return await self._ask(operation, "/nexus/v1/graphql", query, deadline_s)

    async def phoenix(self, question: Mapping[str, Any], deadline_s: float) -> Json:
        """The answer of the older interface for states."""
        return await self._ask("amazon.phoenix", "/api/phoenix/state", question, deadline_s)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._session.close()

    async def _ask(self, operation: str, path: str, question: Mapping[str, Any], deadline_s: float) -> Json:
        """Ask in each way until one is not called stale."""
        stale = CredentialsStale("there is no way to sign in")
        body = json.dumps(question).encode()
        async with aclosing(self._authoriser.ways(deadline_s)) as ways:
            async for headers in ways:
                request = Request(
                    operation=operation,
                    url=self._alexa_url + path,
                    headers={
                        "Content-Type": "application/json; charset=utf-8",
                        "Accept": "application/json",
                        **headers,
                    },
                    body=body,
                )
                try:
                    reply = await self._session.ask(request, deadline_s)
                    with at_endpoint(request.endpoint):
                        content = content_of(reply, self._clock.now())
                except CredentialsStale as error:
                    stale = error
                    continue
                self._authoriser.accepted(headers)
                self.not_finite += not_finite(content)
                return content
        raise CredentialsStale(f"{stale}, though the credentials are fresh", endpoint=stale.endpoint)
