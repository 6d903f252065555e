"""What the simulated home answers to everything that the two sources ask, recorded over its sockets."""

from __future__ import annotations

import functools
import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any

import attrs

from adapters.amazon.alexa import appliances, endpoints, readings, states
from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.alexa_client import Answer, ask, bearer, post, post_form
from tests.support.builders import NOON
from tests.support.canned_alexa import TOKEN
from tests.support.spoiled_json import from_strings

HUE_PATHS = {
    "hue.config": "/api/config",
    "hue.v1/sensors": "/api/{key}/sensors",
    "hue.v1/whole_bridge": "/api/{key}",
    "hue.v2/temperature": "/clip/v2/resource/temperature",
    "hue.v2/device": "/clip/v2/resource/device",
    "hue.v2/device_power": "/clip/v2/resource/device_power",
    "hue.v2/zigbee_connectivity": "/clip/v2/resource/zigbee_connectivity",
}
AMAZON = (
    "amazon.token",
    "amazon.exchange",
    "amazon.csrf",
    "amazon.appliances",
    "amazon.endpoints",
    "amazon.monitorStates",
    "amazon.phoenix",
)
# What is asked once in a home's life, in the shapes of the simulated home's answers.
_SIGNING_IN: dict[str, Any] = {
    "hue.pair": [{"success": {"username": "0123456789abcdefghijKLMN-_0123456789abcd"}}],
    "hue.cloud": [{"id": "001788fffe5a1e57", "internalipaddress": "192.0.2.7", "port": 443}],
    "amazon.codepair": {
        "public_code": "ABC123",
        "private_code": "8f0e-private",
        "expires_in": 600,
        "polling_interval_in_seconds": 5,
    },
    "amazon.register": {
        "response": {
            "success": {
                "tokens": {
                    "bearer": {"access_token": "Atna|x", "refresh_token": "Atnr|x", "expires_in": "3600"}
                }
            }
        }
    },
    "amazon.deregister": {"response": {"success": {}}},
}


@attrs.frozen(kw_only=True)
class Recorded:
    """The JSON by what was asked, the devices that a good cycle reads, and what is needed to ask."""

    contents: Mapping[str, Any]
    hue_key: str
    bridge_id: str
    sensors: frozenset[str]
    monitors: frozenset[str]


@functools.cache
def recorded() -> Recorded:
    """The home at noon, recorded once a process."""
    with SimulatedHome(clock=MemoryClock(NOON)).running() as home:
        contents = {name: _of_bridge(home.bridge, path) for name, path in HUE_PATHS.items()}
        contents |= _of_alexa(home) | _SIGNING_IN
        return Recorded(
            contents=contents,
            hue_key=home.bridge.key,
            bridge_id=home.bridge.id,
            sensors=frozenset(
                one.device_id for one in home.sensors if home.is_reachable(one.device_id, NOON)
            ),
            monitors=frozenset(
                one.device_id for one in home.alexa.monitors if home.alexa.is_reachable(one.serial, NOON)
            ),
        )


def _of_bridge(bridge: SimulatedBridge, path: str) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(bridge.ca_file)
    asking = http.client.HTTPSConnection(bridge.address, context=context, timeout=5)
    try:
        asking.request("GET", path.format(key=bridge.key), headers={"hue-application-key": bridge.key})
        return json.loads(asking.getresponse().read())
    finally:
        asking.close()


def _of_alexa(home: SimulatedHome) -> dict[str, Any]:
    alexa = home.alexa
    signed_in = bearer(alexa)
    ids = [one.endpoint_id for one in alexa.monitors]
    entities = [one.entity_id for one in alexa.monitors]
    exchanged = post_form(
        alexa,
        "/ap/exchangetoken/cookies",
        app_name="tests",
        requested_token_type="auth_cookies",
        domain=".amazon.com",
        source_token=alexa.refresh_token,
        source_token_type="refresh_token",
    )

    def asked(path: str, question: object) -> Answer:
        return post(alexa, path, question, signed_in)

    return {
        "amazon.token": TOKEN,
        "amazon.exchange": exchanged.json,
        "amazon.csrf": ask(alexa, "/api/language", headers=signed_in).json,
        "amazon.appliances": asked("/nexus/v1/graphql", appliances()).json,
        "amazon.endpoints": asked("/nexus/v1/graphql", endpoints()).json,
        "amazon.monitorStates": asked("/nexus/v1/graphql", readings(ids)).json,
        "amazon.phoenix": from_strings(asked("/api/phoenix/state", states(entities)).json),
    }
