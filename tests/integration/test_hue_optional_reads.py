"""Optional reads that fail on the wire while the temperatures are well, and sensors that are listed twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from adapters.memory.runtime import MemoryClock
from adapters.simulator.home import SimulatedHome
from domain.cycle import Cause
from domain.errors import SourceUnavailable
from tests.support.builders import NOON
from tests.support.hue_bench import in_front_of, temperatures
from tests.support.proofs import in_proofs

V1, WHOLE = "/api/***/sensors", "/api/***"
OPTIONAL = {
    "v1": V1,
    "names": "/clip/v2/resource/device",
    "batteries": "/clip/v2/resource/device_power",
    "links": "/clip/v2/resource/zigbee_connectivity",
}
TROUBLE = [
    *(f"kind=answer status={status}" for status in (401, 403, 404, 500, 302)),
    "kind=answer status=200 body='[]' content=application/json",
    "kind=answer status=200 body=null content=application/json",
    *("kind=error type=901", "kind=error type=1", "kind=revoked", "kind=unavailable", "kind=throttle"),
    *("kind=garbled", "kind=html", "kind=redirect", "kind=huge bytes=5000000", "kind=half", "kind=reset"),
]
HANGING = [
    "kind=silence",
    "kind=dribble bytes=1 every=0.02s",
    "kind=dribble bytes=1 every=0.02s head=true",
]


@pytest.mark.parametrize(
    "trouble", [*TROUBLE, *(pytest.param(trouble, marks=pytest.mark.proof) for trouble in HANGING)]
)
async def test_failing_v1_costs_no_reading_of_a_new_home(
    simulated_home: SimulatedHome, home_clock: MemoryClock, trouble: str
) -> None:
    bridge = simulated_home.bridge
    bridge.faults.add(f"path={V1} {trouble}")
    bridge.faults.add(f"path={WHOLE} {trouble}")
    async with in_front_of(bridge, wall=home_clock, timeout_s=30) as bench:
        for _ in range(2):
            reply = await bench.read(within_s=18)
            assert (len(reply.readings), reply.unread, reply.notes) == (8, (), ())
        assert set(temperatures(reply)) == {sensor.device_id for sensor in simulated_home.sensors}
        assert bench.operations()[-1] == "hue.v2/temperature"
    assert len([request for request in bridge.requests if request.path == V1]) == 1


@pytest.mark.proof
async def test_hanging_v1_costs_no_reading_of_a_new_home(
    simulated_home: SimulatedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.hue.bridge.OPTIONAL_READ_S", 1.0)
    simulated_home.bridge.faults.add(f"path={V1} {HANGING[2]}")
    async with in_front_of(simulated_home.bridge, timeout_s=30) as bench:
        assert len((await bench.read()).readings) == 8


@pytest.mark.parametrize(
    "trouble",
    [TROUBLE[0], TROUBLE[3], *(pytest.param(trouble, marks=pytest.mark.proof) for trouble in HANGING)],
)
@pytest.mark.parametrize("failing", ["names", "batteries", "links"])
async def test_failing_details_cost_no_reading(
    simulated_home: SimulatedHome, home_clock: MemoryClock, failing: str, trouble: str
) -> None:
    bridge = simulated_home.bridge
    bridge.faults.add(f"path={OPTIONAL[failing]} {trouble}")
    # in v1 a sensor without all that
    bare = f"where={simulated_home.sensors[0].device_id.removeprefix('hue:')}"
    bridge.faults.add(f"path={V1} kind=missing fields=battery,reachable {bare}")
    bridge.faults.add(
        f"path={V1} kind=overwrite field=type value='\"Gone\"' where='{simulated_home.sensors[0].name}'"
    )
    async with in_front_of(bridge, wall=home_clock, timeout_s=30) as bench:
        reply = await bench.read(within_s=18)
    assert (len(reply.readings), reply.notes) == (8, ())
    others = [one for one in reply.readings if one.device_id != simulated_home.sensors[0].device_id]
    assert all(one.battery_percent is not None and one.is_reachable for one in others)
    assert {one.location for one in others} == {sensor.name for sensor in simulated_home.sensors[1:]}


async def test_hanging_fallback_is_reported_with_the_first_cause(simulated_home: SimulatedHome) -> None:
    bridge = simulated_home.bridge
    bridge.faults.add("path=/clip/v2/resource/temperature kind=answer status=500")
    bridge.faults.add(f"path={V1} kind=dribble bytes=1 every=0.02s head=true")
    async with in_front_of(bridge, timeout_s=30) as bench:
        with pytest.raises(SourceUnavailable, match=r"in trouble \(HTTP 500\); and then: no complete answer"):
            await bench.read(within_s=0.5)


@pytest.mark.parametrize(
    "trouble", ["kind=silence", "kind=reset", *in_proofs(["kind=dribble bytes=1 every=0.02s"])]
)
async def test_second_attempt_is_by_v1_while_v2_does_not_answer(
    simulated_home: SimulatedHome, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr("adapters.hue.source._V2_S", 0.5)
    simulated_home.bridge.faults.add(f"path=/clip {trouble}")
    async with in_front_of(simulated_home.bridge, timeout_s=30) as bench:
        for slot in (NOON, NOON + timedelta(minutes=5)):
            with pytest.raises(SourceUnavailable):
                await bench.read(slot)
            reply = await bench.read(slot)
            assert (len(reply.readings), reply.strategy) == (8, "v1")
            assert reply.notes[0].startswith("read version 1 of the API, since version 2 could not be read")
        simulated_home.bridge.faults.clear()
        assert (await bench.read(NOON + timedelta(minutes=10))).strategy == "v2"


@pytest.mark.parametrize("strategy", ["auto", "v1", "whole_bridge"])
@pytest.mark.parametrize("since", ["90d", "2h"])
async def test_entry_that_was_left_behind_is_not_the_newest(
    simulated_home: SimulatedHome, home_clock: MemoryClock, strategy: str, since: str
) -> None:
    bridge = simulated_home.bridge
    async with in_front_of(bridge, wall=home_clock, strategy=strategy) as bench:
        expected = await bench.read()
    bridge.faults.add(f"kind=left-behind since={since.replace('90d', '2160h')}")
    async with in_front_of(bridge, wall=home_clock, strategy=strategy) as bench:
        assert temperatures(await bench.read()) == temperatures(expected)


@pytest.mark.parametrize("strategy", ["v1", "whole_bridge"])
async def test_sensor_that_never_reported_gives_no_reading(
    simulated_home: SimulatedHome, home_clock: MemoryClock, strategy: str
) -> None:
    bridge = simulated_home.bridge
    bridge.faults.add("kind=overwrite field=temperature value=0")
    bridge.faults.add("kind=no-dates")
    async with in_front_of(bridge, wall=home_clock, strategy=strategy) as bench:
        reply = await bench.read()
    assert (reply.readings, {one.cause for one in reply.unread}) == ((), {Cause.NO_VALUE})


@pytest.mark.parametrize(
    ("value", "observed"), [("null", None), ('"soon"', None), ('"2036-01-01T00:00:00"', 2036)]
)
async def test_value_with_an_odd_time_is_stored(
    simulated_home: SimulatedHome, home_clock: MemoryClock, value: str, observed: int | None
) -> None:
    bridge = simulated_home.bridge
    bridge.faults.add(f"kind=overwrite field=lastupdated value='{value}'")
    async with in_front_of(bridge, wall=home_clock, strategy="v1") as bench:
        reply = await bench.read(NOON + timedelta(seconds=1))
    years = {one.observed_at.year if one.observed_at else None for one in reply.readings}
    assert (len(reply.readings), years) == (8, {observed})
