"""What every way to meet a bridge and to get its key promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import attrs
import pytest

from adapters.hue.bridge import BridgeOpener
from adapters.hue.pairing import HuePairing
from adapters.memory.runtime import MemoryClock, MemoryMeter
from adapters.memory.source import MemoryBridgePairing
from adapters.runtime.clock import SystemClock
from adapters.simulator.home import SimulatedHome
from adapters.simulator.hue.model import BSB002, BSB002_OLD, BridgeModel
from domain.errors import SourceRefused, SourceUnavailable
from ports.setup import BridgePairing, UnverifiedBridge, VerifiedBridge
from tests.support.builders import NOON

OTHER = "ecb5fafffe654321"


@attrs.frozen(kw_only=True)
class Bench:
    """One bridge at an address, and none at another."""

    pairing: BridgePairing
    address: str
    nowhere: str
    bridge_id: str
    press_button: Callable[[], None]


@contextmanager
def a_memory_bench(model: BridgeModel) -> Iterator[Bench]:
    pin = "ab" * 32 if model is BSB002_OLD else None
    bridge = VerifiedBridge(
        address="a", bridge_id=model.bridge_id, name="b", model=model.model_id, certificate_sha256=pin
    )
    pairing = MemoryBridgePairing({"a": bridge})
    yield Bench(
        pairing=pairing,
        address="a",
        nowhere="nowhere",
        bridge_id=model.bridge_id,
        press_button=lambda: pairing.will_answer("a key that is long enough"),
    )


@contextmanager
def a_real_bench(model: BridgeModel) -> Iterator[Bench]:
    clock = SystemClock()

    opener = BridgeOpener(source="setup", api_key="", timeout_s=5, clock=clock, meter=MemoryMeter(clock))
    with SimulatedHome(clock=MemoryClock(NOON), bridges=(model,)).running() as home:
        bridge = home.bridge
        yield Bench(
            pairing=HuePairing(
                roots=bridge.ca_file, host="a host of many letters", opener=opener, clock=clock
            ),
            address=bridge.address,
            nowhere="127.0.0.1:9",
            bridge_id=bridge.id,
            press_button=bridge.press_button,
        )


KINDS = {"memory": a_memory_bench, "hue": a_real_bench}


@pytest.fixture(params=KINDS)
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    with KINDS[request.param](BSB002) as made:
        yield made
        await made.pairing.close()


@pytest.fixture(params=KINDS)
async def self_signed(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    with KINDS[request.param](BSB002_OLD) as made:
        yield made
        await made.pairing.close()


async def met(bench: Bench) -> VerifiedBridge:
    found = await bench.pairing.identify(bench.address)
    assert isinstance(found, VerifiedBridge)
    return found


async def test_bridge_is_met_with_its_identity(bench: Bench) -> None:
    found = await met(bench)
    assert (found.address, found.bridge_id, found.model) == (bench.address, bench.bridge_id, "BSB002")
    assert found.certificate_sha256 is None
    assert found.is_encrypted


async def test_expected_bridge_is_met(bench: Bench) -> None:
    assert await bench.pairing.identify(bench.address, expected_id=bench.bridge_id) == await met(bench)


async def test_unexpected_bridge_is_refused(bench: Bench) -> None:
    with pytest.raises(SourceRefused):
        await bench.pairing.identify(bench.address, expected_id=OTHER)


async def test_unreachable_address_is_unavailable(bench: Bench) -> None:
    with pytest.raises(SourceUnavailable):
        await bench.pairing.identify(bench.nowhere)


async def test_key_needs_the_button(bench: Bench) -> None:
    bridge = await met(bench)
    assert await bench.pairing.ask_for_key(bridge) is None
    assert await bench.pairing.ask_for_key(bridge) is None
    bench.press_button()
    key = await bench.pairing.ask_for_key(bridge)
    assert key is not None
    assert len(key) > 20


async def test_self_signed_certificate_is_unverified(self_signed: Bench) -> None:
    unproved = await self_signed.pairing.identify(self_signed.address)
    assert isinstance(unproved, UnverifiedBridge)
    assert unproved.bridge_id == self_signed.bridge_id
    assert len(unproved.certificate_sha256) == 64


async def test_pinned_certificate_is_verified(self_signed: Bench) -> None:
    unproved = await self_signed.pairing.identify(self_signed.address)
    assert isinstance(unproved, UnverifiedBridge)
    pin = unproved.certificate_sha256
    found = await self_signed.pairing.identify(self_signed.address, pin=pin)
    assert isinstance(found, VerifiedBridge)
    assert found.certificate_sha256 == pin
    self_signed.press_button()
    assert await self_signed.pairing.ask_for_key(found) is not None


async def test_wrong_pin_is_no_proof(self_signed: Bench) -> None:
    assert isinstance(
        await self_signed.pairing.identify(self_signed.address, pin="cd" * 32), UnverifiedBridge
    )


async def test_pinned_bridge_must_be_the_expected_one(self_signed: Bench) -> None:
    unproved = await self_signed.pairing.identify(self_signed.address)
    assert isinstance(unproved, UnverifiedBridge)
    with pytest.raises(SourceRefused):
        await self_signed.pairing.identify(
            self_signed.address, expected_id=OTHER, pin=unproved.certificate_sha256
        )
