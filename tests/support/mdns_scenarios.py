"""What is tried where multicast reaches nothing else: SCENARIO [FOLDER], a line of JSON on stdout."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs
from zeroconf import IPVersion, ServiceInfo, Zeroconf

from adapters.hue.discovery import MdnsFinder
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.service import SimulatedBridge
from domain.errors import SourceUnavailable
from tests.support.deployments import Deployment, calm_seed

_SERVICE = "_hue._tcp.local."


@attrs.frozen(kw_only=True)
class Announcement:
    """A record as a bridge makes it."""

    name: str
    port: int
    properties: dict[str, str] = attrs.field(factory=dict)


@contextmanager
def announcing(announcements: Sequence[Announcement]) -> Iterator[None]:
    """Until the block ends."""
    network = Zeroconf(ip_version=IPVersion.V4Only)
    try:
        for each in announcements:
            network.register_service(
                ServiceInfo(
                    _SERVICE,
                    f"{each.name}.{_SERVICE}",
                    addresses=[socket.inet_aton("127.0.0.1")],
                    port=each.port,
                    properties=each.properties,
                    server=f"{each.name.replace(' ', '-')}.local.",
                ),
                cooperating_responders=True,  # else each probes the network for most of a second
            )
        yield
    finally:
        network.close()


FIRST, SECOND = "001788fffe111111", "ecb5fafffe222222"
_TWO = (
    Announcement(name="Hue Bridge - 222222", port=8443, properties={"bridgeid": SECOND, "modelid": "BSB003"}),
    Announcement(
        name="Hue Bridge - 111111", port=443, properties={"bridgeid": FIRST.upper(), "modelid": "BSB002"}
    ),
)


def find() -> object:
    """Everybody who is there; the one that is meant; and nobody, once they are gone."""
    finder = MdnsFinder(SystemClock())
    with announcing([*_TWO, Announcement(name="Silent about itself", port=80)]):
        everybody = finder.find(5.0)
        began_s = time.monotonic()
        one = finder.find(30.0, SECOND)
        waited_s = time.monotonic() - began_s
    return {
        "everybody": [(each.bridge_id, each.address, each.model) for each in everybody],
        "the one": [each.address for each in one if each.bridge_id == SECOND],
        "was waited for": waited_s > 20,
        "nobody": list(finder.find(0.3)),
    }


def find_without_a_network() -> str:
    """Why nobody can be looked for."""
    try:
        MdnsFinder(SystemClock()).find(0.3)
    except SourceUnavailable as error:
        return str(error)
    return "it found somebody"


def set_up_and_follow(folder: Path) -> object:
    """A bridge that is found, paired with, moved, and found again."""
    with SimulatedHome(clock=SystemClock(), seed=calm_seed()).running() as home:
        deployment = Deployment(folder=folder, ca_file=home.bridge.ca_file)
        with announcing([_announcement_of(home.bridge)]):
            home.bridge.press_button()
            set_up = _run(deployment, "setup", "--home", str(folder))
            config = deployment.config_file.read_text()
            deployment.config_file.write_text(config.replace(home.bridge.address, "127.0.0.1:9"))
            collected = _run(deployment, "collect", "--once")
        again = _run(deployment, "collect", "--once")
    state = json.loads((folder / "data" / "state.json").read_text())
    return {
        "set_up": [set_up.returncode, home.bridge.address in config],
        "said": set_up.stdout + set_up.stderr,
        "collected": [collected.returncode, collected.stdout.count("8 readings"), collected.stderr],
        "again": [again.returncode, again.stdout.count("8 readings")],
        "config_is_unchanged": "127.0.0.1:9" in deployment.config_file.read_text(),
        "remembered": state[f"hue.found.{home.bridge.id}"]["address"] == home.bridge.address,
    }


def _announcement_of(bridge: SimulatedBridge) -> Announcement:
    port = int(bridge.address.partition(":")[2])
    properties = {"bridgeid": bridge.id, "modelid": bridge.model.model_id}
    return Announcement(name="Hue Bridge - simulated", port=port, properties=properties)


def _run(deployment: Deployment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        deployment.command(*arguments),
        env={**deployment.environment(), "SIMULATED_BRIDGES": "mdns"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


_SCENARIOS: Mapping[str, Callable[..., object]] = {
    function.__name__: function for function in (find, find_without_a_network, set_up_and_follow)
}

if __name__ == "__main__":
    json.dump(_SCENARIOS[sys.argv[1]](*map(Path, sys.argv[2:])), sys.stdout)
