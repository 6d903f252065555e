"""The simulated home's replies to all requests of the two sources, recorded over its sockets."""

from __future__ import annotations

import asyncio
import functools
import http.client
import json
import ssl
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs

from adapters.amazon.alexa import Alexa
from adapters.amazon.authorisation import authoriser_of
from adapters.amazon.http import AmazonSession
from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.memory.state import MemoryState
from adapters.simulator.amazon.service import SimulatedAlexa
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from tests.support.alexa_client import ask, bearer, post_form
from tests.support.amazon_bench import hosts_of_simulation
from tests.support.builders import NOON
from tests.support.canned_alexa import TOKEN
from tests.support.odd_json import from_strings

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
# Replies to what is asked once in a home's life, in the shapes of the simulated home.
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
    """The JSON by request, the devices that a good cycle reads, and what requests need."""

    contents: Mapping[str, Any]
    hue_key: str
    bridge_id: str
    sensors: frozenset[str]
    monitors: frozenset[str]


@functools.cache
def recorded() -> Recorded:
    """Return the home at noon, recorded once a process."""
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
    asking = http.client.HTTPSConnection(bridge.address, context=context, timeout=30)
    try:
        asking.request("GET", path.format(key=bridge.key), headers={"hue-application-key": bridge.key})
        return json.loads(asking.getresponse().read())
    finally:
        asking.close()


def _of_alexa(home: SimulatedHome) -> dict[str, Any]:
    alexa = home.alexa
    signed_in = bearer(alexa)
    exchanged = post_form(
        alexa,
        "/ap/exchangetoken/cookies",
        app_name="tests",
        requested_token_type="auth_cookies",
        domain=".amazon.com",
        source_token=alexa.refresh_token,
        source_token_type="refresh_token",
    )

    return {
        "amazon.token": TOKEN,
        "amazon.exchange": exchanged.json,
        "amazon.csrf": ask(alexa, "/api/language", headers=signed_in).json,
        **_in_thread(_data_of(alexa)),
    }


def _in_thread(work: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """Return the result of the work, also where an event loop is running already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _data_of(alexa: SimulatedAlexa) -> dict[str, Any]:
    """Return what the data service replies to each of the adapter's queries."""
    clock = MemoryClock(NOON)
    hosts = hosts_of_simulation(alexa)
    session = AmazonSession(
        source="tests", timeout_s=5.0, roots=alexa.ca_file, clock=clock, meter=MemoryMeter(clock)
    )
    authoriser = authoriser_of(
        refresh_token=alexa.refresh_token,
        cookies={},
        session=session,
        hosts=hosts,
        state=MemoryState(),
        clock=clock,
    )
    client = Alexa(session=session, authoriser=authoriser, alexa_url=alexa.url, clock=clock)
    deadline_s = clock.elapsed_s() + 5.0
    try:
        return {
            "amazon.appliances": await client.appliances(deadline_s),
            "amazon.endpoints": await client.endpoints(deadline_s),
            "amazon.monitorStates": await client.endpoint_states(
                [one.endpoint_id for one in alexa.monitors], deadline_s
            ),
            "amazon.phoenix": from_strings(
                await client.entity_states([one.entity_id for one in alexa.monitors], deadline_s)
            ),
        }
    finally:
        await client.close()
