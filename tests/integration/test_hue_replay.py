"""Recorded replies, and certificates made by openssl instead of the simulator."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.hue.source import Strategy
from domain.cycle import SourceReply
from domain.errors import SourceRefused
from tests.support.builders import NOON
from tests.support.hue_bench import HueBench, a_hue_bench, closing, temperatures
from tests.support.replay_server import ReplayServer, make_chain, replaying

FIXTURES = Path(__file__).parents[1] / "fixtures" / "hue"
RECORDINGS = Path(__file__).parents[2].parent / "shared" / "facts" / "data" / "hue"
KEY = "m4de-up-f0r-the-tests"
BRIDGE_ID = "ecb5fafffe1be4d7"
COMMON_NAME = "EcB5FaFFfE1bE4D7"
V2 = ("temperature", "device", "device_power", "zigbee_connectivity")
# Read off the fixtures by eye; v2 of the middle one is from older firmware.
SENSORS = {
    "hue:00:17:88:01:03:9c:41:7e-02-0402": ("Stairs", 16.87, 64),
    "hue:00:17:88:01:04:e2:08:b1-02-0402": ("Children's room, m\u00fcnster side", -3.12, 100),
    "hue:00:17:88:01:06:0d:f3:5a-02-0402": ("Larder sensor", 9.41, 17),
}

RECORDED_AT = datetime(2025, 11, 4, 6, 15, tzinfo=UTC)

Chain = tuple[Path, Path]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so there is no certificate but the simulator's")
    return make_chain(tmp_path_factory.mktemp("chain"), COMMON_NAME)


@pytest.fixture
def server(chain: Chain) -> Iterator[ReplayServer]:
    recorded = {
        "/api/config": (FIXTURES / "config.json").read_bytes(),
        f"/api/{KEY}/sensors": (FIXTURES / "v1_sensors.json").read_bytes(),
        **{f"/clip/v2/resource/{each}": (FIXTURES / f"v2_{each}.json").read_bytes() for each in V2},
    }
    with replaying(recorded, chain[1]) as server:
        yield server


def a_bench(server: ReplayServer, chain: Chain, **changes: Any) -> HueBench:
    terms: dict[str, Any] = {"api_key": KEY, "bridge_id": BRIDGE_ID, "roots": chain[0]}
    return a_hue_bench(server.address, **(terms | changes))


@pytest.mark.parametrize("strategy", ["v2", "v1"])
async def test_recorded_sensors_are_read_by_their_uniqueids(
    server: ReplayServer, chain: Chain, strategy: Strategy
) -> None:
    async with closing(a_bench(server, chain, strategy=strategy)) as bench:
        reply = await bench.read(RECORDED_AT)
    read = {
        reading.device_id: (reading.location, temperatures(reply)[reading.device_id], reading.battery_percent)
        for reading in reply.readings
    }
    assert read == SENSORS
    assert (reply.unread, reply.notes) == ((), ())


async def test_v2_without_v1_gives_the_same_uniqueids(server: ReplayServer, chain: Chain) -> None:
    server.recorded = {path: body for path, body in server.recorded.items() if "sensors" not in path}
    async with closing(a_bench(server, chain)) as bench:
        assert set(temperatures(await bench.read())) == set(SENSORS)


@pytest.mark.parametrize("bridge_id", [BRIDGE_ID, BRIDGE_ID.upper(), None])
async def test_certificate_chain_proves_the_bridge_id_in_any_case(
    server: ReplayServer, chain: Chain, bridge_id: str | None
) -> None:
    async with closing(a_bench(server, chain, bridge_id=bridge_id)) as bench:
        assert len((await bench.read()).readings) == 3


async def test_certificate_chain_without_a_bridge_id_is_refused(chain: Chain, tmp_path: Path) -> None:
    root, chain_file = make_chain(tmp_path, "www.example.test")
    with replaying({}, chain_file) as nameless:
        async with closing(a_bench(nameless, (root, chain_file), bridge_id=None)) as bench:
            with pytest.raises(SourceRefused, match="does not name its bridge"):
                await bench.read()
    assert nameless.paths == []


async def read_recording(chain: Chain, content: Mapping[str, Any], at: datetime) -> SourceReply:
    replies = {path: json.dumps(reply, separators=(",", ":")).encode() for path, reply in content.items()}
    with replaying(replies, chain[1]) as server:
        async with closing(a_bench(server, chain, strategy="v2" if len(content) > 1 else "v1")) as bench:
            return await bench.read(at)


def recording(name: str) -> Any:
    """Return a file that stays outside the project."""
    if not (RECORDINGS / name).exists():
        pytest.skip(f"the recording {name} is not on this machine")
    return json.loads((RECORDINGS / name).read_bytes())


async def test_recording_of_v1_is_read(chain: Chain) -> None:
    sensors = recording("v1_sensors_3.json")
    listed = [each for each in sensors.values() if each["type"] == "ZLLTemperature"]
    motion = [each for each in sensors.values() if each["type"] == "ZLLPresence"]
    oldest = min(each["state"]["lastupdated"] for each in listed)
    at = datetime.fromisoformat(oldest).replace(tzinfo=UTC)
    reply = await read_recording(chain, {f"/api/{KEY}/sensors": sensors}, at)
    values = {f"hue:{each['uniqueid']}": each["state"]["temperature"] / 100 for each in listed}
    assert temperatures(reply) == values
    names = {each["uniqueid"][:23]: each["name"] for each in motion}
    assert {reading.device_id[4:27]: reading.location for reading in reply.readings} == names
    assert len(values) == 3


async def test_recording_of_v2_is_read(chain: Chain) -> None:
    dump = recording("v2_gen2.json")
    links = [each for each in dump["resources"]["data"] if each["type"] == "zigbee_connectivity"]
    uniqueid = "00:17:88:01:00:00:00:03-02-0402"
    content = {
        "/clip/v2/resource/temperature": dump["temperatures"],
        "/clip/v2/resource/device": dump["devices"],
        "/clip/v2/resource/device_power": dump["device_powers"],
        "/clip/v2/resource/zigbee_connectivity": {"errors": [], "data": links},
        # v1 of the same bridge, which is not in the recording
        f"/api/{KEY}/sensors": {"3": {"type": "ZLLTemperature", "uniqueid": uniqueid}},
    }
    [reading] = (await read_recording(chain, content, NOON)).readings
    assert (reading.device_id, reading.location, reading.battery_percent) == (f"hue:{uniqueid}", "Name#1", 77)
    assert list(reading.values.values()) == [18.9]
    assert reading.observed_at == datetime(2026, 3, 7, 7, 18, 50, 698_000, tzinfo=UTC)
