"""Every single read of the adapters, and how to make it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import attrs

from adapters.amazon.alexa import Alexa
from adapters.amazon.authorisation import CookieAuthoriser
from adapters.amazon.cookies import CsrfCookie
from adapters.amazon.http import AmazonSession
from adapters.amazon.linking import AmazonLinking
from adapters.amazon.tokens import TokenEndpoint
from adapters.hue.bridge import Bridge
from adapters.hue.discovery import CloudFinder
from adapters.hue.http import BridgeClient
from adapters.hue.tls import SignedBy
from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.memory.state import MemoryState
from domain.errors import SourceError
from ports.setup import CodePair
from tests.support.builders import NOON
from tests.support.odd_server import BRIDGE_ID, CA_FILE
from tests.support.recorded import recorded
from tests.support.replayed_home import ReplayedHome

PAIR = CodePair(public_code="A", private_code="B", page="C", expires_in_s=60.0, interval_s=1.0)


@attrs.frozen
class Reader:
    """All clients, in front of a home."""

    home: ReplayedHome
    meter: MemoryMeter
    session: AmazonSession
    bridge_client: BridgeClient

    @property
    def bridge(self) -> Bridge:
        return Bridge(client=self.bridge_client, api_key=recorded().hue_key, clock=MemoryClock(NOON))

    @property
    def alexa(self) -> Alexa:
        cookies = CookieAuthoriser(cookies={"session-id": "1", "csrf": "2"}, csrf=self.csrf)
        url = self.home.hosts.alexa
        return Alexa(session=self.session, authoriser=cookies, alexa_url=url, clock=MemoryClock(NOON))

    @property
    def csrf(self) -> CsrfCookie:
        return CsrfCookie(session=self.session, alexa_url=self.home.hosts.alexa)

    @property
    def tokens(self) -> TokenEndpoint:
        return TokenEndpoint(
            session=self.session, hosts=self.home.hosts, refresh_token="Atnr|x", clock=MemoryClock(NOON)
        )

    @property
    def linking(self) -> AmazonLinking:
        return AmazonLinking(
            session=self.session, hosts=self.home.hosts, state=MemoryState(), clock=MemoryClock(NOON)
        )

    def cloud(self) -> object:
        return CloudFinder(url=f"{self.home.hosts.www}/", clock=MemoryClock(NOON)).find(5.0)


def blocking(read: Callable[[Reader], object]) -> Callable[[Reader], Awaitable[object]]:
    async def reading(reader: Reader) -> object:
        return await asyncio.to_thread(read, reader)

    return reading


# By the name under which a replayed home replies. A new read of an adapter belongs here.
READS: Mapping[str, Callable[[Reader], Awaitable[object]]] = {
    "hue.config": blocking(lambda reader: reader.bridge.identity(9.0)),
    "hue.pair": blocking(lambda reader: reader.bridge.create_key("homeclimate#tests", 9.0)),
    "hue.v1/sensors": blocking(lambda reader: reader.bridge.v1("/sensors", 9.0)),
    "hue.v1/whole_bridge": blocking(lambda reader: reader.bridge.v1("", 9.0)),
    "hue.v2/temperature": blocking(lambda reader: reader.bridge.v2("temperature", 9.0)),
    "hue.v2/device": blocking(lambda reader: reader.bridge.v2("device", 9.0)),
    "hue.v2/device_power": blocking(lambda reader: reader.bridge.v2("device_power", 9.0)),
    "hue.v2/zigbee_connectivity": blocking(lambda reader: reader.bridge.v2("zigbee_connectivity", 9.0)),
    "hue.cloud": blocking(Reader.cloud),
    "amazon.token": lambda reader: reader.tokens.access_token(9.0),
    "amazon.exchange": lambda reader: reader.tokens.cookies(9.0),
    "amazon.csrf": lambda reader: reader.csrf.headers({"session-id": "1"}, 9.0),
    "amazon.appliances": lambda reader: reader.alexa.appliances(9.0),
    "amazon.endpoints": lambda reader: reader.alexa.endpoints(9.0),
    "amazon.monitorStates": lambda reader: reader.alexa.endpoint_states("1", 9.0),
    "amazon.phoenix": lambda reader: reader.alexa.entity_states("1", 9.0),
    "amazon.codepair": lambda reader: reader.linking.begin(),
    "amazon.register": lambda reader: reader.linking.poll(PAIR),
    "amazon.deregister": lambda reader: reader.linking.deregister("Atna|x"),
}


async def read_once(home: ReplayedHome, name: str) -> MemoryMeter:
    """Read once; any SourceError is a proper end."""
    clock = MemoryClock(NOON)
    meter = MemoryMeter(clock)
    bridge = BridgeClient(
        base_url=f"https://{home.bridge}",
        proof=SignedBy(CA_FILE, BRIDGE_ID),
        source="hue",
        timeout_s=5.0,
        clock=clock,
        meter=meter,
    )
    session = AmazonSession(source="amazon", timeout_s=5.0, roots=CA_FILE, clock=clock, meter=meter)
    try:
        await READS[name](Reader(home, meter, session, bridge))
    except SourceError:
        pass
    finally:
        bridge.close()
        await session.close()
    return meter
