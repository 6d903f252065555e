"""What the Hue adapter sends to a round bridge at the usual ports, as lines of JSON."""

from __future__ import annotations

import asyncio
import json

from adapters.hue.bridge import BridgeOpener
from adapters.hue.pairing import HuePairing
from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001
from domain.errors import SourceError
from ports.setup import VerifiedBridge
from tests.support.builders import NOON
from tests.support.hue_bench import in_front_of


async def _run(home: SimulatedHome) -> None:
    bridge, clock = home.bridge, SystemClock()
    for address in ("127.0.0.1", "http://127.0.0.1"):
        bridge.requests.clear()
        async with in_front_of(bridge, address=address) as bench:
            try:
                result = f"{len((await bench.read()).readings)} readings"
            except SourceError as error:
                result = f"{type(error).__name__}: {error}"
        paths = sorted({f"{request.scheme} {request.path}" for request in bridge.requests})
        print(json.dumps({"address": address, "result": result, "requests": paths}))
    opener = BridgeOpener(source="setup", api_key="", timeout_s=5, clock=clock, meter=MemoryMeter(clock))
    pairing = HuePairing(roots=bridge.ca_file, host="hall", opener=opener, clock=clock)
    met = await pairing.identify("127.0.0.1")
    await pairing.close()
    assert isinstance(met, VerifiedBridge)
    print(json.dumps({"address": met.address, "is_encrypted": met.is_encrypted}))


def main() -> None:
    """Serve a round bridge at port 80, and meet it there."""
    with SimulatedHome(clock=MemoryClock(NOON), bridges=(BSB001,), port=80).running() as home:
        asyncio.run(_run(home))


if __name__ == "__main__":
    main()
