"""What is sent to a round bridge at the usual ports, as lines of JSON: by the adapter, or from a home."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path

from adapters.hue.bridge import BridgeOpener
from adapters.hue.pairing import HuePairing
from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001
from domain.errors import SourceError
from ports.setup import VerifiedBridge
from tests.support.builders import NOON
from tests.support.deployments import a_deployment, calm_seed
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


def _collect(home: SimulatedHome, folder: Path) -> None:
    """Collect where the address says http://, then where it does not, as a home of an earlier version."""
    bridge = home.bridge
    deployment = a_deployment(
        folder, address="http://127.0.0.1", bridge_id=bridge.id, key=bridge.key, ca_file=bridge.ca_file
    )
    for step in ("http://", "bare", "bare", "without database"):
        if step == "bare":
            config = deployment.config_file.read_text()
            deployment.config_file.write_text(config.replace("http://127.0.0.1", "127.0.0.1"))
        if step == "without database":
            for place in (deployment.folder / "data", deployment.folder / "state", deployment.user_state):
                shutil.rmtree(place, ignore_errors=True)
        bridge.requests.clear()
        done = deployment.run("collect", "--once")
        paths = sorted({request.path for request in bridge.requests})
        print(json.dumps({"step": step, "code": done.returncode, "requests": paths}))


def main() -> None:
    """Serve a round bridge at port 80, and meet it there, or collect in the folder that is given."""
    clock = SystemClock() if sys.argv[1:] else MemoryClock(NOON)
    with SimulatedHome(
        clock=clock, seed=calm_seed(clock.now()), bridges=(BSB001,), port=80
    ).running() as home:
        if sys.argv[1:]:
            _collect(home, Path(sys.argv[1]))
        else:
            asyncio.run(_run(home))


if __name__ == "__main__":
    main()
