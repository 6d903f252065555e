"""The questions that the data service is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

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
