"""The data service behind the Alexa app: its queries, and a client that sends them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from typing import Any

from adapters.amazon.account_memory import credential_mark
from adapters.amazon.authorisation import Authoriser
from adapters.amazon.errors import parse_reply
from adapters.amazon.http import AmazonSession, AsksForPerson, NoReply, Request
from adapters.amazon.tokens import SIGN_IN_AGAIN
from adapters.http.lenient_json import Json, count_non_finite
from adapters.http.replies import add_endpoint
from domain.errors import CredentialsStale, SourceUnavailable
from ports.clock import Clock

# `instance` distinguishes the ranges of a monitor: clients that do not ask for it show wrong values.
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

# Apart from the query above: one that the service rejects must not cost the monitors.
_MAKERS = """query makers {
  endpoints(endpointsQueryParams: {paginationParams: {disablePagination: true}}) {
    items { legacyAppliance { applianceId applianceTypes friendlyName manufacturerName } }
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


class Alexa:
    """Sends requests to one account's data service, one at a time. Raises SourceError.

    `not_finite` counts the numbers in its replies that were NaN or infinite.
    """

    def __init__(
        self, *, session: AmazonSession, authoriser: Authoriser, alexa_url: str, clock: Clock
    ) -> None:
        self._session = session
        self._authoriser = authoriser
        self._alexa_url = alexa_url
        self._clock = clock
        self.not_finite = 0

    @property
    def credential(self) -> str:
        """A mark of the credential that is used."""
        return self._authoriser.credential

    @property
    def account(self) -> str:
        """A mark of the site that the account belongs to."""
        return credential_mark(self._alexa_url)

    async def endpoint_states(self, endpoint_ids: Iterable[str], deadline_s: float) -> Json:
        """Return the newest values of these endpoints."""
        variables = {"endpointIds": list(endpoint_ids)}
        return await self._graphql("amazon.graphql", "monitorStates", _READINGS, variables, deadline_s)

    async def entity_states(self, entity_ids: Iterable[str], deadline_s: float) -> Json:
        """Return the newest values of these entities, from the older interface."""
        # entityType APPLIANCE fails for a monitor
        return await self._states("ENTITY", entity_ids, deadline_s)

    async def appliance_states(self, appliance_ids: Iterable[str], deadline_s: float) -> Json:
        """Return the newest values of these appliances, such as thermostats, from the older interface."""
        return await self._states("APPLIANCE", appliance_ids, deadline_s)

    async def appliances(self, deadline_s: float) -> Json:
        """Return all devices of the account, with what each of their ranges means."""
        return await self._graphql("amazon.discovery", "appliances", _APPLIANCES, {}, deadline_s)

    async def makers(self, deadline_s: float) -> Json:
        """Return all devices of the account with their makers."""
        return await self._graphql("amazon.discovery", "makers", _MAKERS, {}, deadline_s)

    async def endpoints(self, deadline_s: float) -> Json:
        """Return all devices in the newer form, which is shorter and does not explain ranges."""
        return await self._graphql("amazon.discovery", "endpoints", _ENDPOINTS, {}, deadline_s)

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def _states(self, entity_type: str, ids: Iterable[str], deadline_s: float) -> Json:
        requests = [{"entityId": each, "entityType": entity_type} for each in ids]
        return await self._send(
            "amazon.phoenix", "/api/phoenix/state", {"stateRequests": requests}, deadline_s
        )

    async def _graphql(
        self, operation: str, name: str, query: str, variables: Mapping[str, Any], deadline_s: float
    ) -> Json:
        question = {"operationName": name, "variables": variables, "query": query}
        return await self._send(operation, "/nexus/v1/graphql", question, deadline_s)

    async def _send(self, operation: str, path: str, question: Mapping[str, Any], deadline_s: float) -> Json:
        """Send with each set of headers until one is not called stale."""
        stale = CredentialsStale("there is no way to sign in")
        body = json.dumps(question).encode()
        async with aclosing(self._authoriser.header_sets(deadline_s)) as header_sets:
            async for headers in header_sets:
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
                    try:
                        reply = await self._session.send(request, deadline_s)
                    except NoReply as error:  # which concerns this request only
                        raise SourceUnavailable(str(error), endpoint=request.endpoint) from error
                    with add_endpoint(request.endpoint):
                        content = parse_reply(reply, self._clock.now())
                except AsksForPerson:
                    raise  # no other headers would help
                except CredentialsStale as error:
                    stale = error
                    continue
                self._authoriser.accepted(headers)
                self.not_finite += count_non_finite(content)
                return content
        raise CredentialsStale(
            f"{stale}, though the credentials are fresh: if that lasts, {SIGN_IN_AGAIN}",
            endpoint=stale.endpoint,
        )
