"""The kinds of bridge that can stand in the simulated home, and the life of the home itself."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import attrs
import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB001, BSB002, BSB002_OLD, BSB002_SECOND, BSB003, BridgeModel
from tests.support.bridge_client import ask, ask_v1, ask_v2, tcp
from tests.support.builders import NOON

Start = Callable[..., SimulatedHome]


@pytest.fixture
def start(home_clock: MemoryClock) -> Iterator[Start]:
    with ExitStack() as running:

        def started(*models: BridgeModel, seed: int = 1) -> SimulatedHome:
            home = SimulatedHome(clock=home_clock, seed=seed, bridges=models or (BSB002,))
            return running.enter_context(home.running())

        yield started


def test_the_square_bridge_speaks_version_1_over_both(start: Start) -> None:
    bridge = start(BSB002).bridge
    path = f"/api/{bridge.key}/sensors"
    assert ask(bridge, path).json == ask(bridge, path, plain=True).json


@pytest.mark.parametrize("path", ["/api/config", "/api", "/clip/v2/resource/bridge?x=1", "/nonsense"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_pro_redirects_every_plain_request(start: Start, path: str, method: str) -> None:
    bridge = start(BSB003).bridge
    reply = ask(bridge, path, method=method, plain=True)
    assert reply.status == 301
    assert reply.headers["location"] == f"https://{bridge.address}{path}"


def test_the_pro_speaks_both_versions_over_https(start: Start) -> None:
    bridge = start(BSB003).bridge
    assert ask(bridge, "/api/config").json["modelid"] == "BSB003"
    assert ask_v2(bridge, "resource/temperature").status == 200
    assert len(ask_v1(bridge, "sensors").json) > 8


def test_the_round_bridge_has_only_plain_http_and_version_1(start: Start) -> None:
    bridge = start(BSB001).bridge
    assert bridge.address == bridge.http_address
    assert bridge.certificate_sha256 == ""
    assert ask(bridge, "/api/config", plain=True).json["modelid"] == "BSB001"
    assert len(ask_v1(bridge, "sensors").json) > 8
    assert ask(bridge, "/clip/v2/resource/temperature", plain=True).status == 404


def test_an_old_square_bridge_has_no_version_2(start: Start) -> None:
    model = attrs.evolve(BSB002_OLD, certificate=BSB002.certificate)
    bridge = start(model).bridge
    reply = ask_v2(bridge, "resource/temperature")
    assert reply.status == 404
    assert reply.is_html
    assert int(ask(bridge, "/api/config").json["swversion"]) < 1948086000


@pytest.mark.parametrize("model", [BSB001, BSB002, BSB002_OLD, BSB002_SECOND, BSB003])
def test_a_bridge_s_id_has_its_mac_in_it(model: BridgeModel) -> None:
    assert len(model.bridge_id) == 16
    assert model.bridge_id.startswith(("001788", "ecb5fa", "c42996"))
    assert model.bridge_id[6:10] == "fffe"
    assert model.mac.replace(":", "") == model.bridge_id.replace("fffe", "", 1)


def test_a_bridge_with_many_sensors_lists_each_under_numbers_of_its_own(home_clock: MemoryClock) -> None:
    with SimulatedHome(clock=home_clock, sensors=50).running() as home:
        sensors = ask_v1(home.bridge, "sensors").json
        found = [s["uniqueid"] for s in sensors.values() if s["type"] == "ZLLTemperature"]
        temperatures = ask_v2(home.bridge, "resource/temperature").json["data"]
        few = len(ask_v1(home.bridge, "sensors").json) - 3 * 50
    assert sorted(found) == sorted(sensor.uniqueid for sensor in home.sensors)
    assert len({each["id"] for each in temperatures}) == len({each["id_v1"] for each in temperatures}) == 50
    assert few == 8  # daylight, two switches, and five that apps made up


def test_several_bridges_share_the_home(start: Start) -> None:
    home = start(BSB002, BSB002_SECOND)
    found: list[str] = []
    for bridge in home.bridges:
        assert ask(bridge, "/api/config").json["bridgeid"] == bridge.id.upper()
        sensors = ask_v1(bridge, "sensors").json
        found += [s["uniqueid"] for s in sensors.values() if s["type"] == "ZLLTemperature"]
    assert sorted(found) == sorted(sensor.uniqueid for sensor in home.sensors)


def test_one_bridge_s_key_is_nothing_to_another(start: Start) -> None:
    home = start(BSB002, BSB002_SECOND)
    assert ask_v1(home.bridges[1], "sensors", key=home.bridge.key).json[0]["error"]["type"] == 1


def test_the_same_seed_is_the_same_home(start: Start) -> None:
    one, same, other = start(seed=5), start(seed=5), start(seed=6)
    assert ask_v1(one.bridge, "sensors").json == ask_v1(same.bridge, "sensors").json
    assert one.bridge.key == same.bridge.key
    assert ask_v1(one.bridge, "sensors").json != ask_v1(other.bridge, "sensors").json


def test_an_unplugged_bridge_refuses_connections_and_comes_back_where_it_was(
    simulated_home: SimulatedHome,
) -> None:
    bridge = simulated_home.bridge
    address = bridge.address
    bridge.unplug()
    bridge.unplug()
    with pytest.raises(ConnectionRefusedError), tcp(address):
        pass
    bridge.plug_in()
    assert bridge.address == address
    assert ask(bridge, "/api/config").status == 200


def test_a_home_ends_without_a_trace(home_clock: MemoryClock) -> None:
    threads = threading.active_count()
    with SimulatedHome(clock=home_clock).running() as home:
        address = home.bridge.address
        ask(home.bridge, "/api/config")
        assert threading.active_count() == threads + 1
    gc.collect()
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError), tcp(address):
        pass


def test_a_taken_port_is_an_os_error_and_leaves_nothing_behind(home_clock: MemoryClock) -> None:
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        home = SimulatedHome(clock=home_clock, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="address already in use"), home.running():
            pass
    assert threading.active_count() == threads


async def test_an_asynchronous_client_can_use_it_too(simulated_home: SimulatedHome) -> None:
    host, _, port = simulated_home.bridge.http_address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /api/config HTTP/1.1\r\nHost: bridge\r\nConnection: close\r\n\r\n")
    assert b"BSB002" in await reader.read()
    writer.close()
    await writer.wait_closed()


def test_the_home_tells_what_its_sensors_show(simulated_home: SimulatedHome) -> None:
    sensor = simulated_home.sensors[0]
    shown = simulated_home.temperature(sensor.device_id, NOON)
    room = simulated_home.house.room_celsius(sensor.room, NOON.timestamp())
    assert shown == pytest.approx(room, abs=1.0)
    assert simulated_home.observed_at(sensor.device_id, NOON) <= NOON
