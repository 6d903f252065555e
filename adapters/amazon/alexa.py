"""The data service behind the Alexa app, asked in the ways that the authoriser knows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from adapters.amazon.authorisation import Authoriser
from adapters.amazon.errors import content_of
from adapters.amazon.http import AmazonSession, Request
from adapters.http.lenient_json import Json, count_non_finite
from adapters.http.replies import add_endpoint
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
                    with add_endpoint(request.endpoint):
                        content = content_of(reply, self._clock.now())
                except CredentialsStale as error:
                    stale = error
                    continue
                self._authoriser.accepted(headers)
                self.not_finite += count_non_finite(content)
                return content
        raise CredentialsStale(f"{stale}, though the credentials are fresh", endpoint=stale.endpoint)


# The questions that the data service is asked.

# `instance` tells the ranges of a monitor apart: a client that does not ask for it shows wrong values.
_READINGS = """query monitorStates($endpointIds: [String]!) {
  listEndpoints(
    listEndpointsInput: {latencyTolerance: LOW, endpointIds: $endpointIds, includeHouseholdDevices: true}
  ) {
    endpoints {
      id
      features {
        name
        instance
        properties {
          __typename
          name
          type
          accuracy
          error { type message }
          ... on RangeValue { rangeValue { value } timeOfSample }
          ... on TemperatureSensor { value { value scale } timeOfSample }
          ... on Reachability { reachabilityStatusValue timeOfSample }
        }
      }
    }
  }
}"""

_APPLIANCES = """query appliances {
  endpoints(endpointsQueryParams: {paginationParams: {disablePagination: true}}) {
    items {
      legacyAppliance {
        applianceId
        applianceTypes
        friendlyName
        friendlyDescription
        entityId
        alexaDeviceIdentifierList
        capabilities
      }
    }
  }
}"""

_ENDPOINTS = """query endpoints {
  listEndpoints(listEndpointsInput: {includeHouseholdDevices: true}) {
    endpoints {
      id
      friendlyNameObject { value { text } }
      serialNumber { value { text } }
      displayCategories { primary { value } }
      legacyIdentifiers {
        dmsIdentifier { deviceType { value { text } } }
        chrsIdentifier { entityId }
      }
    }
  }
}"""


def readings(endpoint_ids: Iterable[str]) -> Mapping[str, Any]:
    """The newest values of these monitors."""
    return {
        "operationName": "monitorStates",
        "variables": {"endpointIds": list(endpoint_ids)},
        "query": _READINGS,
    }


def appliances() -> Mapping[str, Any]:
    """Everything that the account has, with what each range of it means."""
    return {"operationName": "appliances", "variables": {}, "query": _APPLIANCES}


def endpoints() -> Mapping[str, Any]:
    """The same in the newer form, which is shorter and does not tell what ranges mean."""
    return {"operationName": "endpoints", "variables": {}, "query": _ENDPOINTS}


def states(entity_ids: Iterable[str]) -> Mapping[str, Any]:
    """The same values, for the older interface."""
    # with entityType APPLIANCE it fails
    return {"stateRequests": [{"entityId": each, "entityType": "ENTITY"} for each in entity_ids]}
