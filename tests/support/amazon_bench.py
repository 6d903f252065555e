"""An Amazon source in front of a service, with the parts that a test controls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from adapters import simulator
from adapters.amazon.alexa import Alexa
from adapters.amazon.authorisation import authoriser_of
from adapters.amazon.hosts import Hosts
from adapters.amazon.http import AmazonSession
from adapters.amazon.monitors import MonitorDirectory
from adapters.amazon.second_interface import SecondInterface
from adapters.amazon.source import AmazonSource, MonitorSettings
from adapters.amazon.thermostats import Thermostats, ThermostatSettings
from adapters.memory.runtime import MemoryClock, MemoryJournal, MemoryMeter
from adapters.memory.state import MemoryState
from adapters.simulator.amazon.service import SimulatedAlexa
from domain.cycle import SourceReply
from domain.reading import Reading
from ports.state import State
from tests.support.alexa_stand_in import REFRESH_TOKEN
from tests.support.builders import NOON
from tests.support.hue_bench import WallOf

# One root certificate: to load the system's takes 20 ms.
ROOTS = Path(simulator.__file__).parent / "certificates" / "amazon-ca.pem"


@attrs.frozen(kw_only=True)
class AmazonBench:
    """The source and its parts. `wall` moves only when a test moves it; sockets take real time."""

    source: AmazonSource
    session: AmazonSession
    wall: MemoryClock
    clock: WallOf
    state: State
    journal: MemoryJournal
    meter: MemoryMeter

    async def read(self, slot: datetime = NOON, within_s: float = 10.0) -> SourceReply:
        return await self.source.read(slot, self.clock.elapsed_s() + within_s)

    async def reading(self) -> Reading:
        """Return the only reading of a read."""
        (reading,) = (await self.read()).readings
        return reading

    def operations(self) -> list[str]:
        """Return what the source asked for since the last call, oldest first."""
        return [measurement.operation for measurement in self.meter.drain()]


@asynccontextmanager
async def in_front_of(hosts: Hosts, **changes: Any) -> AsyncIterator[AmazonBench]:
    """Yield a bench, and close its connections at the end."""
    bench = an_amazon_bench(hosts, **changes)
    try:
        yield bench
    finally:
        await bench.source.close()


def in_front_of_simulation(alexa: SimulatedAlexa, **changes: Any) -> AbstractAsyncContextManager[AmazonBench]:
    """Yield a bench that is signed in to the simulated service."""
    fields: dict[str, Any] = {"refresh_token": alexa.refresh_token, "roots": alexa.ca_file}
    return in_front_of(hosts_of_simulation(alexa), **(fields | changes))


def hosts_of_simulation(alexa: SimulatedAlexa) -> Hosts:
    return Hosts(domain="amazon.com", alexa=alexa.url, api=alexa.url, www=alexa.url)


def an_amazon_bench(
    hosts: Hosts,
    *,
    refresh_token: str | None = REFRESH_TOKEN,
    cookies: Mapping[str, str] | None = None,
    problem: str = "",
    is_trial: bool = False,
    device_serial: str | None = None,
    state: State | None = None,
    wall: MemoryClock | None = None,
    timeout_s: float = 5.0,
    roots: Path | None = ROOTS,
    session: AmazonSession | None = None,
    thermostats: ThermostatSettings | None = None,
    **settings: Any,
) -> AmazonBench:
    """Return a source for the service at these hosts, built as the program builds its own."""
    wall = wall or MemoryClock(NOON)
    clock = WallOf(wall=wall)
    state = MemoryState() if state is None else state
    journal, meter = MemoryJournal(), MemoryMeter(clock)
    session = session or AmazonSession(
        source="amazon", timeout_s=timeout_s, roots=roots, clock=clock, meter=meter
    )
    authoriser = authoriser_of(
        refresh_token=refresh_token,
        problem=problem,
        is_trial=is_trial,
        cookies=cookies or {},
        session=session,
        hosts=hosts,
        state=state,
        clock=clock,
    )
    alexa = Alexa(session=session, authoriser=authoriser, alexa_url=hosts.alexa, clock=clock)
    source = AmazonSource(
        name="amazon",
        alexa=alexa,
        directory=MonitorDirectory(alexa=alexa, state=state, clock=clock, journal=journal),
        second=SecondInterface(alexa=alexa, state=state, clock=clock, journal=journal),
        thermostats=None
        if thermostats is None
        else Thermostats(alexa=alexa, settings=thermostats, state=state, clock=clock, journal=journal),
        settings=MonitorSettings(**settings),
        device_serial=device_serial,
        clock=clock,
        journal=journal,
    )
    return AmazonBench(
        source=source, session=session, wall=wall, clock=clock, state=state, journal=journal, meter=meter
    )
